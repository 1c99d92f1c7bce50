//! What the log forgets, as Kafka does: compaction keeps the last record of each key and leaves gaps between offsets, tombstones go some time after
//! compaction has first met them, retention takes the beginning of a partition.
//!
//! ```text
//!   begins ▼                          ▼ compacted to        ▼ last stable offset
//!     ·  · │ a1  ·  b2  c†  ·  a7  |  a8   b9   c10   a11   | open …
//!     retention   gaps    until its time has come
//! ```
//!
//! Readers get what is left. Whoever looks in from outside ([`MemoryLog::committed`]) sees all of it: an audit must not depend on what is forgotten.

use super::{MemoryLog, Partition, Visibility, index, offset};
use holdfast_ports::record::TopicPartition;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the log has forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Records that have a successor or a tombstone, taken by compaction.
    pub compacted: u64,
    /// Tombstones whose time had come.
    pub tombstones: u64,
    /// Records at the beginning of a partition, taken by retention.
    pub retired: u64,
}

impl Taken {
    /// Adds what was taken at another time.
    pub fn add(&mut self, other: &Self) {
        self.compacted += other.compacted;
        self.tombstones += other.tombstones;
        self.retired += other.retired;
    }
}

impl MemoryLog {
    /// Compacts a partition below offset `to`, and never beyond the last stable offset: of each key there the last record is left. A tombstone is
    /// left until it has been met by a compaction for `tombstones_kept`.
    pub fn compact(&self, source: &TopicPartition, to: i64, tombstones_kept: Duration) -> Taken {
        let now_us = self.0.clock.monotonic_us();
        let kept_us = u64::try_from(tombstones_kept.as_micros()).unwrap_or(u64::MAX);
        let mut state = self.0.state.lock();
        state
            .partition(&source.topic, source.partition)
            .map(|p| p.compact(index(to), now_us, kept_us))
            .unwrap_or_default()
    }

    /// Retention: a partition begins at offset `to` from now on, at most at the last stable offset.
    pub fn retire(&self, source: &TopicPartition, to: i64) -> Taken {
        let mut state = self.0.state.lock();
        state.partition(&source.topic, source.partition).map(|p| p.retire(index(to))).unwrap_or_default()
    }

    /// What compaction has emptied at the beginning of a partition is no longer part of it, as after a restart of the broker.
    pub fn drop_empty_beginning(&self, source: &TopicPartition) {
        let mut state = self.0.state.lock();
        if let Some(partition) = state.partition(&source.topic, source.partition) {
            let is_left = |entry: &super::Entry| entry.visibility != Visibility::Hidden && !entry.is_gone;
            let first = partition.entries.iter().position(is_left).unwrap_or(0);
            partition.begins = partition.begins.max(first.min(partition.stable_end()));
        }
    }

    /// The first offset of a partition that a reader may ask for.
    #[must_use]
    pub fn beginning(&self, source: &TopicPartition) -> i64 {
        self.0.state.lock().partition(&source.topic, source.partition).map_or(0, |partition| offset(partition.begins))
    }
}

impl Partition {
    fn compact(&mut self, to: usize, now_us: u64, kept_us: u64) -> Taken {
        let to = to.min(self.stable_end());
        let mut last: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut taken = Taken::default();
        let clean = self.entries.iter_mut().enumerate().take(to);
        // Backwards: the last record of each key is met first. One without a key has no successor.
        for (at, entry) in clean.rev().filter(|(_, e)| e.visibility == Visibility::Committed && !e.is_gone) {
            let Some(key) = &entry.record.key else { continue };
            if last.contains_key(key) {
                entry.is_gone = true;
                taken.compacted += 1;
                continue;
            }
            last.insert(key.clone(), at);
            if entry.record.value.is_none() {
                let met_us = *entry.met_us.get_or_insert(now_us);
                if now_us.saturating_sub(met_us) > kept_us {
                    entry.is_gone = true;
                    taken.tombstones += 1;
                }
            }
        }
        taken
    }

