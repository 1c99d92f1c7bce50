//! `/api/lag`: how far behind decisions are.

use super::Api;
use super::error::answer;
use crate::lag::Lag;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_model::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

/// Answer of `/api/lag`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LagAnswer {
    /// When it was looked; missing before the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Sum over all rows below.
    total_lag_records: u64,
    /// The oldest undecided record of all, in ms.
    max_lag_ms: u64,
    /// Each task and source of this replica, and those of places that it watches because their owner does not answer.
    lags: Vec<Lag>,
}

/// How far this replica is behind.
#[utoipa::path(get, path = "/api/lag", tag = "operations", responses((status = 200, description = "Lag in records and ms, looked at once a second", body = LagAnswer)))]
pub(super) async fn lag(State(api): State<Api>) -> Response {
    let (at_ms, lags) = api.lag.last();
    let body = LagAnswer {
        at: at_ms.map(rfc3339::to_string),
        total_lag_records: lags.iter().map(|lag| lag.records).sum(),
        max_lag_ms: lags.iter().filter_map(|lag| lag.ms).max().unwrap_or(0),
        lags,
    };
    (answer::OK, axum::Json(body)).into_response()
}
