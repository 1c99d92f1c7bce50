//! The engine's processor of any feature.

use super::case::{Case, Handled, Stage};
use super::command_context::CommandContext;
use super::events::Events;
use super::feature::{Feature, Home};
use super::in_force::InForce;
use super::origin::Origin;
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::envelope;

/// Decides the inbox of one place. All but the settings are buffers: nothing that matters is carried from one record to the next, so a record that is
/// rolled back leaves nothing behind.
pub(crate) struct Shell<F: Feature> {
    settings: F::Settings,
    in_force: InForce,
    /// `ce_source` of all it sends: the same for the life of the task.
    source: String,
    id: String,
    event_id: String,
    value: Vec<u8>,
    buffers: F::Buffers,
}

impl<F: Feature> Shell<F> {
    /// A processor that decides with `settings`.
    #[must_use]
    pub(crate) fn new(settings: F::Settings) -> Self {
        Self {
            settings,
            in_force: InForce::default(),
            source: String::new(),
            id: String::new(),
            event_id: String::new(),
            value: Vec::new(),
            buffers: F::Buffers::default(),
        }
    }

    #[inline]
    fn case<'a, 'c>(
        &'a mut self,
        ctx: &'a mut Context<'c>,
        record: &Record<'a>,
        origin: Origin<'a>,
        stage: Stage,
    ) -> Case<'a, 'c, F> {
        if self.source.is_empty() {
            self.source = envelope::source(F::NAME, ctx.place());
        }
        let events = Events::new(&self.source, origin.traceparent, &mut self.event_id, &mut self.value);
        let cx = CommandContext {
            ctx,
            settings: &self.settings,
            origin,
            words: record.value.unwrap_or_default(),
            id: &mut self.id,
            supersedes: false,
            events,
            buffers: &mut self.buffers,
        };
        Case::new(cx, stage)
    }
}

impl<F: Feature> Processor for Shell<F> {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let message = F::parse(record.value)?;
        let home = F::home(&message, &mut self.buffers, ctx.places())?;
        if home.is_elsewhere(ctx) {
            return match home {
                Home::Key(key) => ctx.forward(record, key.as_bytes()),
                Home::Place(place) => ctx.forward_to(record, place),
                Home::Anywhere => Ok(()),
            };
        }
        let since = ctx.offset();
        self.in_force.keep::<F>(ctx, &self.settings, since)?;
        let origin = Origin::of(record);
        let stage = if origin.is_given_up() { Stage::GiveUp } else { Stage::Decide };
        F::decide(self.case(ctx, record, origin, stage), &message).map(|_| ())
    }

    fn on_dead_letter(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        why: &ProcessError,
    ) -> Result<(), ProcessError> {
        // A refused record was never accepted, or it is a second one under a decided id: it has no outcome of its own.
        if matches!(why, ProcessError::Refuse { .. }) {
            return Ok(());
        }
        let Ok(message) = F::parse(record.value) else { return Ok(()) };
        let Ok(home) = F::home(&message, &mut self.buffers, ctx.places()) else { return Ok(()) };
        let origin = Origin::of(record);
        if !home.is_elsewhere(ctx) {
            return F::decide(self.case(ctx, record, origin, Stage::GiveUp), &message).map(|_| ());
        }
        // What could not be forwarded: a client asks for its outcome in its own place.
        let Handled::Elsewhere(brief) = F::decide(self.case(ctx, record, origin, Stage::Look), &message)? else {
            return Ok(());
        };
        match F::home(&message, &mut self.buffers, ctx.places())? {
            Home::Key(key) => ctx.give_up_at(record, key.as_bytes(), &brief),
            Home::Place(place) => ctx.give_up_in(record, place, &brief),
            Home::Anywhere => Ok(()),
        }
    }
}
