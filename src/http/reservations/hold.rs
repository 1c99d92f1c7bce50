//! Asking for a seat. The answer waits for the decision, since it carries the deadline that the log's clock has set.

use super::command::{Answer, SeatOrder, refusal};
use super::place_of_id;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Principal, Undecided};
use crate::http::extract;
use crate::http::fields::{both, id};
use crate::http::guards::QueueToken;
use crate::http::intake::Asked;
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::reservation::message::{Command, Hold};
use holdfast_model::reservation::row::{CommandRow, ReservationRow};
use holdfast_model::reservation::{ANSWERS, ids, serial};
use holdfast_model::rfc3339;
use holdfast_model::wire::{self, Id};
use holdfast_topologies::reservation::view;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Both paths are one route to an idempotency key.
const ROUTE: &str = "POST /reservations";

/// A wish for a seat. Ids and numbers may be either.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HoldBody {
    /// For which user.
    #[schema(value_type = Id<'static>, required = true, example = "user_123")]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// Of which schedule.
    #[schema(value_type = Id<'static>, required = true, example = "schedule_456")]
    #[serde(default, deserialize_with = "wire::id_if")]
    schedule_id: Option<String>,
    /// Which seat, from 1.
    #[schema(value_type = Id<'static>, required = true, example = 1)]
    #[serde(default, deserialize_with = "wire::id_if")]
    seat_no: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// A seat that is held, and what a client needs to pay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Held {
    #[schema(example = "res_2_8000000000113f0c9a5be1d2c47a6b80")]
    reservation_id: String,
    /// First moment at which it is over unless it is paid.
    #[schema(example = "2026-02-28T14:06:00.000Z")]
    expires_at: String,
    user_id: String,
    schedule_id: String,
    seat_no: u64,
    /// KRW.
    #[schema(example = 50000)]
    price: u64,
}

/// Holds a seat until `expiresAt`.
///
/// A user that asks again for the seat that it holds gets the same hold, with 200: of any number of requests for one seat one is answered 201. A hold that is
/// not paid before `expiresAt` is over at that moment. A repetition under its `Idempotency-Key` is answered as the first time, also when the hold is over.
#[utoipa::path(post, path = "/reservations", tag = "seats",
    params(openapi::IdempotencyKey, QueueToken),
    request_body = HoldBody,
    responses(
        (status = 201, description = "The seat is held", body = Held),
        (status = 200, description = "It is held by the same user already", body = Held),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 403, description = "A queue guards the schedule, and `X-Queue-Token` is no token of an admission that is live (`QUEUE_NOT_ACTIVE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule (`SCHEDULE_NOT_FOUND`) or seat (`SEAT_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody has it (`SEAT_ALREADY_RESERVED`), not on sale, or too many seats", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The schedule has been cancelled, or the show has begun (`SHOW_ALREADY_STARTED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn hold(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let body: HoldBody = extract::json(&asked.headers, &asked.body)?;
    let ids = both(id("userId", body.user_id), id("scheduleId", body.schedule_id));
    let ((user_id, schedule_id), seat_no) = both(ids, id("seatNo", body.seat_no))?;
    let call = Call { place: place_of_id(&api, &schedule_id), route: ROUTE, request_id: body.request_id };
    let order = |_: &TaskView| {
        let command = Command::Hold(Hold { user_id: user_id.clone(), schedule_id: schedule_id.clone(), seat_no });
        Ok(SeatOrder::new(user_id, schedule_id, command, Holding))
    };
    api.execute(Principal::Anonymous, asked, call, order).await
}

/// The same as `/reservations`.
#[utoipa::path(post, path = "/reserve", tag = "seats",
    params(openapi::IdempotencyKey, QueueToken),
    request_body = HoldBody,
    responses(
        (status = 201, description = "As of `/reservations`, with all its answers", body = Held),
        (status = 200, description = "It is held by the same user already", body = Held),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 403, description = "A queue guards the schedule, and `X-Queue-Token` is no token of an admission that is live (`QUEUE_NOT_ACTIVE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule or seat", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody has the seat, it is not on sale, or the user has too many", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The schedule has been cancelled", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn reserve(api: State<Api>, asked: Asked) -> Result<Response, ApiError> {
    hold(api, asked).await
}

/// Answers a hold.
struct Holding;

impl Answer for Holding {
    type Outcome = CommandRow;

    async fn decided(&self, at: &At<'_>, _: &Command, outcome: CommandRow) -> Result<Response, ApiError> {
        if let Some(refused) = outcome.refused {
            return Ok(refusal(refused, at));
        }
        let serial = outcome.serial.ok_or(ApiError::Internal)?;
        let mut row = view::told_reservation(at.view, at.id, serial, None)?.ok_or(ApiError::Internal)?;
        // Only a command that has made none is told of one as it was.
        let repeats = at.view.get(&ANSWERS, at.id)?.is_some();
        // A reservation is named by the record that made it. Where a repetition is answered, its record is not known: by the first rules only the time was.
        let is_named = at.offset.is_some_and(|offset| offset.unsigned_abs() == serial::offset(serial));
        let made = is_named || at.keyed && (serial::is_secret(serial) || outcome.decided_ms == row.held_ms);
        let is_new = made && !repeats;
        if !repeats {
            row.expires_ms = view::first_deadline(at.view, serial, &row)?;
        }
        let held = held(ids::reservation(at.view.place(), serial), row);
        let location = HeaderValue::try_from(format!("/reservations/{}", held.reservation_id));
        let mut response = (if is_new { answer::CREATED } else { answer::OK }, axum::Json(held)).into_response();
        response.headers_mut().insert(header::LOCATION, location.map_err(|_| ApiError::Internal)?);
        Ok(response)
    }
}

fn held(reservation_id: String, row: ReservationRow) -> Held {
    Held {
        reservation_id,
        expires_at: rfc3339::to_string(row.expires_ms),
        user_id: row.user_id,
        schedule_id: row.schedule_id,
        seat_no: row.seat_no,
        price: row.price,
    }
}
