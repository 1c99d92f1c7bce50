//! Commands of the inbox, and how they are answered.

use super::faults;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Inbox, Order, Undecided};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::queue::message::Command;
use holdfast_model::queue::row::CommandRow;
use holdfast_model::queue::{COMMANDS, INBOX, NAME};

/// Where commands about queues and tickets go.
pub(super) const COMMAND: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "queue.command" };

/// What became of the command `id`, if it says what `fingerprint` is of.
pub(super) fn outcome(view: &TaskView, id: &String, fingerprint: u64) -> Result<Option<CommandRow>, ApiError> {
    match view.get_kept(&COMMANDS, id)? {
        Some(row) if row.fingerprint != fingerprint => Err(ApiError::IdempotencyKeyReused),
        row => Ok(row),
    }
}

/// The answer while a command is in the log and not decided.
pub(super) fn undecided(at: &At<'_>) -> Response {
    (answer::ACCEPTED, axum::Json(Undecided::new(at.id))).into_response()
}

/// A command about a queue or a ticket, and the answer once it is done.
pub(super) struct QueueOrder<F, D> {
    /// The administrator, or the user of the ticket.
    pub(super) user: String,
    pub(super) command: Command,
    /// Whether the committed view says that there is nothing to be done.
    pub(super) is_done: F,
    pub(super) done: D,
}

/// Of a command that is decided in any case.
pub(super) fn never(_: &TaskView) -> Result<bool, ApiError> {
    Ok(false)
}

impl<F, D> Order for QueueOrder<F, D>
where
    F: Fn(&TaskView) -> Result<bool, ApiError> + Send + Sync,
    D: Fn(&TaskView) -> Result<Response, ApiError> + Send + Sync,
{
    type Outcome = CommandRow;

    const INBOX: Inbox = COMMAND;
    const IS_SHOWN: bool = false;

    fn user(&self) -> &str {
        &self.user
    }

    fn key(&self) -> &str {
        self.command.queue_id()
    }

    fn id(_place: u32, unique: &str) -> String {
        format!("cmd_{unique}")
    }

    fn name(&mut self, id: &str) {
        self.command.set_request_id(id);
    }

    fn value(&mut self, _id: &str, _now_ms: i64) -> Vec<u8> {
        self.command.to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<CommandRow>, ApiError> {
        outcome(view, id, self.command.fingerprint())
    }

    fn foresee(&self, view: &TaskView, now_ms: i64) -> Result<Option<CommandRow>, ApiError> {
        let done = || CommandRow { fingerprint: self.command.fingerprint(), decided_ms: now_ms, result: Ok(0) };
        Ok((self.is_done)(view)?.then(done))
    }

    async fn answer(&self, at: &At<'_>, outcome: CommandRow) -> Result<Response, ApiError> {
        match outcome.result {
            Ok(_) => (self.done)(at.view),
            Err(refusal) => {
                let refused = ApiError::refused(refusal.problem(), Some(at.id.clone()));
                Err(refused.because_of(faults::of(&self.command, refusal)))
            }
        }
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        undecided(at)
    }
}
