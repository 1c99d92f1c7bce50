//! I-27: what must hold of offers to users that wait, and the mistake of a shop that leaves the head of the list on it.

use super::books::Changes;
use super::referee::{Line, Look, Referee};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::reservation::keys::{BuyerKey, EntryKey};
use holdfast_model::reservation::row::ReservationRow;
use holdfast_model::reservation::serial;
use holdfast_model::reservation::state::SeatState;
use holdfast_model::reservation::waitlist::{BlockRow, EntryRow, WaiterRow, WaitlistRow};
use holdfast_model::reservation::{ENTRIES, ENTRY_BLOCKS, WAITERS, WAITLISTS, ids};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// What releases a seat.
const RELEASES: [&str; 7] = ["expire", "sweep", "release", "cancel", "settled", "coupon-used", "coupon-refused"];

/// Offers of a place as they were seen, by schedule and by the record that made them: the number of the entry.
#[derive(Default)]
pub(crate) struct Waiting {
    offers: BTreeMap<String, BTreeMap<u64, BTreeSet<u64>>>,
}

impl Waiting {
    /// Entries are offered seats in the order of their numbers.
    pub(crate) fn follow(&mut self, changes: &Changes) -> Result<(), String> {
        for changed in &changes.waiters {
            let Some(WaiterRow::Offered { number, serial }) = changed.after else { continue };
            let offers = self.offers.entry(changed.key.schedule_id.clone()).or_default();
            let offset = serial::offset(serial);
            let before = offers.range(..offset).flat_map(|(_, numbers)| numbers).max();
            let after = offers.range(offset + 1..).flat_map(|(_, numbers)| numbers).min();
            if before.is_some_and(|before| *before >= number) || after.is_some_and(|after| *after <= number) {
                return Err(format!("entry {number} of {:?} was not the head of its list (I-27)", changed.key));
            }
            offers.entry(offset).or_default().insert(number);
        }
        Ok(())
    }
}

impl Look<'_> {
    /// A seat is offered by the record that has released it, of a schedule that offers seats, to a user that has asked for one as often.
    pub(super) fn offer(&self, line: &Line, offset: i64, row: &ReservationRow) -> Result<(), String> {
        if !RELEASES.contains(&line.kind()) || !self.catalogue.offers(&row.schedule_id) {
            return Err("nobody asked for it".to_owned());
        }
        let joins = self.town.lines.range(..offset).map(|(_, line)| line).filter(|line| {
            line.kind() == "join-waitlist"
                && line.field("userId").as_deref() == Some(&row.user_id)
                && line.field("scheduleId").as_deref() == Some(&row.schedule_id)
        });
        let joins: BTreeSet<&str> = joins.map(|line| &*line.identity).collect();
        let mine = self.town.rows.reservation.reservations.iter().filter(|(serial, other)| {
            serial::offset(**serial).cast_signed() <= offset
                && (&other.user_id, &other.schedule_id) == (&row.user_id, &row.schedule_id)
                && self
                    .town
                    .lines
                    .get(&serial::offset(**serial).cast_signed())
                    .is_some_and(|line| line.kind() != "hold")
        });
        let offers = mine.count();
        if offers > joins.len() {
            return Err(format!("the user was offered {offers} seats, and has joined {} times (I-27)", joins.len()));
        }
        let was_released = self.town.rows.reservation.reservations.values().any(|other| {
            (&other.schedule_id, other.seat_no) == (&row.schedule_id, row.seat_no)
                && other.state.seat() == SeatState::Available
                && other.held_ms <= row.held_ms
                && other.changed_ms >= row.held_ms
        });
        if was_released { Ok(()) } else { Err("its seat was not released then (I-27)".to_owned()) }
    }
}

impl Referee {
    /// The reservations that no hold has made.
    pub(crate) fn offered(&self) -> BTreeSet<String> {
        let offered = self.towns.iter().flat_map(|(place, town)| {
            let rows = town.rows.reservation.reservations.keys();
            let is_offer = |serial: &&u128| {
                town.lines.get(&serial::offset(**serial).cast_signed()).is_some_and(|line| line.kind() != "hold")
            };
            rows.filter(is_offer).map(|serial| ids::reservation(*place, *serial))
        });
        offered.collect()
    }
}

/// Decides a record as the shop does; a head that was offered a seat stays where it was, and the next seat is its too.
pub(crate) fn offer_twice(
    inner: &mut dyn Processor,
    ctx: &mut Context<'_>,
    record: &Record<'_>,
) -> Result<(), ProcessError> {
    let mut lists: Vec<(String, WaitlistRow)> = Vec::new();
    ctx.scan(&WAITLISTS, &[], &mut |id, row| {
        lists.push((id, row));
        ControlFlow::Continue(())
    })?;
    let mut heads: Vec<(EntryKey, EntryRow)> = Vec::new();
    for (id, _) in lists.iter().filter(|(_, row)| row.live > 0) {
        ctx.scan(&ENTRIES, &EntryKey::prefix_of_waitlist(id), &mut |key, row| {
            heads.push((key, row));
            ControlFlow::Break(())
        })?;
    }
    inner.process(ctx, record)?;
    for (key, entry) in heads {
        let waiter = BuyerKey { schedule_id: key.schedule_id.clone(), user_id: entry.user_id.clone() };
        let number = key.number;
        let is_offered =
            matches!(ctx.get(&WAITERS, &waiter)?, Some(WaiterRow::Offered { number: of, .. }) if of == number);
        let Some(mut list) = ctx.get(&WAITLISTS, &key.schedule_id)?.filter(|_| is_offered) else { continue };
        (list.live, list.offers, list.first) = (list.live + 1, list.offers - 1, number);
        let block_key = EntryKey { number: BlockRow::of(number), ..key.clone() };
        let mut block = ctx.get(&ENTRY_BLOCKS, &block_key)?.unwrap_or_default();
        block.set(number, true);
        ctx.put(&ENTRY_BLOCKS, &block_key, &block)?;
        ctx.put(&ENTRIES, &key, &entry)?;
        ctx.put(&WAITERS, &waiter, &WaiterRow::Waiting { number })?;
        ctx.put(&WAITLISTS, &key.schedule_id, &list)?;
    }
    Ok(())
}
