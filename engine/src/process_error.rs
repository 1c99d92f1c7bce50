//! Why a record was not processed.

use crate::codec::CodecError;
use holdfast_ports::store::StoreError;

/// Why a record was not processed, named by what the engine does next.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The record can never be processed: dead letters, with these words.
    #[error("{class}: {message}")]
    Refuse {
        /// Short and stable, for machines: `InvalidJson`, `MissingField` …
        class: &'static str,
        /// For humans.
        message: String,
    },
    /// It might be processed if tried again.
    #[error("{class}: {message}")]
    Fail {
        /// Short and stable, for machines.
        class: &'static str,
        /// For humans.
        message: String,
    },
    /// The store gave up: the task is rolled back and restored, the record is not at fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProcessError {
    /// A record that can never be processed.
    #[must_use]
    pub fn refuse(class: &'static str, message: impl Into<String>) -> Self {
        Self::Refuse { class, message: message.into() }
    }

    /// A record that might be processed if tried again.
    #[must_use]
    pub fn fail(class: &'static str, message: impl Into<String>) -> Self {
        Self::Fail { class, message: message.into() }
    }

    /// The machine's word for it.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Refuse { class, .. } | Self::Fail { class, .. } => class,
            Self::Store(_) => "StoreError",
        }
    }
}

/// A row that cannot be read is the store's failure, not the record's.
impl From<CodecError> for ProcessError {
    fn from(error: CodecError) -> Self {
        Self::Store(StoreError::Corrupt(error.to_string()))
    }
}
