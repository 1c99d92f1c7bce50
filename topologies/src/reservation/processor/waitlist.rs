//! The waitlist of a sold-out schedule: joined, left, told of seats, and offered them.

use crate::reservation::Reservation;
use crate::reservation::decide::{self, Joined, Opening};
use crate::reservation::outcomes::Outcome;
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::reservation::keys::{BuyerKey, EntryKey, SeatKey};
use holdfast_model::reservation::message::{JoinWaitlist, LeaveWaitlist, TellWaitlist};
use holdfast_model::reservation::row::{AnswerRow, BuyerRow, ReservationRow, ScheduleRow};
use holdfast_model::reservation::serial::{self, Secret, Serial};
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::waitlist::{BlockRow, EntryRow, WaiterRow, WaitlistRow};
use holdfast_model::reservation::{BUYERS, ENTRIES, ENTRY_BLOCKS, RESERVATIONS, WAITERS, WAITLISTS};
use std::ops::ControlFlow;

impl CommandContext<'_, '_, Reservation> {
    pub(super) fn join_waitlist(
        &mut self,
        command: &JoinWaitlist,
        nonce: Option<&str>,
    ) -> Result<Outcome, ProcessError> {
        let JoinWaitlist { schedule_id, user_id } = command;
        let schedule = self.schedule(schedule_id)?;
        let key = BuyerKey { schedule_id: schedule_id.clone(), user_id: user_id.clone() };
        let waiter = self.ctx.get(&WAITERS, &key)?;
        let buyer = self.ctx.get(&BUYERS, &key)?.unwrap_or_default();
        let now_ms = self.ctx.now_ms();
        let joined = match decide::join(user_id, schedule.as_ref(), waiter, buyer, self.settings, now_ms) {
            Ok(joined) => joined,
            Err(refusal) => return Ok(Outcome::refused(refusal)),
        };
        let answer = match joined {
            Joined::Same(WaiterRow::Waiting { number }) => {
                let position = self.position(schedule_id, number)?;
                AnswerRow::Waiting { number, position, is_new: false }
            }
            Joined::Same(WaiterRow::Offered { serial, .. }) => {
                let expires_ms = self.ctx.get(&RESERVATIONS, &serial)?.map_or(now_ms, |row| row.expires_ms);
                return Ok(Outcome { answer: Some(AnswerRow::Offered { serial, expires_ms }), ..Outcome::of(serial) });
            }
            Joined::New => {
                let mut waitlist = self.ctx.get(&WAITLISTS, schedule_id)?.unwrap_or_default();
                let number = waitlist.next;
                let secret = match nonce {
                    Some(nonce) => Secret::of_nonce(nonce),
                    None => Secret::of_record(self.words, now_ms),
                };
                let secret = secret.of_entry(schedule_id, number).to_bits();
                let entry = EntryRow { user_id: user_id.clone(), joined_ms: now_ms, secret, told: 0 };
                self.ctx.put(&ENTRIES, &entry_key(schedule_id, number), &entry)?;
                self.ctx.put(&WAITERS, &key, &WaiterRow::Waiting { number })?;
                self.mark(schedule_id, number, true)?;
                waitlist.next += 1;
                waitlist.live += 1;
                self.ctx.put(&WAITLISTS, schedule_id, &waitlist)?;
                AnswerRow::Waiting { number, position: waitlist.live, is_new: true }
            }
        };
        Ok(Outcome { answer: Some(answer), ..Outcome::default() })
    }

    pub(super) fn leave_waitlist(&mut self, command: &LeaveWaitlist) -> Result<Outcome, ProcessError> {
        let schedule = self.schedule(&command.schedule_id)?;
        let key = BuyerKey { schedule_id: command.schedule_id.clone(), user_id: command.user_id.clone() };
        let waiter = self.ctx.get(&WAITERS, &key)?;
        match decide::leave(schedule.as_ref(), waiter) {
            Ok(number) => {
                let mut waitlist = self.waitlist(&command.schedule_id)?;
                self.take_off(&mut waitlist, &key, number)?;
                self.ctx.put(&WAITLISTS, &command.schedule_id, &waitlist)?;
                Ok(Outcome::default())
            }
            Err(refusal) => Ok(Outcome::refused(refusal)),
        }
    }

    /// A user has got a seat without an offer: off the list, if the user was on it.
    pub(super) fn got_seat(&mut self, key: &BuyerKey) -> Result<(), ProcessError> {
        let waitlist = self.ctx.get(&WAITLISTS, &key.schedule_id)?;
        let Some(mut waitlist) = waitlist.filter(|waitlist| waitlist.live > 0) else { return Ok(()) };
        let Some(WaiterRow::Waiting { number }) = self.ctx.get(&WAITERS, key)? else { return Ok(()) };
        self.take_off(&mut waitlist, key, number)?;
        self.ctx.put(&WAITLISTS, &key.schedule_id, &waitlist)
    }

