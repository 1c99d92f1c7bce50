//! Whether a message has been here before.

use crate::shell::Seen;
use holdfast_model::payment::message::{Charge, Debit, Refund};
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::row::{ChargeRow, Outcome, PaymentRow, RefundRow};

/// Recognises a charge that has an `earlier` row under its id.
#[must_use]
pub(crate) fn seen_charge(earlier: Option<&ChargeRow>, charge: &Charge<'_>, is_redriven: bool) -> Seen {
    match earlier {
        None => Seen::Never,
        Some(row) if row.user_id != charge.user_id || row.amount != charge.amount => Seen::Another,
        Some(row) => again(row.outcome, is_redriven),
    }
}

/// Recognises a debit that has an `earlier` row under its payment id.
///
/// One that was given up stays so when it is redriven: whoever holds the seat has been told that nothing was taken, and may have sold it since. The
/// customer pays again, under another id.
#[must_use]
pub(crate) fn seen_debit(earlier: Option<&PaymentRow>, debit: &Debit<'_>) -> Seen {
    let Some(row) = earlier else { return Seen::Never };
    let discount = |coupon_id, amount| (coupon_id, amount);
    let same = row.user_id == debit.user_id
        && row.reservation_id == debit.reservation_id
        && row.schedule_id == debit.schedule_id
        && row.seat_no == debit.seat_no
        && row.price == debit.price
        && row.amount == debit.amount
        && row.discount.as_ref().map(|d| discount(&*d.coupon_id, d.amount))
            == debit.discount.as_ref().map(|d| discount(&*d.coupon_id, d.amount));
    if same { Seen::Before } else { Seen::Another }
}

/// Recognises a refund that has an `earlier` row under its id.
#[must_use]
pub(crate) fn seen_refund(earlier: Option<&RefundRow>, refund: &Refund<'_>, is_redriven: bool) -> Seen {
    let Some(row) = earlier else { return Seen::Never };
    let same = row.user_id == refund.user_id
        && row.payment_id == refund.payment_id
        && row.reservation_id == refund.reservation_id
        && row.amount == refund.amount
        && row.fee == refund.fee;
    if same { again(row.outcome, is_redriven) } else { Seen::Another }
}

fn again(earlier: Outcome, is_redriven: bool) -> Seen {
    if is_redriven && earlier == Outcome::Refused(Refusal::System) { Seen::GivenUp } else { Seen::Before }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::decide::samples::{a_debit, a_refund, row_of};
    use holdfast_model::payment::message::Discount;

    #[test]
    fn the_same_again_has_its_outcome_and_another_has_none() {
        let gone = Outcome::Refused(Refusal::System);
        let done = Outcome::Posted { sequence: 1, balance_after: 0 };
        let a_charge = Charge::new("c", "u", 1_000, 5);
        let charged = |outcome| ChargeRow { user_id: "u".to_owned(), amount: 1_000, decided_ms: 0, outcome };
        assert_eq!(seen_charge(None, &a_charge, true), Seen::Never);
        assert_eq!(seen_charge(Some(&charged(done)), &a_charge, true), Seen::Before);
        assert_eq!(seen_charge(Some(&charged(gone)), &a_charge, false), Seen::Before);
        assert_eq!(seen_charge(Some(&charged(gone)), &a_charge, true), Seen::GivenUp);
        // When it was asked does not matter, whose and how much does.
        assert_eq!(seen_charge(Some(&charged(done)), &Charge::new("c", "u", 1_000, 6), false), Seen::Before);
        assert_eq!(seen_charge(Some(&charged(done)), &Charge::new("c", "v", 1_000, 5), false), Seen::Another);
        assert_eq!(seen_charge(Some(&charged(gone)), &Charge::new("c", "u", 1_001, 5), true), Seen::Another);

        let debited = a_debit(50, Some(5), 45);
        assert_eq!(seen_debit(None, &debited), Seen::Never);
        assert_eq!(seen_debit(Some(&row_of(&debited, done)), &debited), Seen::Before);
        assert_eq!(seen_debit(Some(&row_of(&debited, gone)), &debited), Seen::Before);
        assert_eq!(
            seen_debit(Some(&row_of(&debited, done)), &Debit { reply_place: 2, ..debited.clone() }),
            Seen::Before
        );
        let others: [fn(&mut Debit<'_>); 8] = [
            |d| d.user_id = "v".into(),
            |d| d.reservation_id = "x".into(),
            |d| d.schedule_id = "x".into(),
            |d| d.seat_no = "8".into(),
            |d| d.price = 51,
            |d| d.amount = 44,
            |d| d.discount = None,
            |d| d.discount = Some(Discount { coupon_id: "d".into(), amount: 5 }),
        ];
        for (n, change) in others.into_iter().enumerate() {
            let mut other = debited.clone();
            change(&mut other);
            assert_eq!(seen_debit(Some(&row_of(&debited, done)), &other), Seen::Another, "case {n}");
        }

        let refunded = |outcome| RefundRow {
            user_id: "u".to_owned(),
            payment_id: "p".to_owned(),
            reservation_id: "r".to_owned(),
            amount: 45,
            fee: 5,
            reason: "CANCELLED".to_owned(),
            decided_ms: 0,
            outcome,
        };
        assert_eq!(seen_refund(None, &a_refund(45, 5), false), Seen::Never);
        assert_eq!(seen_refund(Some(&refunded(done)), &a_refund(45, 5), true), Seen::Before);
        assert_eq!(seen_refund(Some(&refunded(gone)), &a_refund(45, 5), true), Seen::GivenUp);
        assert_eq!(seen_refund(Some(&refunded(done)), &a_refund(44, 5), false), Seen::Another);
        assert_eq!(seen_refund(Some(&refunded(done)), &a_refund(45, 4), false), Seen::Another);
        let other_payment = Refund { payment_id: "q".into(), ..a_refund(45, 5) };
        assert_eq!(seen_refund(Some(&refunded(gone)), &other_payment, true), Seen::Another);
    }
}
