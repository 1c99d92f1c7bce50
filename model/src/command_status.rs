//! What became of a command, named by what to answer.

use crate::problem::Class;

/// What became of a command, named by what to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandStatus {
    /// It is done, by this command or by an earlier one that wished the same.
    Success,
    /// It makes no sense.
    ValidationFailed,
    /// What it speaks of does not exist.
    NotFound,
    /// What it speaks of is in no state for it.
    Conflict,
    /// It could not be processed although it was tried again.
    SystemError,
}

impl CommandStatus {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::SystemError => "SYSTEM_ERROR",
        }
    }
}

impl From<Class> for CommandStatus {
    fn from(class: Class) -> Self {
        match class {
            Class::Invalid => Self::ValidationFailed,
            Class::NotFound => Self::NotFound,
            Class::Conflict | Class::Gone | Class::Unpaid | Class::Forbidden => Self::Conflict,
            Class::Fault => Self::SystemError,
        }
    }
}
