//! Whose money moves where: pure functions of rows, message and settings. No other file of the topology decides anything.

use crate::payment::Settings;
use crate::payment::ledger::{Account, LedgerRow};
use crate::payment::message::{Charge, Debit, Refund};
use crate::payment::outcome::Refusal;
use crate::payment::row::{ChargeRow, Entry, Outcome, PaymentRow, RefundRow, WalletRow};

/// Whether a message has been here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Never: decide it.
    Never,
    /// The same one, and it has its outcome: that stands.
    Before,
    /// Given up then, put back by an operator now: decide it. This can happen once, since no other outcome is ever replaced.
    GivenUp,
    /// Another one with the same id: refuse it, whatever it wants.
    Another,
}

/// Recognises a charge that has an `earlier` row under its id.
#[must_use]
pub fn seen_charge(earlier: Option<&ChargeRow>, charge: &Charge<'_>, is_redriven: bool) -> Seen {
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
pub fn seen_debit(earlier: Option<&PaymentRow>, debit: &Debit<'_>) -> Seen {
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
pub fn seen_refund(earlier: Option<&RefundRow>, refund: &Refund<'_>, is_redriven: bool) -> Seen {
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

/// Wallet and counter accounts as they are before a decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Funds {
    /// The user's wallet; who has none has an empty one.
    pub wallet: WalletRow,
    /// The accounts of the place.
    pub ledger: LedgerRow,
}

/// Money that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// What the statement's line stands for.
    pub entry: Entry,
    /// By how much the balance changes, in KRW.
    pub amount: i64,
    /// Wallet and accounts after it.
    pub after: Funds,
}

impl Posting {
    /// What the message's row says of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let WalletRow { balance, sequence } = self.after.wallet;
        Outcome::Posted { sequence, balance_after: balance }
    }
}

