//! `/api/live`: how things stand, once a second, for a page that stays open. What it tells is what the worker has counted and seen anyway.
//!
//! | module | holds |
//! |---|---|
//! | [`hub`] | one computation a second for all who listen, and none while nobody does |
//! | [`snapshot`] | what is told, and how it is made of what the worker knows |
//! | [`counted`] | sums, differences and quantiles of what the registry has |
//! | [`events`] | an answer that goes on |

mod counted;
mod events;
pub(super) mod hub;
mod snapshot;

use super::error::ApiError;
use super::extract::Query;
use super::{Api, openapi};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use events::Events;
use serde::Deserialize;
pub(super) use snapshot::Snapshot;
use utoipa::IntoParams;

/// Snapshots of one stream at most, when the client names a number: a day.
const SNAPSHOTS_MAX: usize = 86_400;
/// For proxies that would keep an answer back until it is whole.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How long to listen.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct LiveQuery {
    /// Ends the stream after this many snapshots, 1 to 86400; missing = it goes on.
    snapshots: Option<usize>,
}

/// What this replica sees of the sale, its log and the outside, once a second.
///
/// Events of type `snapshot`; `data` is one `LiveSnapshot` in JSON. The first comes at once; rates and latencies are of the second before, and missing until
/// there was one. A client that reads slowly misses snapshots, and gets the latest. Numbers are of the replica that answers.
#[utoipa::path(get, path = "/api/live", tag = "operations", params(LiveQuery), responses(
    (status = 200, description = "A stream of snapshots", body = Snapshot, content_type = "text/event-stream"),
    (status = 422, description = "A number of snapshots that is none", body = openapi::ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "Too many listen already (`OVERLOADED`); `Retry-After` says when to ask again", body = openapi::ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn live(State(api): State<Api>, Query(query): Query<LiveQuery>) -> Result<Response, ApiError> {
    if query.snapshots.is_some_and(|wanted| !(1..=SNAPSHOTS_MAX).contains(&wanted)) {
        return Err(ApiError::field("snapshots", ("1 이상 86400 이하여야 합니다.", "must be from 1 to 86400")));
    }
    let listener = hub::listen(&api).ok_or(ApiError::Overloaded)?;
    let (tell, told) = events::channel();
    tokio::spawn(listener.pass_on(tell, query.snapshots));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::new(Events::new(told))).into_response())
}
