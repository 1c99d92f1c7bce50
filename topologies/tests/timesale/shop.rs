//! The shop that the tests talk to.

use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::inspect::{TaskView, codec};
use holdfast_engine::prelude::{Key, Topology, place_of};
use holdfast_model::timesale;
use holdfast_model::timesale::message::{CancelOrder, Command, OrderRequest};
use holdfast_model::timesale::order_id;
use holdfast_model::timesale::row::SaleRow;
use holdfast_model::timesale::sample;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::timesale::invariants::Books;
use holdfast_topologies::timesale::view;
use serde_json::Value;

pub(crate) const PLACES: u32 = 3;

/// A shop with the sample sale, and the words to talk to it.
pub(crate) struct Shop {
    pub(crate) driver: TestDriver,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::of(&holdfast_topologies::timesale::topology())
    }

    pub(crate) fn of(topology: &Topology) -> Self {
        let mut shop = Self { driver: TestDriver::new(topology, PLACES) };
        shop.driver.settle();
        shop.command("1", &Command::CreateSale(sample::sale()));
        shop
    }

    pub(crate) fn place(time_sale_id: &str) -> u32 {
        place_of(time_sale_id.as_bytes(), PLACES)
    }

    pub(crate) fn task(&self, time_sale_id: &str) -> TaskView {
        self.driver.queries().task(timesale::NAME, Self::place(time_sale_id)).unwrap()
    }

    /// The id of an order of sale 1, as HTTP makes it.
    pub(crate) fn order_id(unique: &str) -> String {
        order_id::new(Self::place("1"), unique)
    }

    /// Orders units of sale 1.
    pub(crate) fn order(&mut self, unique: &str, user_id: &str, quantity: i64) {
        let json = OrderRequest::new(&Self::order_id(unique), "1", user_id, quantity, 1_772_287_260_000).to_json();
        self.pipe(Some("1"), std::str::from_utf8(&json).unwrap());
    }

    pub(crate) fn pipe(&mut self, key: Option<&str>, value: &str) {
        self.driver.pipe(timesale::INBOX, key, value);
    }

    pub(crate) fn pipe_bytes(
        &mut self,
        partition: u32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) {
        self.driver.append(&NewRecord { topic: timesale::INBOX, partition, key, value, headers });
    }

    pub(crate) fn command(&mut self, time_sale_id: &str, command: &Command) {
        self.pipe_bytes(Self::place(time_sale_id), None, Some(&command.to_json()), &[]);
        self.driver.settle();
    }

    /// Cancels an order by a command of its own, and says what became of the command.
    pub(crate) fn cancel(
        &mut self,
        command_id: &str,
        order_id: &str,
        user_id: &str,
    ) -> (&'static str, Option<&'static str>) {
        let command = CancelOrder {
            request_id: Some(command_id.to_owned()),
            order_id: order_id.to_owned(),
            user_id: user_id.to_owned(),
            ..CancelOrder::default()
        };
        self.command("1", &Command::CancelOrder(command));
        self.command_status(command_id)
    }

    pub(crate) fn sale(&self) -> view::SaleView {
        view::sale(&self.task("1"), "1").unwrap().unwrap()
    }

    /// Sold and left of sale 1.
    pub(crate) fn stock(&self) -> (u64, u64) {
        let sale = self.sale();
        (sale.sold, sale.remaining)
    }

    pub(crate) fn order_view(&self, order_id: &str) -> view::OrderView {
        view::order(&self.task("1"), order_id).unwrap().unwrap()
    }

    pub(crate) fn command_status(&self, id: &str) -> (&'static str, Option<&'static str>) {
        let command = view::command(&self.task("1"), id).unwrap().unwrap();
        (command.status, command.code)
    }

    pub(crate) fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    pub(crate) fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(timesale::DEAD_LETTERS)
    }

    pub(crate) fn check(&self) {
        for place in 0..PLACES {
            let task = self.driver.queries().task(timesale::NAME, place).unwrap();
            Books::load(&task).unwrap().check().unwrap();
        }
    }

    /// Writes the row of sale 1 behind the shop's back: into the changelog, from which a new disk restores.
    pub(crate) fn put_sale(&mut self, row: &SaleRow) {
        let mut key = vec![timesale::SALES.id().0];
        "1".to_owned().encode(&mut key);
        let mut value = Vec::new();
        codec::encode(row, &mut value).unwrap();
        self.driver.stop();
        let (partition, value) = (Self::place("1"), Some(value.as_slice()));
        self.driver.append(&NewRecord {
            topic: "sim-timesale-changelog",
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
        self.driver.append_again(timesale::INBOX, out);
        self.driver.settle();
    }
}

pub(crate) fn texts<'a>(records: &'a [Value], field: &str) -> Vec<&'a str> {
    records.iter().map(|record| record[field].as_str().unwrap_or_default()).collect()
}
