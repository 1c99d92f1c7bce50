//! A log in memory that behaves like Kafka where it matters: open transactions hold readers up, markers occupy offsets, a new writer of a name
//! ends what the old one left open, and an answer to a commit can be lost. What it forgets, readers do not get any more; who looks in from outside
//! still does.

mod cleaning;
mod fetcher;
mod group;
mod membership;
mod peek;
mod writer;

pub use cleaning::Taken;
pub(crate) use membership::MemoryMembership;
pub use peek::Author;
pub use writer::Fault;

use fetcher::MemoryFetcher;
use group::Group;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{
    AppendError, Appender, Difference, Fetcher, Health, Log, LogError, PARTITIONS, TopicReport, TopicSpec, TopicState,
    Writer,
};
use holdfast_ports::membership::{Member, Membership, Owner};
use holdfast_ports::record::{Appended, NewRecord, TopicPartition};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use writer::{Late, MemoryWriter};

/// Largest record taken, in bytes of key, value and headers.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// How long a transaction may be open.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// A record as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Append time in ms.
    pub append_ms: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Visibility {
    Committed,
    Open(String),
    Hidden,
}

#[derive(Debug)]
struct Entry {
    record: Stored,
    visibility: Visibility,
    /// Its writer and that one's epoch; none for what was appended.
    by: Option<(String, u64)>,
    /// Compaction has taken it.
    is_gone: bool,
    /// Of a tombstone: when compaction first met it, on the monotonic clock.
    met_us: Option<u64>,
}

#[derive(Debug, Default)]
struct Partition {
    /// Everything that was ever written, at its offset.
    entries: Vec<Entry>,
    /// First offset that a reader may ask for.
    begins: usize,
}

impl Partition {
    fn stable_end(&self) -> usize {
        self.entries.iter().position(|e| matches!(e.visibility, Visibility::Open(_))).unwrap_or(self.entries.len())
    }

    fn push(&mut self, record: Stored, visibility: Visibility, by: Option<(&str, u64)>) -> i64 {
        let by = by.map(|(id, epoch)| (id.to_owned(), epoch));
        self.entries.push(Entry { record, visibility, by, is_gone: false, met_us: None });
        offset(self.entries.len() - 1)
    }

    fn marker(&mut self, append_ms: i64) {
        let record = Stored { append_ms, key: None, value: None, headers: Vec::new() };
        self.push(record, Visibility::Hidden, None);
    }
}

fn offset(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn index(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

/// A claim that was not released.
#[derive(Debug)]
struct Claim {
    owner: Owner,
    /// The group has the place back; its owner works on until somebody wishes for it.
    yields: bool,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<String, (TopicSpec, Vec<Partition>)>,
    epochs: BTreeMap<String, u64>,
    mirrors: BTreeMap<(String, TopicPartition), i64>,
    /// Positions that commits have left.
    positions: BTreeMap<TopicPartition, i64>,
    groups: BTreeMap<String, Group>,
    /// Number of members without a name of their own so far.
    strangers: u64,
    claims: BTreeMap<(String, u32), Claim>,
    /// Places that somebody waits for whose owner yields them.
    wishes: BTreeSet<(String, u32)>,
    /// How long he waits before he takes them for a dead one's, when not the usual time.
    patience_us: Option<u64>,
    faults: VecDeque<Fault>,
    late: Vec<Late>,
    /// Writers whose transaction is committed but not yet visible.
    unmarked: BTreeSet<String>,
    open_since_us: BTreeMap<String, u64>,
    /// Topics that take less than others.
    bytes_max: BTreeMap<String, usize>,
    /// Topics that take no record of a transaction: the inboxes of a shadow.
    sealed: BTreeSet<String>,
    commits: u64,
    /// Number of times something became visible in a transaction.
    changes: u64,
}

struct Shared {
    state: Mutex<State>,
    grown: Condvar,
    clock: Arc<dyn Clock>,
    transaction_max_us: u64,
}

/// The simulated log. Clones share it.
#[derive(Clone)]
pub struct MemoryLog(Arc<Shared>);

impl MemoryLog {
    /// An empty log whose append times come from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_timeout(clock, TRANSACTION_TIMEOUT)
    }

    /// The same, giving transactions up that are open for longer than `transaction_max`.
    #[must_use]
    pub fn with_timeout(clock: Arc<dyn Clock>, transaction_max: Duration) -> Self {
        let transaction_max_us = u64::try_from(transaction_max.as_micros()).unwrap_or(u64::MAX);
        Self(Arc::new(Shared { state: Mutex::default(), grown: Condvar::new(), clock, transaction_max_us }))
    }

    /// The next commits fail like this, one each.
    pub fn inject(&self, fault: Fault) {
        self.0.state.lock().faults.push_back(fault);
    }

    /// Who was asked for a place has this long to give it up.
    pub fn set_patience(&self, patience: Duration) {
        self.0.state.lock().patience_us = Some(u64::try_from(patience.as_micros()).unwrap_or(u64::MAX));
    }

    /// From now on `topic` takes no record of a transaction that is larger than this, as with `max.message.bytes`.
    pub fn set_bytes_max(&self, topic: &str, bytes: usize) {
        self.0.state.lock().bytes_max.insert(topic.to_owned(), bytes);
    }

    /// Number of transactions committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.state.lock().commits
    }

    /// The group's position that commits have left for `source`.
    #[must_use]
    pub fn group_position(&self, source: &TopicPartition) -> Option<i64> {
        self.0.state.lock().positions.get(source).copied()
    }
}

