//! What is shown of a user's place on a waitlist.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::reservation::keys::{BuyerKey, EntryKey};
use holdfast_model::reservation::row::AnswerRow;
use holdfast_model::reservation::waitlist::{BlockRow, WaiterRow};
use holdfast_model::reservation::{ANSWERS, ENTRY_BLOCKS, RESERVATIONS, WAITERS, ids};
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use serde::Serialize;
use std::ops::ControlFlow;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// A user's place on the waitlist of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WaitlistPlace)]
pub struct WaitingView {
    /// Of which schedule.
    pub schedule_id: String,
    /// Which user.
    pub user_id: String,
    /// How many entries are on the list up to this one, itself among them; 0 = a seat is held for the user.
    pub position: u64,
    /// `WAITING`, or `OFFERED`: a seat is held for the user until `expiresAt`, and the entry is off the list.
    #[schema(schema_with = statuses)]
    pub status: &'static str,
    /// The reservation that holds the seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<String>,
    /// First moment at which it is over unless it is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

fn statuses() -> Object {
    one_of(["WAITING", "OFFERED"])
}

/// Whose place on which waitlist.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// Which user.
    pub user_id: &'a str,
}

impl Whose<'_> {
    fn shown(self, position: u64, offer: Option<(String, i64)>) -> WaitingView {
        let status = if offer.is_some() { "OFFERED" } else { "WAITING" };
        let (reservation_id, expires_at) = offer.map(|(id, ms)| (id, rfc3339::to_string(ms))).unzip();
        let (schedule_id, user_id) = (self.schedule_id.to_owned(), self.user_id.to_owned());
        WaitingView { schedule_id, user_id, position, status, reservation_id, expires_at }
    }
}

/// The place of a user on the waitlist of a schedule; none = the user does not wait there. `task` is the one in the place of the schedule. It reads the blocks
/// before the entry, one for 256 entries.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn waiting(task: &TaskView, whose: Whose<'_>) -> Result<Option<WaitingView>, QueryError> {
    let key = BuyerKey { schedule_id: whose.schedule_id.to_owned(), user_id: whose.user_id.to_owned() };
    Ok(match task.get(&WAITERS, &key)? {
        None => None,
        Some(WaiterRow::Waiting { number }) => Some(whose.shown(position(task, whose.schedule_id, number)?, None)),
        Some(WaiterRow::Offered { serial, .. }) => {
            let expires_ms = task.get(&RESERVATIONS, &serial)?.map(|row| row.expires_ms);
            let offer = |expires_ms| (ids::reservation(task.place(), serial), expires_ms);
            Some(whose.shown(0, expires_ms.map(offer)))
        }
    })
}

fn position(task: &TaskView, schedule_id: &str, number: u64) -> Result<u64, QueryError> {
    let (own, mut ahead) = (BlockRow::of(number), 0);
    task.scan(&ENTRY_BLOCKS, &EntryKey::prefix_of_waitlist(schedule_id), &mut |key, block| {
        ahead += if key.number < own { block.count() } else { block.before(number) };
        if key.number < own { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(ahead + 1)
}

/// The place that the command `command_id` was told of, as it was then, and whether the command has made it; none = nothing was kept of it.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn told_waiting(
    task: &TaskView,
    command_id: &str,
    whose: Whose<'_>,
) -> Result<Option<(WaitingView, bool)>, QueryError> {
    Ok(match task.get(&ANSWERS, &command_id.to_owned())? {
        Some(AnswerRow::Waiting { position, is_new, .. }) => Some((whose.shown(position, None), is_new)),
        Some(AnswerRow::Offered { serial, expires_ms }) => {
            let offer = (ids::reservation(task.place(), serial), expires_ms);
            Some((whose.shown(0, Some(offer)), false))
        }
        Some(AnswerRow::Reservation { .. } | AnswerRow::Paid) | None => None,
    })
}