/// Decides a charge.
///
/// # Errors
/// The reason why no money comes in.
pub fn charge(funds: &Funds, charge: &Charge<'_>, settings: &Settings) -> Result<Posting, Refusal> {
    check_user(&charge.user_id)?;
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

/// Moves `amount` KRW, and numbers the line. Whatever the books hold, nothing wraps.
fn post(funds: &Funds, entry: Entry, amount: i64) -> Result<Posting, Refusal> {
    use Account::{CashIn, RefundPayable, Revenue, Wallets};
    let Funds { wallet, ledger } = funds;
    let (signed, ledger) = match entry {
        Entry::Charge => (Some(amount), ledger.moved(CashIn, Wallets, amount)),
        Entry::Payment => (amount.checked_neg(), ledger.moved(Wallets, Revenue, amount)),
        // First it is owed, then it is paid.
        Entry::Refund => (
            Some(amount),
            ledger
                .moved(Revenue, RefundPayable, amount)
                .and_then(|ledger| ledger.moved(RefundPayable, Wallets, amount)),
        ),
    };
    let posted = || {
        let amount = signed?;
        let wallet =
            WalletRow { balance: wallet.balance.checked_add(amount)?, sequence: wallet.sequence.checked_add(1)? };
        Some(Posting { entry, amount, after: Funds { wallet, ledger: ledger? } })
    };
    posted().ok_or(Refusal::WalletFull)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::message::Discount;
    use crate::payment::row::{DiscountRow, RefundMark};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SETTINGS: Settings = Settings { charge_min_krw: 1_000, charge_max_krw: 1_000_000 };

    /// A wallet with so much in it, after so many lines.
    fn funds(balance: i64, sequence: u64) -> Funds {
        let ledger = LedgerRow { cash_in: -balance, wallets: balance, ..LedgerRow::default() };
        Funds { wallet: WalletRow { balance, sequence }, ledger }
    }

    fn a_debit(price: i64, discount: Option<i64>, amount: i64) -> Debit<'static> {
        Debit {
            payment_id: "p".into(),
            reservation_id: "r".into(),
            schedule_id: "s".into(),
            user_id: "u".into(),
            seat_no: "7".into(),
            price,
            amount,
            discount: discount.map(|amount| Discount { coupon_id: "c".into(), amount }),
            reply_place: 0,
        }
    }

    fn row_of(debit: &Debit<'_>, outcome: Outcome) -> PaymentRow {
        PaymentRow {
            user_id: debit.user_id.clone().into_owned(),
            reservation_id: debit.reservation_id.clone().into_owned(),
            schedule_id: debit.schedule_id.clone().into_owned(),
            seat_no: debit.seat_no.clone().into_owned(),
            price: debit.price,
            discount: debit
                .discount
                .as_ref()
                .map(|d| DiscountRow { coupon_id: d.coupon_id.clone().into_owned(), amount: d.amount }),
            amount: debit.amount,
            decided_ms: 0,
            outcome,
            refund: None,
        }
    }

    fn a_refund(amount: i64, fee: i64) -> Refund<'static> {
        Refund {
            request_id: Some("f".into()),
            payment_id: "p".into(),
            reservation_id: "r".into(),
            user_id: "u".into(),
            amount,
            fee,
            ..Refund::default()
        }
    }

    fn posted(decided: Result<Posting, Refusal>) -> Result<(i64, i64, u64), Refusal> {
        decided.map(|posting| (posting.amount, posting.after.wallet.balance, posting.after.wallet.sequence))
    }

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

    /// The model that decisions are held against: what each user has, what was paid for what, and nothing else.
    #[derive(Debug, Default)]
    struct Model {
        balances: BTreeMap<u8, i64>,
        paid: BTreeMap<u8, (u8, i64)>,
        refunded: BTreeMap<u8, i64>,
        charged: i64,
    }

    impl Model {
        fn charge(&mut self, user: u8, amount: i64) -> bool {
            let is_good = (1_000..=1_000_000).contains(&amount);
            if is_good {
                *self.balances.entry(user).or_default() += amount;
                self.charged += amount;
            }
            is_good
        }

        fn pay(&mut self, user: u8, payment: u8, price: i64, discount: i64) -> bool {
            let balance = self.balances.entry(user).or_default();
            let amount = price - discount;
            let is_good = amount >= 0 && *balance >= amount;
            if is_good {
                *balance -= amount;
                self.paid.insert(payment, (user, amount));
            }
            is_good
        }

        fn refund(&mut self, user: u8, payment: u8, amount: i64, fee: i64) -> bool {
            let is_good = self.paid.get(&payment).is_some_and(|(payer, paid)| *payer == user && amount + fee <= *paid)
                && !self.refunded.contains_key(&payment);
            if is_good {
                *self.balances.entry(user).or_default() += amount;
                self.refunded.insert(payment, amount);
            }
            is_good
        }

        fn revenue(&self) -> i64 {
            self.paid.values().map(|(_, amount)| amount).sum::<i64>() - self.refunded.values().sum::<i64>()
        }
    }

    #[derive(Debug, Clone)]
    enum Wish {
        Charge { user: u8, amount: i64 },
        Pay { user: u8, payment: u8, price: i64, discount: i64 },
        Refund { user: u8, payment: u8, amount: i64, fee: i64 },
    }

    fn wish() -> impl Strategy<Value = Wish> {
        prop_oneof![
            (0u8..4, prop_oneof![Just(999), 1_000i64..9_000, Just(1_000_001)])
                .prop_map(|(user, amount)| Wish::Charge { user, amount }),
            (0u8..4, 0u8..12, 0i64..6_000, prop_oneof![Just(0i64), 0i64..6_500])
                .prop_map(|(user, payment, price, discount)| Wish::Pay { user, payment, price, discount }),
            (0u8..4, 0u8..12, 0i64..6_000, prop_oneof![Just(0i64), 0i64..1_000])
                .prop_map(|(user, payment, amount, fee)| Wish::Refund { user, payment, amount, fee }),
        ]
    }

    proptest! {
        #[test]
        fn money_is_conserved_whatever_is_asked(wishes in proptest::collection::vec(wish(), 0..80)) {
            let mut model = Model::default();
            let mut ledger = LedgerRow::default();
            let mut wallets: BTreeMap<u8, WalletRow> = BTreeMap::new();
            let mut payments: BTreeMap<u8, PaymentRow> = BTreeMap::new();
            for wish in wishes {
                let (Wish::Charge { user, .. } | Wish::Pay { user, .. } | Wish::Refund { user, .. }) = wish;
                let before = Funds { wallet: wallets.get(&user).copied().unwrap_or_default(), ledger };
                let user_id = format!("user-{user}");
                let (is_good, decided) = match wish {
                    Wish::Charge { amount, .. } => {
                        (model.charge(user, amount), charge(&before, &Charge::new("c", &user_id, amount, 0), &SETTINGS))
                    }
                    // A payment id is decided once: the row under it is looked at before.
                    Wish::Pay { payment, .. } if payments.contains_key(&payment) => continue,
                    Wish::Pay { payment, price, discount, .. } => {
                        let wanted = Debit {
                            user_id: user_id.as_str().into(),
                            ..a_debit(price, (discount > 0).then_some(discount), (price - discount).max(0))
                        };
                        let decided = debit(&before, &wanted);
                        let outcome = decided.as_ref().map_or_else(|e| Outcome::Refused(*e), Posting::outcome);
                        payments.insert(payment, row_of(&wanted, outcome));
                        (model.pay(user, payment, price, discount), decided)
                    }
                    Wish::Refund { payment, amount, fee, .. } => {
                        let wanted = Refund { user_id: user_id.as_str().into(), ..a_refund(amount, fee) };
                        let decided = refund(&before, payments.get(&payment), &wanted);
                        if let (Ok(_), Some(row)) = (&decided, payments.get_mut(&payment)) {
                            row.refund = Some(RefundMark { refund_id: "f".to_owned(), amount });
                        }
                        (model.refund(user, payment, amount, fee), decided)
                    }
                };
                prop_assert_eq!(decided.is_ok(), is_good, "{:?}", decided);
                if let Ok(posting) = decided {
                    let Funds { wallet, ledger: after } = posting.after;
                    prop_assert_eq!(wallet.sequence, before.wallet.sequence + 1);
                    prop_assert_eq!(wallet.balance, before.wallet.balance + posting.amount);
                    wallets.insert(user, wallet);
                    ledger = after;
                }
                let balances: i64 = wallets.values().map(|wallet| wallet.balance).sum();
                prop_assert!(wallets.values().all(|wallet| wallet.balance >= 0));
                prop_assert_eq!(ledger.sum(), 0);
                prop_assert_eq!((ledger.wallets, ledger.revenue), (balances, model.revenue()));
                prop_assert_eq!(balances + ledger.revenue + ledger.refund_payable, model.charged);
                for (user, wallet) in &wallets {
                    prop_assert_eq!(Some(&wallet.balance), model.balances.get(user));
                }
            }
        }

        #[test]
        fn no_amounts_wrap(balance in 0i64.., price: i64, discount: Option<i64>, amount: i64, fee: i64) {
            let before = funds(balance, 1);
            for posting in [
                charge(&before, &Charge::new("c", "u", amount, 0), &Settings { charge_min_krw: 1, charge_max_krw: i64::MAX }),
                debit(&before, &a_debit(price, discount, amount)),
                refund(&before, Some(&row_of(&a_debit(price, discount, price), before_outcome())), &a_refund(amount, fee)),
            ]
            .into_iter()
            .flatten()
            {
                prop_assert!(posting.after.wallet.balance >= 0);
                prop_assert_eq!(i128::from(posting.after.wallet.balance), i128::from(balance) + i128::from(posting.amount));
                prop_assert_eq!(posting.after.ledger.sum(), 0);
            }
        }
    }

    fn before_outcome() -> Outcome {
        Outcome::Posted { sequence: 1, balance_after: 0 }
    }

    #[test]
    fn the_sample_charges_are_within_the_limits() {
        let mut users = std::collections::BTreeSet::new();
        for sample in crate::payment::sample::wallets() {
            let decided = charge(&Funds::default(), &sample, &Settings::default());
            assert_eq!(posted(decided), Ok((1_000_000, 1_000_000, 1)));
            assert_eq!(sample.identity(), Some(&*format!("sample-wallet-{}", sample.user_id)));
            users.insert(sample.user_id.into_owned());
        }
        assert_eq!(users.len(), 102);
        assert!(["user_123", "user_test", "1001", "1100"].iter().all(|user| users.contains(*user)));
    }
}
