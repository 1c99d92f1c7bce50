//! What the query API shows, made of committed rows.

mod payment;
mod seat_map;
mod waitlist;

pub use payment::{PaymentView, payment, payment_statuses, was_paid};
pub use seat_map::{SeatCursor, SeatPage, SeatView, seat_page, seats};
pub use waitlist::{WaitingView, Whose, told_waiting, waiting};

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::reservation::ids;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{AnswerRow, CommandRow, ConcertRow, ReservationRow, ScheduleRow};
use holdfast_model::reservation::serial::{self, Serial};
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::{ANSWERS, COMMANDS, CONCERTS, RESERVATIONS, SCHEDULES, SETTINGS, Settings};
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use serde::Serialize;
use std::ops::ControlFlow;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// A concert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Concert)]
pub struct ConcertView {
    /// Its id.
    pub concert_id: String,
    /// What it is called.
    pub title: String,
    /// When, as people write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// When it was created.
    pub created_at: String,
}

impl ConcertView {
    /// Shows the row of a concert.
    #[must_use]
    pub fn new(concert_id: String, row: ConcertRow) -> Self {
        Self { concert_id, title: row.title, date: row.date, created_at: rfc3339::to_string(row.created_ms) }
    }
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Schedule)]
pub struct ScheduleView {
    /// Its id.
    pub schedule_id: String,
    /// Of which concert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concert_id: Option<String>,
    /// What the concert is called.
    pub concert_title: String,
    /// When, as people write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// When the show begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// First moment of the sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_start: Option<String>,
    /// First moment after the sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_end: Option<String>,
    /// How many seats there are.
    pub capacity: u64,
    /// How many nobody has.
    pub available: u64,
    /// How many are held or being paid.
    pub temporary_reserved: u64,
    /// How many are sold.
    pub reserved: u64,
    /// Whether it has been cancelled; what was taken comes back step by step.
    pub cancelled: bool,
    /// How often its seats have changed.
    pub version: u64,
}

impl ScheduleView {
    /// Shows the row of a schedule.
    #[must_use]
    pub fn new(schedule_id: String, row: ScheduleRow) -> Self {
        Self {
            schedule_id,
            available: row.available(),
            concert_id: row.concert_id,
            concert_title: row.concert_title,
            date: row.date,
            starts_at: row.starts_ms.map(rfc3339::to_string),
            sale_start: row.sale_starts_ms.map(rfc3339::to_string),
            sale_end: row.sale_ends_ms.map(rfc3339::to_string),
            capacity: row.capacity,
            temporary_reserved: row.held,
            reserved: row.reserved,
            cancelled: row.cancelling.is_some(),
            version: row.version,
        }
    }
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reservation)]
pub struct ReservationView {
    /// Its id.
    #[schema(example = "res_2_8000000000113f0c9a5be1d2c47a6b80")]
    pub reservation_id: String,
    /// Whose.
    pub user_id: String,
    /// Of which schedule.
    pub schedule_id: String,
    /// Which seat.
    pub seat_no: u64,
    /// KRW, as it was when the seat was held.
    pub price: u64,
    /// `HELD`, `PAYING`, `CONFIRMED`, `EXPIRED`, `CANCELLED` or `REFUNDED`.
    #[schema(schema_with = states)]
    pub status: &'static str,
    /// When the seat was held.
    pub held_at: String,
    /// First moment at which it is over unless it is paid.
    pub expires_at: String,
    /// Since when it is what it is.
    pub changed_at: String,
    /// The payment that is under way, or that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
}

fn states() -> Object {
    one_of(State::ALL.map(State::as_str))
}

impl ReservationView {
    /// Shows the reservation `serial` of `place`.
    #[must_use]
    pub fn new(place: u32, serial: Serial, row: ReservationRow) -> Self {
        Self {
            reservation_id: ids::reservation(place, serial),
            user_id: row.user_id,
            schedule_id: row.schedule_id,
            seat_no: row.seat_no,
            price: row.price,
            status: row.state.as_str(),
            held_at: rfc3339::to_string(row.held_ms),
            expires_at: rfc3339::to_string(row.expires_ms),
            changed_at: rfc3339::to_string(row.changed_ms),
            payment_id: row.payment_id,
        }
    }
}

/// What anybody may read of a reservation: its state and its times. Not whose it is, what it costs, or how it is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ReservationState)]
pub struct ReservationStateView {
    /// Its id.
    pub reservation_id: String,
    /// Of which schedule.
    pub schedule_id: String,
    /// Which seat.
    pub seat_no: u64,
    /// `HELD`, `PAYING`, `CONFIRMED`, `EXPIRED`, `CANCELLED` or `REFUNDED`.
    #[schema(schema_with = states)]
    pub status: &'static str,
    /// When the seat was held.
    pub held_at: String,
    /// First moment at which it is over unless it is paid.
    pub expires_at: String,
    /// Since when it is what it is.
    pub changed_at: String,
}

