//! Concerts, schedules and seats. What these routes say yes and no to is decided in `topologies/src/reservation`.
//!
//! | route | command |
//! |---|---|
//! | `POST /api/concerts`, `POST /api/schedules` | `create-concert`, `create-schedule` ([`catalogue`]) |
//! | `POST /api/schedules/{scheduleId}/cancel` | `cancel-schedule` ([`catalogue`]) |
//! | `POST /reservations`, `/reserve` | `hold` ([`hold`]) |
//! | `DELETE /reservations/{reservationId}`, `POST …/extend` | `cancel`, `extend` ([`change`]) |
//!
//! A request that changes a reservation names its user, and is answered "no such reservation" when it is another user's. Without the user's id a reservation is
//! shown as its state and its times.

pub mod catalogue;
pub mod change;
mod faults;
pub mod hold;
pub mod outcome;
pub mod seat_map;

use super::Api;
use super::carry::{Carried, Identity, accepted};
use super::error::{ApiError, Refused};
use super::intake::{self, Asked};
use crate::unique;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use holdfast_engine::inspect::TaskView;
use holdfast_model::place_id::{self, Kind};
use holdfast_model::reservation::message::{Command, Message};
use holdfast_model::reservation::refusal::{Refusal, Status};
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::reservation::{COMMANDS, INBOX, NAME, ids};
use holdfast_ports::place::place_of;
use serde::Serialize;

/// Status of what is in the log and not decided.
pub(super) const PENDING: &str = "PENDING";

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/api/concerts", post(catalogue::create_concert).get(catalogue::list_concerts))
        .route("/api/concerts/{concertId}", get(catalogue::show_concert))
        .route("/api/schedules", post(catalogue::create_schedule).get(catalogue::list_schedules))
        .route("/api/schedules/{scheduleId}", get(catalogue::show_schedule))
        .route("/api/schedules/{scheduleId}/cancel", post(catalogue::cancel_schedule))
        .route("/api/schedules/{scheduleId}/seats", get(seat_map::seats))
        .route("/reservations", post(hold::hold))
        .route("/reserve", post(hold::reserve))
        .route("/reservations/{reservationId}", get(change::show).delete(change::cancel))
        .route("/reservations/{reservationId}/extend", post(change::extend))
        .route("/reservations/requests/{requestId}", get(outcome::show))
}

/// The place that decides about a schedule or a concert.
fn place_of_id(api: &Api, id: &str) -> u32 {
    place_of(id.as_bytes(), api.settings.places)
}

/// The place that decides about a reservation.
///
/// # Errors
/// 404 for an id that no reservation of this app can have.
fn place_of_reservation(api: &Api, id: &str) -> Result<u32, ApiError> {
    let place = ids::parse_reservation(id).map(|(place, _)| place).filter(|place| *place < api.settings.places);
    place.ok_or_else(|| refused(Refusal::UnknownReservation, None))
}

/// Why a command was not done, as an answer.
pub(super) fn refused(refusal: Refusal, request_id: Option<String>) -> ApiError {
    let kind = match refusal.status() {
        Status::ValidationFailed => Refused::Invalid,
        Status::NotFound => Refused::NotFound,
        Status::Success | Status::Conflict => Refused::Conflict,
        Status::Gone => Refused::Gone,
        Status::SystemError => Refused::Fault,
    };
    ApiError::Refused { kind, code: refusal.code(), detail: refusal.reason(), request_id }
}

/// The id of a command of `place`: of an earlier turn, of its key, or a new one.
pub(super) async fn command_id(
    api: &Api,
    view: &TaskView,
    asked: &Asked,
    identity: &Identity<'_>,
) -> Result<String, ApiError> {
    if let Some(resumed) = asked.resumed() {
        return Ok(resumed.id);
    }
    let unique = identity.unique(api);
    let id = place_id::format(Kind::Request, view.place(), &unique);
    if identity.key.is_some() {
        let is_there = |task: &TaskView| {
            Ok(task.get(&COMMANDS, &place_id::format(Kind::Request, task.place(), &unique))?.is_some())
        };
        api.refuse_reuse(NAME, view, &id, is_there).await?;
    }
    Ok(id)
}

/// Has a command decided under `id`, in the place of `view`. What was refused is an outcome, too.
pub(super) async fn carry_out(
    api: &Api,
    view: &TaskView,
    asked: &Asked,
    record_key: &str,
    id: &str,
    keyed: bool,
    command: Command,
) -> Result<Carried<CommandRow>, ApiError> {
    // What is made by it is named after the nonce; what changes something has no use for one.
    let nonce = matches!(command, Command::Hold(_)).then(unique::nonce);
    let message = Message { requested_at: Some(api.clock.now_ms().into()), nonce, ..Message::new(id, command) };
    let (value, fingerprint, row_key) = (message.to_json(), message.command.fingerprint(), id.to_owned());
    let kind = "reservation.command";
    let record = intake::Command { topic: INBOX, place: view.place(), key: record_key, value: &value, id, kind };
    let outcome = || match view.get(&COMMANDS, &row_key)? {
        Some(row) if row.fingerprint != fingerprint => Err(ApiError::IdempotencyKeyReused),
        row => Ok(row),
    };
    api.carry_out(view, asked, &record, keyed, outcome).await
}

/// A command that is in the log and not decided in time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Undecided<'a> {
    status: &'static str,
    request_id: &'a str,
}

pub(super) fn undecided(id: &str, view: &TaskView, offset: i64, moved: Option<ApiError>) -> Response {
    let body = Undecided { status: PENDING, request_id: id };
    accepted(&body, &format!("/reservations/requests/{id}"), view, Some(offset), moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_answer_of_the_page() {
        let shown = |refusal| match refused(refusal, None) {
            ApiError::Refused { kind, code, .. } => (kind, code),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(Refusal::SeatTaken), (Refused::Conflict, "SEAT_ALREADY_RESERVED"));
        assert_eq!(shown(Refusal::UnknownSeat), (Refused::NotFound, "SEAT_NOT_FOUND"));
        assert_eq!(shown(Refusal::ReservationExpired), (Refused::Gone, "RESERVATION_EXPIRED"));
        assert_eq!(shown(Refusal::AmountMismatch), (Refused::Invalid, "AMOUNT_MISMATCH"));
        assert_eq!(shown(Refusal::System), (Refused::Fault, "SYSTEM_ERROR"));
    }
}
