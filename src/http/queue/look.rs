//! Where tickets stand, as the committed view tells: of one ticket, of a user, and of all tickets that streams ask after. Of queues that are decided
//! elsewhere the owner is asked, once for all of them.

use super::standing::{ACTIVE, ENDED, PRE_QUEUE, Standing, WAITING};
use super::streams::{Away, Room};
use super::touches::portions;
use super::{place_of_queue, refused};
use crate::http::Api;
use crate::http::error::{ApiError, answer};
use crate::http::extract::{self, Body};
use crate::http::intake::{Asked, Owner};
use axum::body::to_bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::guard::QueueKey;
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::keys::UserKey;
use holdfast_model::queue::row::QueueRow;
use holdfast_model::queue::ticket_state::{QueueState, TicketState};
use holdfast_model::queue::token::{self, Token};
use holdfast_model::queue::{NAME, QUEUES, USERS};
use holdfast_model::rfc3339;
use holdfast_topologies::queue::view;
use serde::{Deserialize, Serialize};

/// Where replicas ask each other. Clients hear that there is no such route.
pub(super) const STANDINGS: &str = "/api/queue/standings";
/// Longest list of tickets in one question: well below what a body may be.
const QUESTION_BYTES: usize = 256 << 10;
/// Longest answer that is read: so many tickets fit into a question, and so long is what is said of each at most.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// A ticket, and what its token is verified and made with.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) standing: Standing,
    /// Whose it is.
    pub(super) user_id: String,
    /// When it was given out.
    pub(super) joined_ms: i64,
    /// How long nothing may be heard of it.
    pub(super) silence_ms: u64,
    key: QueueKey,
}

impl Seen {
    /// Whether `token` is of this ticket.
    pub(super) fn is_proved_by(&self, token: &Token) -> bool {
        token.is_genuine(&self.key, &self.user_id)
    }

    /// Its token.
    pub(super) fn token(&self, place: u32, queue_id: &str, ticket: u64) -> String {
        token::of(&self.key, place, queue_id, ticket, &self.user_id)
    }
}

fn queue(view: &TaskView, queue_id: &str) -> Result<QueueRow, ApiError> {
    view.get(&QUEUES, &queue_id.to_owned())?.ok_or_else(|| refused(CommandRefusal::UnknownQueue))
}

/// A ticket, live or ended not long ago.
///
/// # Errors
/// 404 when there is no such queue.
pub(super) fn ticket(view: &TaskView, queue_id: &str, ticket: u64, now_ms: i64) -> Result<Option<Seen>, ApiError> {
    let queue = queue(view, queue_id)?;
    let ticket = view::ticket(view, queue_id, ticket, now_ms)?;
    Ok(ticket.map(|ticket| Seen {
        standing: standing_of(&ticket),
        joined_ms: ticket.joined_ms,
        user_id: ticket.user_id,
        silence_ms: silence_ms(&queue),
        key: queue.key,
    }))
}

/// The ticket that a user has already: a join would come to nothing else.
///
/// # Errors
/// 404 when there is no such queue, 409 when it takes nobody new.
pub(super) fn join(view: &TaskView, queue_id: &str, user_id: &str) -> Result<Option<u64>, ApiError> {
    let queue = queue(view, queue_id)?;
    let user = UserKey { queue_id: queue_id.to_owned(), user_id: user_id.to_owned() };
    match view.get(&USERS, &user)? {
        Some(row) => Ok(Some(row.ticket)),
        None if queue.state == QueueState::Draining => Err(refused(CommandRefusal::QueueClosed)),
        None => Ok(None),
    }
}

/// A ticket is touched often enough for whatever it may become.
fn silence_ms(queue: &QueueRow) -> u64 {
    u64::try_from(queue.silence_ms.min(queue.keep_ms)).unwrap_or(0)
}

fn name(state: TicketState) -> &'static str {
    match state {
        TicketState::Pre => PRE_QUEUE,
        TicketState::Waiting => WAITING,
        TicketState::Active => ACTIVE,
        TicketState::Ended => ENDED,
    }
}

fn standing_of(ticket: &view::TicketView) -> Standing {
    Standing {
        queue_position: ticket.position,
        estimated_wait_time: ticket.wait_s,
        is_estimate: true,
        status: name(ticket.state).into(),
        poll_after_ms: u64::try_from(ticket.poll_after_ms).ok().filter(|_| ticket.ended.is_none()),
        active_until: ticket.active_until_ms.map(|ms| rfc3339::to_string(ms).into()),
        reason: ticket.ended.map(|(_, reason)| reason.as_str().into()),
    }
}

