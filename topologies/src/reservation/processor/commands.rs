//! Commands of customers and of the shop.

use super::outbound::{Cause, Owed};
use crate::guard;
use crate::reservation::decide::{self, Before, Cancellation, Granted, Here, Payment};
use crate::reservation::outcomes::Outcome;
use crate::reservation::{GUARDED, Reservation};
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::reservation::keys::{BuyerKey, SeatKey};
use holdfast_model::reservation::message::{
    Cancel, CancelNext, CancelSchedule, CreateConcert, CreateSchedule, Extend, Hold, Message, Pay, Release,
};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{
    AnswerRow, CouponRow, CouponState, PaymentRow, PaymentState, Refund, ReservationRow, ScheduleRow,
};
use holdfast_model::reservation::serial::{self, Serial};
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::{
    ANSWERS, BUYERS, CONCERTS, PAYMENT_COUPONS, PAYMENT_STATES, PRICES, RESERVATIONS, SCHEDULES, TAKEN, WAITLISTS, ids,
};
use std::ops::ControlFlow;

impl CommandContext<'_, '_, Reservation> {
    pub(super) fn create_concert(&mut self, command: &CreateConcert) -> Result<Outcome, ProcessError> {
        let existing = self.ctx.get(&CONCERTS, &command.concert_id)?;
        match decide::create_concert(command, existing.as_ref(), self.ctx.now_ms()) {
            Ok(Some(row)) => self.ctx.put(&CONCERTS, &command.concert_id, &row)?,
            Ok(None) => {}
            Err(refusal) => return Ok(Outcome::refused(refusal)),
        }
        Ok(Outcome::default())
    }

    pub(super) fn create_schedule(
        &mut self,
        command: &CreateSchedule,
        fingerprint: u64,
    ) -> Result<Outcome, ProcessError> {
        let existing = self.ctx.get(&SCHEDULES, &command.schedule_id)?;
        let new =
            match decide::create_schedule(command, fingerprint, existing.as_ref(), self.settings, self.ctx.now_ms()) {
                Ok(Some(new)) => new,
                Ok(None) => return Ok(Outcome::default()),
                Err(refusal) => return Ok(Outcome::refused(refusal)),
            };
        self.ctx.put(&SCHEDULES, &command.schedule_id, &new.row)?;
        let mut key = SeatKey { schedule_id: command.schedule_id.clone(), seat_no: 0 };
        for (seat_no, price) in new.prices {
            key.seat_no = seat_no;
            self.ctx.put(&PRICES, &key, &price)?;
        }
        if let Some(waitlist) = &new.waitlist {
            self.ctx.put(&WAITLISTS, &command.schedule_id, waitlist)?;
        }
        Ok(Outcome::default())
    }

    pub(super) fn hold(&mut self, command: &Hold, nonce: Option<&str>) -> Result<Outcome, ProcessError> {
        let schedule = self.schedule(&command.schedule_id)?;
        let key = SeatKey { schedule_id: command.schedule_id.clone(), seat_no: command.seat().unwrap_or_default() };
        let price = match &schedule {
            Some(schedule) if command.seat().is_some() => self.price(schedule, &key)?,
            _ => None,
        };
        let taken = match self.ctx.get(&TAKEN, &key)? {
            Some(taken) => self.ctx.get(&RESERVATIONS, &taken.serial)?.map(|row| (taken.serial, row)),
            None => None,
        };
        let buyer_key = BuyerKey { schedule_id: command.schedule_id.clone(), user_id: command.user_id.clone() };
        let buyer = self.ctx.get(&BUYERS, &buyer_key)?.unwrap_or_default();
        let taken = taken.as_ref().map(|(serial, row)| (*serial, row));
        let now_ms = self.ctx.now_ms();
        let decided = decide::hold(command, schedule.as_ref(), price, taken, buyer, self.settings, now_ms);
        let decided = match decided {
            // Last: a guard is looked for only when everything else is in order.
            Ok(Granted::New { .. }) => {
                let pass = guard::pass(self.ctx, &GUARDED, &command.schedule_id, &command.user_id)?;
                pass.check(Refusal::NotAdmitted).and(decided)
            }
            decided => decided,
        };
        match (decided, schedule) {
            (Err(refusal), _) => Ok(Outcome::refused(refusal)),
            (Ok(Granted::Same { serial }), _) => {
                Ok(taken.map_or_else(|| Outcome::of(serial), |(serial, row)| Outcome::told(serial, row)))
            }
            (Ok(Granted::New { .. }), None) => Ok(Outcome::refused(Refusal::UnknownSchedule)),
            (Ok(Granted::New { expires_ms, price }), Some(schedule)) => {
                let serial = self.serial(nonce);
                let row = ReservationRow {
                    schedule_id: command.schedule_id.clone(),
                    user_id: command.user_id.clone(),
                    seat_no: key.seat_no,
                    price,
                    held_ms: now_ms,
                    expires_ms,
                    extensions: 0,
                    state: State::Held,
                    changed_ms: now_ms,
                    payment_id: None,
                };
                let schedule = self.open(serial, &row, (&key, &buyer_key), (schedule, buyer))?;
                self.got_seat(&buyer_key)?;
                self.send_deadline(serial, &row)?;
                self.look_after(&row, &schedule)?;
                if self.settings.notify_held {
                    self.notify_held(serial, &row, &schedule)?;
                }
                Ok(Outcome::of(serial))
            }
        }
    }

