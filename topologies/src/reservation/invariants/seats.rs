//! Seats have one owner each, and are counted.

use super::{Books, Broken, schedule};
use holdfast_model::reservation::keys::{BuyerKey, SeatKey};
use holdfast_model::reservation::row::{BuyerRow, House, ReservationRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::SeatState;
use std::collections::BTreeMap;

impl Books {
    fn live(&self) -> impl Iterator<Item = (Serial, &ReservationRow)> {
        self.reservations
            .iter()
            .filter(|(_, row)| row.state.seat() != SeatState::Available)
            .map(|(serial, row)| (*serial, row))
    }

    fn has_seat(&self, key: &SeatKey) -> bool {
        self.schedules.get(&key.schedule_id).is_some_and(|row| match row.house {
            House::OnePrice(_) => (1..=row.capacity).contains(&key.seat_no),
            House::Priced => self.prices.contains_key(key),
        })
    }

    /// Each seat has at most one live owner, and its row names him.
    pub(super) fn check_seats(&self) -> Result<(), Broken> {
        let mut owners: BTreeMap<SeatKey, Vec<Serial>> = BTreeMap::new();
        for (serial, row) in self.live() {
            let key = SeatKey { schedule_id: row.schedule_id.clone(), seat_no: row.seat_no };
            owners.entry(key).or_default().push(serial);
        }
        for key in self.taken.keys() {
            owners.entry(key.clone()).or_default();
        }
        for (key, live) in owners {
            let taken = self.taken.get(&key).map(|row| row.serial);
            if live.as_slice() != taken.as_slice() || !self.has_seat(&key) {
                let SeatKey { schedule_id, seat_no } = key;
                return Err(Broken::Seat { schedule_id, seat_no, taken, live });
            }
        }
        Ok(())
    }

    pub(super) fn check_counts(&self) -> Result<(), Broken> {
        for (schedule_id, row) in &self.schedules {
            schedule(schedule_id, row)?;
            let count = |seat| {
                self.live().filter(|(_, row)| row.schedule_id == *schedule_id && row.state.seat() == seat).count()
                    as u64
            };
            let (counted, found) =
                ((row.held, row.reserved), (count(SeatState::TemporaryReserved), count(SeatState::Reserved)));
            if counted != found {
                return Err(Broken::Miscounted { schedule_id: schedule_id.clone(), counted, found });
            }
            if row.held > 0 && !self.sweeps.contains_key(schedule_id) {
                return Err(Broken::Unswept { schedule_id: schedule_id.clone(), held: row.held });
            }
        }
        Ok(())
    }

    pub(super) fn check_buyers(&self) -> Result<(), Broken> {
        let mut found: BTreeMap<BuyerKey, BuyerRow> = BTreeMap::new();
        for (_, row) in self.live() {
            let key = BuyerKey { schedule_id: row.schedule_id.clone(), user_id: row.user_id.clone() };
            let buyer = found.entry(key).or_default();
            match row.state.seat() {
                SeatState::TemporaryReserved => buyer.open += 1,
                SeatState::Reserved | SeatState::Available => buyer.bought += 1,
            }
        }
        for key in self.buyers.keys().chain(found.keys()) {
            let (counted, found) = (self.buyers.get(key).copied(), found.get(key).copied());
            // A row of somebody who has nothing is wrong as well: it would stay for ever.
            if counted != found {
                let BuyerKey { schedule_id, user_id } = key.clone();
                let (counted, found) = (counted.unwrap_or_default(), found.unwrap_or_default());
                return Err(Broken::Buyer { schedule_id, user_id, counted, found });
            }
        }
        Ok(())
    }
}
