//! What a topology's author writes.

use crate::codec::CodecError;
use crate::context::Context;
use holdfast_ports::record::Record;
use holdfast_ports::store::StoreError;

/// Attempts a failing record gets in all: one try and three retries (S4-28).
pub const ATTEMPTS_MAX: u32 = 4;

/// A fold over one partition: state and record in, state and records out. Must be deterministic: no clock, no randomness, no I/O; `now` and all
/// else come from the [`Context`]. The engine makes one for each task.
pub trait Processor: Send {
    /// Processes one record. Whatever it wrote or sent is dropped when it fails.
    ///
    /// # Errors
    /// [`ProcessError::Refuse`] sends the record to the dead letters at once, [`ProcessError::Fail`] after [`ATTEMPTS_MAX`] attempts. A panic
    /// counts as `Fail`.
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError>;

    /// Called once when a record goes to the dead letters, in the same transaction: the chance to give an accepted request its terminal outcome.
    ///
    /// # Errors
    /// As for `process`; what it wrote is dropped then, the dead letter stands.
    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        let _ = (ctx, record, why);
        Ok(())
    }
}

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
