//! What the answer of a coupon comes to.

use holdfast_model::reservation::message::{CouponRefused, CouponUsed};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{CouponRow, CouponState, PaymentRow, PaymentState, ReservationRow};
use holdfast_model::reservation::state::State;

/// What the answer of a coupon comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discounted {
    /// The wallet is asked for what is owed.
    Debit {
        /// What the coupon takes off, in KRW.
        discount: u64,
    },
    /// The payment is off.
    Off {
        /// Why, for machines.
        code: String,
        /// Where the reservation goes; none = it stays where it is, it is over anyway.
        to: Option<State>,
        /// What the coupon takes off, in KRW, if it is used: it is sent back.
        discount: Option<u64>,
    },
    /// It was here before.
    Known,
}

/// What is known of the payment that a coupon answers for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its id.
    pub payment_id: &'a str,
    /// Its row, and the one of its coupon.
    pub payment: Option<(&'a PaymentRow, &'a CouponRow)>,
    /// Its reservation.
    pub row: Option<&'a ReservationRow>,
}

/// Decides what a coupon that is used comes to.
///
/// It may come after the deadline: the payment was asked for in time, so it goes on, as with wallets.
///
/// # Errors
/// What is wrong with an answer that is none: to a question that nobody asked, or a discount that cannot be one.
pub fn coupon_used(used: &CouponUsed, asked: Asked<'_>, now_ms: i64) -> Result<Discounted, &'static str> {
    let Some((payment, row)) = open(asked, &used.coupon_id)? else { return Ok(Discounted::Known) };
    if u64::try_from(used.order_amount) != Ok(row.price) {
        return Err("it takes something off another price");
    }
    let discount = u64::try_from(used.discount).map_err(|_| "the discount is negative")?;
    let owed = row.price.checked_sub(discount).ok_or("the discount is more than the price")?;
    if !is_current(asked.payment_id, row) {
        return Ok(off(Refusal::ReservationCancelled.code(), None, Some(discount)));
    }
    Ok(if owed == payment.amount {
        Discounted::Debit { discount }
    } else {
        off(Refusal::AmountMismatch.code(), Some(back(row, now_ms)), Some(discount))
    })
}

/// Decides what a coupon that is not used comes to.
///
/// # Errors
/// What is wrong with an answer that is none.
pub fn coupon_refused(refused: &CouponRefused, asked: Asked<'_>, now_ms: i64) -> Result<Discounted, &'static str> {
    let Some((_, row)) = open(asked, &refused.coupon_id)? else { return Ok(Discounted::Known) };
    let to = is_current(asked.payment_id, row).then(|| back(row, now_ms));
    Ok(off(&refused.code, to, None))
}

/// The payment and its reservation, while the coupon's answer is awaited.
fn open<'a>(asked: Asked<'a>, coupon_id: &str) -> Result<Option<(&'a PaymentRow, &'a ReservationRow)>, &'static str> {
    let (Some((payment, coupon)), Some(row)) = (asked.payment, asked.row) else {
        return Err("nobody asked for this payment with a coupon");
    };
    if coupon.coupon_id != coupon_id {
        return Err("another coupon was asked for");
    }
    let is_awaited = payment.state == PaymentState::Discounting && coupon.state == CouponState::Asked;
    Ok(is_awaited.then_some((payment, row)))
}

fn is_current(payment_id: &str, row: &ReservationRow) -> bool {
    row.state == State::Paying && row.payment_id.as_deref() == Some(payment_id)
}

/// Back to the deadline it always had, which may have come meanwhile.
fn back(row: &ReservationRow, now_ms: i64) -> State {
    if now_ms >= row.expires_ms { State::Expired } else { State::Held }
}

fn off(code: &str, to: Option<State>, discount: Option<u64>) -> Discounted {
    Discounted::Off { code: code.to_owned(), to, discount }
}

#[cfg(test)]
mod tests {
    use super::super::holding::tests::reservation;
    use super::*;

    fn used(order_amount: i64, discount: i64) -> CouponUsed {
        CouponUsed {
            payment_id: "p".to_owned(),
            coupon_id: "c".to_owned(),
            order_amount,
            discount,
            ..CouponUsed::default()
        }
    }

