//! Commands whose outcome is that they were done or refused: administrators' and buyers' words about what there is.

use super::{At, Inbox, Order, Undecided};
use crate::http::error::{ApiError, FieldError, answer};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_engine::prelude::EndingTable;
use holdfast_model::command_row::CommandRow;
use holdfast_model::problem::Refusal;
use serde::de::DeserializeOwned;

/// What a feature says of its commands.
pub trait Command: Send + Sync {
    /// Why one is refused.
    type Refusal: Refusal + DeserializeOwned + Send;

    /// Where they go.
    const INBOX: Inbox;
    /// Their outcomes, by id.
    const OUTCOMES: EndingTable<String, CommandRow<Self::Refusal>>;

    /// Takes the id by which its outcome is found.
    fn set_request_id(&mut self, id: &str);

    /// Its record's value.
    fn to_json(&self) -> Vec<u8>;

    /// Hash of what it says.
    fn fingerprint(&self) -> u64;

    /// Its fields that have led to `refusal`; none if it is not about fields.
    fn faults(&self, refusal: Self::Refusal) -> Vec<FieldError>;
}

/// A command, and how it is answered.
pub struct CommandOrder<C, D> {
    /// The user, or the administrator, in the scope of the idempotency key.
    pub user: String,
    /// The record's key.
    pub key: String,
    /// What is wanted.
    pub command: C,
    /// The answer once it is done.
    pub done: D,
}

impl<C, D> Order for CommandOrder<C, D>
where
    C: Command,
    D: Fn(&TaskView) -> Result<Response, ApiError> + Send + Sync,
{
    type Outcome = CommandRow<C::Refusal>;

    const INBOX: Inbox = C::INBOX;
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
        self.command.set_request_id(id);
    }

    fn value(&mut self, _id: &str, _now_ms: i64) -> Vec<u8> {
        self.command.to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<Self::Outcome>, ApiError> {
        match view.get_kept(&C::OUTCOMES, id)? {
            Some(row) if row.fingerprint != self.command.fingerprint() => Err(ApiError::IdempotencyKeyReused),
            row => Ok(row),
        }
    }

    async fn answer(&self, at: &At<'_>, outcome: Self::Outcome) -> Result<Response, ApiError> {
        match outcome.refused {
            Some(refusal) => {
                let refused = ApiError::refused(refusal.problem(), Some(at.id.clone()));
                Err(refused.because_of(self.command.faults(refusal)))
            }
            None => (self.done)(at.view),
        }
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        (answer::ACCEPTED, axum::Json(Undecided::new(at.id))).into_response()
    }
}