    /// A reservation is not held any more. If an offer has made it, that has ended: once, since its row is gone from now on.
    pub(super) fn offer_ended(&mut self, serial: Serial, key: &BuyerKey) -> Result<(), ProcessError> {
        let waitlist = self.ctx.get(&WAITLISTS, &key.schedule_id)?;
        let Some(mut waitlist) = waitlist.filter(|waitlist| waitlist.offers > 0) else { return Ok(()) };
        match self.ctx.get(&WAITERS, key)? {
            Some(WaiterRow::Offered { serial: offered, .. }) if offered == serial => {}
            _ => return Ok(()),
        }
        waitlist.offers -= 1;
        self.ctx.delete(&WAITERS, key)?;
        self.ctx.put(&WAITLISTS, &key.schedule_id, &waitlist)
    }

    /// The seat of `row` has just been released: in the same transaction it is offered to the head of the list, or those that wait are owed a notice.
    pub(super) fn seat_opened(&mut self, row: &ReservationRow) -> Result<(), ProcessError> {
        let waitlist = self.ctx.get(&WAITLISTS, &row.schedule_id)?;
        let Some(mut waitlist) = waitlist.filter(|waitlist| waitlist.live > 0) else { return Ok(()) };
        let Some(schedule) = self.schedule(&row.schedule_id)? else { return Ok(()) };
        match decide::released(&schedule, &waitlist, self.settings, self.ctx.now_ms()) {
            Opening::Free => Ok(()),
            Opening::Told { owed } => {
                waitlist.owed = owed;
                self.arm_telling(&row.schedule_id, &mut waitlist)?;
                self.ctx.put(&WAITLISTS, &row.schedule_id, &waitlist)
            }
            Opening::Offered => self.offer(row, schedule, waitlist),
        }
    }

    /// Holds the seat of `row`, which nobody has, for the head of the list.
    fn offer(
        &mut self,
        row: &ReservationRow,
        schedule: ScheduleRow,
        mut waitlist: WaitlistRow,
    ) -> Result<(), ProcessError> {
        let seat_key = SeatKey { schedule_id: row.schedule_id.clone(), seat_no: row.seat_no };
        let now_ms = self.ctx.now_ms();
        let head = loop {
            let Some((number, entry)) = self.next_entry(&row.schedule_id, waitlist.first)? else { break None };
            let key = BuyerKey { schedule_id: row.schedule_id.clone(), user_id: entry.user_id.clone() };
            let buyer = self.ctx.get(&BUYERS, &key)?.unwrap_or_default();
            self.take_off(&mut waitlist, &key, number)?;
            waitlist.first = number + 1;
            // Limits that were lowered since: the user may have no more seats, so there is nothing to wait for.
            if decide::may_have_more(buyer, &schedule, self.settings) {
                break Some((number, entry, key, buyer));
            }
        };
        let price = self.price(&schedule, &seat_key)?;
        let (Some((number, entry, key, buyer)), Some(price)) = (head, price) else {
            return self.ctx.put(&WAITLISTS, &row.schedule_id, &waitlist);
        };
        let serial = serial::made(self.ctx.offset().unsigned_abs(), Secret::from_bits(entry.secret));
        let offered = ReservationRow {
            schedule_id: row.schedule_id.clone(),
            user_id: entry.user_id,
            seat_no: row.seat_no,
            price,
            held_ms: now_ms,
            expires_ms: now_ms.saturating_add(self.settings.hold_ms),
            extensions: 0,
            state: State::Held,
            changed_ms: now_ms,
            payment_id: None,
        };
        waitlist.offers += 1;
        self.ctx.put(&WAITLISTS, &row.schedule_id, &waitlist)?;
        self.ctx.put(&WAITERS, &key, &WaiterRow::Offered { number, serial })?;
        self.hold_for(serial, &offered, (&seat_key, &key), (schedule, buyer), number)
    }

    fn hold_for(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        keys: (&SeatKey, &BuyerKey),
        books: (ScheduleRow, BuyerRow),
        number: u64,
    ) -> Result<(), ProcessError> {
        let schedule = self.open(serial, row, keys, books)?;
        self.send_deadline(serial, row)?;
        self.look_after(row, &schedule)?;
        self.notify_offered(serial, row, &schedule, number)
    }

