//! Whose money moves where: pure functions of rows, message and settings. No other file of the topology decides anything.

#[cfg(test)]
mod conserved;
mod posting;
#[cfg(test)]
pub(super) mod samples;

pub use posting::{Funds, Posting};

use holdfast_model::id_rule;
use holdfast_model::payment::Settings;
use holdfast_model::payment::message::{Charge, Debit, Refund};
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::row::{Entry, PaymentRow};
use posting::post;

/// Decides a charge.
///
/// # Errors
/// The reason why no money comes in.
pub fn charge(funds: &Funds, charge: &Charge<'_>, settings: &Settings) -> Result<Posting, Refusal> {
    check_user(&charge.user_id)?;
    // Here a wallet may begin. What was held is debited and refunded whatever its user is called.
    id_rule::check(&charge.user_id).map_err(|_| Refusal::BadUser)?;
    match charge.amount {
        ..=0 => Err(Refusal::ChargeNotPositive),
        amount if amount < settings.charge_min_krw => Err(Refusal::ChargeTooSmall),
        amount if amount > settings.charge_max_krw => Err(Refusal::ChargeTooLarge),
        amount => post(funds, Entry::Charge, amount),
    }
}

/// Decides a debit. That the amount is what is owed was decided where the seat is held, and is looked at again here.
///
/// # Errors
/// The reason why nothing is taken.
pub fn debit(funds: &Funds, debit: &Debit<'_>) -> Result<Posting, Refusal> {
    check_user(&debit.user_id)?;
    let discount = debit.discount.as_ref().map_or(0, |discount| discount.amount);
    if debit.price < 0 || debit.amount < 0 || discount < 0 {
        return Err(Refusal::NegativeAmount);
    }
    // Neither is negative, so the difference is in range; a discount above the price gives an amount that nobody can name.
    if debit.price - discount != debit.amount {
        return Err(Refusal::AmountMismatch);
    }
    if funds.wallet.balance < debit.amount {
        return Err(Refusal::InsufficientPoints);
    }
    post(funds, Entry::Payment, debit.amount)
}

/// Decides a refund: once for a payment, and never more than was paid. The fee stays where it is, in the revenue.
///
/// # Errors
/// The reason why nothing goes back. Somebody else's payment is unknown: an id that was guessed tells nothing.
pub fn refund(funds: &Funds, payment: Option<&PaymentRow>, refund: &Refund<'_>) -> Result<Posting, Refusal> {
    let payment = payment
        .filter(|payment| payment.user_id == refund.user_id && payment.reservation_id == refund.reservation_id)
        .ok_or(Refusal::UnknownPayment)?;
    if payment.outcome.refusal().is_some() {
        return Err(Refusal::NotDebited);
    }
    if payment.refund.is_some() {
        return Err(Refusal::AlreadyRefunded);
    }
    if refund.amount < 0 || refund.fee < 0 {
        return Err(Refusal::NegativeAmount);
    }
    match refund.amount.checked_add(refund.fee) {
        Some(settled) if settled <= payment.amount => post(funds, Entry::Refund, refund.amount),
        _ => Err(Refusal::AbovePaid),
    }
}

