//! I-27: users that wait for a seat, and what becomes of a seat that is released meanwhile.
//!
//! What one user may have is policy and not decided here: of a user that was refused a place for it, what was told stands, and a head that was passed over must
//! have seats of the schedule.

use super::book::{Booking, State};
use super::message::Message;
use super::{Scene, Told};
use crate::invariant::Invariant;
use holdfast_model::reservation;
use holdfast_model::reservation::serial::{self, Secret, Serial};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most entries that one record tells.
const TOLD_AT_ONCE_MAX: u64 = 100;

/// So long after its time a message that tells is replaced, in ms.
const TELLING_LOST_MS: i64 = 60_000;

/// An entry on the list.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    user: Rc<str>,
    /// What an offer to it is named after.
    secret: Secret,
    /// It is known that the user was taken onto the list.
    is_sure: bool,
}

/// The waitlist of a schedule.
#[derive(Debug)]
pub(super) struct Waitlist {
    /// A released seat is held for the head of the list; else it is free for everybody.
    is_offering: bool,
    /// How many are told of a free seat.
    notify: u64,
    /// Number of the next entry.
    pub(super) next: u64,
    pub(super) entries: BTreeMap<u64, Entry>,
    numbers: FxHashMap<Rc<str>, u64>,
    /// Offers that are held or being paid, and their users.
    pub(super) offers: FxHashMap<Serial, Rc<str>>,
    untold: u64,
    owed: u64,
    telling_ms: Option<i64>,
    armed_ms: i64,
}

impl Default for Waitlist {
    fn default() -> Self {
        Self {
            is_offering: false,
            notify: 1,
            next: 1,
            entries: BTreeMap::new(),
            numbers: FxHashMap::default(),
            offers: FxHashMap::default(),
            untold: 1,
            owed: 0,
            telling_ms: None,
            armed_ms: 0,
        }
    }
}

impl Waitlist {
    /// As the schedule says that it shall be.
    pub(super) fn said(said: &Message<'_>) -> Self {
        let notify = said.waitlist_notify.int().and_then(|given| u64::try_from(given).ok()).unwrap_or(1);
        Self { is_offering: said.waitlist.text() == "OFFER", notify, ..Self::default() }
    }

    /// Takes a user off the list; false when the user was not on it.
    pub(super) fn take_off(&mut self, user: &str) -> bool {
        let number = self.numbers.remove(user);
        number.is_some_and(|number| self.entries.remove(&number).is_some())
    }

    fn live(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Arms the message that tells what is owed, unless one is under way.
    fn arm(&mut self, now_ms: i64) {
        if self.telling_ms.is_none_or(|due_ms| now_ms >= due_ms.saturating_add(TELLING_LOST_MS)) {
            self.armed_ms = now_ms.max(self.armed_ms.saturating_add(1));
            self.telling_ms = Some(self.armed_ms);
        }
    }
}

impl Scene<'_, '_, '_> {
    /// Whether seats of the schedule can be held now.
    fn is_selling(&self, schedule: &str) -> bool {
        let now_ms = self.book.now_ms;
        self.book.schedules.get(schedule).is_some_and(|house| {
            house.cancelling.is_none()
                && house.starts_ms.is_none_or(|ms| now_ms < ms)
                && house.sale.0.is_none_or(|ms| now_ms >= ms)
                && house.sale.1.is_none_or(|ms| now_ms < ms)
        })
    }

    pub(super) fn join(&mut self, said: &Message<'_>, id: &str, told: &Told) {
        let user = said.user_id.id().unwrap_or_default();
        let schedule = said.schedule_id.id().and_then(|id| self.book.schedule(&id));
        let Some(schedule) = schedule.filter(|schedule| self.is_selling(schedule) && !user.trim().is_empty()) else {
            self.agree(id, told, false);
            return;
        };
        let user = self.book.user(&user);
        let secret = self.secret(said);
        let Some(house) = self.book.schedules.get_mut(&schedule) else { return };
        let list = &mut house.waitlist;
        if list.numbers.contains_key(&user) || list.offers.values().any(|other| *other == user) {
            self.agree(id, told, true);
            return;
        }
        if house.taken.len() as u64 != house.capacity {
            self.agree(id, told, false);
            return;
        }
        // Limits are policy, and ids have a rule of their own.
        if told.is_refused() {
            if !matches!(told.refused, Some("SEAT_LIMIT_EXCEEDED" | "INVALID_ID" | "SYSTEM_ERROR")) {
                self.agree(id, told, true);
            }
            return;
        }
        let number = list.next;
        list.next += 1;
        let secret = secret.of_entry(&schedule, number);
        list.entries.insert(number, Entry { user: Rc::clone(&user), secret, is_sure: told.is_done() });
        list.numbers.insert(user, number);
        self.desk.facts.entries.insert(secret.to_bits(), format!("{schedule}.{number}"));
        self.count(Invariant::Offers, "users that joined a waitlist");
    }

    pub(super) fn leave(&mut self, said: &Message<'_>, id: &str, told: &Told) {
        let user = said.user_id.id().unwrap_or_default();
        let schedule = said.schedule_id.id().and_then(|id| self.book.schedule(&id));
        let house = schedule.and_then(|schedule| self.book.schedules.get_mut(&schedule));
        let has_left = house.is_some_and(|house| house.waitlist.take_off(&user));
        self.agree(id, told, has_left);
    }

