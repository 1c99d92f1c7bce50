//! Commands of the time-sale inbox that are no orders: sales, their stock, cancellations.

use super::faults;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Inbox, Order, Undecided};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::timesale::message::Command;
use holdfast_model::timesale::row::CommandRow;
use holdfast_model::timesale::{COMMANDS, INBOX, NAME};

/// A command, and how it is answered.
pub(super) struct SaleOrder<D> {
    /// Whose idempotency key it is.
    pub user: String,
    /// The record's key.
    pub key: String,
    /// What is wanted.
    pub command: Command,
    /// The answer once it is done.
    pub done: D,
}

impl<D> Order for SaleOrder<D>
where
    D: Fn(&TaskView) -> Result<Response, ApiError> + Send + Sync,
{
    type Outcome = CommandRow;

    const INBOX: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "timesale.command" };
    const IS_SHOWN: bool = false;

    fn user(&self) -> &str {
        &self.user
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn id(_place: u32, unique: &str) -> String {
        format!("cmd_{unique}")
    }

    fn name(&mut self, id: &str) {
        let request_id = match &mut self.command {
            Command::CreateSale(command) => &mut command.request_id,
            Command::AdjustStock(command) => &mut command.request_id,
            Command::CancelOrder(command) => &mut command.request_id,
        };
        *request_id = Some(id.to_owned());
    }

    fn value(&mut self, _id: &str, _now_ms: i64) -> Vec<u8> {
        self.command.to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<CommandRow>, ApiError> {
        match view.get_kept(&COMMANDS, id)? {
            Some(row) if row.fingerprint != self.command.fingerprint() => Err(ApiError::IdempotencyKeyReused),
            row => Ok(row),
        }
    }

    async fn answer(&self, at: &At<'_>, outcome: CommandRow) -> Result<Response, ApiError> {
        match outcome.refused {
            Some(refusal) => {
                let refused = ApiError::refused(refusal.problem(), Some(at.id.clone()));
                Err(refused.because_of(faults::of(&self.command, refusal)))
            }
            None => (self.done)(at.view),
        }
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        (answer::ACCEPTED, axum::Json(Undecided::new(at.id))).into_response()
    }
}
