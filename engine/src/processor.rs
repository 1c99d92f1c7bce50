//! What a topology's author writes.

use crate::context::Context;
use crate::process_error::ProcessError;
use holdfast_ports::record::Record;

/// Attempts a failing record gets in all: one try and three retries (S4-28).
pub(crate) const ATTEMPTS_MAX: u32 = 4;

/// A fold over one partition: state and record in, state and records out. Must be deterministic: no clock, no randomness, no I/O; `now` and all
/// else come from the [`Context`]. The engine makes one for each task.
pub trait Processor: Send {
    /// Processes one record. Whatever it wrote or sent is dropped when it fails.
    ///
    /// # Errors
    /// [`ProcessError::Refuse`] sends the record to the dead letters at once, [`ProcessError::Fail`] after four attempts. A panic
    /// counts as `Fail`.
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError>;

    /// Called once when a record goes to the dead letters, in the same transaction: the chance to give an accepted request its terminal outcome.
    ///
    /// # Errors
    /// As for `process`; what it wrote is dropped then, the dead letter stands.
    fn on_dead_letter(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        why: &ProcessError,
    ) -> Result<(), ProcessError> {
        let _ = (ctx, record, why);
        Ok(())
    }
}
