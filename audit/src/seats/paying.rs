//! Payment against deadline.

use super::book::{Paid, Payment, State};
use super::facts::{name, parse};
use super::message::Message;
use super::{Scene, Told};
use crate::invariant::Invariant;
use crate::known::print;
use crate::record::Field;
use holdfast_model::reservation::serial;
use std::rc::Rc;

impl Scene<'_, '_, '_> {
    /// The id of a payment that nobody has named: by the first rules made of its record's offset, then of what cannot be guessed of the record.
    fn unnamed_payment(&self, said: &Message<'_>) -> String {
        let by_first_rules = format!("pay_{}_{}", self.book.place, self.entry.offset);
        if self.desk.money.debits.contains_key(&by_first_rules) {
            return by_first_rules;
        }
        format!("pay_{}_{}", self.book.place, serial::to_text(self.secret_serial(said)))
    }

    /// Whether the show of a schedule has begun.
    pub(super) fn has_begun(&self, schedule: &str) -> bool {
        let starts_ms = self.book.schedules.get(schedule).and_then(|house| house.starts_ms);
        starts_ms.is_some_and(|starts_ms| self.book.now_ms >= starts_ms)
    }

    pub(super) fn pay(&mut self, said: &Message<'_>, id: &str, told: &Told) {
        let wanted = said.reservation_id.id().unwrap_or_default();
        let found = self.book.find(parse(&wanted));
        let payer = said.user_id.id();
        let found = found.filter(|(_, booking)| payer.as_ref().is_none_or(|payer| **payer == *booking.user));
        let Some((serial, booking)) = found.map(|(serial, booking)| (serial, booking.clone())) else {
            self.agree(id, told, false);
            return;
        };
        let offered = said.amount.int();
        let payment_id = said.payment_id.id().map_or_else(|| self.unnamed_payment(said), |id| id.into_owned());
        if let Some(before) = self.book.payments.get(&*payment_id) {
            let is_same = before.serial == serial && Some(before.amount) == offered;
            self.agree(id, told, is_same);
            return;
        }
        let now_ms = self.book.now_ms;
        let is_in_time = now_ms < booking.expires_ms;
        let debit = self.desk.money.debits.get_mut(&payment_id).filter(|debit| debit.reservation == print(&*wanted));
        // With a coupon the wallet is asked once it is known what that takes off.
        let has_coupon = said.coupon_id != Field::Absent;
        let is_granted = told.is_done() || (told.has_ended && self.outcomes.has_payment(&payment_id, now_ms));
        if debit.is_none() && !(has_coupon && is_granted) {
            let is_cancelled =
                self.book.schedules.get(&booking.schedule).is_some_and(|house| house.cancelling.is_some());
            let is_owed = offered == Some(booking.price) && !has_coupon;
            let has_begun = self.has_begun(&booking.schedule);
            let must_be = booking.state == State::Held && is_in_time && is_owed && !is_cancelled;
            let expires_ms = booking.expires_ms;
            let it = name((self.book.place, serial));
            match told.refused {
                Some("RESERVATION_EXPIRED") if is_in_time && booking.state == State::Held => {
                    self.breach(
                        Invariant::Deadline,
                        format!(
                            "{id} for {it} came at {now_ms} ms, before {expires_ms} ms, and was refused as too late"
                        ),
                    );
                }
                Some("RESERVATION_EXPIRED") => self.count(Invariant::Deadline, "payments too late"),
                _ if told.is_done() => {
                    self.breach(
                        Invariant::PaidOnce,
                        format!("{id} for {it} was granted, and no wallet was asked for {payment_id}"),
                    );
                }
                // Which shape of payment ids is taken is policy.
                Some("INVALID_PAYMENT_ID") => {}
                Some("SHOW_ALREADY_STARTED") if has_begun => {
                    self.count(Invariant::Deadline, "payments of shows that had begun")
                }
                // Why it was refused is not kept any more.
                None if told.has_ended => {}
                refused if must_be => {
                    let code = refused.unwrap_or("nothing");
                    self.breach(
                        Invariant::Deadline,
                        format!("{id} for {it} came in time with what is owed, and was told {code}"),
                    );
                }
                _ => {}
            }
            return;
        }
        let asked = debit.map(|debit| {
            debit.is_explained = true;
            (debit.price, debit.discount, debit.amount)
        });
        self.agree(id, told, true);
        let it = name((self.book.place, serial));
        if !is_in_time {
            let expires_ms = booking.expires_ms;
            self.breach(
                Invariant::Deadline,
                format!("{payment_id} for {it} was taken at {now_ms} ms, and the deadline was {expires_ms} ms"),
            );
        } else if booking.state == State::Held {
            self.count(Invariant::Deadline, "payments in time");
        } else {
            let state = booking.state.as_str();
            self.breach(Invariant::PaidOnce, format!("{payment_id} was asked of a wallet, and {it} is {state}"));
        }
        if let Some((price, discount, amount)) = asked
            && (price != booking.price || price.checked_sub(discount) != Some(amount) || offered != Some(amount))
        {
            let owed = booking.price;
            self.breach(
                Invariant::PaidOnce,
                format!("{amount} KRW were asked for {payment_id}: {it} costs {owed}, a coupon takes off {discount}, {offered:?} were offered"),
            );
        }
        let payment_id: Rc<str> = payment_id.into();
        let paid = if has_coupon { Paid::Discounting } else { Paid::Pending };
        let amount = asked.map_or_else(|| offered.unwrap_or_default(), |(_, _, amount)| amount);
        self.book
            .payments
            .insert(Rc::clone(&payment_id), Payment { serial, amount, paid, has_coupon: false, had_seat: false });
        if booking.state == State::Held
            && let Some(booking) = self.book.bookings.get_mut(&serial)
        {
            booking.payment = Some(payment_id);
            self.book.shift(serial, State::Paying);
        }
    }
}
