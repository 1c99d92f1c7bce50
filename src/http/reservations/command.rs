//! Commands of the reservations' inbox: what they have in common, and what one of them says of its own.

use crate::http::error::ApiError;
use crate::http::execute::{At, Inbox, Order, Undecided, accepted};
use crate::http::guards::Guarded;
use crate::unique;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::place_id::{self, Kind};
use holdfast_model::reservation::message::{Command, Hold, Message};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::reservation::{ADMISSIONS, COMMANDS, GUARDS, INBOX, NAME};

/// How a command is answered.
pub(in crate::http) trait Answer: Send + Sync {
    /// What of the outcome the answer is made of.
    type Outcome: From<CommandRow> + Send;

    /// The command's id in `place`.
    fn id(place: u32, unique: &str) -> String {
        place_id::format(Kind::Request, place, unique)
    }

    /// As [`Order::foresee`].
    ///
    /// # Errors
    /// Why a command that is hopeless is refused.
    fn foresee(&self, _view: &TaskView) -> Result<Option<Self::Outcome>, ApiError> {
        Ok(None)
    }

    /// The answer once `command` is decided. What was refused is an outcome, too.
    fn decided(
        &self,
        at: &At<'_>,
        command: &Command,
        outcome: Self::Outcome,
    ) -> impl Future<Output = Result<Response, ApiError>> + Send;

    /// The answer while it is in the log and not decided.
    fn undecided(&self, at: &At<'_>) -> Response {
        undecided(at)
    }
}

/// A command, and how it is answered.
pub(in crate::http) struct SeatOrder<A> {
    user: String,
    key: String,
    message: Message,
    answer: A,
}

impl<A: Answer> SeatOrder<A> {
    /// `command` of `user`, the scope of its idempotency key. `key` is the record's: the schedule, the concert or the reservation that it is about.
    pub(in crate::http) fn new(user: String, key: String, command: Command, answer: A) -> Self {
        let message = Message { command, event_id: None, request_id: None, requested_at: None, nonce: None };
        Self { user, key, message, answer }
    }
}

impl<A: Answer> Order for SeatOrder<A> {
    type Outcome = A::Outcome;

    const INBOX: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "reservation.command" };

    fn user(&self) -> &str {
        &self.user
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn id(place: u32, unique: &str) -> String {
        A::id(place, unique)
    }

    fn name(&mut self, id: &str) {
        // A payment is called like the command that asks for it.
        if let Command::Pay(pay) = &mut self.message.command {
            pay.payment_id = Some(id.to_owned());
        }
        self.message.request_id = Some(id.to_owned());
    }

    fn value(&mut self, _id: &str, now_ms: i64) -> Vec<u8> {
        // What is made by a command is named after the nonce; a command that changes something has no use for one.
        let makes = matches!(self.message.command, Command::Hold(_) | Command::JoinWaitlist(_));
        self.message.nonce = makes.then(unique::nonce);
        self.message.requested_at = Some(now_ms.into());
        self.message.to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<A::Outcome>, ApiError> {
        match view.get_kept(&COMMANDS, id)? {
            Some(row) if row.fingerprint != self.message.command.fingerprint() => Err(ApiError::IdempotencyKeyReused),
            row => Ok(row.map(A::Outcome::from)),
        }
    }

    fn foresee(&self, view: &TaskView, _now_ms: i64) -> Result<Option<A::Outcome>, ApiError> {
        self.answer.foresee(view)
    }

    fn guarded(&self) -> Option<Guarded<'_>> {
        match &self.message.command {
            Command::Hold(Hold { schedule_id, user_id, .. }) => {
                Some(Guarded { guards: &GUARDS, admissions: &ADMISSIONS, subject_id: schedule_id, user_id })
            }
            _ => None,
        }
    }

    async fn answer(&self, at: &At<'_>, outcome: A::Outcome) -> Result<Response, ApiError> {
        self.answer.decided(at, &self.message.command, outcome).await
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        self.answer.undecided(at)
    }
}

fn undecided(at: &At<'_>) -> Response {
    accepted(&Undecided::new(at.id), &format!("/reservations/requests/{}", at.id), at)
}

/// The answer to a command that was refused.
pub(in crate::http) fn refusal(refusal: Refusal, at: &At<'_>) -> Response {
    ApiError::refused(refusal.problem(), Some(at.id.clone())).into_response()
}
