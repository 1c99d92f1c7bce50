//! Whatever is asked, money is moved and never made.

use super::samples::{SETTINGS, a_debit, a_refund, funds, row_of};
use super::*;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::row::{Outcome, RefundMark, WalletRow};
use proptest::prelude::*;
use std::collections::BTreeMap;

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
            charge(&before, &Charge::new("c", "u", amount, 0), &Settings { charge_min_krw: 1, charge_max_krw: i64::MAX, ..SETTINGS }),
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
