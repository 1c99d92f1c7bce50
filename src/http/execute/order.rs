//! What a feature says of a command. The rest is [`Api::execute`]'s.

use crate::http::Api;
use crate::http::accepted::Entry;
use crate::http::error::{ApiError, answer};
use crate::http::guards::Guarded;
use crate::http::intake::DECISION_MAX;
use crate::http::position::PositionToken;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// When it is worth asking for the outcome, in seconds.
pub const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The client that asks. The shop has no accounts: every client is anonymous, and its user is the one that the request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// The client has proved nothing about itself.
    Anonymous,
}

impl Principal {
    /// The user in the scope of an idempotency key: the one that the request names.
    #[must_use]
    pub fn scope(self, named: &str) -> &str {
        match self {
            Self::Anonymous => named,
        }
    }
}

/// Where a command is decided, and how it is repeated.
#[derive(Debug)]
pub struct Call {
    /// The place that decides.
    pub place: u32,
    /// Method and template of the route: idempotency keys of another route are other keys.
    pub route: &'static str,
    /// `requestId` of the body: stands for the header `Idempotency-Key`.
    pub request_id: Option<String>,
}

/// The inbox of a command.
#[derive(Debug, Clone, Copy)]
pub struct Inbox {
    /// The topology that decides.
    pub topology: &'static str,
    /// Its inbox.
    pub topic: &'static str,
    /// CloudEvents type of the record.
    pub kind: &'static str,
}

/// When a command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 202 as soon as it is in the log.
    AtOnce,
    /// With its outcome; 202 if that takes more than 3 s.
    Decision,
}

/// What is kept in memory of a request in the log that is not decided: what its status route shows until it is.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// What was asked for: the policy, say.
    pub of: &'a str,
    /// For which user.
    pub user_id: &'a str,
    /// How many.
    pub quantity: u64,
}

impl Kept<'_> {
    /// Whether `entry` is the same request.
    #[must_use]
    pub fn is(&self, entry: &Entry) -> bool {
        *entry.of == *self.of && *entry.user_id == *self.user_id && entry.quantity == self.quantity
    }

    pub(super) fn at(&self, topology: &'static str, place: u32, offset: i64) -> Entry {
        let (of, user_id) = (self.of.into(), self.user_id.into());
        Entry { topology, place, offset, of, user_id, quantity: self.quantity }
    }
}

/// A command in its place, for the functions that answer it.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The API.
    pub api: &'a Api,
    /// The committed view of the place.
    pub view: &'a TaskView,
    /// The command's id.
    pub id: &'a String,
    /// Where the command lies in the inbox; `None`: it was decided before, and its record was not looked up.
    pub offset: Option<i64>,
    /// Whether the command's id is the same when it is asked again.
    pub keyed: bool,
    pub(super) begun_us: u64,
}

impl At<'_> {
    /// What is left of the time in which a synchronous route answers.
    #[must_use]
    pub fn left(&self) -> Duration {
        let gone_us = self.api.clock.monotonic_us().saturating_sub(self.begun_us);
        DECISION_MAX.saturating_sub(Duration::from_micros(gone_us))
    }
}

/// A command and everything about it that is the feature's own.
pub trait Order: Send + Sync {
    /// What became of it.
    type Outcome: Send;

    /// Where it goes.
    const INBOX: Inbox;
    /// Whether a route tells what became of it. Without one a 202 helps nobody, so a client hears `OUTCOME_UNKNOWN` when a move of the place has
    /// interrupted its request.
    const IS_SHOWN: bool = true;

    /// The user that the request names, or [`ADMIN`](crate::http::admin::ADMIN): the scope of its idempotency key.
    fn user(&self) -> &str;

    /// The record's key.
    fn key(&self) -> &str;

    /// The id of a command in `place`. `unique` is derived from the idempotency key, or random.
    fn id(place: u32, unique: &str) -> String;

    /// Takes the command's id, where the command says it.
    fn name(&mut self, _id: &str) {}

    /// The record's value, at `now_ms`. The command has been [named](Order::name).
    fn value(&mut self, id: &str, now_ms: i64) -> Vec<u8>;

    /// What became of the command `id`, as the committed view tells; `None` until it is decided.
    ///
    /// # Errors
    /// [`ApiError::IdempotencyKeyReused`] when another command has this id; when the view cannot be read.
    #[expect(clippy::ptr_arg, reason = "the key of a table is looked up as it is, without a copy")]
    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<Self::Outcome>, ApiError>;

    /// A look at the committed view before the append: an outcome answers a command that need not be appended.
    ///
    /// # Errors
    /// Why a command that is hopeless is refused.
    fn foresee(&self, _view: &TaskView, _now_ms: i64) -> Result<Option<Self::Outcome>, ApiError> {
        Ok(None)
    }

    /// What it wants of a subject that a queue may guard; `None`: nothing. The client is looked at before the append.
    fn guarded(&self) -> Option<Guarded<'_>> {
        None
    }

    /// What is kept of it until it is decided; `None`: nothing.
    fn kept(&self) -> Option<Kept<'_>> {
        None
    }

    /// When it is answered.
    fn form(&self) -> Form {
        Form::Decision
    }

    /// The answer once it is decided. It may wait for more, for [`At::left`].
    fn answer(&self, at: &At<'_>, outcome: Self::Outcome) -> impl Future<Output = Result<Response, ApiError>> + Send;

    /// The answer while it is in the log and not decided: 202.
    fn accepted(&self, at: &At<'_>) -> Response;
}

/// Status of what is in the log and not decided.
pub const PENDING: &str = "PENDING";

/// Taken in, not decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Undecided<'a> {
    #[schema(example = "PENDING")]
    status: &'static str,
    request_id: &'a str,
}

impl<'a> Undecided<'a> {
    /// The command `request_id`.
    #[must_use]
    pub fn new(request_id: &'a str) -> Self {
        Self { status: PENDING, request_id }
    }
}

/// 202: the command is in the log, and what becomes of it will be at `path`.
#[must_use]
pub fn accepted(body: &impl Serialize, path: &str, at: &At<'_>) -> Response {
    let mut response = (answer::ACCEPTED, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    // A replica that has not seen the request can tell from the position that it was accepted.
    let location = match at.offset {
        Some(offset) => format!("{path}?after={}", PositionToken::of(at.view, offset)),
        None => path.to_owned(),
    };
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    response
}
