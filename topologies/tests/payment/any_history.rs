//! Promises kept through any history.

use crate::bank::{Bank, home};
use holdfast_model::payment;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_sim::memory_log::Fault;
use holdfast_topologies::payment::invariants::Books;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
enum Event {
    Charge { user: u8, id: u8, amount: i64 },
    Pay { user: u8, id: u8, price: i64 },
    Refund { user: u8, id: u8, amount: i64 },
    Settle,
    Restart,
    WipeDisk,
    Fault(u8),
}

fn event() -> impl Strategy<Value = Event> {
    // Few ids, so that repetitions and stolen ids are frequent; an id fixes its amount often enough that retries are, too.
    let amounts = prop_oneof![Just(500i64), Just(2_000), Just(3_000)];
    prop_oneof![
        4 => (0u8..4, 0u8..12, prop_oneof![Just(500i64), Just(2_000), Just(2_000)])
            .prop_map(|(user, id, amount)| Event::Charge { user, id, amount }),
        6 => (0u8..4, 0u8..16, amounts.clone()).prop_map(|(user, id, price)| Event::Pay { user, id, price }),
        4 => (0u8..4, 0u8..16, amounts).prop_map(|(user, id, amount)| Event::Refund { user, id, amount }),
        3 => Just(Event::Settle),
        1 => Just(Event::Restart),
        1 => Just(Event::WipeDisk),
        1 => (0u8..3).prop_map(Event::Fault),
    ]
}

/// What a bank of one book would say: decided anew, in the order in which each user asked.
#[derive(Default)]
struct Model {
    balances: BTreeMap<u8, i64>,
    charged: i64,
    ids: BTreeMap<(u32, String), (u8, i64)>,
    paid: BTreeMap<(u32, u8), (u8, i64)>,
    refunded: BTreeSet<(u32, u8)>,
    /// Result of each debit, by place and payment.
    settled: BTreeMap<(u32, u8), &'static str>,
    buried: usize,
}

impl Model {
    /// Whether it is new; counts what is buried.
    fn is_new(&mut self, place: u32, id: String, user: u8, amount: i64) -> bool {
        let earlier = *self.ids.entry((place, id.clone())).or_insert((user, amount));
        let is_first = self.ids.insert((place, format!("seen {id}")), (0, 0)).is_none();
        if earlier != (user, amount) {
            self.buried += 1;
        }
        is_first
    }

    fn hear(&mut self, event: &Event) {
        match *event {
            Event::Charge { user, id, amount } => {
                let is_new = self.is_new(home(&name(user)), format!("c-{id}"), user, amount);
                let taken = if is_new && amount >= 1_000 { amount } else { 0 };
                *self.balances.entry(user).or_default() += taken;
                self.charged += taken;
            }
            Event::Pay { user, id, price } => {
                let place = home(&name(user));
                if self.is_new(place, format!("p-{id}"), user, price) {
                    let balance = self.balances.entry(user).or_default();
                    let is_good = *balance >= price;
                    if is_good {
                        *balance -= price;
                        self.paid.insert((place, id), (user, price));
                    }
                    self.settled.insert((place, id), if is_good { "DEBITED" } else { "INSUFFICIENT_POINTS" });
                }
            }
            Event::Refund { user, id, amount } => {
                let place = home(&name(user));
                if self.is_new(place, format!("ref_p-{id}"), user, amount)
                    && self.paid.get(&(place, id)).is_some_and(|(payer, price)| *payer == user && amount <= *price)
                {
                    *self.balances.entry(user).or_default() += amount;
                    self.refunded.insert((place, id));
                }
            }
            _ => {}
        }
    }
}

fn name(user: u8) -> String {
    format!("user-{user}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_money_is_conserved(events in proptest::collection::vec(event(), 1..70)) {
        let mut bank = Bank::open();
        let mut model = Model::default();
        for event in &events {
            model.hear(event);
            match *event {
                Event::Charge { user, id, amount } => bank.charge(&format!("c-{id}"), &name(user), amount),
                Event::Pay { user, id, price } => bank.pay(&format!("p-{id}"), &name(user), price),
                Event::Refund { user, id, amount } => bank.refund(&format!("p-{id}"), &name(user), amount, 0),
                Event::Settle => bank.driver.settle(),
                Event::Restart => bank.driver.restart(),
                Event::WipeDisk => bank.driver.lose_disk(),
                Event::Fault(which) => {
                    let fault = [Fault::LostAnswer, Fault::LostRequest, Fault::Retry][usize::from(which)];
                    bank.driver.log().inject(fault);
                }
            }
        }
        bank.driver.settle();
        bank.check();
        for user in 0..4 {
            prop_assert_eq!(bank.balance(&name(user)), model.balances.get(&user).copied().unwrap_or(0));
        }
        let accounts: Vec<LedgerRow> = bank.books().iter().map(Books::accounts).collect();
        let kept: i64 = accounts.iter().map(|ledger| ledger.wallets + ledger.revenue + ledger.refund_payable).sum();
        prop_assert_eq!(kept, model.charged);
        prop_assert_eq!(bank.dead_letters().len(), model.buried);
        let mut settled: Vec<(String, String)> = bank.settled().into_iter().map(|(id, result, _)| (id, result)).collect();
        let mut expected: Vec<(String, String)> =
            model.settled.iter().map(|((_, id), result)| (format!("p-{id}"), (*result).to_owned())).collect();
        settled.sort();
        expected.sort();
        prop_assert_eq!(settled, expected);
        let replies = bank.read(payment::REPLIES);
        prop_assert_eq!(replies.iter().filter(|reply| reply["result"] == "REFUNDED").count(), model.refunded.len());
        let answered = replies.iter().filter(|reply| reply["type"] == "refunded").count();
        prop_assert_eq!(answered, model.ids.keys().filter(|(_, id)| id.starts_with("ref_")).count());
        prop_assert_eq!(bank.read(payment::COMPLETED).len(), model.paid.len());
    }
}
