//! A record that is to be decided, or to be given up.

use super::command_context::CommandContext;
use super::feature::Feature;
use super::once::{Once, Seen};
use holdfast_engine::prelude::ProcessError;

/// A record in hand, and what is to be done with it. It is handed to one of two ways and used up by it, so a message takes exactly one of them, and one that
/// has no outcome is never asked for one.
pub(crate) struct Case<'a, 'c, F: Feature> {
    cx: CommandContext<'a, 'c, F>,
    stage: Stage,
}

/// What is to be done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Decide it.
    Decide,
    /// It was given up: nothing is decided but its outcome, `SYSTEM_ERROR`.
    GiveUp,
    /// It was given up in a foreign place: see whether it has an outcome.
    Look,
}

/// What became of a [`Case`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    /// What was to be done is done.
    Done,
    /// Its outcome is decided in another place, where this value asks for it: [`Once::brief`].
    Elsewhere(Vec<u8>),
}

impl<'a, 'c, F: Feature> Case<'a, 'c, F> {
    #[inline]
    pub(super) fn new(cx: CommandContext<'a, 'c, F>, stage: Stage) -> Self {
        Self { cx, stage }
    }

    /// Decides `command` with `decide` unless it has been decided, and keeps what became of it. A command that was given up gets `SYSTEM_ERROR`, unless it
    /// has its outcome.
    ///
    /// # Errors
    /// [`ProcessError::Refuse`] when another command had its identity, and those of `decide`.
    #[inline]
    pub(crate) fn once<C: Once<F>>(
        self,
        command: &C,
        decide: impl FnOnce(&mut CommandContext<'a, 'c, F>) -> Result<C::Outcome, ProcessError>,
    ) -> Result<Handled, ProcessError> {
        let Self { mut cx, stage } = self;
        match stage {
            Stage::Decide => {
                command.check(&cx)?;
                cx.identify(command.identity());
                let earlier = C::find(cx.ctx, cx.id)?;
                match Seen::of(command, earlier.as_ref(), cx.origin.is_redriven()) {
                    Seen::Never => {}
                    Seen::GivenUp => cx.supersedes = true,
                    Seen::Before => return Ok(Handled::Done),
                    Seen::Another => return Err(reused(cx.id, C::NOUN)),
                }
                let outcome = decide(&mut cx)?;
                command.keep(cx.ctx, cx.id, outcome)?;
            }
            Stage::GiveUp => give_up(&mut cx, command)?,
            Stage::Look => return Ok(Handled::Elsewhere(command.brief())),
        }
        Ok(Handled::Done)
    }

    /// Decides with `decide` what has no outcome of its own: an answer, a deadline, whatever nobody waits for. The feature's rows tell whether it has been here. Given up it
    /// is owed still: it is decided when an operator puts the record back.
    ///
    /// # Errors
    /// Those of `decide`.
    #[inline]
    pub(crate) fn answer(
        self,
        decide: impl FnOnce(&mut CommandContext<'a, 'c, F>) -> Result<(), ProcessError>,
    ) -> Result<Handled, ProcessError> {
        let Self { mut cx, stage } = self;
        if stage == Stage::Decide {
            decide(&mut cx)?;
        }
        Ok(Handled::Done)
    }
}

/// Gives a command its last outcome.
#[cold]
fn give_up<F: Feature, C: Once<F>>(cx: &mut CommandContext<'_, '_, F>, command: &C) -> Result<(), ProcessError> {
    cx.identify(command.identity());
    if C::find(cx.ctx, cx.id)?.is_some() {
        return Ok(());
    }
    command.keep(cx.ctx, cx.id, C::SYSTEM_ERROR)?;
    command.on_dead_letter(cx)
}

/// Refuses a record whose id another command had: that one's outcome stands.
#[cold]
fn reused(id: &str, noun: &str) -> ProcessError {
    ProcessError::refuse("RequestIdReused", format!("{id:?} was another {noun}: its outcome stands, this one has none"))
}
