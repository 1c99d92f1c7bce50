//! A coupon that is used for a payment: whether, for how much, and whether it comes back.

use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::message::{ReturnCoupon, UseForPayment};
use holdfast_model::coupon::row::{CouponRow, Discount, RedemptionOutcome, RedemptionRow, TermsRow, Used};

/// Decides what a payment's coupon takes off, in KRW: the coupon is used from now on. The payment has not asked before.
///
/// # Errors
/// The reason why it is not used. Somebody else's coupon is unknown: an id that was guessed tells nothing.
pub fn redeem(
    wish: &UseForPayment,
    coupon: Option<&CouponRow>,
    terms: Option<&TermsRow>,
) -> Result<i64, CommandRefusal> {
    let coupon = coupon.filter(|coupon| coupon.user_id == wish.user_id).ok_or(CommandRefusal::UnknownCoupon)?;
    // Whatever it was used for: by the same name it was used by hand, not for this payment.
    if coupon.used.is_some() {
        return Err(CommandRefusal::NotUsable);
    }
    let discount = discount(terms.ok_or(CommandRefusal::UnknownPolicy)?, wish.order_amount)?;
    if discount < wish.minimum_discount { Err(CommandRefusal::NothingOff) } else { Ok(discount) }
}

/// What the terms of a policy take off an order, in KRW: rounded down, never more than the order.
///
/// # Errors
/// The reason why nothing.
pub fn discount(terms: &TermsRow, order_amount: i64) -> Result<i64, CommandRefusal> {
    let order = u64::try_from(order_amount).map_err(|_| CommandRefusal::BelowMinimum)?;
    let full = match terms.discount.ok_or(CommandRefusal::NoDiscount)? {
        Discount::FixedAmount(krw) => u128::from(krw),
        Discount::Percentage(percent) => u128::from(order) * u128::from(percent) / 100,
    };
    if terms.minimum_order_amount.is_some_and(|minimum| order < minimum) {
        return Err(CommandRefusal::BelowMinimum);
    }
    let most = terms.maximum_discount_amount.map_or(order, |maximum| maximum.min(order));
    // It is at most the order, which was an i64.
    Ok(i64::try_from(full.min(u128::from(most))).unwrap_or(order_amount))
}

/// What becomes of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// The coupon may be used again; it took off so much.
    Back {
        /// KRW.
        discount: i64,
    },
    /// It is back, or was never used for this payment.
    Unchanged,
    /// The payment has not asked yet: from now on it may not.
    Forestalled,
}

/// Decides whether a coupon comes back from a payment.
///
/// # Errors
/// What is wrong with a return of another coupon than the payment has.
pub fn give_back(wish: &ReturnCoupon, redemption: Option<&RedemptionRow>) -> Result<Return, &'static str> {
    let Some(redemption) = redemption else { return Ok(Return::Forestalled) };
    if redemption.coupon_id != wish.coupon_id || redemption.user_id != wish.user_id {
        return Err("the payment has another coupon");
    }
    Ok(match redemption.outcome {
        RedemptionOutcome::Used { discount } => Return::Back { discount },
        RedemptionOutcome::Refused(_) | RedemptionOutcome::Returned { .. } => Return::Unchanged,
    })
}

