//! Who performs effects. No topology of today asks for one: whatever comes is written to the log of the worker, where an operator sees it.

use holdfast_engine::runtime::{Lane, Performer, TaskEffects};
use holdfast_ports::store::TaskId;

/// Writes effects down instead of performing them. They stay pending: a worker that knows how will find them.
#[derive(Debug, Clone, Copy)]
pub struct ToTheLog;

impl Performer for ToTheLog {
    fn open(&self, effects: TaskEffects) {
        tracing::warn!(task = %effects.task(), "no executor performs effects, they stay pending");
    }

    fn committed(&self, _: &TaskId, _: &[Lane]) {}

    fn drain(&self, _: &TaskId) -> bool {
        true
    }

    fn close(&self, _: &TaskId) {}
}
