//! What became of a request.

use crate::http::error::{ApiError, answer};
use crate::http::extract::{Params, Query};
use crate::http::intake::{Asked, Owner, WAIT_MS_MAX, Waited};
use crate::http::position::PositionToken;
use crate::http::{Api, handover, openapi};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::coupon::{NAME, REQUESTS, request_place};
use holdfast_topologies::coupon::view::{self, RequestView};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::oneshot;
use utoipa::IntoParams;

/// Query of the status route.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct StatusQuery {
    /// How long to wait for the decision, in ms; more than 30,000 counts as 30,000.
    wait_ms: Option<u64>,
    /// Position from `Holdfast-Position`: the request was accepted there. One of another topology or place, or past the end of the inbox, is refused.
    after: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    request: RequestView,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_position: Option<u64>,
}

/// What became of a request: `PENDING` until it is decided.
#[utoipa::path(get, path = "/api/coupons/requests/{requestId}", tag = "coupons",
    params(("requestId" = String, Path, description = "As the answer to the request named it"), StatusQuery),
    responses(
        (status = 200, description = "The outcome, or `PENDING`", body = openapi::Request),
        (status = 404, description = "Nothing was accepted under this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(request_id): Params<String>,
    Query(query): Query<StatusQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let after = query.after.as_deref();
    let wait = Duration::from_millis(query.wait_ms.unwrap_or(0).min(WAIT_MS_MAX));
    let place = match request_place(&request_id) {
        Some(place) if place < api.settings.places => place,
        // Records that others append may bring any id; it is nobody's secret where they were decided, only not written in the id.
        _ => {
            api.token(NAME, None, after)?;
            return foreign(&api, &request_id, &asked).await;
        }
    };
    // Before a peer is asked, too: a token that is right may replace it.
    api.token(NAME, Some(place), after)?;
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => {
            return api.peers.ask(&endpoint, place, with_position(&api, &request_id, place, asked)).await;
        }
    };
    let after = api.position(&view, after).await?;
    status(&api, &view, request_id, after, wait).await.map(|shown| shown.into_response())
}

async fn status(
    api: &Api,
    view: &TaskView,
    request_id: String,
    after: Option<i64>,
    wait: Duration,
) -> Result<Shown, ApiError> {
    let first = look(api, view, &request_id, after)?;
    if wait.is_zero() || first.request.is_decided() {
        return Ok(first);
    }
    let (wake, woken) = oneshot::channel();
    // Registered first and looked second, so that no commit slips between.
    let _ticket = view.wait_row(
        &REQUESTS,
        &request_id,
        Box::new(move |how| {
            // The client may have gone.
            let _ = wake.send(how);
        }),
    );
    let second = look(api, view, &request_id, after)?;
    if second.request.is_decided() {
        return Ok(second);
    }
    match api.wait_or_stop(view.place(), woken, wait).await? {
        Waited::Committed => look(api, view, &request_id, after),
        Waited::Late => look(api, view, &request_id, after).or(Ok(second)),
    }
}

/// The request as it is now. One that is not decided is `PENDING` if it is known to be in the log, or if the log holds records that nobody here has
/// looked at, since it may be among them; otherwise nothing was ever accepted under its id.
fn look(api: &Api, view: &TaskView, request_id: &str, after: Option<i64>) -> Result<Shown, ApiError> {
    let (entry, unseen) = (api.accepted.get(request_id), api.lag.may_hold_more(NAME, view.place(), view.next_offset()));
    let next = view.next_offset();
    // Read after the position: if the request is below it, its row is there.
    if let Some(request) = view::request(view, request_id)? {
        return Ok(Shown { request, queue_position: None });
    }
    let offset = entry.as_ref().map(|e| e.offset).or(after).filter(|offset| *offset >= next);
    if offset.is_none() && !unseen {
        return Err(ApiError::RequestNotFound);
    }
    let (policy_id, user_id) = entry.map(|e| (e.policy_id.into_string(), e.user_id.into_string())).unzip();
    Ok(Shown {
        request: RequestView::pending(request_id.to_owned(), policy_id, user_id),
        queue_position: offset.and_then(|offset| u64::try_from(offset.checked_sub(next)?.checked_add(1)?).ok()),
    })
}

/// What this replica has appended, a new owner may not have looked at yet: it is told where the request lies.
fn with_position(api: &Api, request_id: &str, place: u32, mut asked: Asked) -> Asked {
    if let Some(entry) = api.accepted.get(request_id).filter(|entry| entry.place == place) {
        let token = PositionToken { topology: Some(NAME), place, offset: entry.offset };
        asked.uri = handover::with_query(&asked.uri, "after", &token.to_string()).unwrap_or(asked.uri);
    }
    asked
}

/// A request under an id that names no place may have been decided in any.
async fn foreign(api: &Api, request_id: &str, asked: &Asked) -> Result<Response, ApiError> {
    let mut found = None;
    let of_peers = api.scatter(NAME, asked, |view| {
        found = found.take().or(view::request(view, request_id)?);
        Ok(())
    });
    let of_peers = of_peers.await?;
    match (found, of_peers.into_iter().next()) {
        (Some(request), _) => Ok(Shown { request, queue_position: None }.into_response()),
        (None, Some(body)) => Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response()),
        (None, None) => Err(ApiError::RequestNotFound),
    }
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        answer::current(&self)
    }
}
