//! The outcome of a command that is done or refused, and leaves nothing else to tell.

use crate::command_status::CommandStatus;
use crate::problem::Refusal;
use holdfast_engine::prelude::Ends;
use serde::{Deserialize, Serialize};

/// The outcome of a command; `R`: the feature's refusals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRow<R> {
    /// Hash of what the command said: another command under the same id is refused.
    pub fingerprint: u64,
    /// When it was decided.
    pub decided_ms: i64,
    /// Why it was not done; none = done.
    pub refused: Option<R>,
}

impl<R> Ends for CommandRow<R> {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

impl<R: Refusal> CommandRow<R> {
    /// What to answer.
    #[must_use]
    pub fn status(&self) -> CommandStatus {
        self.refused.map_or(CommandStatus::Success, |refusal| refusal.problem().class.into())
    }
}
