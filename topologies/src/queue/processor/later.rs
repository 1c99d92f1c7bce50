//! What the topology sends itself later.

use super::Hand;
use crate::queue::Queue;
use crate::shell::CommandContext;
use holdfast_engine::prelude::{DelayedId, Output, ProcessError, Sink};
use holdfast_model::queue::message::Signal;

impl CommandContext<'_, '_, Queue> {
    /// Sends the signal that `make` makes of its due time when `due_ms` has come in the log.
    pub(super) fn send_later(
        &mut self,
        hand: &Hand,
        due_ms: i64,
        make: impl FnOnce(i64) -> Signal,
    ) -> Result<DelayedId, ProcessError> {
        let due_ms = due_ms.saturating_add(hand.ahead_ms);
        let value = make(due_ms).to_json();
        let (to, place) = (Sink::inbox(), Some(self.ctx.place()));
        let output = Output { to, place, key: Some(hand.id.as_bytes()), value: Some(&value), headers: &[] };
        self.ctx.send_at(due_ms, &output)
    }
}
