//! `GET /api/queue/stream`: where a ticket stands, told as it changes, as server-sent events.
//!
//! The replica that the client has reached serves the stream, wherever the queue is. Once a second it reads each queue that has streams once, for all of
//! them: from its own view, or with one question to the owner ([`super::look`]). So a stream goes on when the place of its queue moves.

mod hub;
mod outlet;

pub(super) use hub::{Away, Room};

use super::standing::{LAST_EVENT, Standing};
use super::tickets::genuine;
use super::{bearer, look};
use crate::http::error::{ApiError, answer};
use crate::http::extract::Query;
use crate::http::intake::{Asked, Owner};
use crate::http::{Api, openapi};
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use holdfast_model::queue::NAME;
use holdfast_model::queue::token::Token;
use hub::{EVERY, Hub, Standings};
use outlet::{Events, Outlet};
use prometheus::{IntCounter, IntGauge, Registry};
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;
use utoipa::IntoParams;

/// A browser that asks again says which event it heard last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx not to gather the stream.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Longest answer of the owner that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The streams of this replica.
pub(super) struct Streams {
    hub: Hub,
    /// How many more there may be: each has a connection, and others want one, too.
    room: Arc<Semaphore>,
    open: IntGauge,
    refused: IntCounter,
}

impl Streams {
    /// Room for `most` of them, counted in `registry`.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub(super) fn new(most: usize, registry: &Registry) -> Result<Self, prometheus::Error> {
        let open = IntGauge::new("holdfast_queue_streams", "Streams that tell where a ticket stands")?;
        let refused = IntCounter::new(
            "holdfast_queue_streams_refused_total",
            "Streams beyond the number that there may be, answered with 503",
        )?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        let room = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Ok(Self { hub: Hub::default(), room, open, refused })
    }
}

impl Standings for Api {
    async fn of(&self, room: &Room, tickets: &[u64]) -> Result<Vec<Option<Standing>>, Away> {
        look::standings(self, room, tickets).await
    }
}

/// Tells all streams what is new, once a second, until the worker stops.
pub(super) async fn tell(api: Api) {
    let (mut stopping, mut round) = (api.stopping.clone(), tokio::time::interval(EVERY));
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let streams = &api.lobby.streams;
    let rounds = async {
        loop {
            round.tick().await;
            streams.hub.round(&api).await;
        }
    };
    tokio::select! {
        () = rounds => {}
        // Also when the sender is gone: then the worker is ending without having said so.
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    streams.hub.close();
}

/// Query of the stream.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct StreamQuery {
    /// The token, where `Authorization` cannot be sent: a browser's `EventSource` has no headers. Servers on the way may write it into their logs.
    token: Option<String>,
}

/// Where a ticket stands, at once and then whenever it changes, at most once a second: events whose `data` is
/// `{queuePosition, estimatedWaitTime, status}`, with `activeUntil` while it is `ACTIVE` and `reason` when it has `ENDED`. That event is the last.
///
/// Listening is a sign of life. When the server stops, the stream ends with `retry:`; a browser asks again by itself. One that asks again after the last
/// event hears 204, and stops.
#[utoipa::path(get, path = "/api/queue/stream", tag = "waiting rooms", security(("ticket" = [])),
    params(StreamQuery),
    responses(
        (status = 200, description = "Events, without an end while the ticket lives", body = String, content_type = "text/event-stream"),
        (status = 204, description = "The last event was heard before"),
        (status = 401, description = "No token, or none that is genuine (`INVALID_TOKEN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such queue (`QUEUE_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "There are too many streams (`OVERLOADED`): ask for the status instead; or the place of the queue is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn stream(
    State(api): State<Api>,
    Query(query): Query<StreamQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (asked, token) = match query.token.filter(|_| !asked.headers.contains_key(header::AUTHORIZATION)) {
        Some(text) => {
            let (mut asked, token) = (asked, bearer::read(&api, &text)?);
            bearer::travel(&mut asked.headers, &text)?;
            (asked, token)
        }
        None => bearer::of(&api, asked)?,
    };
    let heard_the_last = asked.headers.get(LAST_EVENT_ID).is_some_and(|id| id == LAST_EVENT);
    let standing = match ask(&api, &token, asked).await? {
        Ok(standing) => standing,
        Err(refused) => return Ok(refused),
    };
    let is_over = standing.has_ended();
    if is_over && heard_the_last {
        return Ok(answer::NOTHING.into_response());
    }
    let streams = &api.lobby.streams;
    // After the token was verified: a client without one takes no room.
    let room = streams.room.clone().try_acquire_owned().map_err(|_| {
        streams.refused.inc();
        ApiError::Overloaded
    })?;
    let outlet = Outlet::new(standing.event());
    if is_over {
        outlet.end(b"");
    } else {
        let queue = Room { place: token.place, queue_id: token.queue_id.into() };
        api.lobby.begin(&api);
        streams.hub.listen(queue, token.ticket, standing, outlet.clone());
    }
    Ok(answered(Events::new(outlet, room, streams.open.clone())))
}

fn answered<B: HttpBody<Data = axum::body::Bytes, Error = std::convert::Infallible> + Send + 'static>(
    events: B,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    (answer::OK, headers, Body::new(events)).into_response()
}

/// Where the ticket of `token` stands, as the owner of its queue says; or what the owner has refused.
async fn ask(api: &Api, token: &Token, asked: Asked) -> Result<Result<Standing, Response>, ApiError> {
    let endpoint = match api.owner(NAME, token.place, &asked)? {
        Owner::Here(view) => return Ok(Ok(genuine(&view, token, api.clock.now_ms())?.standing)),
        Owner::There(endpoint) => endpoint,
    };
    let uri = Uri::from_static("/api/queue/status");
    let answered = api.peers.ask(&endpoint, token.place, Asked { method: Method::GET, uri, ..asked }).await?;
    if answered.status() != answer::OK {
        return Ok(Err(answered));
    }
    let unavailable = |_| ApiError::PlaceUnavailable { place: token.place };
    let body = to_bytes(answered.into_body(), ANSWER_BYTES_MAX).await.map_err(unavailable)?;
    serde_json::from_slice(&body).map(Ok).map_err(|_| ApiError::PlaceUnavailable { place: token.place })
}
