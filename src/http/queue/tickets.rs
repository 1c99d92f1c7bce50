//! Tickets: taken, asked after, given back.

use super::bearer;
use super::command::{COMMAND, QueueOrder, outcome, undecided};
use super::look::{self, Seen};
use super::place_of_queue;
use super::standing::Standing;
use super::streams::Room;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Inbox, Order, Principal, Undecided};
use crate::http::extract;
use crate::http::fields::{both, id};
use crate::http::intake::Asked;
use crate::http::{Api, idempotency, openapi};
use axum::extract::State;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::queue::NAME;
use holdfast_model::queue::message::{Command, Join, Leave};
use holdfast_model::queue::row::CommandRow;
use holdfast_model::queue::token::Token;
use holdfast_model::wire::{self, Id};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user who wants a ticket.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = QueueTicketBody)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JoinBody {
    /// Who waits.
    #[schema(value_type = Id<'static>, required = true, example = "1001")]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// In which queue.
    #[schema(value_type = Id<'static>, required = true, example = "schedule_456")]
    #[serde(default, deserialize_with = "wire::id_if")]
    queue_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// A ticket, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueTicket)]
pub(crate) struct TicketView {
    /// Proves that the ticket is the client's own: send it as `Authorization: Bearer`, and as `X-Queue-Token` where the queue guards something. The
    /// same for every request of the same user while the ticket lives.
    token: String,
    #[serde(flatten)]
    standing: Standing,
}

/// Takes a ticket. A user has one live ticket in a queue: another tab, a reload or a retry is answered with the same one, at its place.
///
/// Answered after the decision. Before the queue opens the status is `PRE_QUEUE` and there is no position.
#[utoipa::path(post, path = "/api/queue/token", tag = "waiting rooms",
    params(openapi::IdempotencyKey),
    request_body = JoinBody,
    responses(
        (status = 201, description = "A new ticket", body = TicketView),
        (status = 200, description = "The ticket that this user has already", body = TicketView),
        (status = 202, description = "In the log, not decided within 3 s: ask again", body = Undecided<'static>),
        (status = 404, description = "No such queue (`QUEUE_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The queue takes nobody new (`QUEUE_CLOSED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn join(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let body: JoinBody = extract::json(&asked.headers, &asked.body)?;
    let (user_id, queue_id) = both(id("userId", body.user_id), id("queueId", body.queue_id))?;
    let place = place_of_queue(&api, &queue_id);
    let is_keyed = body.request_id.is_some() || asked.headers.contains_key(idempotency::HEADER);
    let call = Call { place, route: "POST /api/queue/token", request_id: body.request_id };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(Joining { user_id, queue_id, is_keyed })).await
}

/// A join on its way into the log.
struct Joining {
    user_id: String,
    queue_id: String,
    /// Its outcome is asked for again under its key, also when the ticket of now has ended: it has to be in the log.
    is_keyed: bool,
}

impl Joining {
    fn message<'a>(&'a self, id: &'a str) -> Join<'a> {
        Join::new(id, &self.queue_id, &self.user_id)
    }
}

impl Order for Joining {
    type Outcome = CommandRow;

    const INBOX: Inbox = Inbox { kind: "queue.join", ..COMMAND };
    const IS_SHOWN: bool = false;

    fn user(&self) -> &str {
        &self.user_id
    }

    fn key(&self) -> &str {
        &self.queue_id
    }

    fn id(_place: u32, unique: &str) -> String {
        format!("cmd_{unique}")
    }

    fn value(&mut self, id: &str, _now_ms: i64) -> Vec<u8> {
        self.message(id).to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<CommandRow>, ApiError> {
        outcome(view, id, self.message("").fingerprint())
    }

    fn foresee(&self, view: &TaskView, _now_ms: i64) -> Result<Option<CommandRow>, ApiError> {
        let ticket = look::join(view, &self.queue_id, &self.user_id)?.filter(|_| !self.is_keyed);
        let fingerprint = self.message("").fingerprint();
        // Later than any ticket: it is an old one.
        Ok(ticket.map(|ticket| CommandRow { fingerprint, decided_ms: i64::MAX, result: Ok(ticket) }))
    }

    async fn answer(&self, at: &At<'_>, outcome: CommandRow) -> Result<Response, ApiError> {
        let refused = |problem| ApiError::refused(problem, Some(at.id.clone()));
        let ticket = outcome.result.map_err(|refusal| refused(refusal.problem()))?;
        let seen = look::ticket(at.view, &self.queue_id, ticket, at.api.clock.now_ms())?.ok_or(ApiError::Internal)?;
        // The ticket is older than the decision: this user had it before.
        let is_new = seen.joined_ms >= outcome.decided_ms;
        let token = seen.token(at.view.place(), &self.queue_id, ticket);
        let mut response = answer::current(&TicketView { token, standing: seen.standing });
        if is_new {
            *response.status_mut() = answer::CREATED;
        }
        Ok(response)
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        undecided(at)
    }
}

/// The ticket of a genuine token.
///
/// # Errors
/// 404 when there is no such queue; 401 when the token is not genuine, or its ticket has ended so long ago that nothing is kept of it.
pub(super) fn genuine(view: &TaskView, token: &Token, now_ms: i64) -> Result<Seen, ApiError> {
    let seen = look::ticket(view, &token.queue_id, token.ticket, now_ms)?;
    seen.filter(|seen| seen.is_proved_by(token)).ok_or(ApiError::InvalidToken)
}

/// Where a ticket stands. Asking is a sign of life: a ticket that nobody asks after ends.
#[utoipa::path(get, path = "/api/queue/status", tag = "waiting rooms", security(("ticket" = [])),
    responses(
        (status = 200, description = "Where it stands; `ENDED` and why, when it is worth nothing any more", body = Standing),
        (status = 401, description = "No token, or none that is genuine (`INVALID_TOKEN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such queue (`QUEUE_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The place of the queue is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn status(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let (asked, token) = bearer::of(&api, asked)?;
    let (at, place) = (&api, token.place);
    let answer = |view: TaskView, _| async move {
        let seen = genuine(&view, &token, at.clock.now_ms())?;
        if !seen.standing.has_ended() {
            let room = Room { place, queue_id: token.queue_id.into() };
            at.touch(&room, [token.ticket], seen.silence_ms);
        }
        Ok(answer::current(&seen.standing))
    };
    api.query(NAME, place, asked, answer).await
}

/// Gives a ticket back. Asking again changes nothing.
#[utoipa::path(delete, path = "/api/queue/token", tag = "waiting rooms", security(("ticket" = [])),
    params(openapi::IdempotencyKey),
    responses(
        (status = 200, description = "The ticket, ended", body = Standing),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 401, description = "No token, or none that is genuine (`INVALID_TOKEN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such queue (`QUEUE_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn leave(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let (asked, token) = bearer::of(&api, asked)?;
    let call = Call { place: token.place, route: "DELETE /api/queue/token", request_id: None };
    let clock = api.clock.clone();
    let order = |view: &TaskView| {
        let seen = genuine(view, &token, clock.now_ms())?;
        let command = Command::Leave(Leave {
            event_id: None,
            request_id: None,
            queue_id: token.queue_id.clone(),
            ticket: token.ticket,
            user_id: seen.user_id.clone(),
        });
        let (of_now, clock) = (token.clone(), clock.clone());
        let look = move |view: &TaskView| genuine(view, &of_now, clock.now_ms());
        let is_done = {
            let look = look.clone();
            move |view: &TaskView| Ok(look(view)?.standing.has_ended())
        };
        let done = move |view: &TaskView| Ok(answer::current(&look(view)?.standing));
        Ok(QueueOrder { user: seen.user_id, command, is_done, done })
    };
    api.execute(Principal::Anonymous, asked, call, order).await
}
