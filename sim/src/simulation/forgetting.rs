//! What is forgotten in a history: by compaction, by retention, and by an operator who resets a group.
//!
//! In production tombstones are kept for a week and clocks are wrong by seconds, so that a store's age says whether it may have missed one. A history
//! lasts for seconds and its clocks are wrong by as much: here a tombstone is kept for as long as any clock has ever been set back on top of the age,
//! and no clock is set back any more once the first tombstone is gone.

use super::APP;
use super::run::Run;
use super::worker::{STORE_AGE_MAX_MS, Worker};
use crate::rng::Rng;
use holdfast_engine::inspect::changelog;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Log};
use holdfast_ports::record::{Topic, TopicPartition};
use std::time::Duration;

/// On top of the age of a store: what passes between a store's being level and its being noted, in ms.
const SLACK_MS: i64 = 500;

/// How wrong a worker's clock has been, in ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drift {
    /// Furthest ahead of its beginning.
    ahead_max_ms: i64,
    /// Furthest behind where it had been.
    back_max_ms: i64,
}

impl Default for Drift {
    fn default() -> Self {
        Self { ahead_max_ms: i64::MIN, back_max_ms: 0 }
    }
}

impl Drift {
    fn see(&mut self, ahead_ms: i64) {
        self.ahead_max_ms = self.ahead_max_ms.max(ahead_ms);
        self.back_max_ms = self.back_max_ms.max(self.ahead_max_ms - ahead_ms);
    }
}

impl Run<'_> {
    /// After every event.
    pub(super) fn watch_clocks(&mut self) {
        let passed_ms = (self.log_clock.monotonic_us() / 1_000).cast_signed();
        for Worker { clock, drift, .. } in &mut self.workers {
            drift.see(clock.now_ms() - passed_ms);
        }
    }

    /// Whether some clock may still be set back.
    pub(super) fn may_set_back(&self) -> bool {
        self.forgotten.tombstones == 0
    }

    fn tombstones_kept(&self) -> Duration {
        if self.workers.iter().any(|worker| worker.is_suspended && worker.asleep_until > self.event) {
            return Duration::MAX;
        }
        let back_ms = self.workers.iter().map(|worker| worker.drift.back_max_ms).max().unwrap_or(0);
        Duration::from_millis((STORE_AGE_MAX_MS + SLACK_MS + back_ms).unsigned_abs())
    }

    fn written(&self, source: &TopicPartition) -> i64 {
        self.log.fetcher().and_then(|mut fetcher| fetcher.end(source, End::Written)).unwrap_or(0)
    }

    /// Changelogs are compacted, each with a chance of its own.
    pub(super) fn compact(&mut self, size: u64) -> bool {
        let mut rng = Rng::new(size);
        let kept = self.tombstones_kept();
        let before = self.forgotten;
        for topology in &self.simulation.topologies {
            for place in 0..self.options.places {
                let source = TopicPartition::new(changelog::topic(APP, topology.name()), place);
                let (is_met, is_all, is_cut) = (rng.chance(70), rng.chance(60), rng.chance(25));
                let part = rng.below(self.written(&source).unsigned_abs() + 1).cast_signed();
                if is_met {
                    let taken = self.log.compact(&source, if is_all { i64::MAX } else { part }, kept);
                    self.forgotten.add(&taken);
                    if is_cut {
                        self.log.drop_empty_beginning(&source);
                    }
                }
            }
        }
        self.forgotten != before
    }

    /// Changelogs are compacted as far as they go.
    pub(super) fn compact_all(&mut self) {
        let kept = self.tombstones_kept();
        for topology in &self.simulation.topologies {
            for place in 0..self.options.places {
                let source = TopicPartition::new(changelog::topic(APP, topology.name()), place);
                self.forgotten.add(&self.log.compact(&source, i64::MAX, kept));
            }
        }
    }

    /// Retention takes the beginning of one topic. Of an inbox what has been decided: a week is longer than anybody lags behind.
    pub(super) fn retire(&mut self, size: u64) -> bool {
        let mut rng = Rng::new(size);
        let topologies = &self.simulation.topologies;
        let changelogs: Vec<String> = topologies.iter().map(|t| changelog::topic(APP, t.name())).collect();
        let topics: Vec<String> =
            self.topics().into_iter().map(|spec| spec.name).filter(|name| !changelogs.contains(name)).collect();
        let Some(topic) = rng.pick(&topics) else { return false };
        let readers = topologies.iter().filter(|t| t.sources().iter().any(|source| **source == **topic)).count();
        let before = self.forgotten;
        for place in 0..self.options.places {
            let source = TopicPartition::new(Topic::from(topic.as_str()), place);
            let end = match readers {
                0 => self.written(&source),
                1 => self.log.group_position(&source).unwrap_or(0),
                // Nobody knows here how far each of them is.
                _ => 0,
            };
            let to = rng.below(end.unsigned_abs() + 1).cast_signed();
            let taken = self.log.retire(&source, to);
            self.forgotten.add(&taken);
        }
        self.forgotten != before
    }

    /// The mirror of a group is set to an offset that has been decided; half of the time it is set right again, as a worker does once a second.
    pub(super) fn reset_group(&mut self, size: u64) -> bool {
        let mut rng = Rng::new(size);
        let Some(topology) = rng.pick(&self.simulation.topologies) else { return false };
        let place = u32::try_from(rng.below(u64::from(self.options.places))).unwrap_or(0);
        let Some(topic) = rng.pick(topology.sources()) else { return false };
        let source = TopicPartition::new(topic.clone(), place);
        let Some(position) = self.log.group_position(&source) else { return false };
        let to = if rng.chance(50) { position } else { rng.below(position.unsigned_abs() + 1).cast_signed() };
        self.log.mirror(topology.group(), &[(source, to)]).is_ok()
    }
}
