//! Payments were granted in time and for the price, and go with their reservations and coupons.

use super::{Books, Broken};
use holdfast_model::reservation::row::{CouponRow, CouponState, PaymentRow, PaymentState};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::State;

impl Books {
    /// Each payment was granted in time and for the price, and each reservation has the payment that its state says.
    pub(super) fn check_payments(&self) -> Result<(), Broken> {
        for (payment_id, payment) in &self.payments {
            let fits = self.reservations.get(&payment.serial).is_some_and(|row| {
                let is_current = row.payment_id.as_deref() == Some(payment_id);
                payment.asked_ms < row.expires_ms
                    && is_right(payment, self.coupons.get(payment_id), row.price)
                    && match &payment.state {
                        PaymentState::Pending | PaymentState::Discounting => {
                            is_current && matches!(row.state, State::Paying | State::Cancelled)
                        }
                        PaymentState::Paid => is_current && row.state == State::Confirmed,
                        PaymentState::Refused(_) => true,
                        PaymentState::Refunding(refund)
                        | PaymentState::Refunded(refund)
                        | PaymentState::RefundRefused(refund, _) => {
                            refund.amount.checked_add(refund.fee) == Some(payment.amount)
                        }
                    }
            });
            if !fits {
                return Err(self.broken_payment(payment.serial, payment_id));
            }
        }
        for (serial, row) in &self.reservations {
            let wanted: fn(&PaymentState) -> bool = match row.state {
                State::Paying => |state| matches!(state, PaymentState::Pending | PaymentState::Discounting),
                State::Confirmed => |state| *state == PaymentState::Paid,
                State::Refunded => |state| matches!(state, PaymentState::Refunded(_)),
                State::Held | State::Expired | State::Cancelled => continue,
            };
            let payment_id = row.payment_id.clone().unwrap_or_default();
            if !self.payments.get(&payment_id).is_some_and(|payment| wanted(&payment.state)) {
                return Err(self.broken_payment(*serial, &payment_id));
            }
        }
        Ok(())
    }

    fn broken_payment(&self, serial: Serial, payment_id: &str) -> Broken {
        let row = self.reservations.get(&serial);
        Broken::Payment {
            serial,
            state: row.map_or(State::Expired, |row| row.state),
            price: row.map_or(0, |row| row.price),
            payment_id: payment_id.to_owned(),
            payment: self.payments.get(payment_id).cloned().map(Box::new),
            coupon: self.coupons.get(payment_id).cloned().map(Box::new),
        }
    }
}

/// Whether a payment is of the price less what its coupon takes off, and the coupon is as far as the payment.
fn is_right(payment: &PaymentRow, coupon: Option<&CouponRow>, price: u64) -> bool {
    let is_price_less = |discount: u64| payment.amount.checked_add(discount) == Some(price);
    // While it is not known what it takes off, or once that was not what was meant.
    let may_be = payment.amount <= price;
    let Some(coupon) = coupon else { return payment.state != PaymentState::Discounting && is_price_less(0) };
    match (&payment.state, coupon.state) {
        (PaymentState::Discounting, CouponState::Asked)
        | (PaymentState::Refused(_), CouponState::Refused | CouponState::Returned { .. }) => may_be,
        (PaymentState::Pending | PaymentState::Paid, CouponState::Used { discount })
        | (
            PaymentState::Refunding(_) | PaymentState::Refunded(_) | PaymentState::RefundRefused(..),
            CouponState::Returned { discount },
        ) => is_price_less(discount),
        _ => false,
    }
}
