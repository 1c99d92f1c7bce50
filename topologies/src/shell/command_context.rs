//! What decisions work with.

use super::events::Events;
use super::feature::Feature;
use super::origin::Origin;
use super::set;
use holdfast_engine::prelude::Context;

/// What the decision of one record works with. Its fields are open, so that a key in `buffers` can be lent to `ctx` or `events`; a feature adds what its
/// decisions share as methods: `impl CommandContext<'_, '_, Coupon>`.
pub(crate) struct CommandContext<'a, 'c, F: Feature> {
    /// The engine's: rows, time, place.
    pub(crate) ctx: &'a mut Context<'c>,
    /// What the shop has set.
    pub(crate) settings: &'a F::Settings,
    /// Where the record has been.
    pub(crate) origin: Origin<'a>,
    /// The value of the record.
    pub(crate) words: &'a [u8],
    /// Identity of the command in hand; of an answer nothing.
    pub(crate) id: &'a mut String,
    /// The command was given up before, and an operator has put it back: what becomes of it now is a second outcome.
    pub(crate) supersedes: bool,
    /// What it sends.
    pub(crate) events: Events<'a>,
    /// The feature's own.
    pub(crate) buffers: &'a mut F::Buffers,
}

impl<F: Feature> CommandContext<'_, '_, F> {
    /// Sets `id`: what the message says, or where its record entered the log.
    #[inline]
    pub(super) fn identify(&mut self, identity: Option<&str>) {
        match identity {
            Some(identity) => set(self.id, identity),
            None => *self.id = self.origin.identity((self.ctx.topic(), self.ctx.place(), self.ctx.offset())),
        }
    }
}