    /// The reservation `serial` has just released its seat.
    pub(super) fn seat_opened(&mut self, serial: Serial) {
        let Some(booking) = self.book.bookings.get(&serial) else { return };
        let (schedule, seat) = (Rc::clone(&booking.schedule), booking.seat);
        let is_selling = self.is_selling(&schedule);
        let now_ms = self.book.now_ms;
        let Some(house) = self.book.schedules.get_mut(&schedule).filter(|_| is_selling) else { return };
        let list = &mut house.waitlist;
        if list.entries.is_empty() {
            return;
        }
        if list.is_offering {
            self.offered(&schedule, seat);
        } else {
            list.owed = list.owed.saturating_add(list.notify).min(list.live());
            list.arm(now_ms);
        }
    }

    /// The seat has to be held for the head of the list.
    fn offered(&mut self, schedule: &Rc<str>, seat: u64) {
        let offset = self.entry.offset.unsigned_abs();
        while let Some((number, head)) = self.head(schedule) {
            let this = (self.book.place, serial::made(offset, head.secret));
            let first = self.desk.facts.deadlines.remove(&this);
            let forgotten = head.is_sure && self.cut.may_be_forgotten(reservation::EXPIRATIONS, self.book.now_ms);
            if first.is_none() && !forgotten {
                self.passed_over(schedule, number, &head, seat);
                continue;
            }
            let mut later = self.desk.facts.later.remove(&this).unwrap_or_default();
            later.reverse();
            let expires_ms = self.deadline(this, first);
            let Some(house) = self.book.schedules.get_mut(schedule) else { return };
            let price = house.price_of(seat).unwrap_or_default();
            house.taken.insert(seat, this.1);
            house.held += 1;
            house.waitlist.take_off(&head.user);
            house.waitlist.offers.insert(this.1, Rc::clone(&head.user));
            let offers = house.waitlist.offers.len() as u64;
            let others = (house.held + house.sold).saturating_sub(offers);
            let capacity = house.capacity;
            let booking = Booking {
                schedule: Rc::clone(schedule),
                seat,
                user: head.user,
                price,
                expires_ms,
                granted_until_ms: expires_ms,
                later,
                state: State::Held,
                payment: None,
            };
            self.book.bookings.insert(this.1, booking);
            if offers + others > capacity {
                let what =
                    format!("{offers} offers of {schedule} are outstanding, others have {others} of {capacity} seats");
                self.breach(Invariant::Offers, what);
            } else {
                self.count(Invariant::Offers, "offers that fit the free seats");
            }
            self.tell(&format!("{schedule}.{number}"));
            return;
        }
    }

    fn head(&self, schedule: &str) -> Option<(u64, Entry)> {
        let (number, head) = self.book.schedules.get(schedule)?.waitlist.entries.first_key_value()?;
        Some((*number, head.clone()))
    }

    /// A head was not offered a seat that was released: it may have no more, or it is wronged.
    fn passed_over(&mut self, schedule: &Rc<str>, number: u64, head: &Entry, seat: u64) {
        let has_seats = self
            .book
            .bookings
            .values()
            .any(|booking| booking.state.is_live() && booking.user == head.user && booking.schedule == *schedule);
        if head.is_sure && !has_seats {
            let user = &head.user;
            let what =
                format!("seat {seat} of {schedule} was released, and entry {number} ({user}) was not offered it");
            self.breach(Invariant::Offers, what);
        }
        if let Some(house) = self.book.schedules.get_mut(schedule) {
            house.waitlist.take_off(&head.user);
        }
    }

    /// Those that are owed it are told that seats are free, some at a time.
    pub(super) fn tell_waitlist(&mut self, said: &Message<'_>) {
        let Some(schedule) = said.schedule_id.id().and_then(|id| self.book.schedule(&id)) else { return };
        let (is_selling, now_ms) = (self.is_selling(&schedule), self.book.now_ms);
        let Some(house) = self.book.schedules.get_mut(&schedule) else { return };
        let has_seats = (house.taken.len() as u64) < house.capacity;
        let list = &mut house.waitlist;
        if list.telling_ms.is_none() || list.telling_ms != said.due_at.int() {
            return;
        }
        list.telling_ms = None;
        list.owed = if has_seats && is_selling { list.owed.min(list.live()) } else { 0 };
        let now = list.owed.min(TOLD_AT_ONCE_MAX);
        let most = usize::try_from(now).unwrap_or(usize::MAX);
        let round = list.entries.range(list.untold..).chain(list.entries.range(..list.untold));
        let told: Vec<u64> = round.take(most).map(|(number, _)| *number).collect();
        if let Some(last) = told.last() {
            list.untold = last + 1;
        }
        list.owed -= now;
        if list.owed > 0 {
            list.arm(now_ms);
        }
        for number in told {
            self.count(Invariant::Offers, "users told of a free seat");
            self.tell(&format!("{schedule}.{number}"));
        }
    }

    fn tell(&mut self, entry: &str) {
        let now_ms = self.book.now_ms;
        self.desk.notices.expect("SEAT_OPENED", entry, self.entry, now_ms, self.cut, self.findings);
    }
}
