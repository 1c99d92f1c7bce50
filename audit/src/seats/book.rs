//! Who has which seat, since when and until when: the second book, as it stands after each record of a place.

use super::facts::{Deadline, Id};
use super::waiting::Waitlist;
use crate::guards::{Guards, Pass};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::settings::Settings;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Where a reservation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Held,
    Paying,
    Confirmed,
    Expired,
    Cancelled,
    Refunded,
}

impl State {
    /// As queries say it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Paying => "PAYING",
            Self::Confirmed => "CONFIRMED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Refunded => "REFUNDED",
        }
    }

    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Paying | Self::Confirmed)
    }
}

/// A reservation.
#[derive(Debug, Clone)]
pub(super) struct Booking {
    pub(super) schedule: Rc<str>,
    pub(super) seat: u64,
    pub(super) user: Rc<str>,
    /// KRW.
    pub(super) price: i64,
    pub(super) expires_ms: i64,
    /// The deadline it was granted with.
    pub(super) granted_until_ms: i64,
    /// Deadlines that extensions have set, the next one last.
    pub(super) later: Vec<Deadline>,
    pub(super) state: State,
    pub(super) payment: Option<Rc<str>>,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paid {
    /// Its coupon is asked what it takes off.
    Discounting,
    /// The wallet decides.
    Pending,
    /// A seat was confirmed by it.
    Seat,
    /// Nothing was taken.
    Nothing,
    /// The money goes back.
    Returning,
    /// It is back.
    Returned,
}

/// A payment that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payment {
    pub(super) serial: Serial,
    /// What was offered, and is owed if it is taken, in KRW.
    pub(super) amount: i64,
    pub(super) paid: Paid,
    /// A coupon is used for it, and has not been given back.
    pub(super) has_coupon: bool,
    /// A seat was confirmed by it, whatever came later.
    pub(super) had_seat: bool,
}

/// One evening.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    pub(super) capacity: u64,
    /// KRW of each seat, where they differ.
    pub(super) prices: Option<BTreeMap<u64, i64>>,
    /// KRW of each seat, where they do not.
    pub(super) price: i64,
    pub(super) starts_ms: Option<i64>,
    pub(super) held: u64,
    pub(super) sold: u64,
    /// Who has each seat that somebody has.
    pub(super) taken: BTreeMap<u64, Serial>,
    /// The next step of a cancellation.
    pub(super) cancelling: Option<u64>,
    /// Begin and end of its sale, in ms since the epoch.
    pub(super) sale: (Option<i64>, Option<i64>),
    pub(super) waitlist: Waitlist,
}

impl Schedule {
    /// What a seat costs, if there is one of this number.
    pub(super) fn price_of(&self, seat: u64) -> Option<i64> {
        match &self.prices {
            Some(prices) => prices.get(&seat).copied(),
            None => (1..=self.capacity).contains(&seat).then_some(self.price),
        }
    }
}

/// The book of one place.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) place: u32,
    /// Logical time, in ms since the epoch: it never steps back.
    pub(super) now_ms: i64,
    pub(super) schedules: BTreeMap<Rc<str>, Schedule>,
    pub(super) bookings: FxHashMap<Serial, Booking>,
    pub(super) payments: FxHashMap<Rc<str>, Payment>,
    /// Reservations that one step of a cancelled schedule takes.
    pub(super) batch_max: usize,
    users: FxHashMap<Rc<str>, ()>,
    pub(super) guards: Guards,
}

impl Book {
    pub(super) fn new(place: u32) -> Self {
        Self {
            place,
            now_ms: i64::MIN,
            schedules: BTreeMap::new(),
            bookings: FxHashMap::default(),
            payments: FxHashMap::default(),
            batch_max: Settings::default().cancel_batch_max,
            users: FxHashMap::default(),
            guards: Guards::default(),
        }
    }

    /// One copy of a user's name for all he has.
    pub(super) fn user(&mut self, name: &str) -> Rc<str> {
        if let Some((known, ())) = self.users.get_key_value(name) {
            return Rc::clone(known);
        }
        let new: Rc<str> = name.into();
        self.users.insert(Rc::clone(&new), ());
        new
    }

    /// The name of a schedule, if there is one.
    pub(super) fn schedule(&self, name: &str) -> Option<Rc<str>> {
        self.schedules.get_key_value(name).map(|(known, _)| Rc::clone(known))
    }

    /// The user of a reservation that was confirmed is done, unless the user holds another seat: the admission is used up.
    pub(super) fn end_purchase(&mut self, booking: &Booking) {
        let Some(house) = self.schedules.get(&booking.schedule) else { return };
        let is_open = |serial: &Serial| {
            let held = self.bookings.get(serial).filter(|held| held.user == booking.user);
            held.is_some_and(|held| matches!(held.state, State::Held | State::Paying))
        };
        if self.guards.pass(&booking.schedule, &booking.user, self.now_ms) == Pass::In
            && !house.taken.values().any(is_open)
        {
            self.guards.use_up(&booking.schedule, &booking.user, self.now_ms);
        }
    }

    /// The reservation of this id, if it is one of this place.
    pub(super) fn find(&self, id: Option<Id>) -> Option<(Serial, &Booking)> {
        let (place, serial) = id?;
        (place == self.place).then(|| self.bookings.get(&serial).map(|booking| (serial, booking)))?
    }

    /// Moves a reservation, its seat and the counts.
    pub(super) fn shift(&mut self, serial: Serial, to: State) {
        let Some(booking) = self.bookings.get_mut(&serial) else { return };
        let from = std::mem::replace(&mut booking.state, to);
        let Some(schedule) = self.schedules.get_mut(&booking.schedule) else { return };
        if !matches!(to, State::Held | State::Paying) {
            schedule.waitlist.offers.remove(&serial);
        }
        match from {
            State::Held | State::Paying => schedule.held = schedule.held.saturating_sub(1),
            State::Confirmed => schedule.sold = schedule.sold.saturating_sub(1),
            State::Expired | State::Cancelled | State::Refunded => {}
        }
        match to {
            State::Held | State::Paying => schedule.held += 1,
            State::Confirmed => schedule.sold += 1,
            State::Expired | State::Cancelled | State::Refunded => {
                if schedule.taken.get(&booking.seat) == Some(&serial) {
                    schedule.taken.remove(&booking.seat);
                }
            }
        }
    }
}
