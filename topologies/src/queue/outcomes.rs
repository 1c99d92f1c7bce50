//! What is decided once, and how its outcome is kept: joins and the other commands.

use super::Queue;
use crate::shell::Once;
use holdfast_engine::prelude::{Context, ProcessError};
use holdfast_model::queue::COMMANDS;
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::message::{Command, Join};
use holdfast_model::queue::row::CommandRow;

/// What became of a command: its ticket, 0 where it has none, or why it was not done.
pub(crate) type Decided = Result<u64, CommandRefusal>;

fn keep(ctx: &mut Context<'_>, id: &String, fingerprint: u64, result: Decided) -> Result<(), ProcessError> {
    let row = CommandRow { fingerprint, decided_ms: ctx.now_ms(), result };
    ctx.put_kept(&COMMANDS, id, &row)
}

impl Once<Queue> for Join<'_> {
    type Row = CommandRow;
    type Outcome = Decided;
    const SYSTEM_ERROR: Decided = Err(CommandRefusal::System);

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &CommandRow) -> bool {
        row.fingerprint == self.fingerprint()
    }

    fn was_given_up(row: &CommandRow) -> bool {
        row.result == Err(CommandRefusal::System)
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<CommandRow>, ProcessError> {
        ctx.get_kept(&COMMANDS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Decided) -> Result<(), ProcessError> {
        keep(ctx, id, self.fingerprint(), outcome)
    }

    fn brief(&self) -> Vec<u8> {
        self.to_json()
    }
}

impl Once<Queue> for Command {
    type Row = CommandRow;
    type Outcome = Decided;
    const SYSTEM_ERROR: Decided = Err(CommandRefusal::System);

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &CommandRow) -> bool {
        row.fingerprint == self.fingerprint()
    }

    fn was_given_up(row: &CommandRow) -> bool {
        row.result == Err(CommandRefusal::System)
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<CommandRow>, ProcessError> {
        ctx.get_kept(&COMMANDS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Decided) -> Result<(), ProcessError> {
        keep(ctx, id, self.fingerprint(), outcome)
    }

    fn brief(&self) -> Vec<u8> {
        self.to_json()
    }
}
