//! The waitlist of a sold-out schedule: joined, left, and looked at by the user that waits.

use super::command::{Answer, SeatOrder, refusal};
use super::place_of_id;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Principal, Undecided};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{self, id};
use crate::http::intake::Asked;
use crate::http::{Api, location, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::reservation::NAME;
use holdfast_model::reservation::message::{Command, JoinWaitlist, LeaveWaitlist};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::schema::one_of;
use holdfast_model::wire::{self, Id};
use holdfast_topologies::reservation::view::{self, WaitingView, Whose};
use serde::{Deserialize, Serialize};
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};

/// The user that waits.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WaitlistEntryBody)]
#[serde(rename_all = "camelCase")]
struct JoinBody {
    /// Which user.
    #[schema(value_type = Id<'static>, required = true, example = "user_123")]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// The user that waits no more.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaveBody {
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Query of the user's place.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct PlaceQuery {
    /// The user that waits.
    #[param(required = true)]
    user_id: Option<String>,
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there.
    after: Option<String>,
}

/// Query of a user that waits no more.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct LeaveQuery {
    /// The user that waits no more; may stand in the body instead. One of the two is required.
    user_id: Option<String>,
}

/// A user that has left the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Left {
    schedule_id: String,
    user_id: String,
    #[schema(schema_with = left)]
    status: &'static str,
}

fn left() -> Object {
    one_of(["LEFT"])
}

/// Joins the waitlist of a schedule that has no seat left.
///
/// A user has one entry: a user that joins again is told its place, with 200. What becomes of a seat that is released the schedule says (`waitlist`):
/// `OPEN`: it is free for everybody, and the first of the list get the notice `SEAT_OPENED`; `OFFER`: it is held for the head of the list as by
/// `POST /reservations`, the notice brings `reservationId` and `expiresAt`, and if it is not paid by then the next head gets it. A user that gets a seat, by an
/// offer or otherwise, is off the list. A repetition under its `Idempotency-Key` is answered as the first time.
#[utoipa::path(post, path = "/api/schedules/{scheduleId}/waitlist", tag = "seats",
    params(("scheduleId" = String, Path), openapi::IdempotencyKey),
    request_body = JoinBody,
    responses(
        (status = 201, description = "The user waits", body = WaitingView),
        (status = 200, description = "The user waits already, or a seat is held for the user", body = WaitingView),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 404, description = "No such schedule", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There are seats (`SEATS_AVAILABLE`), the schedule is not on sale, or the user may have no more seats", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The schedule has been cancelled, or the show has begun (`SHOW_ALREADY_STARTED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn join(
    State(api): State<Api>,
    Params(schedule_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: JoinBody = extract::json(&asked.headers, &asked.body)?;
    let user_id = id("userId", body.user_id)?;
    let schedule_id = id("scheduleId", Some(schedule_id))?;
    let call = Call {
        place: place_of_id(&api, &schedule_id),
        route: "POST /api/schedules/{scheduleId}/waitlist",
        request_id: body.request_id,
    };
    let command = JoinWaitlist { schedule_id: schedule_id.clone(), user_id: user_id.clone() };
    let order = SeatOrder::new(user_id, schedule_id, Command::JoinWaitlist(command), Waiting);
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// The place of a user on the waitlist of a schedule.
#[utoipa::path(get, path = "/api/schedules/{scheduleId}/waitlist", tag = "seats",
    params(("scheduleId" = String, Path), PlaceQuery),
    responses(
        (status = 200, description = "The place, or the seat that is held for the user", body = WaitingView),
        (status = 404, description = "No such schedule, or the user does not wait (`WAITLIST_ENTRY_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The schedule has been cancelled", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No user is named, or `after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(schedule_id): Params<String>,
    Query(query): Query<PlaceQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let user_id = id("userId", query.user_id)?;
    let place = place_of_id(&api, &schedule_id);
    let refused = |refusal: Refusal| ApiError::refused(refusal.problem(), None);
    let look = |view: &TaskView| {
        let schedule = view::schedule(view, &schedule_id)?.ok_or_else(|| refused(Refusal::UnknownSchedule))?;
        if schedule.cancelled {
            return Err(refused(Refusal::ScheduleCancelled));
        }
        let whose = Whose { schedule_id: &schedule_id, user_id: &user_id };
        let waiting = view::waiting(view, whose)?.ok_or_else(|| refused(Refusal::NotWaiting))?;
        Ok(answer::current(&waiting))
    };
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// Leaves the waitlist of a schedule.
///
/// A user that a seat is held for is off the list already (`WAITLIST_OFFER_OPEN`): `DELETE /reservations/{reservationId}` gives the seat back.
#[utoipa::path(delete, path = "/api/schedules/{scheduleId}/waitlist", tag = "seats",
    params(("scheduleId" = String, Path), LeaveQuery, openapi::IdempotencyKey),
    responses(
        (status = 200, description = "The user waits no more", body = Left),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 404, description = "No such schedule, or the user does not wait (`WAITLIST_ENTRY_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A seat is held for the user (`WAITLIST_OFFER_OPEN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No user is named, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn leave(
    State(api): State<Api>,
    Params(schedule_id): Params<String>,
    Query(query): Query<LeaveQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: LeaveBody = match asked.body.0.is_empty() {
        true => LeaveBody::default(),
        false => extract::json(&asked.headers, &asked.body)?,
    };
    let user_id = fields::user_id(body.user_id, query.user_id)?;
    let schedule_id = id("scheduleId", Some(schedule_id))?;
    let call = Call {
        place: place_of_id(&api, &schedule_id),
        route: "DELETE /api/schedules/{scheduleId}/waitlist",
        request_id: body.request_id,
    };
    let command = LeaveWaitlist { schedule_id: schedule_id.clone(), user_id: user_id.clone() };
    let order = SeatOrder::new(user_id, schedule_id, Command::LeaveWaitlist(command), Waiting);
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// Answers a user that waits, or waits no more.
struct Waiting;

impl Answer for Waiting {
    type Outcome = CommandRow;

    async fn decided(&self, at: &At<'_>, command: &Command, outcome: CommandRow) -> Result<Response, ApiError> {
        if let Some(refused) = outcome.refused {
            return Ok(refusal(refused, at));
        }
        match command {
            Command::JoinWaitlist(JoinWaitlist { schedule_id, user_id }) => {
                let whose = Whose { schedule_id, user_id };
                // By the first rules nothing is kept of an answer: then it is told as it is now.
                let (place, is_new) = match view::told_waiting(at.view, at.id, whose)? {
                    Some(told) => told,
                    None => (view::waiting(at.view, whose)?.ok_or(ApiError::Internal)?, false),
                };
                Ok(joined(&place, is_new))
            }
            Command::LeaveWaitlist(LeaveWaitlist { schedule_id, user_id }) => {
                let (schedule_id, user_id) = (schedule_id.clone(), user_id.clone());
                Ok(answer::current(&Left { schedule_id, user_id, status: "LEFT" }))
            }
            _ => Err(ApiError::Internal),
        }
    }
}

fn joined(place: &WaitingView, is_new: bool) -> Response {
    let status = if is_new { answer::CREATED } else { answer::OK };
    let mut response = (status, axum::Json(place)).into_response();
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("userId", &place.user_id).finish();
    let path = location::path("/api/schedules", &place.schedule_id);
    if let Ok(location) = HeaderValue::try_from(format!("{path}/waitlist?{query}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
