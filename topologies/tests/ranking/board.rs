//! The shop's side of rankings, for the tests to play, and what a query shows.

use holdfast_engine::inspect::TaskView;
use holdfast_engine::inspect::ports::clock::Clock;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::{Topology, place_of};
use holdfast_model::ranking::row::TotalsRow;
use holdfast_model::ranking::{DEAD_LETTERS, INBOX, NAME, Settings};
use holdfast_sim::TestDriver;
use holdfast_topologies::ranking::view::{self, Popular, SoldOut};
use holdfast_topologies::ranking::{invariants, topology};

pub(crate) const PLACES: u32 = 3;
pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// A record of the shop: what a test does not say is as it usually is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fact<'a> {
    pub(crate) kind: &'a str,
    pub(crate) schedule: &'a str,
    pub(crate) payment: &'a str,
    pub(crate) at_ms: i64,
    pub(crate) reserved: u64,
    pub(crate) sale_start_ms: Option<i64>,
}

impl Fact<'_> {
    fn json(&self) -> String {
        let Self { kind, schedule, payment, at_ms, reserved, sale_start_ms } = self;
        let sale_start = sale_start_ms.map_or("null".to_owned(), |ms| ms.to_string());
        format!(
            r#"{{"eventId":"evt_{payment}","type":"{kind}","scheduleId":"{schedule}","concertId":"concert_1","concertTitle":"{schedule} 콘서트","reservationId":"res_{payment}","paymentId":"{payment}","reserved":{reserved},"capacity":3,"saleStart":{sale_start},"occurredAt":{at_ms}}}"#
        )
    }
}

/// A worker that ranks.
pub(crate) struct Board {
    pub(crate) driver: TestDriver,
}

impl Board {
    pub(crate) fn open() -> Self {
        Self::of(&topology(&Settings::default()))
    }

    pub(crate) fn of(topology: &Topology) -> Self {
        let mut board = Self { driver: TestDriver::new(topology, PLACES) };
        board.driver.settle();
        board
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.driver.clock().now_ms()
    }

    pub(crate) fn place(schedule: &str) -> u32 {
        place_of(schedule.as_bytes(), PLACES)
    }

    pub(crate) fn send(&mut self, fact: &Fact<'_>) {
        self.pipe(Self::place(fact.schedule), Some(fact.schedule), &fact.json());
    }

    pub(crate) fn pipe(&mut self, partition: u32, key: Option<&str>, json: &str) {
        let (key, value) = (key.map(str::as_bytes), Some(json.as_bytes()));
        self.driver.append(&NewRecord { topic: INBOX, partition, key, value, headers: &[] });
        self.driver.settle();
    }

    pub(crate) fn fact<'a>(&self, kind: &'a str, schedule: &'a str, payment: &'a str) -> Fact<'a> {
        Fact { kind, schedule, payment, at_ms: self.now_ms(), reserved: 1, sale_start_ms: None }
    }

    /// A seat is sold now.
    pub(crate) fn sell(&mut self, schedule: &str, payment: &str) {
        let fact = self.fact("SEAT_SOLD", schedule, payment);
        self.send(&fact);
    }

    /// A seat was sold a while ago.
    pub(crate) fn sell_late(&mut self, schedule: &str, payment: &str, age_ms: i64) {
        let fact = self.fact("SEAT_SOLD", schedule, payment);
        self.send(&Fact { at_ms: fact.at_ms - age_ms, ..fact });
    }

    /// The last seat is sold now.
    pub(crate) fn fill(&mut self, schedule: &str, payment: &str, sale_start_ms: Option<i64>) {
        let fact = self.fact("SEAT_SOLD", schedule, payment);
        self.send(&Fact { reserved: 3, sale_start_ms, ..fact });
    }

    /// A seat comes back now.
    pub(crate) fn give_back(&mut self, schedule: &str, payment: &str) {
        let fact = self.fact("SEAT_RETURNED", schedule, payment);
        self.send(&fact);
    }

    pub(crate) fn pass(&mut self, ms: i64) {
        self.driver.advance_ms(ms.unsigned_abs());
    }

    fn tasks(&self) -> impl Iterator<Item = TaskView> {
        (0..PLACES).map(|place| self.driver.queries().task(NAME, place).unwrap())
    }

    /// The ranking of a window, merged as a worker merges it.
    pub(crate) fn popular(&self, window: &str) -> Vec<Popular> {
        let (window, now_ms) = (window.parse().unwrap(), self.now_ms());
        let mut all: Vec<_> =
            self.tasks().flat_map(|task| view::popular(&task, window, now_ms, 100).unwrap()).collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    /// Schedules with their counts, the best first.
    pub(crate) fn counts(&self, window: &str) -> Vec<(String, u64)> {
        self.popular(window).into_iter().map(|popular| (popular.key.schedule_id, popular.key.count)).collect()
    }

    /// The count of one schedule.
    pub(crate) fn count(&self, window: &str, schedule: &str) -> u64 {
        self.counts(window).into_iter().find(|(id, _)| id == schedule).map_or(0, |(_, count)| count)
    }

    pub(crate) fn sold_out(&self) -> Vec<SoldOut> {
        let mut all: Vec<_> = self.tasks().flat_map(|task| view::sold_out(&task, 100).unwrap()).collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    pub(crate) fn totals(&self, schedule: &str) -> TotalsRow {
        view::totals(&self.driver.queries().task(NAME, Self::place(schedule)).unwrap()).unwrap()
    }

    pub(crate) fn classes(&self) -> Vec<String> {
        let class = holdfast_engine::inspect::header::CLASS;
        self.driver.read(DEAD_LETTERS).iter().map(|letter| letter.header(class).unwrap()).collect()
    }

    pub(crate) fn check(&self) {
        for task in self.tasks() {
            invariants::check(&task).unwrap();
        }
    }
}
