//! The bank that the tests talk to.

use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::inspect::{TaskView, codec};
use holdfast_engine::prelude::{Key, Topology, place_of};
use holdfast_model::payment;
use holdfast_model::payment::Settings;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::message::{Charge, Debit, Refund};
use holdfast_model::payment::row::WalletRow;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::payment::invariants::Books;
use holdfast_topologies::payment::view;
use serde_json::Value;

pub(crate) const PLACES: u32 = 3;

/// A bank, and the words to talk to it.
pub(crate) struct Bank {
    pub(crate) driver: TestDriver,
}

pub(crate) fn home(user_id: &str) -> u32 {
    place_of(user_id.as_bytes(), PLACES)
}

pub(crate) fn debit<'a>(payment_id: &'a str, user_id: &'a str, price: i64) -> Debit<'a> {
    Debit {
        payment_id: payment_id.into(),
        reservation_id: format!("res_2_{payment_id}").into(),
        schedule_id: "schedule_456".into(),
        user_id: user_id.into(),
        seat_no: "7".into(),
        price,
        amount: price,
        discount: None,
        reply_place: 2,
    }
}

pub(crate) fn refund<'a>(payment_id: &'a str, user_id: &'a str, amount: i64, fee: i64) -> Refund<'a> {
    Refund {
        event_id: None,
        request_id: Some(format!("ref_{payment_id}").into()),
        payment_id: payment_id.into(),
        reservation_id: format!("res_2_{payment_id}").into(),
        user_id: user_id.into(),
        amount,
        fee,
        reason: "CANCELLED".into(),
        reply_place: 2,
    }
}

impl Bank {
    pub(crate) fn open() -> Self {
        Self::of(&holdfast_topologies::payment::topology(&Settings::default()))
    }

    pub(crate) fn of(topology: &Topology) -> Self {
        let mut bank = Self { driver: TestDriver::new(topology, PLACES) };
        bank.driver.settle();
        bank
    }

    pub(crate) fn task(&self, user_id: &str) -> TaskView {
        self.driver.queries().task(payment::NAME, home(user_id)).unwrap()
    }

    pub(crate) fn append(
        &mut self,
        partition: u32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) {
        self.driver.append(&NewRecord { topic: payment::INBOX, partition, key, value, headers });
    }

    pub(crate) fn pipe(&mut self, user_id: &str, json: &[u8]) {
        self.append(home(user_id), Some(user_id.as_bytes()), Some(json), &[]);
    }

    pub(crate) fn charge(&mut self, id: &str, user_id: &str, amount: i64) {
        self.pipe(user_id, &Charge::new(id, user_id, amount, 0).to_json());
    }

    pub(crate) fn pay(&mut self, payment_id: &str, user_id: &str, price: i64) {
        self.pipe(user_id, &debit(payment_id, user_id, price).to_json());
    }

    pub(crate) fn refund(&mut self, payment_id: &str, user_id: &str, amount: i64, fee: i64) {
        self.pipe(user_id, &refund(payment_id, user_id, amount, fee).to_json());
    }

    pub(crate) fn balance(&self, user_id: &str) -> i64 {
        view::balance(&self.task(user_id), user_id).unwrap().balance
    }

    pub(crate) fn charge_status(&self, id: &str, user_id: &str) -> (&'static str, Option<&'static str>) {
        let charge = view::charge(&self.task(user_id), id).unwrap().unwrap();
        (charge.outcome.status, charge.outcome.code)
    }

    pub(crate) fn refund_status(&self, id: &str, user_id: &str) -> (&'static str, Option<&'static str>) {
        let refund = view::refund(&self.task(user_id), id).unwrap().unwrap();
        (refund.outcome.status, refund.outcome.code)
    }

    pub(crate) fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    /// Payment, result and balance of each reply to a debit.
    pub(crate) fn settled(&self) -> Vec<(String, String, i64)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.read(payment::REPLIES)
            .iter()
            .filter(|reply| reply["type"] == "settled")
            .map(|reply| (text(&reply["paymentId"]), text(&reply["result"]), reply["balanceAfter"].as_i64().unwrap()))
            .collect()
    }

    pub(crate) fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(payment::DEAD_LETTERS)
    }

    pub(crate) fn books(&self) -> Vec<Books> {
        self.driver.queries().tasks(payment::NAME).iter().map(|task| Books::load(task).unwrap()).collect()
    }

    pub(crate) fn check(&self) {
        assert_eq!(self.books().len(), PLACES as usize);
        for books in self.books() {
            books.check().unwrap();
        }
    }

    /// Writes rows behind the bank's back: into the changelog, from which a new disk restores.
    pub(crate) fn put(&mut self, user_id: &str, wallet: WalletRow, ledger: LedgerRow) {
        self.driver.stop();
        let mut write = |store: u8, key: &str, value: Vec<u8>| {
            let mut bytes = vec![store];
            key.to_owned().encode(&mut bytes);
            self.driver.append(&NewRecord {
                topic: "sim-payment-changelog",
                partition: home(user_id),
                key: Some(&bytes),
                value: Some(&value),
                headers: &[],
            });
        };
        let (mut wallet_bytes, mut ledger_bytes) = (Vec::new(), Vec::new());
        codec::encode(&wallet, &mut wallet_bytes).unwrap();
        codec::encode(&ledger, &mut ledger_bytes).unwrap();
        write(payment::WALLETS.id().0, user_id, wallet_bytes);
        write(payment::LEDGER.id().0, payment::CURRENCY, ledger_bytes);
        self.driver.wipe_disk();
        self.driver.start();
        self.driver.settle();
    }

    /// Puts a dead letter back where it came from, as an operator does.
    pub(crate) fn redrive(&mut self, out: &Out) {
        self.driver.append_again(payment::INBOX, out);
        self.driver.settle();
    }
}
