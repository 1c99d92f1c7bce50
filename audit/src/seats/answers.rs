//! Deadlines that come, and what wallets say.

use super::Scene;
use super::book::{Paid, State};
use super::facts::{name, parse};
use super::message::Message;
use crate::guards;
use crate::invariant::Invariant;
use holdfast_model::reservation;
use holdfast_model::reservation::serial::Serial;

impl Scene<'_, '_, '_> {
    /// Takes an answer; false when the record is a command.
    pub(super) fn answer(&mut self, kind: &str, said: &Message<'_>) -> bool {
        match kind {
            "expire" => self.expire(said),
            "settled" => self.settled(said),
            "refunded" => self.refunded(said),
            "coupon-used" | "coupon-refused" => self.coupon(kind == "coupon-used", said),
            kind if guards::KINDS.contains(&kind) => {
                if self.book.guards.hear(self.entry.value, self.book.now_ms).is_none() {
                    self.breach(
                        Invariant::NoGap,
                        "a queue's message that cannot be read, and is not among the dead letters",
                    );
                }
            }
            "sweep" => self.sweep(&said.schedule_id.id().unwrap_or_default()),
            "tell-waitlist" => self.tell_waitlist(said),
            "cancel-next" => {
                let step = said.step.int().and_then(|step| u64::try_from(step).ok()).unwrap_or(u64::MAX);
                self.cancel_step(&said.schedule_id.id().unwrap_or_default(), step);
            }
            _ => return false,
        }
        true
    }

    fn expire(&mut self, said: &Message<'_>) {
        let found = self.book.find(said.reservation_id.id().and_then(|id| parse(&id)));
        match found.map(|(serial, booking)| (serial, booking.state, booking.expires_ms)) {
            None => self.breach(Invariant::NoGap, "a deadline of nothing, and not among the dead letters"),
            Some((serial, State::Held, expires_ms)) if self.book.now_ms >= expires_ms => self.run_out(serial),
            Some((_, State::Held, _)) => self.count(Invariant::NotEarly, "deadlines that came early and were put off"),
            Some(_) => {}
        }
    }

    /// The hold is over: everybody has to be told, once, and not before.
    fn run_out(&mut self, serial: Serial) {
        let now_ms = self.book.now_ms;
        let expires_ms = self.book.bookings.get(&serial).map_or(0, |booking| booking.expires_ms);
        self.book.shift(serial, State::Expired);
        let it = name((self.book.place, serial));
        self.desk.ending.expired(now_ms.saturating_sub(expires_ms));
        match self.desk.facts.expired.remove(&(self.book.place, serial)) {
            Some(fact) if fact.expired_ms == now_ms => {
                self.count(Invariant::NotEarly, "holds ended at their deadline or later")
            }
            Some(fact) if fact.expired_ms < expires_ms => {
                let early_ms = expires_ms - fact.expired_ms;
                self.findings.breach(
                    Invariant::NotEarly,
                    fact.at,
                    format!("{it} ended {early_ms} ms before its deadline"),
                );
            }
            Some(fact) => {
                let told_ms = fact.expired_ms;
                self.findings.breach(
                    Invariant::Agreement,
                    fact.at,
                    format!("{it} ended at {now_ms} ms, told is {told_ms} ms"),
                );
            }
            None if self.cut.may_be_forgotten(reservation::SEATS_EXPIRED, now_ms) => {}
            None => self.breach(Invariant::NoGap, format!("{it} ended at its deadline, and nobody was told")),
        }
        self.desk.notices.expect("RESERVATION_EXPIRED", &it, self.entry, now_ms, self.cut, self.findings);
        self.seat_opened(serial);
    }

    fn settled(&mut self, said: &Message<'_>) {
        let payment_id = said.payment_id.id().unwrap_or_default();
        let Some(payment) = self.book.payments.get_mut(&*payment_id) else {
            self.breach(
                Invariant::NoGap,
                format!("an answer about {payment_id:?}, which nobody asked for, and not among the dead letters"),
            );
            return;
        };
        let is_debited = said.result.text() == "DEBITED";
        // A wallet that has refused may have been asked again by an operator.
        if !(payment.paid == Paid::Pending || (payment.paid == Paid::Nothing && is_debited)) {
            return;
        }
        let is_second_thought = payment.paid == Paid::Nothing;
        let (serial, amount) = (payment.serial, payment.amount);
        let booking = self.book.bookings.get(&serial);
        let is_current = !is_second_thought
            && booking.is_some_and(|b| b.state == State::Paying && b.payment.as_deref() == Some(&*payment_id));
        let is_over = booking.is_some_and(|booking| self.book.now_ms >= booking.expires_ms);
        if !is_debited {
            payment.paid = Paid::Nothing;
            self.expect_coupon_back(&payment_id);
            match (is_current, is_over) {
                (true, true) => self.run_out(serial),
                (true, false) => self.book.shift(serial, State::Held),
                (false, _) => {}
            }
        } else if is_current {
            payment.paid = Paid::Seat;
            payment.had_seat = true;
            self.confirm(serial, &payment_id, amount);
        } else {
            // Nothing is left to be paid for.
            self.expect_refund(&payment_id, Some(amount));
        }
    }

    /// A coupon was asked what it takes off, and says so.
    fn coupon(&mut self, is_used: bool, said: &Message<'_>) {
        let payment_id = said.payment_id.id().unwrap_or_default();
        let Some(payment) = self.book.payments.get_mut(&*payment_id) else {
            self.breach(
                Invariant::NoGap,
                format!("a coupon of {payment_id:?}, which nobody asked for, and not among the dead letters"),
            );
            return;
        };
        if payment.paid != Paid::Discounting {
            return;
        }
        let (serial, offered) = (payment.serial, payment.amount);
        let booking = self.book.bookings.get(&serial);
        let is_current =
            booking.is_some_and(|b| b.state == State::Paying && b.payment.as_deref() == Some(&*payment_id));
        let owed = booking.zip(said.discount.int()).and_then(|(booking, off)| booking.price.checked_sub(off));
        let is_over = booking.is_some_and(|booking| self.book.now_ms >= booking.expires_ms);
        let goes_on = is_used && is_current && owed == Some(offered);
        payment.paid = if goes_on { Paid::Pending } else { Paid::Nothing };
        payment.has_coupon = is_used;
        if !goes_on {
            self.expect_coupon_back(&payment_id);
        }
        let is_asked = self.desk.money.debits.get(&*payment_id).is_some_and(|debit| debit.is_explained);
        match (goes_on, is_asked) {
            (true, true) => self.count(Invariant::PaidOnce, "payments with a coupon"),
            (true, false) => {
                self.breach(Invariant::PaidOnce, format!("{payment_id} is owed {offered} KRW, and no wallet was asked"))
            }
            (false, true) => self.breach(
                Invariant::PaidOnce,
                format!("{payment_id} was asked of a wallet, and its coupon does not make it {offered} KRW"),
            ),
            (false, false) => {}
        }
        match (goes_on, is_current, is_over) {
            (false, true, true) => self.run_out(serial),
            (false, true, false) => self.book.shift(serial, State::Held),
            _ => {}
        }
    }

    /// Holds are looked after: one whose deadline has come may be ended, and the facts say which were.
    fn sweep(&mut self, schedule: &str) {
        let now_ms = self.book.now_ms;
        let Some(house) = self.book.schedules.get(schedule) else { return };
        let is_ended = |serial: &Serial| {
            let fact = self.desk.facts.expired.get(&(self.book.place, *serial));
            let booking = self.book.bookings.get(serial);
            fact.is_some_and(|fact| fact.expired_ms == now_ms)
                && booking.is_some_and(|booking| booking.state == State::Held && now_ms >= booking.expires_ms)
        };
        let ended: Vec<Serial> = house.taken.values().copied().filter(is_ended).collect();
        for serial in ended {
            self.run_out(serial);
        }
    }

    fn confirm(&mut self, serial: Serial, payment_id: &str, amount: i64) {
        self.book.shift(serial, State::Confirmed);
        let this = (self.book.place, serial);
        let it = name(this);
        let Some(booking) = self.book.bookings.get(&serial).cloned() else { return };
        self.book.end_purchase(&booking);
        if let Some(house) = self.book.schedules.get(&booking.schedule) {
            let (sold, capacity) = (house.sold, house.capacity);
            if sold > capacity {
                self.breach(
                    Invariant::Capacity,
                    format!("{sold} seats of {} are sold, and there are {capacity}", booking.schedule),
                );
            } else {
                self.count(Invariant::Capacity, "seats sold");
            }
        }
        match self.desk.facts.confirmed.remove(&this) {
            Some(fact) => {
                let told = (&*fact.payment, fact.amount, &*fact.schedule, fact.seat.parse(), &*fact.user);
                let is = (payment_id, amount, &*booking.schedule, Ok(booking.seat), &*booking.user);
                if told == is {
                    self.count(Invariant::PaidOnce, "seats confirmed by one payment of what is owed");
                } else {
                    self.findings.breach(
                        Invariant::PaidOnce,
                        fact.at,
                        format!("{it} is told as {told:?}, by the log it is {is:?}"),
                    );
                }
            }
            None if self.cut.may_be_forgotten(reservation::CONFIRMED, self.book.now_ms) => {}
            None => self.breach(
                Invariant::PaidOnce,
                format!("{it} was paid by {payment_id}, and nobody was told that it is confirmed"),
            ),
        }
        self.desk.notices.expect("PAYMENT_CONFIRMED", &it, self.entry, self.book.now_ms, self.cut, self.findings);
    }

    fn refunded(&mut self, said: &Message<'_>) {
        let payment_id = said.payment_id.id().unwrap_or_default();
        let Some(payment) = self.book.payments.get_mut(&*payment_id) else {
            self.breach(
                Invariant::NoGap,
                format!("a refund of {payment_id:?}, which nobody paid, and not among the dead letters"),
            );
            return;
        };
        // A refund may be refused, and the money is still owed then.
        if payment.paid != Paid::Returning || said.result.text() == "REFUSED" {
            return;
        }
        payment.paid = Paid::Returned;
        let serial = payment.serial;
        if self.book.bookings.get(&serial).is_some_and(|booking| booking.state == State::Cancelled) {
            self.book.shift(serial, State::Refunded);
        }
    }
}
