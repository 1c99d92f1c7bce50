//! Coupons of payments: asked, answered, given back.

use super::outbound::Owed;
use crate::reservation::Reservation;
use crate::reservation::decide::{self, Asked, Discounted};
use crate::reservation::sinks;
use crate::shell::{CommandContext, Event};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::coupon;
use holdfast_model::coupon::coupon_id::CouponId;
use holdfast_model::reservation::facts::{DiscountFact, ReturnCoupon, UseCoupon};
use holdfast_model::reservation::message::{CouponRefused, CouponUsed};
use holdfast_model::reservation::row::{CouponRow, CouponState, PaymentRow, PaymentState, ReservationRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::{PAYMENT_COUPONS, PAYMENT_STATES};
use serde::Serialize;

/// What is known of a payment that a coupon answers for.
struct Found {
    payment: Option<(PaymentRow, CouponRow)>,
    reservation: Option<(Serial, ReservationRow)>,
}

impl Found {
    fn asked<'a>(&'a self, payment_id: &'a str) -> Asked<'a> {
        Asked {
            payment_id,
            payment: self.payment.as_ref().map(|(payment, coupon)| (payment, coupon)),
            row: self.reservation.as_ref().map(|(_, row)| row),
        }
    }
}

impl CommandContext<'_, '_, Reservation> {
    pub(super) fn coupon_used(&mut self, command: &CouponUsed) -> Result<(), ProcessError> {
        let found = self.find(&command.payment_id, &command.reservation_id)?;
        let decided = decide::coupon_used(command, found.asked(&command.payment_id), self.ctx.now_ms());
        self.go_on(&command.payment_id, found, decided)
    }

    pub(super) fn coupon_refused(&mut self, command: &CouponRefused) -> Result<(), ProcessError> {
        let found = self.find(&command.payment_id, &command.reservation_id)?;
        let decided = decide::coupon_refused(command, found.asked(&command.payment_id), self.ctx.now_ms());
        self.go_on(&command.payment_id, found, decided)
    }

    fn find(&mut self, payment_id: &str, reservation_id: &str) -> Result<Found, ProcessError> {
        let key = payment_id.to_owned();
        let reservation = self.reservation(reservation_id)?;
        let payment = self.ctx.get(&PAYMENT_STATES, &key)?;
        let payment =
            payment.filter(|payment| reservation.as_ref().is_some_and(|(serial, _)| *serial == payment.serial));
        let coupon = self.ctx.get(&PAYMENT_COUPONS, &key)?;
        Ok(Found { payment: payment.zip(coupon), reservation })
    }

    fn go_on(
        &mut self,
        payment_id: &str,
        found: Found,
        decided: Result<Discounted, &'static str>,
    ) -> Result<(), ProcessError> {
        let decided =
            decided.map_err(|why| ProcessError::refuse("UnexpectedAnswer", format!("{payment_id:?}: {why}")))?;
        let (Some((payment, mut coupon)), Some((serial, row))) = (found.payment, found.reservation) else {
            return Ok(());
        };
        match decided {
            Discounted::Known => Ok(()),
            Discounted::Debit { discount } => {
                let schedule = self.schedule(&row.schedule_id)?.ok_or_else(|| {
                    ProcessError::fail("NoSchedule", format!("a reservation of {:?}", row.schedule_id))
                })?;
                coupon.state = CouponState::Used { discount };
                self.ctx.put(&PAYMENT_COUPONS, &payment_id.to_owned(), &coupon)?;
                let discount = Some(DiscountFact { coupon_id: &coupon.coupon_id, amount: discount });
                let owed = Owed { payment_id, amount: payment.amount, discount };
                self.put_payment(payment_id, payment, PaymentState::Pending, &row)?;
                self.send_debit(serial, &row, &owed, &schedule, None)
            }
            Discounted::Off { code, to, discount } => {
                coupon.state = discount.map_or(CouponState::Refused, |discount| CouponState::Used { discount });
                self.ctx.put(&PAYMENT_COUPONS, &payment_id.to_owned(), &coupon)?;
                let amount = payment.amount;
                self.put_payment(payment_id, payment, PaymentState::Refused(code), &row)?;
                to.map_or(Ok(()), |to| self.settle(serial, row, to, payment_id, amount))
            }
        }
    }

    /// Sends the coupon of a payment back if it has one: once, since its row says so from now on.
    pub(super) fn return_coupon(
        &mut self,
        payment_id: &str,
        serial: Serial,
        row: &ReservationRow,
    ) -> Result<(), ProcessError> {
        let key = payment_id.to_owned();
        let Some(CouponRow { coupon_id, state: CouponState::Used { discount } }) =
            self.ctx.get(&PAYMENT_COUPONS, &key)?
        else {
            return Ok(());
        };
        self.send_return_coupon(serial, payment_id, row, &coupon_id)?;
        self.ctx.put(&PAYMENT_COUPONS, &key, &CouponRow { coupon_id, state: CouponState::Returned { discount } })
    }

    pub(super) fn send_use_coupon(
        &mut self,
        serial: Serial,
        payment_id: &str,
        row: &ReservationRow,
        coupon_id: &str,
        coupon_place: u32,
    ) -> Result<(), ProcessError> {
        let request_id = format!("{payment_id}.coupon");
        let fact = UseCoupon {
            kind: "use-coupon",
            request_id: &request_id,
            coupon_id,
            user_id: &row.user_id,
            order_id: payment_id,
            reservation_id: &self.reservation_id(serial),
            order_amount: row.price,
            reply_place: self.ctx.place(),
            // A coupon that takes nothing off is not used up.
            minimum_discount: self.settings.has_second_rules().then_some(1),
        };
        self.send_to_coupon(coupon_id, coupon_place, "coupon.use", &request_id, &fact)
    }

    fn send_return_coupon(
        &mut self,
        serial: Serial,
        payment_id: &str,
        row: &ReservationRow,
        coupon_id: &str,
    ) -> Result<(), ProcessError> {
        let request_id = format!("{payment_id}.return");
        let fact = ReturnCoupon {
            kind: "return-coupon",
            request_id: &request_id,
            coupon_id,
            user_id: &row.user_id,
            order_id: payment_id,
            reservation_id: &self.reservation_id(serial),
        };
        let place = coupon::coupon_place(coupon_id)
            .ok_or_else(|| ProcessError::fail("NoCoupon", format!("{coupon_id:?} was used")))?;
        self.send_to_coupon(coupon_id, place, "coupon.return", &request_id, &fact)
    }

    /// Sends something to the place of a coupon: whatever is sent about one coupon from here comes there in its order.
    fn send_to_coupon(
        &mut self,
        coupon_id: &str,
        place: u32,
        kind: &str,
        event_id: &str,
        fact: &impl Serialize,
    ) -> Result<(), ProcessError> {
        let key = CouponId::parse(coupon_id).map(|id| coupon::inbox_key(id.policy_id)).unwrap_or_default();
        let event = Event { id: &[event_id], kind, to: &sinks::COUPONS, place: Some(place), key: &key };
        self.events.send_json(self.ctx, &event, fact)
    }
}