    pub(super) fn release(&mut self, command: &Release) -> Result<Outcome, ProcessError> {
        let found = self.reservation(&command.reservation_id)?;
        let decided = decide::release(found.as_ref().map(|(_, row)| row), &command.user_id, self.ctx.now_ms());
        self.give_back(found, decided)
    }

    pub(super) fn cancel(&mut self, command: &Cancel) -> Result<Outcome, ProcessError> {
        let found = self.reservation(&command.reservation_id)?;
        let schedule = match &found {
            Some((_, row)) => self.schedule(&row.schedule_id)?,
            None => None,
        };
        let row = found.as_ref().map(|(_, row)| row);
        let paid = row.map_or(Ok(0), |row| self.paid(row))?;
        let now_ms = self.ctx.now_ms();
        let decided = decide::cancel(row, paid, schedule.as_ref(), &command.user_id, self.settings, now_ms);
        self.give_back(found, decided)
    }

    /// What has been paid for a reservation, in KRW: its price less what a coupon took off.
    fn paid(&mut self, row: &ReservationRow) -> Result<u64, ProcessError> {
        match &row.payment_id {
            Some(payment_id) if row.state == State::Confirmed => {
                let payment = self.ctx.get(&PAYMENT_STATES, payment_id)?;
                let none = || ProcessError::fail("NoPayment", format!("it is confirmed by {payment_id:?}"));
                payment.map(|payment| payment.amount).ok_or_else(none)
            }
            _ => Ok(0),
        }
    }

    fn give_back(
        &mut self,
        found: Option<(Serial, ReservationRow)>,
        decided: Result<Cancellation, Refusal>,
    ) -> Result<Outcome, ProcessError> {
        match (decided, found) {
            (Err(refusal), _) => Ok(Outcome::refused(refusal)),
            (Ok(_), None) => Ok(Outcome::refused(Refusal::UnknownReservation)),
            (Ok(Cancellation::Unchanged), Some((serial, row))) => Ok(Outcome::told(serial, &row)),
            (Ok(Cancellation::Released), Some((serial, row))) => {
                self.end(serial, row, None, Cause::Customer)?;
                Ok(Outcome::of(serial))
            }
            (Ok(Cancellation::GivesBack(refund)), Some((serial, row))) => {
                let payment_id = row.payment_id.clone();
                self.end(serial, row, Some(refund), Cause::Customer)?;
                Ok(Outcome { payment_id, ..Outcome::of(serial) })
            }
        }
    }

    /// Cancels a reservation; with a refund, its money goes back.
    fn end(
        &mut self,
        serial: Serial,
        mut row: ReservationRow,
        refund: Option<Refund>,
        cause: Cause,
    ) -> Result<(), ProcessError> {
        let schedule = self.shift(serial, &mut row, State::Cancelled)?;
        if let (Some(refund), Some(payment_id)) = (refund, row.payment_id.clone()) {
            let payment = self.ctx.get(&PAYMENT_STATES, &payment_id)?.ok_or_else(|| {
                ProcessError::fail("NoPayment", format!("reservation {serial} is confirmed by {payment_id:?}"))
            })?;
            self.give_money_back(&payment_id, payment, refund, &row, cause)?;
            self.send_ranking(serial, &row, &payment_id, &schedule, false)?;
        }
        if cause == Cause::Schedule {
            self.notify_cancelled(serial, &row, &schedule)?;
        }
        self.seat_opened(&row)
    }

