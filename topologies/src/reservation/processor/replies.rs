//! Answers of wallets and deadlines that come.

use super::outbound::Cause;
use crate::reservation::Reservation;
use crate::reservation::decide::{self, Answer, Expiry};
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::reservation::PAYMENT_STATES;
use holdfast_model::reservation::message::{Expire, Refunded, Settled};
use holdfast_model::reservation::row::{PaymentRow, PaymentState, ReservationRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::State;

impl CommandContext<'_, '_, Reservation> {
    pub(super) fn expire(&mut self, command: &Expire) -> Result<(), ProcessError> {
        let Some((serial, row)) = self.reservation(&command.reservation_id)? else {
            return Err(ProcessError::refuse("UnknownReservation", format!("{:?}", command.reservation_id)));
        };
        match decide::expire(&row, command.expires_at, command.due_at, self.ctx.now_ms()) {
            Expiry::Nothing => Ok(()),
            Expiry::Early { due_ms } => self.ask_again(&command.reservation_id, &row, due_ms),
            Expiry::Now => self.run_out(serial, row),
        }
    }

    /// The hold is over.
    pub(super) fn run_out(&mut self, serial: Serial, mut row: ReservationRow) -> Result<(), ProcessError> {
        let schedule = self.shift(serial, &mut row, State::Expired)?;
        self.send_expired(serial, &row)?;
        self.notify_expired(serial, &row, &schedule)?;
        self.seat_opened(&row)
    }

    pub(super) fn settled(&mut self, command: &Settled) -> Result<(), ProcessError> {
        let payment = self.ctx.get(&PAYMENT_STATES, &command.payment_id)?;
        let found = self.reservation(&command.reservation_id)?;
        let payment = payment.filter(|payment| found.as_ref().is_some_and(|(serial, _)| *serial == payment.serial));
        let row = found.as_ref().map(|(_, row)| row);
        let answer = decide::settle(command, payment.as_ref(), row, self.ctx.now_ms())
            .map_err(|why| ProcessError::refuse("UnexpectedAnswer", format!("{:?}: {why}", command.payment_id)))?;
        let (Some(payment), Some((serial, row))) = (payment, found) else { return Ok(()) };
        match answer {
            Answer::Known => Ok(()),
            Answer::Ends(state) => self.put_payment(&command.payment_id, payment, state, &row),
            Answer::GivesBack(refund) => {
                self.give_money_back(&command.payment_id, payment, refund, &row, Cause::NotConfirmed)
            }
            Answer::Moves(to, state) => {
                let amount = payment.amount;
                self.put_payment(&command.payment_id, payment, state, &row)?;
                self.settle(serial, row, to, &command.payment_id, amount)
            }
        }
    }

    /// Moves a reservation to where the answer about its payment leads.
    pub(super) fn settle(
        &mut self,
        serial: Serial,
        mut row: ReservationRow,
        to: State,
        payment_id: &str,
        amount: u64,
    ) -> Result<(), ProcessError> {
        match to {
            State::Expired => self.run_out(serial, row),
            State::Confirmed => {
                let schedule = self.shift(serial, &mut row, to)?;
                self.send_confirmed(serial, &row, payment_id, amount, &schedule)?;
                self.send_ranking(serial, &row, payment_id, &schedule, true)?;
                self.notify_confirmed(serial, &row, &schedule)?;
                self.end_purchase(&row)
            }
            _ => self.shift(serial, &mut row, to).map(|_| ()),
        }
    }

    /// Moves a payment. One that is off has no use for its coupon.
    pub(super) fn put_payment(
        &mut self,
        payment_id: &str,
        mut payment: PaymentRow,
        state: PaymentState,
        row: &ReservationRow,
    ) -> Result<(), ProcessError> {
        if !payment.state.may_become(&state) {
            let from = payment.state;
            return Err(ProcessError::fail("IllegalMove", format!("payment {payment_id:?}: {from:?} to {state:?}")));
        }
        let is_off = matches!(state, PaymentState::Refused(_) | PaymentState::Refunding(_));
        payment.state = state;
        payment.changed_ms = self.ctx.now_ms();
        self.ctx.put(&PAYMENT_STATES, &payment_id.to_owned(), &payment)?;
        if is_off { self.return_coupon(payment_id, payment.serial, row) } else { Ok(()) }
    }

    pub(super) fn refunded(&mut self, command: &Refunded) -> Result<(), ProcessError> {
        let payment = self.ctx.get(&PAYMENT_STATES, &command.payment_id)?;
        let found = self.reservation(&command.reservation_id)?;
        let payment = payment.filter(|payment| found.as_ref().is_some_and(|(serial, _)| *serial == payment.serial));
        let next = decide::refunded(command, payment.as_ref()).map_err(|why| {
            ProcessError::refuse("UnexpectedAnswer", format!("refund {:?}: {why}", command.refund_id))
        })?;
        let (Some(next), Some(payment), Some((serial, mut row))) = (next, payment, found) else { return Ok(()) };
        self.put_payment(&command.payment_id, payment, next.clone(), &row)?;
        let title = self.schedule(&row.schedule_id)?.map(|schedule| schedule.concert_title).unwrap_or_default();
        let PaymentState::Refunded(refund) = next else {
            return self.notify_refund_failed(serial, &row, &title);
        };
        if row.state == State::Cancelled {
            self.shift(serial, &mut row, State::Refunded)?;
        }
        self.notify_refunded(serial, &row, refund, &title)
    }
}
