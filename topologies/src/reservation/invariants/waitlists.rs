//! Waitlists: each user has one entry or one offer, each offer has its seat, and no seat is free for everybody while it should be offered.

use super::{Books, Broken};
use holdfast_model::reservation::keys::{BuyerKey, EntryKey};
use holdfast_model::reservation::row::ScheduleRow;
use holdfast_model::reservation::state::SeatState;
use holdfast_model::reservation::waitlist::{BlockRow, Policy, WaiterRow, WaitlistRow};
use std::collections::BTreeMap;

impl Books {
    pub(super) fn check_waitlists(&self) -> Result<(), Broken> {
        for (schedule_id, waitlist) in &self.waitlists {
            let broken = |what| Broken::Waitlist { schedule_id: schedule_id.clone(), what };
            let Some(schedule) = self.schedules.get(schedule_id) else {
                return Err(broken("there is no such schedule"));
            };
            self.check_waitlist(schedule_id, waitlist, schedule).map_err(broken)?;
        }
        let strays =
            self.entries.keys().map(|key| &key.schedule_id).chain(self.waiters.keys().map(|key| &key.schedule_id));
        match strays.chain(self.blocks.keys().map(|key| &key.schedule_id)).find(|id| !self.waitlists.contains_key(*id))
        {
            Some(id) => Err(Broken::Waitlist { schedule_id: id.clone(), what: "it has rows and no waitlist" }),
            None => Ok(()),
        }
    }

    fn check_waitlist(&self, id: &str, waitlist: &WaitlistRow, schedule: &ScheduleRow) -> Result<(), &'static str> {
        let (mut live, mut blocks) = (0, BTreeMap::<u64, BlockRow>::new());
        for (key, entry) in self.entries.iter().filter(|(key, _)| key.schedule_id == id) {
            let number = key.number;
            let waiter = BuyerKey { schedule_id: id.to_owned(), user_id: entry.user_id.clone() };
            if self.waiters.get(&waiter) != Some(&WaiterRow::Waiting { number }) {
                return Err("an entry is not what its user has");
            }
            if !(waitlist.first..waitlist.next).contains(&number) {
                return Err("an entry has a number that it cannot have");
            }
            live += 1;
            blocks.entry(BlockRow::of(number)).or_default().set(number, true);
        }
        let kept: BTreeMap<u64, BlockRow> =
            self.blocks.iter().filter(|(key, _)| key.schedule_id == id).map(|(key, row)| (key.number, *row)).collect();
        if (live, &blocks) != (waitlist.live, &kept) {
            return Err("its entries are miscounted");
        }
        let (mut waiting, mut offers) = (0, 0);
        for (key, waiter) in self.waiters.iter().filter(|(key, _)| key.schedule_id == id) {
            match waiter {
                WaiterRow::Waiting { number } => {
                    waiting += 1;
                    if !self.entries.contains_key(&EntryKey { schedule_id: id.to_owned(), number: *number }) {
                        return Err("a user waits by an entry that is not on the list");
                    }
                }
                WaiterRow::Offered { serial, .. } => {
                    offers += 1;
                    let is_held = self.reservations.get(serial).is_some_and(|row| {
                        row.state.seat() == SeatState::TemporaryReserved
                            && row.schedule_id == id
                            && row.user_id == key.user_id
                    });
                    if !is_held {
                        return Err("an offer is outstanding, and its seat is not held");
                    }
                }
            }
        }
        if (waiting, offers) != (waitlist.live, waitlist.offers) {
            return Err("its users are miscounted");
        }
        // Each offer is a seat that is held: those that nobody else has are as many at least.
        let others = (schedule.held + schedule.reserved).saturating_sub(offers);
        if offers > schedule.capacity.saturating_sub(others) {
            return Err("more offers are outstanding than there are seats for");
        }
        if (waitlist.owed > 0) != waitlist.telling_ms.is_some() {
            return Err("notices are owed, and nothing is armed that tells them, or the other way round");
        }
        if waitlist.policy == Policy::Offer && live > 0 && schedule.available() > 0 && !self.is_over(id, schedule) {
            return Err("a seat is free for everybody while users wait for an offer");
        }
        Ok(())
    }

    /// Whether its sale can have been over when its last seat came back.
    fn is_over(&self, id: &str, schedule: &ScheduleRow) -> bool {
        let changes = self.reservations.values().filter(|row| row.schedule_id == id).map(|row| row.changed_ms);
        let latest_ms = changes.max().unwrap_or(i64::MIN);
        let ends = [schedule.sale_ends_ms, schedule.starts_ms].into_iter().flatten();
        schedule.cancelling.is_some() || ends.min().is_some_and(|end_ms| latest_ms >= end_ms)
    }
}