    /// Sends a payment's money back: once, since its row says so from now on.
    pub(super) fn give_money_back(
        &mut self,
        payment_id: &str,
        payment: PaymentRow,
        refund: Refund,
        row: &ReservationRow,
        cause: Cause,
    ) -> Result<(), ProcessError> {
        if payment.state == PaymentState::Paid && self.settings.has_second_rules() {
            self.ctx.put(&ANSWERS, &payment_id.to_owned(), &AnswerRow::Paid)?;
        }
        self.send_refund(payment.serial, payment_id, row, refund, cause)?;
        self.put_payment(payment_id, payment, PaymentState::Refunding(refund), row)
    }

    pub(super) fn pay(&mut self, command: &Pay, message: &Message) -> Result<Outcome, ProcessError> {
        let found = self.reservation(&command.reservation_id)?;
        // A derived id is looked up, too: somebody may have chosen it for another payment.
        let unique = match &command.payment_id {
            Some(_) => String::new(),
            None => serial::to_text(self.serial(message.nonce.as_deref())),
        };
        let payment_id = command.payment_id.clone().unwrap_or_else(|| ids::payment(self.ctx.place(), &unique));
        let before = self.ctx.get(&PAYMENT_STATES, &payment_id)?;
        let coupon = match &before {
            Some(_) => self.ctx.get(&PAYMENT_COUPONS, &payment_id)?,
            None => None,
        };
        let coupon_id = coupon.as_ref().map(|coupon| &*coupon.coupon_id);
        let schedule = match &found {
            Some((_, row)) => self.schedule(&row.schedule_id)?,
            None => None,
        };
        let now_ms = self.ctx.now_ms();
        let closed = schedule.as_ref().and_then(|schedule| decide::closed(schedule, self.settings, now_ms));
        let decided = decide::pay(
            command,
            found.as_ref().map(|(serial, row)| (*serial, row)),
            before.as_ref().map(|payment| Before { payment, coupon_id }),
            closed,
            Here { place: self.ctx.place(), places: self.ctx.places() },
            &unique,
            now_ms,
        );
        match (decided, found) {
            (Err(refusal), found) => {
                // Who comes second is told which payment came first; who may not know the reservation is told nothing.
                let (serial, payment_id) = match (refusal, found) {
                    (Refusal::UnknownReservation, _) | (_, None) => (None, None),
                    (_, Some((serial, row))) => (Some(serial), row.payment_id),
                };
                Ok(Outcome { refused: Some(refusal), serial, payment_id, answer: None })
            }
            (Ok(_), None) => Ok(Outcome::refused(Refusal::UnknownReservation)),
            (Ok(Payment::Same { payment_id }), Some((serial, _))) => {
                Ok(Outcome { payment_id: Some(payment_id), ..Outcome::of(serial) })
            }
            (Ok(Payment::New { payment_id, amount }), Some((serial, row))) => {
                let (row, schedule) = self.begin(serial, row, &payment_id, amount, PaymentState::Pending)?;
                let owed = Owed { payment_id: &payment_id, amount, discount: None };
                self.send_debit(serial, &row, &owed, &schedule, message.requested_at.as_ref())?;
                Ok(Outcome { payment_id: Some(payment_id), ..Outcome::of(serial) })
            }
            (Ok(Payment::Discounted { payment_id, amount, coupon_id, coupon_place }), Some((serial, row))) => {
                let (row, _) = self.begin(serial, row, &payment_id, amount, PaymentState::Discounting)?;
                self.send_use_coupon(serial, &payment_id, &row, &coupon_id, coupon_place)?;
                self.ctx.put(&PAYMENT_COUPONS, &payment_id, &CouponRow { coupon_id, state: CouponState::Asked })?;
                Ok(Outcome { payment_id: Some(payment_id), ..Outcome::of(serial) })
            }
        }
    }