fn check_user(user_id: &str) -> Result<(), Refusal> {
    if user_id.trim().is_empty() { Err(Refusal::NoUser) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::samples::{SETTINGS, a_debit, a_refund, funds, posted, row_of};
    use super::*;
    use holdfast_model::payment::ledger::LedgerRow;
    use holdfast_model::payment::row::{Outcome, RefundMark, WalletRow};

    #[test]
    fn a_charge_has_limits() {
        for (user_id, balance, amount, expected) in [
            ("u", 0, 1_000, Ok((1_000, 1_000, 5))),
            ("u", 500, 1_000_000, Ok((1_000_000, 1_000_500, 5))),
            ("u", 0, 999, Err(Refusal::ChargeTooSmall)),
            ("u", 0, 1_000_001, Err(Refusal::ChargeTooLarge)),
            ("u", 0, i64::MAX, Err(Refusal::ChargeTooLarge)),
            ("u", 0, 0, Err(Refusal::ChargeNotPositive)),
            ("u", 0, -1_000, Err(Refusal::ChargeNotPositive)),
            ("u", 0, i64::MIN, Err(Refusal::ChargeNotPositive)),
            ("", 0, 1_000, Err(Refusal::NoUser)),
            (" \t", 0, 0, Err(Refusal::NoUser)),
            ("u ", 0, 1_000, Err(Refusal::BadUser)),
            (".", 0, 1_000, Err(Refusal::BadUser)),
            ("u", i64::MAX - 1_000, 1_000, Ok((1_000, i64::MAX, 5))),
            ("u", i64::MAX - 999, 1_000, Err(Refusal::WalletFull)),
            ("u", i64::MAX, 1_000, Err(Refusal::WalletFull)),
        ] {
            let decided = charge(&funds(balance, 4), &Charge::new("c", user_id, amount, 0), &SETTINGS);
            assert_eq!(posted(decided), expected, "{user_id:?} {balance} {amount}");
        }
        let last = charge(&funds(0, u64::MAX), &Charge::new("c", "u", 1_000, 0), &SETTINGS);
        assert_eq!(last, Err(Refusal::WalletFull));
    }

    #[test]
    fn a_debit_takes_what_is_owed_and_no_more_than_there_is() {
        for (balance, price, discount, amount, expected) in [
            (50_000, 50_000, None, 50_000, Ok((-50_000, 0, 5))),
            (50_000, 50_000, Some(5_000), 45_000, Ok((-45_000, 5_000, 5))),
            (49_999, 50_000, None, 50_000, Err(Refusal::InsufficientPoints)),
            (0, 50_000, None, 50_000, Err(Refusal::InsufficientPoints)),
            // Nothing to pay is a payment.
            (0, 0, None, 0, Ok((0, 0, 5))),
            (7, 5_000, Some(5_000), 0, Ok((0, 7, 5))),
            (90_000, 50_000, None, 1, Err(Refusal::AmountMismatch)),
            (90_000, 50_000, None, 50_001, Err(Refusal::AmountMismatch)),
            (90_000, 50_000, Some(5_000), 50_000, Err(Refusal::AmountMismatch)),
            (90_000, 5_000, Some(5_001), 0, Err(Refusal::AmountMismatch)),
            (90_000, 5_000, Some(5_001), -1, Err(Refusal::NegativeAmount)),
            (90_000, -1, None, -1, Err(Refusal::NegativeAmount)),
            (90_000, 0, Some(-1), 1, Err(Refusal::NegativeAmount)),
            (90_000, i64::MIN, Some(i64::MAX), 1, Err(Refusal::NegativeAmount)),
            (90_000, 0, Some(i64::MIN), i64::MIN, Err(Refusal::NegativeAmount)),
            (90_000, 0, Some(i64::MAX), 0, Err(Refusal::AmountMismatch)),
            (i64::MAX, i64::MAX, None, i64::MAX, Ok((-i64::MAX, 0, 5))),
            // Who is in debt, which cannot be, pays nothing.
            (-1, 0, None, 0, Err(Refusal::InsufficientPoints)),
        ] {
            let decided = debit(&funds(balance, 4), &a_debit(price, discount, amount));
            assert_eq!(posted(decided), expected, "{balance} {price} {discount:?} {amount}");
        }
        let nobody = Debit { user_id: " ".into(), ..a_debit(1, None, 1) };
        assert_eq!(debit(&funds(9, 0), &nobody), Err(Refusal::NoUser));
    }

    #[test]
    fn a_refund_gives_back_what_was_paid_and_the_fee_stays() {
        let paid = row_of(&a_debit(50_000, None, 50_000), Outcome::Posted { sequence: 4, balance_after: 10 });
        let before = Funds {
            wallet: WalletRow { balance: 10, sequence: 4 },
            ledger: LedgerRow { cash_in: -50_010, wallets: 10, revenue: 50_000, refund_payable: 0 },
        };
        for (amount, fee, expected) in [
            (50_000, 0, Ok((50_000, 50_010, 5))),
            (45_000, 5_000, Ok((45_000, 45_010, 5))),
            (1, 0, Ok((1, 11, 5))),
            (0, 50_000, Ok((0, 10, 5))),
            (50_001, 0, Err(Refusal::AbovePaid)),
            (45_000, 5_001, Err(Refusal::AbovePaid)),
            (i64::MAX, i64::MAX, Err(Refusal::AbovePaid)),
            (-1, 0, Err(Refusal::NegativeAmount)),
            (1, -1, Err(Refusal::NegativeAmount)),
        ] {
            assert_eq!(posted(refund(&before, Some(&paid), &a_refund(amount, fee))), expected, "{amount} {fee}");
        }
        let with_fee = refund(&before, Some(&paid), &a_refund(45_000, 5_000)).unwrap();
        assert_eq!(
            with_fee.after.ledger,
            LedgerRow { cash_in: -50_010, wallets: 45_010, revenue: 5_000, refund_payable: 0 }
        );

        let full = a_refund(50_000, 0);
        let strangers = Refund { user_id: "v".into(), ..full.clone() };
        let elsewhere = Refund { reservation_id: "q".into(), ..full.clone() };
        let marked = PaymentRow { refund: Some(RefundMark { refund_id: "e".to_owned(), amount: 1 }), ..paid.clone() };
        let unpaid = PaymentRow { outcome: Outcome::Refused(Refusal::InsufficientPoints), ..paid.clone() };
        for (payment, refund_of, expected) in [
            (None, &full, Refusal::UnknownPayment),
            (Some(&paid), &strangers, Refusal::UnknownPayment),
            (Some(&paid), &elsewhere, Refusal::UnknownPayment),
            (Some(&unpaid), &full, Refusal::NotDebited),
            (Some(&marked), &full, Refusal::AlreadyRefunded),
        ] {
            assert_eq!(refund(&before, payment, refund_of), Err(expected));
        }
    }

    #[test]
    fn the_sample_charges_are_within_the_limits() {
        let mut users = std::collections::BTreeSet::new();
        for sample in holdfast_model::payment::sample::wallets() {
            let decided = charge(&Funds::default(), &sample, &Settings::default());
            assert_eq!(posted(decided), Ok((1_000_000, 1_000_000, 1)));
            assert_eq!(sample.identity(), Some(&*format!("sample-wallet-{}", sample.user_id)));
            users.insert(sample.user_id.into_owned());
        }
        assert_eq!(users.len(), 102);
        assert!(["user_123", "user_test", "1001", "1100"].iter().all(|user| users.contains(*user)));
    }
}
