//! A crowd that wants coupons while things break: clients who ask over HTTP whichever worker answers, and a producer that appends requests itself.
//!
//! Nobody in it gives up: an answer that leaves open whether a request was accepted is followed by the same request under the same
//! `Idempotency-Key`, or the same record under the same event id. So whatever happens, each is one request.

mod client;
mod producer;

use crate::support::ledger::Ledger;
use crate::support::topics::PARTITIONS;
use crate::support::wait;
use crate::support::worker::Worker;
use client::Client;
use holdfast_ports::place::place_of;
use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What is sold, and to how many.
#[derive(Debug, Clone)]
pub(crate) struct Sale {
    /// Policies and their stock; each place has at least one.
    pub(crate) policies: Vec<(String, u64)>,
    /// Users who come again and again.
    pub(crate) users: u64,
}

impl Sale {
    /// With a policy in each place for each of `stocks`.
    pub(crate) fn new(stocks: &[u64], users: u64) -> Self {
        let mut policies = Vec::new();
        for (nth, stock) in stocks.iter().enumerate() {
            for place in 0..PARTITIONS {
                let lies_there = |id: &String| place_of(format!("coupon-{id}").as_bytes(), PARTITIONS) == place;
                let id = (0..).map(|n| format!("sale-{nth}-{n}")).find(lies_there).unwrap();
                policies.push((id, *stock));
            }
        }
        Self { policies, users }
    }

    pub(crate) fn open(&self, worker: &Worker) {
        for (id, stock) in &self.policies {
            worker.create_policy(id, *stock);
        }
    }
}

/// Where workers listen, as clients know it: a door may lead nowhere.
#[derive(Debug, Default)]
pub(crate) struct Doors(RwLock<BTreeMap<String, String>>);

impl Doors {
    /// Tells the clients where the worker called `name` listens now.
    pub(crate) fn show(&self, name: &str, worker: &Worker) {
        self.0.write().unwrap().insert(name.to_owned(), worker.url.clone());
    }

    /// Takes a door away that leads nowhere any more.
    pub(crate) fn wall_up(&self, name: &str) {
        self.0.write().unwrap().remove(name);
    }

    /// One of them, by chance.
    pub(crate) fn any(&self, nth: u64) -> Option<String> {
        let doors = self.0.read().unwrap();
        doors.values().nth(usize::try_from(nth).unwrap() % doors.len().max(1)).cloned()
    }
}

/// The crowd.
pub(crate) struct Load<'a> {
    pub(crate) sale: &'a Sale,
    pub(crate) doors: &'a Doors,
    pub(crate) ledger: &'a Ledger,
    /// Brokers to append to beside HTTP.
    pub(crate) brokers: Option<&'a str>,
    /// Clients at the same time.
    pub(crate) clients: u64,
    /// How long each of them waits from an answer to the next request.
    pub(crate) pause: Duration,
}

impl Load<'_> {
    /// Lets the crowd run while `breaking` does its work. Returns when all have gone home.
    pub(crate) fn during<T>(&self, breaking: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for lane in 1..=self.clients {
                let done = &done;
                scope.spawn(move || Client::new(self, lane).run(done));
            }
            if let Some(brokers) = self.brokers {
                let done = &done;
                scope.spawn(move || producer::run(self, brokers, done));
            }
            // Also when it panics: the crowd would stay for ever.
            let _home = GoHome(&done);
            breaking()
        })
    }

    /// Returns when `more` further requests have been answered, whoever answered them.
    pub(crate) fn wait_for_answers(&self, more: usize) {
        let wanted = self.ledger.answered() + more;
        wait::until("more answers", || self.ledger.answered() >= wanted);
    }

    /// Requests of users who come once each and do not ask twice, one after the other. Returns how many were told that nothing was accepted.
    pub(crate) fn passers_by(&self, count: u64) -> usize {
        let refused = || self.ledger.refused.lock().unwrap().len();
        // Nobody comes by twice: a lane of its own each time, away from the others'.
        let lane = 10_000 + self.ledger.passings.fetch_add(1, Ordering::SeqCst);
        let (before, mut client) = (refused(), Client::new(self, lane));
        for n in 0..count {
            client.pass_by(n);
        }
        refused() - before
    }

    /// Returns when everything that is in the log is decided: a last request in each place has its outcome, and since records that came to the
    /// wrong place go on to the right one, another after that.
    pub(crate) fn settle(&self) {
        for round in 0..2 {
            let mut client = Client::new(self, 1_000 + round);
            for place in 0..PARTITIONS as usize {
                client.insist(&self.sale.policies[place].0, &format!("last-{round}-{place}"));
            }
        }
    }
}

/// Sends a crowd home when it is dropped.
pub(crate) struct GoHome<'a>(pub(crate) &'a AtomicBool);

impl Drop for GoHome<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
