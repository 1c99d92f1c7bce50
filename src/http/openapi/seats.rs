//! Shapes of concerts, schedules, seats and reservations.

use super::fields::{Id, When};
use serde::Serialize;
use utoipa::ToSchema;

/// A wish for a seat. Ids and numbers may be either.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct HoldBody {
    #[schema(example = "user_123")]
    user_id: Id,
    #[schema(example = "schedule_456")]
    schedule_id: Id,
    #[schema(example = 1)]
    seat_no: Id,
    /// Instead of `Idempotency-Key`.
    request_id: Option<Id>,
}

/// A seat that is held.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Held {
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

/// Taken in, not decided.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Undecided {
    #[schema(example = "PENDING")]
    status: String,
    request_id: String,
}

/// What became of a request about seats.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Outcome {
    request_id: String,
    status: OutcomeStatus,
    /// Why it was not done, for programs.
    code: Option<String>,
    /// Why it was not done, in Korean.
    reason: Option<String>,
    reservation_id: Option<String>,
    payment_id: Option<String>,
    decided_at: Option<String>,
}

/// What became of a request about seats.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum OutcomeStatus {
    Pending,
    Success,
    ValidationFailed,
    NotFound,
    Conflict,
    Gone,
    SystemError,
}

/// The user that asks.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct UserBody {
    /// Here or as `?userId=`.
    user_id: Option<Id>,
    /// Instead of `Idempotency-Key`.
    request_id: Option<Id>,
}

/// A reservation.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Reservation {
    reservation_id: String,
    user_id: String,
    schedule_id: String,
    seat_no: u64,
    /// KRW, as it was when the seat was held.
    price: u64,
    status: ReservationStatus,
    held_at: String,
    expires_at: String,
    /// Since when it is what it is.
    changed_at: String,
    /// The payment that is under way, or that was made.
    payment_id: Option<String>,
    /// KRW on their way back: in answers to a cancellation.
    refund_amount: Option<u64>,
    /// KRW that are kept, by the days before the show: in answers to a cancellation.
    fee: Option<u64>,
}

/// A reservation as it is shown: `userId`, `price` and `paymentId` only to its user.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ShownReservation {
    reservation_id: String,
    /// Only with `?userId=` of its user.
    user_id: Option<String>,
    schedule_id: String,
    seat_no: u64,
    /// KRW, as it was when the seat was held. Only with `?userId=` of its user.
    price: Option<u64>,
    status: ReservationStatus,
    held_at: String,
    expires_at: String,
    /// Since when it is what it is.
    changed_at: String,
    /// The payment that is under way, or that was made. Only with `?userId=` of its user.
    payment_id: Option<String>,
}

/// Where a reservation is in its life.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReservationStatus {
    Held,
    Paying,
    Confirmed,
    Expired,
    Cancelled,
    Refunded,
}

/// A concert to be created.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ConcertBody {
    #[schema(example = "concert_1")]
    concert_id: Id,
    #[schema(example = "아이유 콘서트")]
    title: String,
    /// As people write it.
    #[schema(example = "2026-03-15")]
    date: Option<String>,
    /// Instead of `Idempotency-Key`.
    request_id: Option<Id>,
}

/// A concert.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Concert {
    concert_id: String,
    title: String,
    date: Option<String>,
    created_at: String,
}

/// Concerts.
#[derive(ToSchema)]
pub(crate) struct Concerts {
    concerts: Vec<Concert>,
}

/// A schedule to be created.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ScheduleBody {
    #[schema(example = "schedule_456")]
    schedule_id: Id,
    /// Of which concert.
    concert_id: Option<Id>,
    /// What the concert is called; missing = as `concertId` says.
    concert_title: Option<String>,
    /// As people write it; missing = as `concertId` says.
    date: Option<String>,
    /// When the show begins, RFC 3339 or epoch ms: fees of a cancellation depend on it.
    starts_at: Option<When>,
    /// First moment of the sale, RFC 3339 or epoch ms; missing = at once.
    sale_start: Option<When>,
    /// First moment after the sale, RFC 3339 or epoch ms; missing = never.
    sale_end: Option<When>,
    seats: Seats,
    limits: Option<Limits>,
    /// Instead of `Idempotency-Key`.
    request_id: Option<Id>,
}

/// Which seats a schedule has.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Seats {
    /// So many, numbered from 1, at one price.
    Block(SeatBlock),
    /// These.
    Each(Vec<PricedSeat>),
}

/// Seats at one price.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeatBlock {
    #[schema(example = 50)]
    count: u64,
    /// KRW.
    #[schema(example = 50000)]
    price: u64,
}

/// A seat with a price of its own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PricedSeat {
    #[schema(value_type = Id)]
    seat_no: String,
    /// KRW.
    price: u64,
}

/// Limits of a schedule.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Limits {
    /// Most seats of one user.
    seats_per_user: Option<u32>,
    /// Most of them that may be unpaid.
    open_holds: Option<u32>,
}

/// A schedule.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Schedule {
    schedule_id: String,
    concert_id: Option<String>,
    concert_title: String,
    date: Option<String>,
    starts_at: Option<String>,
    sale_start: Option<String>,
    sale_end: Option<String>,
    capacity: u64,
    available: u64,
    /// Held or being paid.
    temporary_reserved: u64,
    /// Sold.
    reserved: u64,
    cancelled: bool,
    /// How often its seats have changed.
    version: u64,
}

/// Schedules.
#[derive(ToSchema)]
pub(crate) struct Schedules {
    schedules: Vec<Schedule>,
}

/// A schedule and its seats.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct SeatMap {
    schedule_id: String,
    concert_id: Option<String>,
    concert_title: String,
    date: Option<String>,
    starts_at: Option<String>,
    sale_start: Option<String>,
    sale_end: Option<String>,
    capacity: u64,
    available: u64,
    temporary_reserved: u64,
    reserved: u64,
    cancelled: bool,
    version: u64,
    /// By number: all of them, or those of a page.
    seats: Vec<Seat>,
    /// `cursor` of the next page; missing = there is none.
    next_cursor: Option<String>,
}

/// A seat.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Seat {
    seat_no: u64,
    status: SeatStatus,
    /// KRW.
    price: u64,
}

/// What a seat is.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SeatStatus {
    Available,
    TemporaryReserved,
    Reserved,
}
