//! An operator's verb, run to its end.

use crate::support::worker::Setup;

/// What a verb said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `stream-worker ARGS` with the settings of `setup`.
pub(crate) fn said(setup: &Setup, args: &[&str]) -> Said {
    let setup = Setup { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..setup.clone() };
    let output = setup.command().output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}
