//! The seats of a schedule: a house is small or has a million of them, so they come in pages.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::place_id;
use holdfast_model::reservation::keys::SeatKey;
use holdfast_model::reservation::row::House;
use holdfast_model::reservation::state::{SeatState, State};
use holdfast_model::reservation::{PRICES, RESERVATIONS, SCHEDULES, TAKEN};
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// A seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Seat)]
pub struct SeatView {
    /// Its number.
    pub seat_no: u64,
    /// `AVAILABLE`, `TEMPORARY_RESERVED` or `RESERVED`.
    #[schema(schema_with = seat_states)]
    pub status: &'static str,
    /// KRW.
    pub price: u64,
    /// Of a hold: first moment at which it is over unless it is paid. A hold that was extended since is shown with its new deadline, under the same `version`.
    #[serde(rename = "expiresAt", serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub expires_ms: Option<i64>,
}

#[expect(clippy::ref_option, reason = "as serde calls it")]
fn as_text<S: Serializer>(expires_ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    expires_ms.map(rfc3339::to_string).serialize(serializer)
}

fn seat_states() -> Object {
    one_of(SeatState::ALL.map(SeatState::as_str))
}

/// Some seats of a schedule, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SeatPage)]
pub struct SeatPage {
    /// The seats of this page.
    pub seats: Vec<SeatView>,
    /// Where the next page begins; none = this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Where a page of seats begins: number of its first seat. A schedule keeps its seats, so it points to the same one whatever becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatCursor(u64);

impl SeatCursor {
    /// Reads what [`SeatPage::next_cursor`] said; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        place_id::number(text).map(Self)
    }
}

/// All seats of a schedule, by number; none = there is no such schedule. A house may be large: whoever does not know that it is small takes pages.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn seats(task: &TaskView, schedule_id: &str) -> Result<Option<Vec<SeatView>>, QueryError> {
    Ok(seat_page(task, schedule_id, None, usize::MAX)?.map(|page| page.seats))
}

/// At most `limit` seats of a schedule from where `cursor` points, or from the first; none = there is no such schedule. Read and kept in memory is the page,
/// however large the house is and wherever in it the page lies.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn seat_page(
    task: &TaskView,
    schedule_id: &str,
    cursor: Option<SeatCursor>,
    limit: usize,
) -> Result<Option<SeatPage>, QueryError> {
    let Some(schedule) = task.get(&SCHEDULES, &schedule_id.to_owned())? else { return Ok(None) };
    let first = cursor.map_or(0, |SeatCursor(seat_no)| seat_no);
    let prefix = SeatKey::prefix_of_schedule(schedule_id);
    let from = SeatKey { schedule_id: schedule_id.to_owned(), seat_no: first };
    let (mut seats, mut next) = (Vec::new(), None);
    let free = |seat_no, price| SeatView { seat_no, status: SeatState::Available.as_str(), price, expires_ms: None };
    match schedule.house {
        House::OnePrice(price) => {
            let first = first.max(1);
            let end = first.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
            seats.extend((first..=schedule.capacity).take(limit).map(|seat_no| free(seat_no, price)));
            next = (end <= schedule.capacity).then_some(end);
        }
        House::Priced => task.scan_from(&PRICES, &prefix, &from, &mut |key, price| {
            if seats.len() == limit {
                next = Some(key.seat_no);
                return ControlFlow::Break(());
            }
            seats.push(free(key.seat_no, price));
            ControlFlow::Continue(())
        })?,
    }
    if let Some(last) = seats.last().map(|seat| seat.seat_no) {
        let mut taken = BTreeMap::new();
        task.scan_from(&TAKEN, &prefix, &from, &mut |key, row| {
            if key.seat_no > last {
                return ControlFlow::Break(());
            }
            taken.insert(key.seat_no, row.serial);
            ControlFlow::Continue(())
        })?;
        for seat in &mut seats {
            if let Some(serial) = taken.get(&seat.seat_no) {
                let row = task.get(&RESERVATIONS, serial)?;
                let state = row.as_ref().map_or(State::Held, |row| row.state);
                seat.status = state.seat().as_str();
                seat.expires_ms = row.filter(|row| row.state == State::Held).map(|row| row.expires_ms);
            }
        }
    }
    Ok(Some(SeatPage { seats, next_cursor: next.map(|seat_no| seat_no.to_string()) }))
}
