//! Rows that decisions share, and moves that keep them in step.

use crate::reservation::Reservation;
use crate::reservation::decide;
use crate::reservation::invariants;
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::reservation::keys::{BuyerKey, SeatKey};
use holdfast_model::reservation::row::{BuyerRow, House, ReservationRow, ScheduleRow, TakenRow};
use holdfast_model::reservation::serial::{self, Secret, Serial};
use holdfast_model::reservation::state::{SeatState, State};
use holdfast_model::reservation::{BUYERS, PRICES, RESERVATIONS, SCHEDULES, TAKEN, ids};

impl CommandContext<'_, '_, Reservation> {
    /// A schedule, its counts checked.
    pub(super) fn schedule(&mut self, schedule_id: &str) -> Result<Option<ScheduleRow>, ProcessError> {
        let row = self.ctx.get(&SCHEDULES, &schedule_id.to_owned())?;
        if let Some(row) = &row {
            invariants::schedule(schedule_id, row)
                .map_err(|broken| ProcessError::fail("BrokenSchedule", broken.to_string()))?;
        }
        Ok(row)
    }

    /// What a reservation that this record makes is called.
    pub(super) fn serial(&self, nonce: Option<&str>) -> Serial {
        // Offsets are never negative.
        let offset = self.ctx.offset().unsigned_abs();
        if !self.settings.has_second_rules() {
            return offset.into();
        }
        let secret = match nonce {
            Some(nonce) => Secret::of_nonce(nonce),
            None => Secret::of_record(self.words, self.ctx.now_ms()),
        };
        serial::made(offset, secret)
    }

    /// The reservation that `id` names, with its serial, if there is one in this place.
    pub(super) fn reservation(&mut self, id: &str) -> Result<Option<(Serial, ReservationRow)>, ProcessError> {
        match ids::parse_reservation(id) {
            Some((place, serial)) if place == self.ctx.place() => {
                Ok(self.ctx.get(&RESERVATIONS, &serial)?.map(|row| (serial, row)))
            }
            _ => Ok(None),
        }
    }

    /// What a seat costs, if the schedule has it.
    pub(super) fn price(&mut self, schedule: &ScheduleRow, key: &SeatKey) -> Result<Option<u64>, ProcessError> {
        match schedule.house {
            House::OnePrice(price) => Ok((1..=schedule.capacity).contains(&key.seat_no).then_some(price)),
            House::Priced => self.ctx.get(&PRICES, key),
        }
    }

    /// Makes the reservation `serial` of the seat and the user of `keys`, which nobody has yet, in books that were read for it. Returns its schedule as it
    /// is then.
    pub(super) fn open(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        keys: (&SeatKey, &BuyerKey),
        books: (ScheduleRow, BuyerRow),
    ) -> Result<ScheduleRow, ProcessError> {
        let (seat_key, buyer_key) = keys;
        let schedule = self.count(None, row, buyer_key, books)?;
        self.ctx.put(&TAKEN, seat_key, &TakenRow { serial })?;
        self.ctx.put(&RESERVATIONS, &serial, row)?;
        Ok(schedule)
    }

    /// Moves a reservation, its seat and all counts: one transition. Returns its schedule as it is then.
    pub(super) fn shift(
        &mut self,
        serial: Serial,
        row: &mut ReservationRow,
        to: State,
    ) -> Result<ScheduleRow, ProcessError> {
        if !row.state.may_become(to) {
            let from = row.state;
            return Err(ProcessError::fail("IllegalMove", format!("reservation {serial}: {from:?} to {to:?}")));
        }
        let from = std::mem::replace(&mut row.state, to);
        row.changed_ms = self.ctx.now_ms();
        let schedule = self
            .schedule(&row.schedule_id)?
            .ok_or_else(|| ProcessError::fail("NoSchedule", format!("a reservation of {:?}", row.schedule_id)))?;
        let schedule = if from.seat() == to.seat() {
            schedule
        } else {
            let key = BuyerKey { schedule_id: row.schedule_id.clone(), user_id: row.user_id.clone() };
            let buyer = self.ctx.get(&BUYERS, &key)?.unwrap_or_default();
            if from.seat() == SeatState::TemporaryReserved {
                self.offer_ended(serial, &key)?;
            }
            self.count(Some(from), row, &key, (schedule, buyer))?
        };
        if from.seat() != SeatState::Available && to.seat() == SeatState::Available {
            self.ctx.delete(&TAKEN, &seat_key(row))?;
        }
        self.ctx.put(&RESERVATIONS, &serial, row)?;
        Ok(schedule)
    }

    fn count(
        &mut self,
        from: Option<State>,
        row: &ReservationRow,
        key: &BuyerKey,
        books: (ScheduleRow, BuyerRow),
    ) -> Result<ScheduleRow, ProcessError> {
        let (mut schedule, mut buyer) = books;
        decide::tally(from, row.state, &mut schedule, &mut buyer)
            .map_err(|broken| ProcessError::fail("BrokenBooks", broken.to_string()))?;
        schedule.version += 1;
        self.ctx.put(&SCHEDULES, &row.schedule_id, &schedule)?;
        if buyer.open + buyer.bought == 0 {
            self.ctx.delete(&BUYERS, key)?;
        } else {
            self.ctx.put(&BUYERS, key, &buyer)?;
        }
        Ok(schedule)
    }
}

pub(super) fn seat_key(row: &ReservationRow) -> SeatKey {
    SeatKey { schedule_id: row.schedule_id.clone(), seat_no: row.seat_no }
}
