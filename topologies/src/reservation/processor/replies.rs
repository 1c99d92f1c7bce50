//! Answers of wallets and deadlines that come.

use super::desk::Desk;
use super::outbound::Cause;
use crate::reservation::PAYMENT_STATES;
use crate::reservation::decide::{self, Answer, Expiry};
use crate::reservation::ids;
use crate::reservation::message::{Expire, Refunded, Settled};
use crate::reservation::row::{PaymentRow, PaymentState, ReservationRow};
use crate::reservation::state::State;
use holdfast_engine::ProcessError;

impl Desk<'_, '_> {
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
    fn run_out(&mut self, serial: u64, mut row: ReservationRow) -> Result<(), ProcessError> {
        let schedule = self.shift(serial, &mut row, State::Expired)?;
        self.send_expired(serial, &row)?;
        self.notify_expired(serial, &row, &schedule)
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
            Answer::Ends(state) => self.put_payment(&command.payment_id, payment, state),
            Answer::GivesBack(refund) => {
                self.give_money_back(&command.payment_id, payment, refund, &row, Cause::NotConfirmed)
            }
            Answer::Moves(to, state) => {
                let amount = payment.amount;
                self.put_payment(&command.payment_id, payment, state)?;
                self.settle(serial, row, to, &command.payment_id, amount)
            }
        }
    }

    fn settle(
        &mut self,
        serial: u64,
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
                self.notify_confirmed(serial, &row, &schedule)
            }
            _ => self.shift(serial, &mut row, to).map(|_| ()),
        }
    }

    fn put_payment(
        &mut self,
        payment_id: &str,
        mut payment: PaymentRow,
        state: PaymentState,
    ) -> Result<(), ProcessError> {
        payment.state = state;
        payment.changed_ms = self.ctx.now_ms();
        self.ctx.put(&PAYMENT_STATES, &payment_id.to_owned(), &payment)
    }

    pub(super) fn refunded(&mut self, command: &Refunded) -> Result<(), ProcessError> {
        let unexpected =
            |why: &str| Err(ProcessError::refuse("UnexpectedAnswer", format!("refund {:?}: {why}", command.refund_id)));
        let payment = self.ctx.get(&PAYMENT_STATES, &command.payment_id)?;
        let found = self.reservation(&command.reservation_id)?;
        let (Some(payment), Some((serial, mut row))) = (payment, found) else {
            return unexpected("there is no such payment");
        };
        if payment.serial != serial || command.refund_id != ids::refund(&command.payment_id) {
            return unexpected("it is not of this payment");
        }
        let refund = match payment.state {
            PaymentState::Refunded(_) => return Ok(()),
            PaymentState::Refunding(refund) if u64::try_from(command.amount) == Ok(refund.amount) => refund,
            PaymentState::Refunding(_) => return unexpected("another amount was asked for"),
            PaymentState::Pending | PaymentState::Paid | PaymentState::Refused(_) => {
                return unexpected("nobody asked for it");
            }
        };
        self.put_payment(&command.payment_id, payment, PaymentState::Refunded(refund))?;
        let title = self.schedule(&row.schedule_id)?.map(|schedule| schedule.concert_title).unwrap_or_default();
        if row.state == State::Cancelled {
            self.shift(serial, &mut row, State::Refunded)?;
        }
        self.notify_refunded(serial, &row, refund, &title)
    }
}
