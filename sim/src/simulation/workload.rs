//! What the world does to a simulated app: records that come in, effects that are performed.

use super::APP;
use crate::memory_log::MemoryLog;
use crate::rng::Rng;
use holdfast_engine::effect::{self, Effect};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use std::sync::Arc;

/// What comes in. It has no chance of its own: all it draws, it draws from [`World::rng`].
pub trait Workload {
    /// Something happens: appends a record or a few.
    fn act(&mut self, world: &mut World<'_>);

    /// An effect is performed, perhaps not for the first time. Its result comes back with [`World::answer`].
    fn perform(&mut self, effect: &Effect, world: &mut World<'_>) {
        world.answer(effect, b"");
    }
}

impl<F: FnMut(&mut World<'_>)> Workload for F {
    fn act(&mut self, world: &mut World<'_>) {
        self(world);
    }
}

/// The world as a workload sees it.
pub struct World<'a> {
    pub(super) log: &'a MemoryLog,
    pub(super) clock: &'a dyn Clock,
    pub(super) rng: &'a mut Rng,
    pub(super) places: u32,
    pub(super) appended: &'a mut u64,
    pub(super) records_max: u64,
    pub(super) inboxes: &'a [(Arc<str>, String)],
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

    /// Appends the result of an effect to the inbox of its topology.
    pub fn answer(&mut self, effect: &Effect, value: &[u8]) {
        let id = effect.id.0.to_string();
        let headers: &[(&str, &[u8])] = &[(effect::HEADER, id.as_bytes())];
        let inbox = self.inboxes.iter().find(|(topology, _)| *topology == effect.task.topology);
        if let Some((_, topic)) = inbox {
            self.append_anyway(&NewRecord {
                topic,
                partition: effect.task.place,
                key: None,
                value: Some(value),
                headers,
            });
        }
    }

    fn append_anyway(&self, record: &NewRecord<'_>) {
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
