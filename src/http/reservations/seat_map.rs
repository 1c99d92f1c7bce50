//! The seat map: looked at by everybody, again and again, so a client that has seen the latest is told so without it.

use super::place_of_id;
use crate::http::error::{ApiError, answer};
use crate::http::etag::knows;
use crate::http::extract::{Params, Query};
use crate::http::intake::Asked;
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::reservation::NAME;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_topologies::reservation::view::{self, ScheduleView, SeatCursor, SeatPage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// To be kept, and asked about each time.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Most seats of an answer, some 600 kB: an ordinary house is one answer, and of the largest (a million seats) no answer holds more than this.
const PAGE_SEATS_MAX: usize = 10_000;

/// A schedule and its seats: by number, all of them or those of a page.
#[derive(Debug, Serialize, ToSchema)]
struct SeatMap {
    #[serde(flatten)]
    schedule: ScheduleView,
    #[serde(flatten)]
    page: SeatPage,
}

/// Query of the seat map.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct SeatsQuery {
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there. One of another topology or place, or past the end of the
    /// inbox, is refused.
    after: Option<String>,
    /// `nextCursor` of the page before; missing = from the first seat.
    cursor: Option<String>,
    /// Seats of a page, 1 to 10000.
    #[param(default = 10000)]
    limit: Option<usize>,
}

/// The seats of a schedule with their states and prices, by number.
///
/// A house of up to 10,000 seats is one answer; of a larger one, or with `limit`, `nextCursor` leads to the next page. A schedule keeps its seats, so pages
/// neither overlap nor leave one out, whatever is sold meanwhile; counts and `version` are those of the whole house. Pages with the same `version` belong
/// together; with another one, seats have changed since. `ETag` goes by the version, on all pages.
#[utoipa::path(get, path = "/api/schedules/{scheduleId}/seats", tag = "seats",
    params(("scheduleId" = String, Path), SeatsQuery, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the map that the client has")),
    responses(
        (status = 200, description = "The seats; `ETag` changes with them. `nextCursor` leads to the next page, if there is one", body = SeatMap),
        (status = 304, description = "They are as the client has seen them"),
        (status = 404, description = "No such schedule", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A cursor or limit that is none, or `after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn seats(
    State(api): State<Api>,
    Params(schedule_id): Params<String>,
    Query(query): Query<SeatsQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let no_cursor =
        || ApiError::field("cursor", ("nextCursor 값이어야 합니다.", "must be the nextCursor of an earlier answer"));
    let cursor = query.cursor.as_deref().map(|text| SeatCursor::parse(text).ok_or_else(no_cursor)).transpose()?;
    let limit = query.limit.unwrap_or(PAGE_SEATS_MAX);
    if !(1..=PAGE_SEATS_MAX).contains(&limit) {
        return Err(ApiError::field("limit", ("1 이상 10000 이하여야 합니다.", "must be from 1 to 10000")));
    }
    let place = place_of_id(&api, &schedule_id);
    let (api, schedule_id) = (&api, &schedule_id);
    let answer = |view: TaskView, asked: Asked| async move {
        api.read_after(&view, query.after.as_deref()).await?;
        shown(&view, schedule_id, &asked.headers, |view| view::seat_page(view, schedule_id, cursor, limit))
    };
    api.query(NAME, place, asked, answer).await
}

fn shown(
    view: &TaskView,
    schedule_id: &str,
    asked: &HeaderMap,
    page: impl FnOnce(&TaskView) -> Result<Option<SeatPage>, QueryError>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::refused(Refusal::UnknownSchedule.problem(), None);
    // The version first: the seats may be later than it says, and then the next question finds another version. Never the other way round.
    let schedule = view::schedule(view, schedule_id)?.ok_or_else(unknown)?;
    let tag = format!("\"{}\"", schedule.version);
    let mut response = if knows(asked, &tag) {
        answer::UNCHANGED.into_response()
    } else {
        let page = page(view)?.ok_or_else(unknown)?;
        (answer::OK, axum::Json(SeatMap { schedule, page })).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    headers.insert(header::ETAG, HeaderValue::try_from(tag).map_err(|_| ApiError::Internal)?);
    Ok(response)
}
