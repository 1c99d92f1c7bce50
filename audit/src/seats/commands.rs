//! Wishes of customers and of the shop, but for paying.

use super::book::{Booking, Paid, Schedule, State};
use super::facts::{Deadline, name, parse};
use super::message::{Message, Seats};
use super::waiting::Waitlist;
use super::{Scene, Told};
use crate::guards::{self, Guards, Pass};
use crate::invariant::Invariant;

use holdfast_model::reservation;
use holdfast_model::reservation::serial::{self, Secret, Serial};

impl Scene<'_, '_, '_> {
    /// A command that has not been decided before.
    pub(super) fn command(&mut self, kind: &str, said: &Message<'_>, id: &str, told: &Told) {
        match kind {
            "create-schedule" => self.create_schedule(said, told),
            "hold" => self.hold(said, id, told),
            "pay" => self.pay(said, id, told),
            "release" | "cancel" => self.give_back(kind == "cancel", said, id, told),
            "extend" => self.extend(said, id, told),
            "cancel-schedule" => self.cancel_schedule(said, id, told),
            "join-waitlist" => self.join(said, id, told),
            "leave-waitlist" => self.leave(said, id, told),
            _ => {}
        }
    }

    fn create_schedule(&mut self, said: &Message<'_>, told: &Told) {
        let Some(schedule) = said.schedule_id.id().filter(|_| !told.is_refused()) else { return };
        let is_refused = told.has_ended && !self.outcomes.has_schedule(&schedule, self.book.now_ms);
        if is_refused || self.book.schedules.contains_key(&*schedule) {
            return;
        }
        let (capacity, prices, price) = match &said.seats {
            Seats::None => return,
            Seats::Block(count, price) => (*count, None, *price),
            Seats::Each(seats) => (seats.len() as u64, Some(seats.iter().copied().collect()), 0),
        };
        let starts_ms = said.starts_at.when();
        let (sale, waitlist) = ((said.sale_start.when(), said.sale_end.when()), Waitlist::said(said));
        let new = Schedule { capacity, prices, price, starts_ms, sale, waitlist, ..Schedule::default() };
        self.book.schedules.insert((*schedule).into(), new);
    }

    fn hold(&mut self, said: &Message<'_>, id: &str, told: &Told) {
        let serial = self.named(said, told);
        let this = (self.book.place, serial);
        let first = self.desk.facts.deadlines.remove(&this);
        let is_granted = first.is_some() || (told.is_done() && told.serial == Some(serial));
        let (user, schedule) = (said.user_id.id().unwrap_or_default(), said.schedule_id.id().unwrap_or_default());
        let seat = said.seat_no.id().and_then(|seat| seat.parse::<u64>().ok()).unwrap_or(0);
        let schedule_name = self.book.schedule(&schedule);
        let house = schedule_name.as_ref().and_then(|known| self.book.schedules.get(known));
        let owner = house.and_then(|house| house.taken.get(&seat).copied());
        let price = house.and_then(|house| house.price_of(seat));
        let pass = self.book.guards.pass(&schedule, &user, self.book.now_ms);
        if !is_granted {
            let has_begun = self.has_begun(&schedule);
            if told.refused == Some(guards::NOT_ACTIVE) {
                self.not_let_in(id, pass, &user);
            }
            self.not_granted(id, told, owner, (price.is_some(), has_begun), (&user, seat));
            return;
        }
        Guards::judge(pass, true, self.entry, &name(this), self.findings);
        self.agree(id, told, true);
        let mut later = self.desk.facts.later.remove(&this).unwrap_or_default();
        later.reverse();
        let expires_ms = self.deadline(this, first);
        let (Some(schedule), Some(price)) = (schedule_name, price) else {
            self.breach(
                Invariant::Capacity,
                format!("{} is of seat {seat} of {schedule}, which is in no house", name(this)),
            );
            return;
        };
        if let Some(owner) = owner {
            let state = self.book.bookings.get(&owner).map_or("", |booking| booking.state.as_str());
            self.breach(
                Invariant::OneOwner,
                format!(
                    "seat {seat} of {schedule} was given to {user} ({}) while {} is {state}",
                    name(this),
                    name((self.book.place, owner))
                ),
            );
        } else {
            self.count(Invariant::OneOwner, "holds of free seats");
        }
        let user = self.book.user(&user);
        if let Some(house) = self.book.schedules.get_mut(&schedule) {
            house.taken.insert(seat, serial);
            house.held += 1;
            house.waitlist.take_off(&user);
            let (taken, capacity) = (house.held + house.sold, house.capacity);
            if taken > capacity {
                self.breach(
                    Invariant::Capacity,
                    format!("{taken} seats of {schedule} are taken, and there are {capacity}"),
                );
            } else {
                self.count(Invariant::Capacity, "holds that fit the house");
            }
        }
        let booking = Booking {
            schedule,
            seat,
            user,
            price,
            expires_ms,
            granted_until_ms: expires_ms,
            later,
            state: State::Held,
            payment: None,
        };
        self.book.bookings.insert(serial, booking);
    }

    /// What a reservation that this record makes is called: after what cannot be guessed of it, or, by the first rules, after its offset. Which rules
    /// were in force the facts say, or what was told.
    fn named(&self, said: &Message<'_>, told: &Told) -> Serial {
        // Offsets are never negative.
        let offset = self.entry.offset.unsigned_abs();
        let is_by_first_rules = |serial: Serial| {
            self.desk.facts.deadlines.contains_key(&(self.book.place, serial)) || told.serial == Some(serial)
        };
        if is_by_first_rules(offset.into()) {
            return offset.into();
        }
        self.secret_serial(said)
    }

    /// What this record's reservation is called by the second rules.
    pub(super) fn secret_serial(&self, said: &Message<'_>) -> Serial {
        serial::made(self.entry.offset.unsigned_abs(), self.secret(said))
    }

    /// What cannot be guessed of a record.
    pub(super) fn secret(&self, said: &Message<'_>) -> Secret {
        match said.nonce.id().filter(|nonce| !nonce.trim().is_empty()) {
            Some(nonce) => Secret::of_nonce(&nonce),
            None => Secret::of_record(self.entry.value.unwrap_or_default(), self.book.now_ms),
        }
    }

    /// The deadline of a hold that was granted now.
    pub(super) fn deadline(&mut self, this: (u32, Serial), told: Option<Deadline>) -> i64 {
        let now_ms = self.book.now_ms;
        match told {
            Some(deadline) if deadline.occurred_ms == now_ms && deadline.expires_ms > now_ms => {
                self.desk.ending.hold_lasts(deadline.expires_ms - now_ms);
                deadline.expires_ms
            }
            Some(deadline) => {
                let Deadline { occurred_ms, expires_ms, at, .. } = deadline;
                let what = format!(
                    "{} is held from {occurred_ms} to {expires_ms} ms, and its record is of {now_ms} ms",
                    name(this)
                );
                self.findings.breach(Invariant::NotEarly, at, what);
                expires_ms
            }
            None => {
                if !self.cut.may_be_forgotten(reservation::EXPIRATIONS, now_ms) {
                    self.breach(
                        Invariant::NoGap,
                        format!("{} was granted, and nobody was told its deadline", name(this)),
                    );
                }
                now_ms.saturating_add(self.desk.hold_ms)
            }
        }
    }

    /// A user was told not to be let in.
    fn not_let_in(&mut self, id: &str, pass: Pass, user: &str) {
        if pass == Pass::Out {
            Guards::judge(pass, false, self.entry, id, self.findings);
        } else {
            self.breach(
                Invariant::Queue,
                format!("{id} of {user} was told that no queue has let the user in: {pass:?}"),
            );
        }
    }

    fn not_granted(
        &mut self,
        id: &str,
        told: &Told,
        owner: Option<Serial>,
        (is_seat, has_begun): (bool, bool),
        (user, seat): (&str, u64),
    ) {
        match (told.serial, told.refused) {
            (Some(serial), None) if told.is_done() => {
                // He was told that he has it already.
                let has = self.book.bookings.get(&serial);
                if owner == Some(serial) && has.is_some_and(|booking| *booking.user == *user && booking.seat == seat) {
                    self.count(Invariant::OneOwner, "holds by who has the seat");
                } else {
                    let it = name((self.book.place, serial));
                    self.breach(
                        Invariant::Agreement,
                        format!("{id} of {user} was told {it}, which does not have seat {seat}"),
                    );
                }
            }
            (_, Some("SHOW_ALREADY_STARTED")) if !has_begun => {
                self.breach(
                    Invariant::Agreement,
                    format!("{id} of {user} was told that the show has begun, and it has not"),
                );
            }
            (_, Some("SEAT_ALREADY_RESERVED")) if owner.is_none() && is_seat => {
                self.breach(
                    Invariant::Agreement,
                    format!("{id} of {user} was told that seat {seat} is taken, and it was free"),
                );
            }
            (_, Some("SEAT_ALREADY_RESERVED")) => self.count(Invariant::OneOwner, "holds of taken seats refused"),
            _ => {}
        }
    }

    fn give_back(&mut self, is_cancel: bool, said: &Message<'_>, id: &str, told: &Told) {
        let user = said.user_id.id().unwrap_or_default();
        let now_ms = self.book.now_ms;
        let found = self.book.find(said.reservation_id.id().and_then(|id| parse(&id)));
        let found = found.filter(|(_, booking)| *booking.user == *user);
        let Some((serial, booking)) = found else {
            self.agree(id, told, false);
            return;
        };
        let starts_ms = self.book.schedules.get(&booking.schedule).and_then(|schedule| schedule.starts_ms);
        let (state, expires_ms) = (booking.state, booking.expires_ms);
        match state {
            State::Held if now_ms < expires_ms => {
                self.agree(id, told, true);
                self.book.shift(serial, State::Cancelled);
                self.seat_opened(serial);
            }
            State::Confirmed if is_cancel && starts_ms.is_none_or(|starts_ms| now_ms < starts_ms) => {
                self.agree(id, told, true);
                self.return_paid(serial, None);
                self.seat_opened(serial);
            }
            State::Cancelled | State::Refunded => self.agree(id, told, true),
            State::Held | State::Paying | State::Confirmed | State::Expired => self.agree(id, told, false),
        }
    }

    /// A seat that is paid comes back, and its money goes: all of it but the fee, or `amount` KRW exactly.
    pub(super) fn return_paid(&mut self, serial: Serial, amount: Option<i64>) {
        let payment = self.book.bookings.get(&serial).and_then(|booking| booking.payment.clone());
        self.book.shift(serial, State::Cancelled);
        let Some(payment) = payment else { return };
        self.expect_refund(&payment, amount);
    }

    /// A payment that is off has no use for its coupon: that has to go back, once.
    pub(super) fn expect_coupon_back(&mut self, payment: &str) {
        if let Some(known) = self.book.payments.get_mut(payment).filter(|known| known.has_coupon) {
            known.has_coupon = false;
            self.desk.discounts.expect_back(payment, self.entry.at(reservation::INBOX));
        }
    }

    /// The money of `payment` has to go back, and its coupon if it has one.
    pub(super) fn expect_refund(&mut self, payment: &str, amount: Option<i64>) {
        self.expect_coupon_back(payment);
        let Some(known) = self.book.payments.get_mut(payment) else { return };
        known.paid = Paid::Returning;
        let paid = known.amount;
        let refund = self.desk.money.refund_of.get(payment).and_then(|id| self.desk.money.refunds.get_mut(id));
        match refund {
            None => self.breach(
                Invariant::PaidOnce,
                format!("{paid} KRW of {payment} have to go back, and no wallet was asked"),
            ),
            Some(refund) => {
                refund.is_explained = true;
                let (back, fee) = (refund.amount, refund.fee);
                if back.checked_add(fee) != Some(paid) || amount.is_some_and(|amount| amount != back) {
                    self.breach(
                        Invariant::PaidOnce,
                        format!("{back} KRW go back of {paid} paid by {payment}, and {fee} are kept"),
                    );
                } else {
                    self.count(Invariant::PaidOnce, "refunds asked for");
                }
            }
        }
    }

    fn extend(&mut self, said: &Message<'_>, id: &str, told: &Told) {
        let now_ms = self.book.now_ms;
        let found = self.book.find(said.reservation_id.id().and_then(|id| parse(&id))).map(|(serial, _)| serial);
        let Some(booking) = found.and_then(|serial| self.book.bookings.get_mut(&serial)) else {
            self.agree(id, told, false);
            return;
        };
        // Whether holds are extended is policy: a deadline set now says that this one was.
        let next = booking.later.last().filter(|next| next.occurred_ms == now_ms).copied();
        let is_legal = booking.state == State::Held && now_ms < booking.expires_ms;
        if let Some(next) = next {
            booking.later.pop();
            booking.expires_ms = next.expires_ms;
            if !is_legal {
                self.breach(Invariant::Deadline, format!("{id} extended what was over or paid"));
            }
        }
        self.agree(id, told, next.is_some());
    }

    fn cancel_schedule(&mut self, said: &Message<'_>, id: &str, told: &Told) {
        let Some(schedule) = said.schedule_id.id().and_then(|id| self.book.schedule(&id)) else {
            self.agree(id, told, false);
            return;
        };
        self.agree(id, told, true);
        if let Some(house) = self.book.schedules.get_mut(&schedule)
            && house.cancelling.is_none()
        {
            house.cancelling = Some(0);
            self.cancel_step(&schedule, 0);
        }
    }

    /// One step of a cancelled schedule: the next few seats, in order of their numbers.
    pub(super) fn cancel_step(&mut self, schedule: &str, step: u64) {
        let batch_max = self.book.batch_max;
        let Some(house) = self.book.schedules.get_mut(schedule).filter(|house| house.cancelling == Some(step)) else {
            return;
        };
        let serials: Vec<Serial> = house.taken.values().copied().take(batch_max).collect();
        if serials.len() == batch_max {
            house.cancelling = Some(step + 1);
        }
        for serial in serials {
            match self.book.bookings.get(&serial).map(|booking| (booking.state, booking.price)) {
                Some((State::Confirmed, _)) => {
                    let payment = self.book.bookings.get(&serial).and_then(|booking| booking.payment.clone());
                    let paid =
                        payment.and_then(|payment| self.book.payments.get(&payment)).map(|payment| payment.amount);
                    self.return_paid(serial, paid);
                }
                Some((state, _)) if state.is_live() => self.book.shift(serial, State::Cancelled),
                _ => {}
            }
        }
    }
}
