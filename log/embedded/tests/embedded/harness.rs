//! The embedded log in a directory of its own, and short ways to write and read.

use holdfast_log_contract::{Capabilities, Harness, OpenTransaction, SecondMember, SystemClock};
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{AppendError, Cleanup, Fetcher, Log, Start, TopicSpec};
use holdfast_ports::membership::{Generation, Member};
use holdfast_ports::record::{Appended, NewRecord, TopicPartition};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// What the contract wants to know about the embedded log.
pub(crate) struct EmbeddedHarness {
    dir: tempfile::TempDir,
    clock: SystemClock,
    open: Mutex<Option<Arc<EmbeddedLog>>>,
    names: AtomicU32,
}

impl EmbeddedHarness {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: SystemClock::new(),
            open: Mutex::default(),
            names: AtomicU32::new(0),
        }
    }
}

impl Harness for EmbeddedHarness {
    fn open(&self) -> Arc<dyn Log> {
        let mut open = self.open.lock().unwrap();
        let log = open.get_or_insert_with(|| {
            EmbeddedLog::open(EmbeddedConfig::new(self.dir.path(), Arc::new(self.clock))).unwrap()
        });
        log.clone()
    }

    fn restart(&self) -> Arc<dyn Log> {
        *self.open.lock().unwrap() = None;
        self.open()
    }

    fn fresh(&self, stem: &str) -> String {
        format!("{stem}-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn ways(&self) -> Capabilities {
        Capabilities { open_transaction: OpenTransaction::HoldsNothing, second_member: SecondMember::Replaces }
    }
}

/// A clock that stands until it is set.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn set_ms(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_us(&self) -> u64 {
        0
    }
}

/// Settings for tests that do their own housekeeping on a clock of their own.
pub(crate) fn manual(dir: &Path, clock: &Arc<ManualClock>) -> EmbeddedConfig {
    EmbeddedConfig { maintain_every: None, compact_offsets_min: 1, ..EmbeddedConfig::new(dir, clock.clone()) }
}

pub(crate) fn create(log: &EmbeddedLog, topic: &str, cleanup: Cleanup) {
    let spec = TopicSpec { name: topic.to_owned(), partitions: 3, replication: None, cleanup };
    log.create_topics(&[spec]).unwrap();
}

/// Creates `topic`, which forgets nothing.
pub(crate) fn create_plain(log: &EmbeddedLog, topic: &str) {
    create(log, topic, Cleanup::Delete { retention_ms: -1 });
}

pub(crate) fn append_record(log: &EmbeddedLog, record: NewRecord<'_>) -> Result<Appended, AppendError> {
    let (answer, answered) = mpsc::sync_channel(1);
    log.appender().unwrap().append(record, Box::new(move |result| answer.send(result).unwrap()));
    answered.recv_timeout(Duration::from_secs(30)).unwrap()
}

pub(crate) fn append(log: &EmbeddedLog, topic: &str, partition: u32, value: &str) -> Result<Appended, AppendError> {
    append_record(log, NewRecord { topic, partition, key: None, value: Some(value.as_bytes()), headers: &[] })
}

/// Appends `value`, or a tombstone, under `key` to partition 0.
pub(crate) fn put(log: &EmbeddedLog, topic: &str, key: &str, value: Option<&str>) -> Appended {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    append_record(log, NewRecord { topic, partition: 0, key, value, headers: &[] }).unwrap()
}

/// Proof of being the only member of an app of the log.
pub(crate) fn generation(log: &EmbeddedLog, app: &str) -> Generation {
    let mut member = log.membership(&Member { app: app.to_owned(), worker: None, places: 3 }).unwrap();
    member.poll().unwrap();
    member.generation()
}

/// What tests compare of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) offset: i64,
    pub(crate) append_ms: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
}

/// Everything in a partition from its earliest record to its end.
pub(crate) fn read_all(log: &EmbeddedLog, topic: &str, partition: u32) -> Vec<Read> {
    let mut fetcher = log.fetcher().unwrap();
    fetcher.assign(&TopicPartition::new(topic, partition), Start::Earliest).unwrap();
    read(&mut *fetcher)
}

/// Everything that lies ready.
pub(crate) fn read(fetcher: &mut dyn Fetcher) -> Vec<Read> {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    let mut records = Vec::new();
    loop {
        let count = fetcher.fetch(1000, &mut |_, record| {
            let (offset, append_ms) = (record.offset, record.append_ms);
            records.push(Read { offset, append_ms, key: text(record.key), value: text(record.value) });
            ControlFlow::Continue(())
        });
        if count.unwrap() == 0 {
            return records;
        }
    }
}
