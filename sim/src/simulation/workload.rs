//! What the world does to a simulated app: records that come in, effects that are performed.

use super::APP;
use crate::clock::SimClock;
use crate::memory_log::{MemoryLog, Stored};
use crate::rng::Rng;
use holdfast_engine::runtime::Effect;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;

/// What comes in. It has no chance of its own: all it draws, it draws from [`World::rng`].
pub trait Workload {
    /// Something happens: appends a record or a few.
    fn act(&mut self, world: &mut World<'_>);

    /// An effect is performed, perhaps not for the first time. Returns the value of the record that brings its result.
    fn perform(&mut self, effect: &Effect, call: Call, world: &mut World<'_>) -> Vec<u8> {
        let _ = (effect, call, world);
        Vec::new()
    }

    /// Nothing fails any more and nothing is left to be done: the last chance to put right what somebody outside has to, with
    /// [`World::append_on_top`]. Asked again until it appends nothing.
    fn close(&mut self, world: &mut World<'_>) {
        let _ = world;
    }
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The outside has taken it, and said so.
    Done,
    /// The outside has not taken it, and said so.
    Failed,
    /// The outside has taken it, and the caller does not know.
    Unanswered,
}

impl<F: FnMut(&mut World<'_>)> Workload for F {
    fn act(&mut self, world: &mut World<'_>) {
        self(world);
    }
}

/// The world as a workload sees it.
pub struct World<'a> {
    pub(super) log: &'a MemoryLog,
    pub(super) clock: &'a SimClock,
    /// Those of the workers for whom time passes.
    pub(super) worker_clocks: Vec<SimClock>,
    pub(super) rng: &'a mut Rng,
    pub(super) places: u32,
    pub(super) appended: &'a mut u64,
    pub(super) on_top: &'a mut u64,
    pub(super) records_max: u64,
}

impl World<'_> {
    /// The chance of this seed.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// What time it is, in ms since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Number of places.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.places
    }

    /// Number of records appended so far.
    #[must_use]
    pub fn appended(&self) -> u64 {
        *self.appended
    }

    /// Number of records that it may still append.
    #[must_use]
    pub fn records_left(&self) -> u64 {
        self.records_max.saturating_sub(*self.appended)
    }

    /// Somebody waits until the log's clock shows `at_ms`, as closely as one cannot by chance. Nothing happens when that is past, or further away
    /// than `ms_max`.
    pub fn wait_until(&mut self, at_ms: i64, ms_max: i64) {
        let ms = at_ms - self.now_ms();
        if (1..=ms_max).contains(&ms) {
            let us = ms.unsigned_abs() * 1_000;
            self.clock.advance_us(us);
            self.worker_clocks.iter().for_each(|clock| clock.advance_us(us));
        }
    }

    /// Committed records of a partition from offset `from` on, with their offsets: what a customer or an operator could read.
    #[must_use]
    pub fn read(&self, topic: &str, partition: u32, from: i64) -> Vec<(i64, Stored)> {
        let records = self.log.committed_from(topic, partition, from);
        records.into_iter().map(|(offset, record, _)| (offset, record)).collect()
    }

    /// Appends a record where its key lives.
    pub fn send(&mut self, topic: &str, key: &str, value: &[u8]) {
        let partition = place_of(key.as_bytes(), self.places);
        self.append(&NewRecord { topic, partition, key: Some(key.as_bytes()), value: Some(value), headers: &[] });
    }

    /// Appends exactly this record, unless the workload has had its number of them.
    pub fn append(&mut self, record: &NewRecord<'_>) {
        if *self.appended < self.records_max {
            *self.appended += 1;
            self.append_anyway(record);
        }
    }

    /// Appends exactly this record, however many there have been: what an operator puts right comes on top.
    pub fn append_on_top(&mut self, record: &NewRecord<'_>) {
        *self.on_top += 1;
        self.append_anyway(record);
    }

    pub(super) fn append_anyway(&self, record: &NewRecord<'_>) {
        if let Ok(appender) = self.log.appender() {
            // The simulated log refuses only what no log takes; a workload may try that.
            appender.append(*record, Box::new(|_| {}));
        }
    }

    /// Name of the app, which its changelogs begin with.
    #[must_use]
    pub fn app(&self) -> &'static str {
        APP
    }
}