impl From<ReservationView> for ReservationStateView {
    fn from(whole: ReservationView) -> Self {
        let ReservationView { reservation_id, schedule_id, seat_no, status, held_at, expires_at, changed_at, .. } =
            whole;
        Self { reservation_id, schedule_id, seat_no, status, held_at, expires_at, changed_at }
    }
}

/// A command and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandView {
    /// Its id.
    pub command_id: String,
    /// `SUCCESS`, `VALIDATION_FAILED`, `NOT_FOUND`, `CONFLICT`, `GONE` or `SYSTEM_ERROR`: see [`super::refusal::Status`].
    pub status: &'static str,
    /// Why it was not done, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it was not done, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reservation it made or spoke of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<String>,
    /// The payment it began, or the one that stood in its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// When it was decided.
    pub decided_at: String,
}

impl CommandView {
    /// Shows a command that has been decided in `place`.
    #[must_use]
    pub fn new(place: u32, command_id: String, row: CommandRow) -> Self {
        Self {
            command_id,
            status: row.status().as_str(),
            code: row.refused.map(Refusal::code),
            reason: row.refused.map(Refusal::reason),
            reservation_id: row.serial.map(|serial| ids::reservation(place, serial)),
            payment_id: row.payment_id,
            decided_at: rfc3339::to_string(row.decided_ms),
        }
    }
}

/// The concert `concert_id`. `task` is the one in the place of its id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn concert(task: &TaskView, concert_id: &str) -> Result<Option<ConcertView>, QueryError> {
    let concert_id = concert_id.to_owned();
    let row = task.get(&CONCERTS, &concert_id)?;
    Ok(row.map(|row| ConcertView::new(concert_id, row)))
}

/// All concerts of a place, by id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn concerts(task: &TaskView) -> Result<Vec<ConcertView>, QueryError> {
    let mut found = Vec::new();
    task.scan(&CONCERTS, &[], &mut |concert_id, row| {
        found.push(ConcertView::new(concert_id, row));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The schedule `schedule_id`. `task` is the one in the place of its id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn schedule(task: &TaskView, schedule_id: &str) -> Result<Option<ScheduleView>, QueryError> {
    let schedule_id = schedule_id.to_owned();
    let row = task.get(&SCHEDULES, &schedule_id)?;
    Ok(row.map(|row| ScheduleView::new(schedule_id, row)))
}

/// All schedules of a place, by id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn schedules(task: &TaskView) -> Result<Vec<ScheduleView>, QueryError> {
    let mut found = Vec::new();
    task.scan(&SCHEDULES, &[], &mut |schedule_id, row| {
        found.push(ScheduleView::new(schedule_id, row));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The reservation `reservation_id`. `task` is the one in the place of its id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn reservation(task: &TaskView, reservation_id: &str) -> Result<Option<ReservationView>, QueryError> {
    let Some((place, serial)) = ids::parse_reservation(reservation_id) else { return Ok(None) };
    if place != task.place() {
        return Ok(None);
    }
    let row = task.get(&RESERVATIONS, &serial)?;
    Ok(row.map(|row| ReservationView::new(place, serial, row)))
}

/// The reservation `serial` as the command `command_id` was told of it: as it was then, whatever has become of it.
/// `cancelled_ms`: when the command has cancelled it, unless something else is kept.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn told_reservation(
    task: &TaskView,
    command_id: &str,
    serial: Serial,
    cancelled_ms: Option<i64>,
) -> Result<Option<ReservationRow>, QueryError> {
    let Some(mut row) = task.get(&RESERVATIONS, &serial)? else { return Ok(None) };
    match (task.get(&ANSWERS, &command_id.to_owned())?, cancelled_ms) {
        (Some(AnswerRow::Reservation { state, changed_ms, expires_ms, payment_id }), _) => {
            (row.state, row.changed_ms, row.expires_ms, row.payment_id) = (state, changed_ms, expires_ms, payment_id);
        }
        (_, Some(cancelled_ms)) => (row.state, row.changed_ms) = (State::Cancelled, cancelled_ms),
        (_, None) => {}
    }
    Ok(Some(row))
}

/// The deadline that a reservation was granted with. Extensions have moved it since; how long holds lasted then the settings of that time say.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn first_deadline(task: &TaskView, serial: Serial, row: &ReservationRow) -> Result<i64, QueryError> {
    if row.extensions == 0 {
        return Ok(row.expires_ms);
    }
    let (mut hold_ms, made_at) = (None, serial::offset(serial));
    task.scan(&SETTINGS, &[], &mut |since, kept| {
        if since > made_at {
            return ControlFlow::Break(());
        }
        hold_ms = Settings::from_json(&kept.json).map(|settings| settings.hold_ms);
        ControlFlow::Continue(())
    })?;
    Ok(hold_ms.map_or(row.expires_ms, |hold_ms| row.held_ms.saturating_add(hold_ms)))
}

/// The command `command_id`, once it is decided. `task` is the one in the place the command was appended to.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn command(task: &TaskView, command_id: &str) -> Result<Option<CommandView>, QueryError> {
    let command_id = command_id.to_owned();
    let row = task.get_kept(&COMMANDS, &command_id)?;
    Ok(row.map(|row| CommandView::new(task.place(), command_id, row)))
}
