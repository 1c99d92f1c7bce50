//! A log in memory that behaves like Kafka where it matters: open transactions hold readers up, markers occupy offsets, a new writer of a name
//! ends what the old one left open, and an answer to a commit can be lost.

mod fetcher;
mod membership;

use fetcher::MemoryFetcher;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{
    AppendError, Appender, Fetcher, Health, Log, LogError, TopicReport, TopicSpec, TopicState, WriteError, Writer,
};
use holdfast_ports::membership::{Generation, Member, Membership, Owner};
use holdfast_ports::record::{Appended, NewRecord, TopicPartition};
use membership::MemoryMembership;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Largest record taken, in bytes of key and value.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// What goes wrong with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The log refuses for now; nothing is committed.
    Retry,
    /// The request is lost: the transaction stays open until a new writer of the name ends it.
    LostRequest,
    /// The answer is lost: the transaction is committed.
    LostAnswer,
    /// Another writer of the name has come.
    Fenced,
}

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
}

#[derive(Debug, Default)]
struct Partition {
    entries: Vec<Entry>,
}

impl Partition {
    fn stable_end(&self) -> usize {
        self.entries.iter().position(|e| matches!(e.visibility, Visibility::Open(_))).unwrap_or(self.entries.len())
    }

    fn push(&mut self, record: Stored, visibility: Visibility) -> i64 {
        self.entries.push(Entry { record, visibility });
        offset(self.entries.len() - 1)
    }

    fn marker(&mut self, append_ms: i64) {
        let record = Stored { append_ms, key: None, value: None, headers: Vec::new() };
        self.push(record, Visibility::Hidden);
    }
}

fn offset(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn index(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<String, (TopicSpec, Vec<Partition>)>,
    epochs: BTreeMap<String, u64>,
    mirrors: BTreeMap<(String, TopicPartition), i64>,
    group: BTreeMap<TopicPartition, i64>,
    claims: BTreeMap<(String, u32), Owner>,
    faults: VecDeque<Fault>,
    commits: u64,
}

struct Shared {
    state: Mutex<State>,
    grown: Condvar,
    clock: Arc<dyn Clock>,
}

/// The simulated log. Clones share it.
#[derive(Clone)]
pub struct MemoryLog(Arc<Shared>);

impl MemoryLog {
    /// An empty log whose append times come from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), grown: Condvar::new(), clock }))
    }

    /// The next commits fail like this, one each.
    pub fn inject(&self, fault: Fault) {
        self.0.state.lock().faults.push_back(fault);
    }

    /// Number of transactions committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.state.lock().commits
    }

    /// All committed records of a partition, with their offsets.
    #[must_use]
    pub fn committed(&self, topic: &str, partition: u32) -> Vec<(i64, Stored)> {
        let state = self.0.state.lock();
        let Some(partition) = state.topics.get(topic).and_then(|(_, ps)| ps.get(partition as usize)) else {
            return Vec::new();
        };
        let visible = partition.entries.iter().enumerate().take(partition.stable_end());
        visible
            .filter(|(_, e)| e.visibility == Visibility::Committed)
            .map(|(i, e)| (offset(i), e.record.clone()))
            .collect()
    }

    /// The group's position that commits have left for `source`.
    #[must_use]
    pub fn group_position(&self, source: &TopicPartition) -> Option<i64> {
        self.0.state.lock().group.get(source).copied()
    }
}

impl State {
    fn partition(&mut self, topic: &str, partition: u32) -> Option<&mut Partition> {
        self.topics.get_mut(topic).and_then(|(_, partitions)| partitions.get_mut(partition as usize))
    }

