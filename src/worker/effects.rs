//! Who performs effects. No topology of today asks for one: whatever comes is written to the log of the worker, where an operator sees it.

use holdfast_engine::runtime::{Effect, Performer};

/// Writes effects down instead of performing them. They stay pending: a worker that knows how will find them.
#[derive(Debug, Clone, Copy)]
pub struct ToTheLog;

impl Performer for ToTheLog {
    fn perform(&self, effect: Effect) {
        tracing::warn!(task = %effect.task, id = effect.id.0, kind = effect.kind, "no performer for this effect, it stays pending");
    }
}