impl State {
    fn bytes_max(&self, topic: &str) -> usize {
        self.bytes_max.get(topic).copied().unwrap_or(RECORD_BYTES_MAX)
    }

    fn partition(&mut self, topic: &str, partition: u32) -> Option<&mut Partition> {
        self.topics.get_mut(topic).and_then(|(_, partitions)| partitions.get_mut(partition as usize))
    }
}

fn stored(record: &NewRecord<'_>, append_ms: i64) -> Stored {
    Stored {
        append_ms,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers.iter().map(|(k, v)| ((*k).to_owned(), Some(v.to_vec()))).collect(),
    }
}

/// Of key, value and headers.
fn bytes(record: &NewRecord<'_>) -> usize {
    let part = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + value.len());
    part(record.key) + part(record.value) + headers.sum::<usize>()
}

impl Log for MemoryLog {
    fn kind(&self) -> &'static str {
        "simulated"
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        let reports = self.check_topics(specs)?;
        let mut state = self.0.state.lock();
        let create = |(mut report, spec): (TopicReport, &TopicSpec)| {
            if report.state == TopicState::Missing {
                let partitions = (0..spec.partitions).map(|_| Partition::default()).collect();
                state.topics.insert(spec.name.clone(), (spec.clone(), partitions));
                report.state = TopicState::Created;
            }
            report
        };
        Ok(reports.into_iter().zip(specs).map(create).collect())
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        let state = self.0.state.lock();
        let check = |spec: &TopicSpec| {
            let verdict = match state.topics.get(&spec.name) {
                None => TopicState::Missing,
                Some((is, _)) => {
                    let partitions = Difference::between(PARTITIONS, is.partitions, spec.partitions);
                    TopicState::of(partitions.into_iter().chain(is.cleanup.differences(&spec.cleanup)).collect())
                }
            };
            TopicReport { name: spec.name.clone(), state: verdict }
        };
        Ok(specs.iter().map(check).collect())
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError> {
        Ok(self.0.state.lock().topics.get(topic).map(|(spec, _)| spec.partitions))
    }

    fn appender(&self) -> Result<Arc<dyn Appender>, LogError> {
        Ok(Arc::new(MemoryAppender(self.clone())))
    }

    fn fetcher(&self) -> Result<Box<dyn Fetcher>, LogError> {
        Ok(Box::new(MemoryFetcher::new(self)))
    }

    fn writer(&self, id: &str) -> Result<Box<dyn Writer>, LogError> {
        let mut state = self.0.state.lock();
        state.fence(id, self.0.clock.now_ms());
        let epoch = state.epochs.get(id).copied().unwrap_or_default();
        self.0.grown.notify_all();
        Ok(Box::new(MemoryWriter {
            log: self.clone(),
            id: id.to_owned(),
            epoch,
            touched: BTreeMap::new(),
            sent: BTreeMap::new(),
            refused: None,
        }))
    }

    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(self.member(member)))
    }

    fn mirror(&self, group: &str, positions: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        let mut state = self.0.state.lock();
        for (partition, next) in positions {
            state.mirrors.insert((group.to_owned(), partition.clone()), *next);
        }
        Ok(())
    }

    fn mirrored(&self, group: &str, sources: &[TopicPartition]) -> Result<Vec<Option<i64>>, LogError> {
        let state = self.0.state.lock();
        Ok(sources.iter().map(|source| state.mirrors.get(&(group.to_owned(), source.clone())).copied()).collect())
    }

    fn health(&self) -> Health {
        Health::Up
    }
}

struct MemoryAppender(MemoryLog);

impl Appender for MemoryAppender {
    fn append(&self, record: NewRecord<'_>, done: Box<dyn FnOnce(Result<Appended, AppendError>) + Send>) {
        let append_ms = self.0.0.clock.now_ms();
        let result = {
            let mut state = self.0.0.state.lock();
            if bytes(&record) > RECORD_BYTES_MAX {
                Err(AppendError::Refused(format!("record is larger than {RECORD_BYTES_MAX} bytes")))
            } else {
                match state.partition(record.topic, record.partition) {
                    None => Err(AppendError::Refused(format!("no partition {}-{}", record.topic, record.partition))),
                    Some(partition) => Ok(Appended {
                        offset: partition.push(stored(&record, append_ms), Visibility::Committed, None),
                        append_ms,
                    }),
                }
            }
        };
        self.0.0.grown.notify_all();
        done(result);
    }
}