    /// Ends the open transaction of writer `id`.
    fn end(&mut self, id: &str, commit: bool, now_ms: i64) {
        let open = Visibility::Open(id.to_owned());
        for (_, partitions) in self.topics.values_mut() {
            for partition in partitions {
                let mut touched = false;
                for entry in partition.entries.iter_mut().filter(|e| e.visibility == open) {
                    entry.visibility = if commit { Visibility::Committed } else { Visibility::Hidden };
                    touched = true;
                }
                if touched {
                    partition.marker(now_ms);
                }
            }
        }
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

fn too_large(record: &NewRecord<'_>) -> bool {
    record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) > RECORD_BYTES_MAX
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
                    let mut differs = Vec::new();
                    if is.partitions != spec.partitions {
                        differs.push(format!("partitions: is {}, should be {}", is.partitions, spec.partitions));
                    }
                    if is.cleanup != spec.cleanup {
                        differs.push(format!("cleanup: is {:?}, should be {:?}", is.cleanup, spec.cleanup));
                    }
                    if differs.is_empty() { TopicState::Ok } else { TopicState::Differs(differs) }
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
        state.end(id, false, self.0.clock.now_ms());
        let epoch = state.epochs.entry(id.to_owned()).or_default();
        *epoch += 1;
        let epoch = *epoch;
        self.0.grown.notify_all();
        Ok(Box::new(MemoryWriter { log: self.clone(), id: id.to_owned(), epoch, touched: BTreeMap::new() }))
    }

    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(MemoryMembership::new(self, member)))
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
            if too_large(&record) {
                Err(AppendError::Refused(format!("record is larger than {RECORD_BYTES_MAX} bytes")))
            } else {
                match state.partition(record.topic, record.partition) {
                    None => Err(AppendError::Refused(format!("no partition {}-{}", record.topic, record.partition))),
                    Some(partition) => Ok(Appended {
                        offset: partition.push(stored(&record, append_ms), Visibility::Committed),
                        append_ms,
                    }),
                }
            }
        };
        self.0.0.grown.notify_all();
        done(result);
    }
}

struct MemoryWriter {
    log: MemoryLog,
    id: String,
    epoch: u64,
    touched: BTreeMap<TopicPartition, i64>,
}

impl MemoryWriter {
    fn check(&self, state: &State) -> Result<(), WriteError> {
        if state.epochs.get(&self.id) == Some(&self.epoch) {
            Ok(())
        } else {
            Err(WriteError::Fenced(format!("another writer {} has come", self.id)))
        }
    }
}

impl Writer for MemoryWriter {
    fn begin(&mut self) -> Result<(), WriteError> {
        self.touched.clear();
        self.check(&self.log.0.state.lock())
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        let mut state = self.log.0.state.lock();
        self.check(&state)?;
        if too_large(record) {
            return Err(WriteError::Refused(format!("record is larger than {RECORD_BYTES_MAX} bytes")));
        }
        let append_ms = self.log.0.clock.now_ms();
        let partition = state
            .partition(record.topic, record.partition)
            .ok_or_else(|| WriteError::Refused(format!("no partition {}-{}", record.topic, record.partition)))?;
        let at = partition.push(stored(record, append_ms), Visibility::Open(self.id.clone()));
        self.touched.insert(TopicPartition::new(record.topic, record.partition), at + 1);
        Ok(())
    }

    fn commit(
        &mut self,
        positions: &[(TopicPartition, i64)],
        _generation: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        let mut state = self.log.0.state.lock();
        self.check(&state)?;
        let fault = state.faults.pop_front();
        match fault {
            Some(Fault::Retry) => return Err(WriteError::Retry("injected".to_owned())),
            Some(Fault::LostRequest) => return Err(WriteError::Unknown("injected: request lost".to_owned())),
            Some(Fault::Fenced) => return Err(WriteError::Fenced("injected".to_owned())),
            Some(Fault::LostAnswer) | None => {}
        }
        state.end(&self.id, true, self.log.0.clock.now_ms());
        state.commits += 1;
        state.group.extend(positions.iter().cloned());
        self.log.0.grown.notify_all();
        if fault == Some(Fault::LostAnswer) {
            return Err(WriteError::Unknown("injected: answer lost".to_owned()));
        }
        Ok(std::mem::take(&mut self.touched).into_iter().collect())
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        let mut state = self.log.0.state.lock();
        self.check(&state)?;
        state.end(&self.id, false, self.log.0.clock.now_ms());
        self.log.0.grown.notify_all();
        Ok(())
    }
}
