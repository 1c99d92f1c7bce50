//! Why the worker or a command ended, by its exit code.

use crate::config::ConfigError;
use holdfast_tools::Failure;

/// Why the worker ended otherwise than asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Settings that cannot be worked with: exit code 2.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Anything else: exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Usage(text) => Self::Config(ConfigError::said(text)),
            Failure::Failed(text) => Self::Failed(text),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Config(error) => Self::Usage(error.to_string()),
            RunError::Failed(text) => Self::Failed(text),
        }
    }
}

impl RunError {
    pub(super) fn failed(what: &str) -> impl FnOnce(&dyn std::fmt::Display) -> Self {
        move |why| Self::Failed(format!("{what}: {why}"))
    }
}