    /// Begins a payment. Returns its reservation and its schedule as they are then.
    fn begin(
        &mut self,
        serial: Serial,
        mut row: ReservationRow,
        payment_id: &str,
        amount: u64,
        state: PaymentState,
    ) -> Result<(ReservationRow, ScheduleRow), ProcessError> {
        row.payment_id = Some(payment_id.to_owned());
        let schedule = self.shift(serial, &mut row, State::Paying)?;
        let now_ms = self.ctx.now_ms();
        let payment = PaymentRow { serial, amount, asked_ms: now_ms, state, changed_ms: now_ms };
        self.ctx.put(&PAYMENT_STATES, &payment_id.to_owned(), &payment)?;
        Ok((row, schedule))
    }

    pub(super) fn extend(&mut self, command: &Extend) -> Result<Outcome, ProcessError> {
        let found = self.reservation(&command.reservation_id)?;
        let Some((serial, mut row)) = found.filter(|(_, row)| row.user_id == command.user_id) else {
            return Ok(Outcome::refused(Refusal::UnknownReservation));
        };
        let now_ms = self.ctx.now_ms();
        let schedule = self.schedule(&row.schedule_id)?;
        let begun = schedule.and_then(|schedule| decide::begun(&schedule, self.settings, now_ms));
        match decide::extend(&row, begun, self.settings, now_ms) {
            Err(refusal) => Ok(Outcome::refused(refusal)),
            Ok(expires_ms) => {
                row.expires_ms = expires_ms;
                row.extensions += 1;
                self.ctx.put(&RESERVATIONS, &serial, &row)?;
                self.send_deadline(serial, &row)?;
                Ok(Outcome::told(serial, &row))
            }
        }
    }

    pub(super) fn cancel_schedule(&mut self, command: &CancelSchedule) -> Result<Outcome, ProcessError> {
        let Some(mut schedule) = self.schedule(&command.schedule_id)? else {
            return Ok(Outcome::refused(Refusal::UnknownSchedule));
        };
        if schedule.cancelling.is_none() {
            schedule.cancelling = Some(0);
            schedule.version += 1;
            self.ctx.put(&SCHEDULES, &command.schedule_id, &schedule)?;
            self.cancel_next(&CancelNext { schedule_id: command.schedule_id.clone(), step: 0 })?;
        }
        Ok(Outcome::default())
    }

    /// One step of a cancelled schedule: the next few of those who have seats. There is always one step due and no more, and any other is known.
    pub(super) fn cancel_next(&mut self, command: &CancelNext) -> Result<(), ProcessError> {
        let schedule = self.schedule(&command.schedule_id)?;
        let Some(ScheduleRow { cancelling: Some(due), .. }) = schedule else { return Ok(()) };
        if due != command.step {
            return Ok(());
        }
        let (mut serials, batch_max) = (Vec::new(), self.settings.cancel_batch_max.max(1));
        let prefix = SeatKey::prefix_of_schedule(&command.schedule_id);
        self.ctx.scan(&TAKEN, &prefix, &mut |_, taken| {
            serials.push(taken.serial);
            if serials.len() < batch_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        for serial in &serials {
            let Some(row) = self.ctx.get(&RESERVATIONS, serial)? else { continue };
            let paid = self.paid(&row)?;
            match decide::step(&row, paid) {
                Some(Cancellation::GivesBack(refund)) => self.end(*serial, row, Some(refund), Cause::Schedule)?,
                Some(Cancellation::Released) => self.end(*serial, row, None, Cause::Schedule)?,
                Some(Cancellation::Unchanged) | None => {}
            }
        }
        // Nobody can come after: a cancelled schedule gives no holds.
        if serials.len() < batch_max {
            return Ok(());
        }
        if let Some(mut schedule) = self.schedule(&command.schedule_id)? {
            schedule.cancelling = Some(due + 1);
            self.ctx.put(&SCHEDULES, &command.schedule_id, &schedule)?;
        }
        self.send_next_step(&command.schedule_id, due + 1)
    }

    /// The id of the reservation `serial` of this place.
    pub(super) fn reservation_id(&self, serial: Serial) -> String {
        ids::reservation(self.ctx.place(), serial)
    }
}
