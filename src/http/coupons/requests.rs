//! What became of a request.

use crate::http::error::{ApiError, answer};
use crate::http::execute::query::{Asking, Waiting};
use crate::http::extract::{Params, Query};
use crate::http::intake::{Asked, OutcomeQuery};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::coupon::{NAME, REQUESTS, request_place};
use holdfast_topologies::coupon::view::{self, RequestView};
use serde::Serialize;
use utoipa::ToSchema;

/// A request and what became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueuedRequest)]
struct Shown {
    #[serde(flatten)]
    request: RequestView,
    /// While pending: 1 is the next to be decided in its partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_position: Option<u64>,
}

impl Shown {
    fn decided(request: RequestView) -> Self {
        Self { request, queue_position: None }
    }
}

/// What became of a request: `PENDING` until it is decided.
#[utoipa::path(get, path = "/api/coupons/requests/{requestId}", tag = "coupons",
    params(("requestId" = String, Path, description = "As the answer to the request named it"), OutcomeQuery),
    responses(
        (status = 200, description = "The outcome, or `PENDING`", body = Shown),
        (status = 404, description = "Nothing was accepted under this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "Its outcome was kept for as long as `outcome_retention_ms` says, and is gone (`OUTCOME_EXPIRED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(request_id): Params<String>,
    Query(query): Query<OutcomeQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = match request_place(&request_id) {
        Some(place) if place < api.settings.places => place,
        // Records that others append may bring any id; it is no secret where they were decided, only not written in the id.
        _ => {
            api.token(NAME, None, query.after.as_deref())?;
            return foreign(&api, &request_id, &asked).await;
        }
    };
    let asking = Asking { topology: NAME, place, outcomes: &[&REQUESTS], id: &request_id, query: &query };
    let decided = |view: &TaskView| Ok(view::request(view, &request_id)?.map(Shown::decided));
    let pending = |waiting: Waiting| {
        let (policy_id, user_id) = waiting.entry.map(|e| (e.of.into_string(), e.user_id.into_string())).unzip();
        let request = RequestView::pending(request_id.clone(), policy_id, user_id);
        Shown { request, queue_position: waiting.queue_position }
    };
    api.outcome(asked, asking, decided, pending).await
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
        (Some(request), _) => Ok(answer::current(&Shown::decided(request))),
        (None, Some(body)) => Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response()),
        (None, None) => Err(ApiError::RequestNotFound),
    }
}
