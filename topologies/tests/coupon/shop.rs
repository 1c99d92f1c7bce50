//! The shop that the tests talk to.

use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::inspect::{TaskView, codec};
use holdfast_engine::prelude::{Key, Topology, place_of};
use holdfast_model::coupon;
use holdfast_model::coupon::message::{Command, IssueRequest};
use holdfast_model::coupon::row::PolicyRow;
use holdfast_model::coupon::sample;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::coupon::invariants::Books;
use holdfast_topologies::coupon::view;
use serde_json::Value;

pub(crate) const PLACES: u32 = 3;

/// A shop with the sample policy, and the words to talk to it.
pub(crate) struct Shop {
    pub(crate) driver: TestDriver,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::of(&holdfast_topologies::coupon::topology())
    }

    pub(crate) fn of(topology: &Topology) -> Self {
        let mut shop = Self { driver: TestDriver::new(topology, PLACES) };
        shop.driver.settle();
        shop.command("1", &Command::CreatePolicy(sample::policy()));
        shop
    }

    pub(crate) fn place(policy_id: &str) -> u32 {
        place_of(coupon::inbox_key(policy_id).as_bytes(), PLACES)
    }

    pub(crate) fn task(&self, policy_id: &str) -> TaskView {
        self.driver.queries().task(coupon::NAME, Self::place(policy_id)).unwrap()
    }

    pub(crate) fn ask(&mut self, request_id: &str, user_id: &str) {
        let json = IssueRequest::new(request_id, "1", user_id, 1_772_287_260_000).to_json();
        self.pipe(Some("coupon-1"), std::str::from_utf8(&json).unwrap());
    }

    pub(crate) fn pipe(&mut self, key: Option<&str>, value: &str) {
        self.driver.pipe(coupon::INBOX, key, value);
    }

    pub(crate) fn pipe_bytes(
        &mut self,
        partition: u32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) {
        self.driver.append(&NewRecord { topic: coupon::INBOX, partition, key, value, headers });
    }

    pub(crate) fn command(&mut self, policy_id: &str, command: &Command) {
        self.pipe_bytes(Self::place(policy_id), None, Some(&command.to_json()), &[]);
        self.driver.settle();
    }

    pub(crate) fn policy(&self) -> view::PolicyView {
        view::policy(&self.task("1"), "1").unwrap().unwrap()
    }

    pub(crate) fn command_status(&self, id: &str) -> (&'static str, Option<&'static str>) {
        let command = view::command(&self.task("1"), id).unwrap().unwrap();
        (command.status, command.code)
    }

    pub(crate) fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    pub(crate) fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(coupon::DEAD_LETTERS)
    }

    pub(crate) fn check(&self) {
        for place in 0..PLACES {
            let task = self.driver.queries().task(coupon::NAME, place).unwrap();
            Books::load(&task).unwrap().check().unwrap();
        }
    }

    /// Writes the row of policy 1 behind the shop's back: into the changelog, from which a new disk restores.
    pub(crate) fn put_policy(&mut self, row: &PolicyRow) {
        let mut key = vec![coupon::POLICIES.id().0];
        "1".to_owned().encode(&mut key);
        let mut value = Vec::new();
        codec::encode(row, &mut value).unwrap();
        self.driver.stop();
        let (partition, value) = (Self::place("1"), Some(value.as_slice()));
        self.driver.append(&NewRecord {
            topic: "sim-coupon-changelog",
            partition,
            key: Some(&key),
            value,
            headers: &[],
        });
        self.driver.wipe_disk();
        self.driver.start();
        self.driver.settle();
    }

    /// Puts a dead letter back where it came from, as an operator does.
    pub(crate) fn redrive(&mut self, out: &Out) {
        self.driver.append_again(coupon::INBOX, out);
        self.driver.settle();
    }
}

pub(crate) fn texts<'a>(records: &'a [Value], field: &str) -> Vec<&'a str> {
    records.iter().map(|record| record[field].as_str().unwrap_or_default()).collect()
}
