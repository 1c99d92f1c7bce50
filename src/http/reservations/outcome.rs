//! What became of a command that was answered with 202.

use crate::http::error::ApiError;
use crate::http::execute::PENDING;
use crate::http::execute::query::Asking;
use crate::http::extract::{Params, Query};
use crate::http::intake::{Asked, OutcomeQuery};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::place_id::{self, Kind};
use holdfast_model::reservation::refusal::Status;
use holdfast_model::reservation::{COMMANDS, NAME};
use holdfast_model::schema::one_of;
use holdfast_topologies::reservation::view::{self, CommandView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// What became of a request about seats.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Outcome)]
struct Shown {
    request_id: String,
    /// `PENDING`, or what became of it.
    #[schema(schema_with = statuses)]
    status: &'static str,
    /// Why it was not done, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why it was not done, in Korean.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
}

fn statuses() -> Object {
    one_of([PENDING].into_iter().chain(Status::ALL.map(Status::as_str)))
}

impl From<CommandView> for Shown {
    fn from(command: CommandView) -> Self {
        Self {
            request_id: command.command_id,
            status: command.status,
            code: command.code,
            reason: command.reason,
            reservation_id: command.reservation_id,
            payment_id: command.payment_id,
            decided_at: Some(command.decided_at),
        }
    }
}

/// What became of a hold, a cancellation or another request about seats: `PENDING` until it is decided.
#[utoipa::path(get, path = "/reservations/requests/{requestId}", tag = "seats",
    params(("requestId" = String, Path, description = "As the 202 named it"), OutcomeQuery),
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
    let place = place_id::parse(Kind::Request, &request_id).map(|(place, _)| place);
    let place = place.filter(|place| *place < api.settings.places).ok_or(ApiError::RequestNotFound)?;
    let asking = Asking { topology: NAME, place, outcomes: &[&COMMANDS], id: &request_id, query: &query };
    let decided = |view: &TaskView| Ok(view::command(view, &request_id)?.map(Shown::from));
    let pending = |_| Shown {
        request_id: request_id.clone(),
        status: PENDING,
        code: None,
        reason: None,
        reservation_id: None,
        payment_id: None,
        decided_at: None,
    };
    api.outcome(asked, asking, decided, pending).await
}
