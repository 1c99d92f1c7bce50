//! Concerts, schedules and seats. What these routes say yes and no to is decided in `topologies/src/reservation`.
//!
//! | route | command |
//! |---|---|
//! | `POST /api/concerts`, `POST /api/schedules` | `create-concert`, `create-schedule` ([`catalogue`]) |
//! | `POST /api/schedules/{scheduleId}/cancel` | `cancel-schedule` ([`catalogue`]) |
//! | `POST /reservations`, `/reserve` | `hold` ([`hold`]) |
//! | `POST`, `DELETE /api/schedules/{scheduleId}/waitlist` | `join-waitlist`, `leave-waitlist` ([`waitlist`]) |
//! | `DELETE /reservations/{reservationId}`, `POST …/extend` | `cancel`, `extend` ([`change`]) |
//!
//! A request that changes a reservation names its user, and is answered "no such reservation" when it is another user's. Without the user's id a reservation is
//! shown as its state and its times.

pub mod catalogue;
pub mod change;
pub mod command;
mod faults;
pub mod hold;
mod kept;
pub mod outcome;
pub mod seat_map;
pub mod waitlist;

use super::Api;
use super::error::ApiError;
use super::feature::Feature;
use axum::Router;
use axum::routing::{get, post};
use holdfast_model::reservation::ids;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_ports::place::place_of;
pub(super) use kept::KEPT;
use utoipa::OpenApi;

/// The feature, for the list.
pub const FEATURE: Feature =
    Feature { router, openapi: Document::openapi, made_up_ids: &["concertId", "scheduleId"], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(
    paths(
        catalogue::create_concert, catalogue::list_concerts, catalogue::show_concert, catalogue::create_schedule, catalogue::list_schedules,
        catalogue::show_schedule, catalogue::cancel_schedule, seat_map::seats, hold::hold, hold::reserve, change::show, change::cancel, change::extend,
        outcome::show, waitlist::join, waitlist::show, waitlist::leave,
    ),
    tags((name = "seats", description = "Concerts, schedules, seats and who has them")),
)]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/api/concerts", post(catalogue::create_concert).get(catalogue::list_concerts))
        .route("/api/concerts/{concertId}", get(catalogue::show_concert))
        .route("/api/schedules", post(catalogue::create_schedule).get(catalogue::list_schedules))
        .route("/api/schedules/{scheduleId}", get(catalogue::show_schedule))
        .route("/api/schedules/{scheduleId}/cancel", post(catalogue::cancel_schedule))
        .route("/api/schedules/{scheduleId}/seats", get(seat_map::seats))
        .route("/api/schedules/{scheduleId}/waitlist", post(waitlist::join).get(waitlist::show).delete(waitlist::leave))
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
    place.ok_or_else(|| ApiError::refused(Refusal::UnknownReservation.problem(), None))
}