    /// Tells the next entries that are owed it that a seat is free, and goes on later if there are more. One message is due for a schedule and no more, and
    /// any other is known.
    pub(super) fn tell_waitlist(&mut self, command: &TellWaitlist) -> Result<(), ProcessError> {
        let schedule_id = &command.schedule_id;
        let waitlist = self.ctx.get(&WAITLISTS, schedule_id)?;
        let Some(mut waitlist) = waitlist.filter(|waitlist| waitlist.telling_ms == Some(command.due_at)) else {
            return Ok(());
        };
        let Some(schedule) = self.schedule(schedule_id)? else { return Ok(()) };
        waitlist.telling_ms = None;
        waitlist.owed = decide::to_tell(&schedule, &waitlist, self.settings, self.ctx.now_ms());
        let now = waitlist.owed.min(decide::TOLD_AT_ONCE_MAX);
        let mut entries = self.entries(schedule_id, waitlist.untold, None, now)?;
        let last = match entries.last() {
            Some((number, _)) if entries.len() as u64 == now => *number,
            // All of this round are told: the next one begins with the first, up to where this one began.
            _ => {
                let rest = now - entries.len() as u64;
                let more = self.entries(schedule_id, waitlist.first, Some(waitlist.untold), rest)?;
                let last = more.last().map(|(number, _)| *number);
                entries.extend(more);
                last.unwrap_or(waitlist.next - 1)
            }
        };
        waitlist.untold = if now == 0 { waitlist.untold } else { last + 1 };
        for (number, mut entry) in entries {
            entry.told += 1;
            self.notify_opened(schedule_id, number, &entry, &schedule)?;
            self.ctx.put(&ENTRIES, &entry_key(schedule_id, number), &entry)?;
        }
        waitlist.owed -= now;
        if waitlist.owed > 0 {
            self.arm_telling(schedule_id, &mut waitlist)?;
        }
        self.ctx.put(&WAITLISTS, schedule_id, &waitlist)
    }

    fn arm_telling(&mut self, schedule_id: &str, waitlist: &mut WaitlistRow) -> Result<(), ProcessError> {
        let Some(due_ms) = decide::arm_telling(waitlist, self.ctx.now_ms()) else { return Ok(()) };
        (waitlist.telling_ms, waitlist.armed_ms) = (Some(due_ms), due_ms);
        self.send_telling(schedule_id, due_ms)
    }

    /// At most `most` entries from number `from` on, before `end` if that is given.
    fn entries(
        &mut self,
        schedule_id: &str,
        from: u64,
        end: Option<u64>,
        most: u64,
    ) -> Result<Vec<(u64, EntryRow)>, ProcessError> {
        let mut found = Vec::new();
        if most == 0 {
            return Ok(found);
        }
        let prefix = EntryKey::prefix_of_waitlist(schedule_id);
        self.ctx.scan_from(&ENTRIES, &prefix, &entry_key(schedule_id, from), &mut |key, row| {
            if end.is_some_and(|end| key.number >= end) {
                return ControlFlow::Break(());
            }
            found.push((key.number, row));
            if found.len() as u64 == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    fn next_entry(&mut self, schedule_id: &str, from: u64) -> Result<Option<(u64, EntryRow)>, ProcessError> {
        Ok(self.entries(schedule_id, from, None, 1)?.pop())
    }

    /// The waitlist of a schedule that somebody waits for.
    fn waitlist(&mut self, schedule_id: &String) -> Result<WaitlistRow, ProcessError> {
        let waitlist = self.ctx.get(&WAITLISTS, schedule_id)?;
        waitlist.ok_or_else(|| ProcessError::fail("NoWaitlist", format!("an entry of {schedule_id:?}")))
    }

    /// Takes the entry `number` of the user `key` off the list, whose row is written by the caller.
    fn take_off(&mut self, waitlist: &mut WaitlistRow, key: &BuyerKey, number: u64) -> Result<(), ProcessError> {
        waitlist.live = waitlist
            .live
            .checked_sub(1)
            .ok_or_else(|| ProcessError::fail("BrokenWaitlist", format!("{:?} counts no entry {number}", key)))?;
        if number == waitlist.first {
            waitlist.first += 1;
        }
        self.ctx.delete(&ENTRIES, &entry_key(&key.schedule_id, number))?;
        self.ctx.delete(&WAITERS, key)?;
        self.mark(&key.schedule_id, number, false)
    }

    fn mark(&mut self, schedule_id: &str, number: u64, is_live: bool) -> Result<(), ProcessError> {
        let key = entry_key(schedule_id, BlockRow::of(number));
        let mut block = self.ctx.get(&ENTRY_BLOCKS, &key)?.unwrap_or_default();
        block.set(number, is_live);
        if block.count() == 0 {
            self.ctx.delete(&ENTRY_BLOCKS, &key)
        } else {
            self.ctx.put(&ENTRY_BLOCKS, &key, &block)
        }
    }

    /// How many entries are on the list up to this one.
    fn position(&mut self, schedule_id: &str, number: u64) -> Result<u64, ProcessError> {
        let (own, mut ahead) = (BlockRow::of(number), 0);
        let prefix = EntryKey::prefix_of_waitlist(schedule_id);
        self.ctx.scan(&ENTRY_BLOCKS, &prefix, &mut |key, block| {
            ahead += if key.number < own { block.count() } else { block.before(number) };
            if key.number < own { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(ahead + 1)
    }
}

fn entry_key(schedule_id: &str, number: u64) -> EntryKey {
    EntryKey { schedule_id: schedule_id.to_owned(), number }
}
