//! The worker that reads it.

use super::log::NullLog;
use crate::clock::SimClock;
use crate::driver::memory_disk;
use crate::pulled::OnDemand;
use holdfast_engine::inspect::{EngineMetrics, Queries, Status};
use holdfast_engine::prelude::Topology;
use holdfast_engine::runtime::{CommitConfig, Effect, Next, Parts, StreamConfig, StreamThread};
use holdfast_ports::clock::Clock;
use holdfast_ports::membership::{Member, Owner};
use holdfast_state::{RocksStores, StateConfig};
use std::sync::Arc;

const APP: &str = "null-log";

/// One worker on the null log.
pub struct NullLogWorker {
    /// First, so that it is dropped before its disk is.
    thread: StreamThread,
    log: NullLog,
    clock: SimClock,
    queries: Arc<Queries>,
    effects: OnDemand,
    _disk: tempfile::TempDir,
}

impl NullLogWorker {
    /// A worker that runs `topologies` in `places` places, on an empty disk.
    ///
    /// # Panics
    /// When the temporary directory cannot be made.
    #[must_use]
    pub fn new(topologies: &[Topology], places: u32) -> Self {
        let (disk, clock, queries) = (memory_disk(), SimClock::default(), Arc::<Queries>::default());
        let log = NullLog::new(clock.clone());
        let member = Member { app: APP.to_owned(), worker: Some("one".to_owned()), places };
        let owner = Owner::new("null-log:0", format!("{APP}-one-0"));
        let stores = RocksStores::open(StateConfig::new(disk.path().join(APP))).expect("the state directory opens");
        let effects = OnDemand::default();
        let metrics =
            EngineMetrics::register(&prometheus::Registry::new()).expect("a fresh registry takes the metrics");
        let parts = Parts {
            config: StreamConfig::new(member, owner, CommitConfig::EMBEDDED),
            topologies: topologies.to_vec(),
            log: Arc::new(log.clone()),
            stores: Arc::new(stores),
            clock: Arc::new(clock.clone()),
            queries: queries.clone(),
            status: Status::default(),
            metrics,
            performer: Box::new(effects.clone()),
            assistant: None,
        };
        let thread = StreamThread::join(parts).expect("the null log can be joined");
        let mut worker = Self { thread, log, clock, queries, effects, _disk: disk };
        worker.settle();
        worker
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &NullLog {
        &self.log
    }

    /// The committed state of its tasks.
    #[must_use]
    pub fn queries(&self) -> &Queries {
        &self.queries
    }

    /// The effects that were asked for since this was called last.
    #[must_use]
    pub fn take_effects(&self) -> Vec<Effect> {
        self.effects.take()
    }

    /// Wall time, in ms since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Time passes. What falls due is sent by the next [`NullLogWorker::settle`].
    pub fn advance_ms(&self, ms: u64) {
        self.clock.advance_us(ms * 1_000);
    }

    /// Steps until nothing is left to do.
    ///
    /// # Panics
    /// When the worker ends.
    pub fn settle(&mut self) {
        // The first quiet step commits, the second finds nothing.
        let mut quiet = 0;
        while quiet < 2 {
            let next = self.thread.step(self.clock.now_ms()).expect("the worker goes on");
            quiet = if next == Next::Now { 0 } else { quiet + 1 };
        }
    }
}
