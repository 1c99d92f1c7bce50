//! The seat map: looked at by everybody, again and again, so a client that has seen the latest is told so without it.

use super::{place_of_id, refused};
use crate::http::error::{ApiError, answer};
use crate::http::extract::{Params, Query};
use crate::http::intake::{AfterQuery, Asked, Owner};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_topologies::reservation::NAME;
use holdfast_topologies::reservation::refusal::Refusal;
use holdfast_topologies::reservation::view::{self, ScheduleView, SeatView};
use serde::Serialize;

/// To be kept, and asked about each time.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

#[derive(Debug, Serialize)]
struct SeatMap {
    #[serde(flatten)]
    schedule: ScheduleView,
    seats: Vec<SeatView>,
}

/// All seats of a schedule with their states and prices.
#[utoipa::path(get, path = "/api/schedules/{scheduleId}/seats", tag = "seats",
    params(("scheduleId" = String, Path), AfterQuery, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the map that the client has")),
    responses(
        (status = 200, description = "The seats; `ETag` changes with them", body = openapi::seats::SeatMap),
        (status = 304, description = "They are as the client has seen them"),
        (status = 404, description = "No such schedule", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn seats(
    State(api): State<Api>,
    Params(schedule_id): Params<String>,
    Query(query): Query<AfterQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_id(&api, &schedule_id);
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => return api.peers.ask(&endpoint, place, asked).await,
    };
    api.read_after(&view, query.after.as_deref()).await?;
    let unknown = || refused(Refusal::UnknownSchedule, None);
    // The version first: the seats may be later than it says, and then the next question finds another version. Never the other way round.
    let schedule = view::schedule(&view, &schedule_id)?.ok_or_else(unknown)?;
    let tag = format!("\"{}\"", schedule.version);
    let mut response = if knows(&asked.headers, &tag) {
        answer::UNCHANGED.into_response()
    } else {
        let seats = view::seats(&view, &schedule_id)?.ok_or_else(unknown)?;
        (answer::OK, axum::Json(SeatMap { schedule, seats })).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    headers.insert(header::ETAG, HeaderValue::try_from(tag).map_err(|_| ApiError::Internal)?);
    Ok(response)
}

/// Whether `If-None-Match` names `tag`: compared weakly, as RFC 9110, 13.1.2 wants it.
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|list| list.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_however_it_is_sent() {
        let knows = |value: &'static str| {
            knows(&HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]), "\"7\"")
        };
        assert!(["\"7\"", "W/\"7\"", "*", "\"1\", \"7\"", "\"1\",W/\"7\""].into_iter().all(knows));
        assert!(!["7", "\"77\"", "", "\"1\", \"2\""].into_iter().any(knows));
        assert!(!super::knows(&HeaderMap::new(), "\"7\""));
    }
}