/// The coupon as it is once `payment_id` has it.
#[must_use]
pub fn used(coupon: CouponRow, payment_id: &str, now_ms: i64) -> CouponRow {
    CouponRow { used: Some(Used { order_id: payment_id.to_owned(), used_ms: now_ms }), ..coupon }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(discount: Option<Discount>, minimum: Option<u64>, maximum: Option<u64>) -> TermsRow {
        TermsRow {
            total_at_creation: 9,
            description: None,
            discount,
            minimum_order_amount: minimum,
            maximum_discount_amount: maximum,
            created_ms: 0,
        }
    }

    #[test]
    fn the_discount_is_whole_won_and_never_more_than_the_order() {
        use Discount::{FixedAmount, Percentage};
        for (kind, minimum, maximum, order, expected) in [
            (Some(FixedAmount(5_000)), None, None, 50_000, Ok(5_000)),
            (Some(FixedAmount(5_000)), Some(10_000), None, 10_000, Ok(5_000)),
            (Some(FixedAmount(5_000)), Some(10_000), None, 9_999, Err(CommandRefusal::BelowMinimum)),
            (Some(FixedAmount(5_000)), None, Some(3_000), 50_000, Ok(3_000)),
            // More than the order: nothing is owed, and nobody gets money.
            (Some(FixedAmount(5_000)), None, None, 4_000, Ok(4_000)),
            (Some(FixedAmount(u64::MAX)), None, None, i64::MAX, Ok(i64::MAX)),
            (Some(Percentage(15)), None, None, 50_000, Ok(7_500)),
            (Some(Percentage(15)), None, Some(5_000), 50_000, Ok(5_000)),
            (Some(Percentage(15)), None, Some(90_000), 50_000, Ok(7_500)),
            (Some(Percentage(33)), None, None, 100, Ok(33)),
            (Some(Percentage(33)), None, None, 101, Ok(33)),
            (Some(Percentage(1)), None, None, 99, Ok(0)),
            (Some(Percentage(100)), None, None, 1, Ok(1)),
            (Some(Percentage(100)), None, None, i64::MAX, Ok(i64::MAX)),
            (Some(Percentage(99)), None, None, i64::MAX, Ok(9_131_138_316_486_228_048)),
            (Some(Percentage(10)), None, None, 0, Ok(0)),
            (Some(Percentage(10)), None, None, -1, Err(CommandRefusal::BelowMinimum)),
            (Some(Percentage(10)), Some(u64::MAX), None, i64::MAX, Err(CommandRefusal::BelowMinimum)),
            (None, None, None, 50_000, Err(CommandRefusal::NoDiscount)),
        ] {
            assert_eq!(
                discount(&terms(kind, minimum, maximum), order),
                expected,
                "{kind:?} {minimum:?} {maximum:?} {order}"
            );
        }
    }

    #[test]
    fn a_coupon_is_used_once_by_its_owner() {
        let wish = |user_id: &str| UseForPayment {
            user_id: user_id.to_owned(),
            payment_id: "p".to_owned(),
            order_amount: 50_000,
            ..UseForPayment::default()
        };
        let terms = terms(Some(Discount::FixedAmount(5_000)), None, None);
        let free = CouponRow { user_id: "u".to_owned(), issued_ms: 1, used: None };
        assert_eq!(redeem(&wish("u"), Some(&free), Some(&terms)), Ok(5_000));
        assert_eq!(redeem(&wish("v"), Some(&free), Some(&terms)), Err(CommandRefusal::UnknownCoupon));
        assert_eq!(redeem(&wish("u"), None, Some(&terms)), Err(CommandRefusal::UnknownCoupon));
        assert_eq!(redeem(&wish("u"), Some(&free), None), Err(CommandRefusal::UnknownPolicy));
        // Used by hand for an order of the payment's name: it is used.
        for order_id in ["p", "q"] {
            let used = used(free.clone(), order_id, 5);
            assert_eq!(used.used, Some(Used { order_id: order_id.to_owned(), used_ms: 5 }));
            assert_eq!(redeem(&wish("u"), Some(&used), Some(&terms)), Err(CommandRefusal::NotUsable));
            assert_eq!(redeem(&wish("v"), Some(&used), Some(&terms)), Err(CommandRefusal::UnknownCoupon));
        }
    }

    #[test]
    fn a_coupon_that_takes_nothing_off_is_not_used() {
        let wish = |order_amount, minimum_discount| UseForPayment {
            user_id: "u".to_owned(),
            order_amount,
            minimum_discount,
            ..UseForPayment::default()
        };
        let terms = terms(Some(Discount::Percentage(1)), None, None);
        let free = CouponRow { user_id: "u".to_owned(), issued_ms: 1, used: None };
        for (order_amount, expected) in
            [(0, Err(CommandRefusal::NothingOff)), (99, Err(CommandRefusal::NothingOff)), (100, Ok(1))]
        {
            assert_eq!(redeem(&wish(order_amount, 1), Some(&free), Some(&terms)), expected, "{order_amount}");
        }
        assert_eq!(redeem(&wish(99, 0), Some(&free), Some(&terms)), Ok(0), "decided as it was");
    }

    #[test]
    fn only_what_is_used_comes_back_and_once() {
        let wish = ReturnCoupon { coupon_id: "c".to_owned(), user_id: "u".to_owned(), payment_id: "p".to_owned() };
        let row = |outcome| RedemptionRow {
            coupon_id: "c".to_owned(),
            user_id: "u".to_owned(),
            order_amount: 9,
            decided_ms: 0,
            outcome,
        };
        let used = row(RedemptionOutcome::Used { discount: 3 });
        let returned = row(RedemptionOutcome::Returned { discount: 3, returned_ms: 1 });
        let refused = row(RedemptionOutcome::Refused(CommandRefusal::NotUsable));
        assert_eq!(give_back(&wish, Some(&used)), Ok(Return::Back { discount: 3 }));
        assert_eq!(give_back(&wish, Some(&returned)), Ok(Return::Unchanged));
        assert_eq!(give_back(&wish, Some(&refused)), Ok(Return::Unchanged));
        assert_eq!(give_back(&wish, None), Ok(Return::Forestalled));
        assert!(give_back(&ReturnCoupon { coupon_id: "d".to_owned(), ..wish.clone() }, Some(&used)).is_err());
        assert!(give_back(&ReturnCoupon { user_id: "v".to_owned(), ..wish }, Some(&used)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_owed_is_never_negative(
            percent in 1u64..=100, krw: u64, minimum: Option<u64>, maximum: Option<u64>, order: i64, is_fixed: bool,
        ) {
            let kind = if is_fixed { Discount::FixedAmount(krw) } else { Discount::Percentage(percent) };
            match discount(&terms(Some(kind), minimum, maximum), order) {
                Ok(discount) => {
                    prop_assert!((0..=order).contains(&discount));
                    prop_assert!(maximum.is_none_or(|maximum| discount.unsigned_abs() <= maximum));
                    prop_assert!(minimum.is_none_or(|minimum| order.unsigned_abs() >= minimum));
                }
                Err(refusal) => prop_assert_eq!(refusal, CommandRefusal::BelowMinimum),
            }
        }
    }
}
