//! Commands that are decided once.

use super::command_context::CommandContext;
use super::feature::Feature;
use holdfast_engine::prelude::{Context, ProcessError};

/// A command that is decided once: what became of it is a row under its identity.
pub(crate) trait Once<F: Feature> {
    /// What its row is read as.
    type Row;

    /// What a decision says that its row does not take from the command.
    type Outcome;

    /// The outcome of a command that was given up.
    const SYSTEM_ERROR: Self::Outcome;

    /// What a second one under its id is told that it was.
    const NOUN: &'static str = "request";

    /// What it is recognised by. `None` = by where its record entered the log.
    fn identity(&self) -> Option<&str>;

    /// Whether `row` is the outcome of a command that said the same. Ids and times of a request are no part of what it says.
    fn is_same(&self, row: &Self::Row) -> bool;

    /// Whether `row` says that the command was given up, and an operator may have it decided after all.
    fn was_given_up(row: &Self::Row) -> bool;

    /// The row under `id`.
    ///
    /// # Errors
    /// As [`Context::get`].
    #[expect(clippy::ptr_arg, reason = "it is the key of a table, whose keys are owned")]
    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<Self::Row>, ProcessError>;

    /// Writes what became of it under `id`.
    ///
    /// # Errors
    /// As [`Context::put`].
    #[expect(clippy::ptr_arg, reason = "it is the key of a table, whose keys are owned")]
    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Self::Outcome) -> Result<(), ProcessError>;

    /// The value of a record that stands for the command, which was given up in a foreign place: what its outcome needs of it, in few bytes.
    fn brief(&self) -> Vec<u8>;

    /// Looks for what can be refused before anything is read.
    ///
    /// # Errors
    /// [`ProcessError::Refuse`].
    #[inline]
    fn check(&self, cx: &CommandContext<'_, '_, F>) -> Result<(), ProcessError> {
        let _ = cx;
        Ok(())
    }

    /// Tells those that wait for an answer that the command was given up. Its row is written.
    ///
    /// # Errors
    /// As [`super::Events::send`].
    fn on_dead_letter(&self, cx: &mut CommandContext<'_, '_, F>) -> Result<(), ProcessError> {
        let _ = cx;
        Ok(())
    }
}

/// Whether a command has been here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Never: decide it.
    Never,
    /// The same one, and it has its outcome: that stands.
    Before,
    /// Given up then, put back by an operator now: decide it, and its outcome supersedes the one that gave it up. This can happen once, since no other
    /// outcome is ever superseded.
    GivenUp,
    /// Another one with the same id: refuse it, whatever it says.
    Another,
}

impl Seen {
    /// Recognises a command that has an `earlier` row under its id.
    #[inline]
    #[must_use]
    pub(crate) fn of<F: Feature, C: Once<F>>(command: &C, earlier: Option<&C::Row>, is_redriven: bool) -> Self {
        match earlier {
            None => Self::Never,
            Some(row) if !command.is_same(row) => Self::Another,
            Some(row) if is_redriven && C::was_given_up(row) => Self::GivenUp,
            Some(_) => Self::Before,
        }
    }
}
