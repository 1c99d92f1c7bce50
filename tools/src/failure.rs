//! Why a tool could not do what was asked, named by whose move it is.

/// Why a tool could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// What was asked makes no sense: exit code 2. Says which option or setting, and what is wrong with it.
    #[error("{0}")]
    Usage(String),
    /// Anything else: exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// `key`, a setting or an option with its dashes, makes no sense.
    #[must_use]
    pub fn usage(key: &str, why: impl std::fmt::Display) -> Self {
        let key = if key.starts_with("--") { key.to_owned() } else { key.to_uppercase() };
        Self::Usage(format!("{key}: {why}").replace('\n', " "))
    }
}