/// Where tickets stand, in their order, and how long nothing may be heard of them. The line is read once for all of them.
fn standings_here(
    view: &TaskView,
    queue_id: &str,
    tickets: &[u64],
    now_ms: i64,
) -> Result<(Vec<Option<Standing>>, u64), ApiError> {
    let queue = queue(view, queue_id)?;
    let each = tickets.iter().zip(view::positions(view, queue_id, tickets, now_ms)?);
    let standing = |(ticket, seen): (&u64, Option<view::Standing>)| match seen {
        // Few have just ended, and only their own rows say why.
        Some(view::Standing { state: TicketState::Ended, .. }) => {
            Ok(view::ticket(view, queue_id, *ticket, now_ms)?.as_ref().map(standing_of))
        }
        Some(seen) => Ok(Some(Standing {
            queue_position: seen.position,
            estimated_wait_time: seen.wait_s,
            is_estimate: true,
            status: name(seen.state).into(),
            poll_after_ms: None,
            active_until: seen.active_until_ms.map(|ms| rfc3339::to_string(ms).into()),
            reason: None,
        })),
        None => Ok(None),
    };
    let standings = each.map(standing).collect::<Result<Vec<_>, ApiError>>()?;
    Ok((standings, silence_ms(&queue)))
}

/// Where the tickets of streams stand, as the owner of their queue says. For that worker it is a sign of life of each.
///
/// # Errors
/// When nobody answers.
pub(super) async fn standings(api: &Api, room: &Room, tickets: &[u64]) -> Result<Vec<Option<Standing>>, Away> {
    if let Ok(view) = api.queries.task(NAME, room.place) {
        return here(api, view, room, tickets.to_vec()).await.map_err(|_| Away);
    }
    let endpoint = api.owners.endpoint_of(room.place).filter(|endpoint| *endpoint != api.settings.endpoint);
    let endpoint = endpoint.ok_or(Away)?;
    let mut all = Vec::with_capacity(tickets.len());
    for tickets in portions(tickets.to_vec(), QUESTION_BYTES) {
        let question = Question { queue_id: room.queue_id.to_string(), tickets };
        all.extend(there(api, &endpoint, room.place, &question).await?);
    }
    Ok(all)
}

async fn here(api: &Api, view: TaskView, room: &Room, tickets: Vec<u64>) -> Result<Vec<Option<Standing>>, ApiError> {
    let (now_ms, queue_id) = (api.clock.now_ms(), room.queue_id.clone());
    // Thousands of rows: not on a thread that others wait for.
    let reading = tokio::task::spawn_blocking(move || {
        standings_here(&view, &queue_id, &tickets, now_ms)
            .map(|(standings, silence_ms)| (tickets, standings, silence_ms))
    });
    let (tickets, standings, silence_ms) = reading.await.map_err(|_| ApiError::Internal)??;
    let is_live = |standing: &Option<Standing>| standing.as_ref().is_some_and(|standing| !standing.has_ended());
    let live = tickets.into_iter().zip(&standings).filter(|(_, standing)| is_live(standing)).map(|(ticket, _)| ticket);
    api.touch(room, live, silence_ms);
    Ok(standings)
}

/// What a replica asks another one, for its streams.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    queue_id: String,
    tickets: Vec<u64>,
}

async fn there(api: &Api, endpoint: &str, place: u32, question: &Question) -> Result<Vec<Option<Standing>>, Away> {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = Body(serde_json::to_vec(question).map_err(|_| Away)?.into());
    let asked = Asked { method: Method::POST, uri: Uri::from_static(STANDINGS), headers, body };
    let answered = api.peers.ask(endpoint, place, asked).await.map_err(|_| Away)?;
    if answered.status() != answer::OK {
        return Err(Away);
    }
    let body = to_bytes(answered.into_body(), ANSWER_BYTES_MAX).await.map_err(|_| Away)?;
    let standings: Vec<Option<Standing>> = serde_json::from_slice(&body).map_err(|_| Away)?;
    if standings.len() == question.tickets.len() { Ok(standings) } else { Err(Away) }
}

/// Where tickets stand, for a replica that has verified their tokens here before.
pub(super) async fn for_peers(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    if !asked.is_forwarded() {
        return Err(ApiError::NoSuchRoute);
    }
    let Question { queue_id, tickets } = extract::json(&asked.headers, &asked.body)?;
    let room = Room { place: place_of_queue(&api, &queue_id), queue_id: queue_id.into() };
    match api.owner(NAME, room.place, &asked)? {
        Owner::Here(view) => Ok(answer::current(&here(&api, view, &room, tickets).await?)),
        Owner::There(_) => Err(ApiError::PlaceUnavailable { place: room.place }),
    }
}
