//! Which operator runs the command.

use clap::Args;

/// Longest name, in characters.
const CHARS_MAX: usize = 200;

/// The operator's name.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct OperatorFlags {
    /// Who puts the letters back: it is kept with each copy [default: the user of this machine, user@host]
    #[arg(long, value_name = "NAME", value_parser = name)]
    by: Option<String>,
    /// The user of this machine, as the shell says.
    #[arg(long, env = "USER", hide = true, hide_env = true)]
    user: Option<String>,
}

impl OperatorFlags {
    /// `--by`, or user and machine.
    pub(super) fn name(self) -> String {
        self.by.unwrap_or_else(|| {
            let uid = rustix::process::getuid().as_raw();
            let user = self.user.filter(|user| name(user).is_ok()).unwrap_or_else(|| format!("uid{uid}"));
            format!("{user}@{}", rustix::system::uname().nodename().to_string_lossy())
        })
    }
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if (1..=CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 200 characters without control characters".to_owned())
    }
}