    /// What an answer comes to for a payment of 45,000 KRW of a seat of 50,000 that is held until 400.
    fn answer<T>(
        decide: impl Fn(Asked<'_>) -> Result<Discounted, T>,
        state: PaymentState,
        coupon: CouponState,
        of: State,
        current: &str,
    ) -> Result<Discounted, T> {
        let payment = PaymentRow { serial: 7, amount: 45_000, asked_ms: 200, state, changed_ms: 200 };
        let coupon = CouponRow { coupon_id: "c".to_owned(), state: coupon };
        let row = ReservationRow { payment_id: Some(current.to_owned()), ..reservation(of) };
        decide(Asked { payment_id: "p", payment: Some((&payment, &coupon)), row: Some(&row) })
    }

    fn of_used(command: &CouponUsed, of: State, current: &str, now_ms: i64) -> Result<Discounted, &'static str> {
        let decide = |asked: Asked<'_>| coupon_used(command, asked, now_ms);
        answer(decide, PaymentState::Discounting, CouponState::Asked, of, current)
    }

    #[test]
    fn what_is_owed_after_the_discount_is_what_was_offered_or_the_payment_is_off() {
        let debit = Ok(Discounted::Debit { discount: 5_000 });
        assert_eq!(of_used(&used(50_000, 5_000), State::Paying, "p", 399), debit);
        // In time when it was asked for, so in time now.
        assert_eq!(of_used(&used(50_000, 5_000), State::Paying, "p", 4_000), debit);
        for discount in [0, 4_999, 5_001, 50_000] {
            let off = |to| Ok(off("AMOUNT_MISMATCH", Some(to), Some(discount)));
            let command = used(50_000, i64::try_from(discount).unwrap());
            assert_eq!(of_used(&command, State::Paying, "p", 399), off(State::Held), "{discount}");
            assert_eq!(of_used(&command, State::Paying, "p", 400), off(State::Expired), "{discount}");
        }
        for (price, discount) in [(50_000, -1), (50_000, 50_001), (49_999, 5_000), (-1, 0), (50_000, i64::MIN)] {
            assert!(of_used(&used(price, discount), State::Paying, "p", 399).is_err(), "{price} {discount}");
        }
    }

    #[test]
    fn a_coupon_of_a_reservation_that_is_over_goes_back() {
        let gone = Ok(off("RESERVATION_CANCELLED", None, Some(5_000)));
        for state in State::ALL.into_iter().filter(|state| *state != State::Paying) {
            assert_eq!(of_used(&used(50_000, 5_000), state, "p", 399), gone, "{state:?}");
        }
        assert_eq!(of_used(&used(50_000, 5_000), State::Paying, "other", 399), gone);
    }

    #[test]
    fn a_refused_coupon_leads_back_to_the_deadline_that_always_was() {
        let command = CouponRefused { coupon_id: "c".to_owned(), code: "X".to_owned(), ..CouponRefused::default() };
        let decided = |of, current: &str, now_ms| {
            let decide = |asked: Asked<'_>| coupon_refused(&command, asked, now_ms);
            answer(decide, PaymentState::Discounting, CouponState::Asked, of, current)
        };
        assert_eq!(decided(State::Paying, "p", 399), Ok(off("X", Some(State::Held), None)));
        assert_eq!(decided(State::Paying, "p", 400), Ok(off("X", Some(State::Expired), None)));
        assert_eq!(decided(State::Paying, "other", 399), Ok(off("X", None, None)));
        assert_eq!(decided(State::Cancelled, "p", 399), Ok(off("X", None, None)));
    }

    #[test]
    fn an_answer_that_has_been_here_is_known_and_one_to_nothing_is_none() {
        use holdfast_model::reservation::row::Refund;
        let back = Refund { amount: 45_000, fee: 0 };
        let asked_of = |command: CouponUsed| move |asked: Asked<'_>| coupon_used(&command, asked, 399);
        for state in [
            PaymentState::Pending,
            PaymentState::Paid,
            PaymentState::Refused(String::new()),
            PaymentState::Refunding(back),
            PaymentState::Refunded(back),
            PaymentState::RefundRefused(back, String::new()),
        ] {
            for coupon in
                [CouponState::Used { discount: 5_000 }, CouponState::Returned { discount: 5_000 }, CouponState::Refused]
            {
                for of in State::ALL {
                    let decided = answer(asked_of(used(50_000, 5_000)), state.clone(), coupon, of, "p");
                    assert_eq!(decided, Ok(Discounted::Known), "{state:?} {coupon:?} {of:?}");
                }
            }
        }
        let other = CouponUsed { coupon_id: "d".to_owned(), ..used(50_000, 5_000) };
        assert!(of_used(&other, State::Paying, "p", 399).is_err());
        let nothing = Asked { payment_id: "p", payment: None, row: None };
        assert!(coupon_used(&used(50_000, 5_000), nothing, 399).is_err());
        assert!(coupon_refused(&CouponRefused::default(), nothing, 399).is_err());
    }
}
