//! A crowd that wants seats while things break. Each buyer has a wallet of his own and one wish, which he follows in his way; what he was told stands in the
//! [`Book`], and [`verdict`] compares it with what is true afterwards.
//!
//! Whoever has a key never gives up: an answer that leaves something open is followed by the same request under the same `Idempotency-Key`. Some have none,
//! and some are gone before they are answered.

pub(crate) mod book;
mod buyer;
mod client;
pub(crate) mod verdict;

use crate::support::load::{Doors, GoHome};
use crate::support::topics::PARTITIONS;
use crate::support::wait;
use crate::support::worker::Worker;
use book::Book;
use buyer::Buyer;
pub(crate) use buyer::CHARGE;
use holdfast_ports::place::place_of;
use serde_json::json;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What each seat costs, in KRW.
pub(crate) const PRICE: i64 = 50_000;

/// A schedule in each place.
#[derive(Debug)]
pub(crate) struct House {
    /// By place.
    pub(crate) schedules: Vec<String>,
    /// Seats of each.
    pub(crate) seats: u64,
}

impl House {
    pub(crate) fn new(seats: u64) -> Self {
        let lies_in = |place| move |id: &String| place_of(id.as_bytes(), PARTITIONS) == place;
        let schedules =
            (0..PARTITIONS).map(|place| (0..).map(|n| format!("tour-{n}")).find(lies_in(place)).unwrap()).collect();
        Self { schedules, seats }
    }

    /// Opens the sale.
    pub(crate) fn open(&self, worker: &Worker) {
        for schedule in &self.schedules {
            let seats = json!({"count": self.seats, "price": PRICE});
            let body = json!({"scheduleId": schedule, "concertTitle": "순회 공연", "seats": seats});
            let answer = worker.post("/api/schedules", &body);
            let status = answer.status();
            assert!(status == 201 || status == 202, "{status}: {}", answer.text().unwrap());
            // 202: it takes longer than an answer may.
            wait::until("the schedule is there", || {
                worker.get(&format!("/api/schedules/{schedule}/seats")).status() == 200
            });
        }
    }
}

/// The buyers.
pub(crate) struct Crowd<'a> {
    pub(crate) house: &'a House,
    pub(crate) doors: &'a Doors,
    pub(crate) book: &'a Book,
    /// Buyers at the same time.
    pub(crate) lanes: u64,
    /// How long after one has gone home the next comes.
    pub(crate) pause: Duration,
}

impl Crowd<'_> {
    /// Lets the crowd buy while `breaking` does its work. Returns when all have gone home.
    pub(crate) fn during<T>(&self, breaking: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for lane in 1..=self.lanes {
                let done = &done;
                scope.spawn(move || Buyer::new(self, lane, done).run());
            }
            // Also when it panics: the crowd would stay for ever.
            let _home = GoHome(&done);
            breaking()
        })
    }

    /// Returns when `more` further seats have been bought in each place, as the buyers were told.
    pub(crate) fn wait_for_sales(&self, more: usize) {
        let before = self.book.sold();
        wait::until("every place sells", || {
            self.book.sold().iter().zip(&before).all(|(now, then)| *now >= then + more)
        });
    }
}