    fn retire(&mut self, to: usize) -> Taken {
        let to = to.min(self.stable_end());
        let from = self.begins;
        self.begins = from.max(to);
        let retired = self.entries.iter().take(to).skip(from).filter(|e| e.visibility == Visibility::Committed).count();
        Taken { retired: retired as u64, ..Taken::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimClock;
    use holdfast_ports::log::{Cleanup, Fetcher, Log, LogError, Slot, Start, TopicSpec};
    use holdfast_ports::record::NewRecord;
    use std::ops::ControlFlow;
    use std::sync::Arc;

    const KEPT: Duration = Duration::from_secs(1);

    fn source() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    fn log() -> (MemoryLog, SimClock) {
        let clock = SimClock::default();
        let log = MemoryLog::new(Arc::new(clock.clone()));
        let cleanup = Cleanup::Compact { delete_retention_ms: 1_000 };
        let spec = TopicSpec { name: "t".to_owned(), partitions: 1, replication: None, cleanup };
        log.create_topics(&[spec]).unwrap();
        (log, clock)
    }

    fn append(log: &MemoryLog, key: &str, value: Option<&str>) {
        let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
        let record = NewRecord { topic: "t", partition: 0, key, value, headers: &[] };
        log.appender().unwrap().append(record, Box::new(|landed| assert!(landed.is_ok())));
    }

    fn fetch(fetcher: &mut dyn Fetcher) -> Result<Vec<String>, LogError> {
        let mut read = Vec::new();
        fetcher.fetch(100, &mut |_, record| {
            let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"-")).into_owned();
            read.push(format!("{} {}={}", record.offset, text(record.key), text(record.value)));
            ControlFlow::Continue(())
        })?;
        Ok(read)
    }

    fn read(log: &MemoryLog) -> Vec<String> {
        let mut fetcher = log.fetcher().unwrap();
        fetcher.assign(&source(), Start::Earliest).unwrap();
        fetch(&mut *fetcher).unwrap()
    }

    #[test]
    fn the_last_record_of_each_key_is_left_at_its_offset() {
        let (log, _) = log();
        for (key, value) in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("a", "3")] {
            append(&log, key, Some(value));
        }
        assert_eq!(log.compact(&source(), 4, KEPT).compacted, 1, "the third of a lies beyond");
        assert_eq!(read(&log), ["1 b=1", "2 a=2", "3 c=1", "4 a=3"]);
        assert_eq!(log.compact(&source(), i64::MAX, KEPT).compacted, 1);
        assert_eq!(read(&log), ["1 b=1", "3 c=1", "4 a=3"]);
        assert_eq!(log.committed("t", 0).len(), 5, "from outside all of it is there");
        assert_eq!(log.beginning(&source()), 0);
        log.drop_empty_beginning(&source());
        assert_eq!((log.beginning(&source()), read(&log).len()), (1, 3));
    }

    #[test]
    fn a_tombstone_outlives_what_it_buries_by_its_time() {
        let (log, clock) = log();
        append(&log, "a", Some("1"));
        append(&log, "a", None);
        clock.advance_us(5_000_000);
        assert_eq!(log.compact(&source(), 2, KEPT), Taken { compacted: 1, ..Taken::default() }, "it is met only now");
        clock.advance_us(1_000_000);
        assert_eq!(log.compact(&source(), 2, KEPT), Taken::default());
        assert_eq!(read(&log), ["1 a=-"]);
        clock.advance_us(1);
        assert_eq!(log.compact(&source(), 2, KEPT).tombstones, 1);
        assert!(read(&log).is_empty());
        append(&log, "b", Some("1"));
        assert_eq!(read(&log), ["2 b=1"]);
    }

    #[test]
    fn what_is_open_is_neither_compacted_nor_retired() {
        let (log, _) = log();
        append(&log, "a", Some("1"));
        let mut writer = log.writer("w").unwrap();
        writer.begin().unwrap();
        let record = NewRecord { topic: "t", partition: 0, key: Some(b"a"), value: Some(b"2"), headers: &[] };
        writer.send(&record).unwrap();
        append(&log, "a", Some("3"));
        assert_eq!(log.compact(&source(), i64::MAX, KEPT), Taken::default());
        assert_eq!((log.retire(&source(), i64::MAX).retired, log.beginning(&source())), (1, 1));
        writer.abort().unwrap();
        assert_eq!(read(&log), ["2 a=3"]);
    }

    #[test]
    fn who_asks_for_what_retention_took_is_told_so() {
        let (log, _) = log();
        for n in 0..4 {
            append(&log, "k", Some(&n.to_string()));
        }
        let mut fetcher = log.fetcher().unwrap();
        let slot = fetcher.assign(&source(), Start::At(1)).unwrap();
        assert_eq!(log.retire(&source(), 3).retired, 3);
        assert_eq!(log.retire(&source(), 2), Taken::default(), "it never comes back");
        match fetch(&mut *fetcher) {
            Err(LogError::OutOfRange { slot: Slot(n), earliest: 3, latest: 4 }) => assert_eq!(Slot(n), slot),
            other => panic!("{other:?}"),
        }
        assert_eq!(read(&log), ["3 k=3"]);
    }
}
