//! The log: the contract that `log/kafka`, `log/embedded` and the simulated log keep. Its numbered promises and their tests stand in `log/contract`.
//!
//! A log is a set of topics; a topic has partitions; a partition is a sequence of records with growing offsets and an append time each.
//! Offsets may have holes (transaction markers, aborted records, compaction): a reader goes by [`Fetcher::position`], never by counting.

use crate::membership::{Generation, Member, Membership};
use crate::record::{Appended, NewRecord, Record, TopicPartition};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// A log as the worker holds it: a factory of the four things that work on it.
pub trait Log: Send + Sync {
    /// `kafka`, `embedded` or `simulated`: for the ready line and for humans.
    fn kind(&self) -> &'static str;

    /// Creates the topics that are missing and says what differs in those that exist. Never changes or deletes an existing topic.
    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError>;

    /// Says what is missing or differs, and changes nothing.
    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError>;

    /// Number of partitions of `topic`, or `None` when it does not exist.
    fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError>;

    /// The shared, non-transactional way in, used by HTTP.
    fn appender(&self) -> Result<Arc<dyn Appender>, LogError>;

    /// A reader of committed records.
    fn fetcher(&self) -> Result<Box<dyn Fetcher>, LogError>;

    /// A transactional writer called `id`. Making it ends whatever an earlier writer of that name left open, and fences that writer: its next
    /// operation fails with [`WriteError::Fenced`]. May take a second.
    fn writer(&self, id: &str) -> Result<Box<dyn Writer>, LogError>;

    /// Joins the app's group.
    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError>;

    /// Shows `positions` (next offset to be decided) under `group` to `kafka-consumer-groups --describe`. Outside any transaction, best effort.
    fn mirror(&self, group: &str, positions: &[(TopicPartition, i64)]) -> Result<(), LogError>;

    /// What `group` shows for each of `sources`; `None` where it shows nothing.
    fn mirrored(&self, group: &str, sources: &[TopicPartition]) -> Result<Vec<Option<i64>>, LogError>;

    /// Whether the log can be written to right now, as far as is known without asking it.
    fn health(&self) -> Health;
}

/// State of the connection to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Reachable.
    Up,
    /// Not reachable; the worker rides it out.
    Down {
        /// What an operator should read.
        why: String,
    },
}

/// How a topic ought to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Number of partitions: the app's P.
    pub partitions: u32,
    /// Replication factor; `None` = as the log thinks best (Kafka: min(3, brokers)).
    pub replication: Option<u32>,
    /// What is deleted when.
    pub cleanup: Cleanup,
}

/// What a topic forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Records older than this many ms.
    Delete {
        /// Retention in ms.
        retention_ms: i64,
    },
    /// All but the last record of each key; tombstones after `delete_retention_ms`.
    Compact {
        /// How long tombstones stay readable, in ms.
        delete_retention_ms: i64,
    },
}

/// What `create_topics` did or `check_topics` saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicReport {
    /// The topic.
    pub name: String,
    /// The verdict.
    pub state: TopicState,
}

/// Verdict on one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicState {
    /// Exists as asked.
    Ok,
    /// Was missing and has been created.
    Created,
    /// Is missing.
    Missing,
    /// The log does not tell whether it exists, or how it is set: this operation on it is denied to us.
    Denied(&'static str),
    /// Exists and differs in these settings.
    Differs(Vec<Difference>),
}

/// A setting of a topic that is not as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name: [`PARTITIONS`], or as Kafka calls it.
    pub setting: &'static str,
    /// What it is.
    pub is: String,
    /// What it should be.
    pub wanted: String,
}

/// Name of a topic's number of partitions in a [`Difference`]. Another number forbids starting.
pub const PARTITIONS: &str = "partitions";
/// Name of what the log lets this worker do with a topic, in a [`Difference`]: `READ`, `WRITE`, both or `none`.
pub const RIGHTS: &str = "rights";
/// Name of the setting that says what a topic forgets: `delete`, `compact`, or both.
pub const CLEANUP_POLICY: &str = "cleanup.policy";
/// Name of the setting that says who stamps a record's time: `LogAppendTime` (the log) or `CreateTime` (its producer).
pub const TIMESTAMP_TYPE: &str = "message.timestamp.type";

impl Difference {
    /// The difference between `is` and `wanted`, if they differ.
    pub fn between(setting: &'static str, is: impl ToString, wanted: impl ToString) -> Option<Self> {
        let (is, wanted) = (is.to_string(), wanted.to_string());
        (is != wanted).then_some(Self { setting, is, wanted })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: is {}, should be {}", self.setting, self.is, self.wanted)
    }
}

/// `differences` in one line.
#[must_use]
pub fn listed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl TopicState {
    /// The verdict that follows from `differences`.
    #[must_use]
    pub fn of(differences: Vec<Difference>) -> Self {
        if differences.is_empty() { Self::Ok } else { Self::Differs(differences) }
    }
}

impl Cleanup {
    /// The settings of a topic that forgets like this, by Kafka's names.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 2] {
        match self {
            Self::Delete { retention_ms } => {
                [(CLEANUP_POLICY, "delete".to_owned()), ("retention.ms", retention_ms.to_string())]
            }
            Self::Compact { delete_retention_ms } => {
                [(CLEANUP_POLICY, "compact".to_owned()), ("delete.retention.ms", delete_retention_ms.to_string())]
            }
        }
    }

    /// Where a topic that forgets like this differs from `wanted`.
    pub fn differences(&self, wanted: &Self) -> impl Iterator<Item = Difference> {
        let is = self.settings();
        wanted.settings().into_iter().filter_map(move |(setting, wanted)| {
            let is = is.iter().find(|(name, _)| *name == setting).map_or("unset", |(_, value)| value);
            Difference::between(setting, is, wanted)
        })
    }
}

/// The way in for records that belong to no transaction.
pub trait Appender: Send + Sync {
    /// Appends one record. `done` is called exactly once, on any thread, and must not block; `Ok` means durable.
    fn append(&self, record: NewRecord<'_>, done: Box<dyn FnOnce(Result<Appended, AppendError>) + Send>);
}

/// Where to start reading a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first record still there.
    Earliest,
    /// The first record at or after this offset.
    At(i64),
}

/// Under which number the records of an assigned partition arrive. Unique for the life of the fetcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// Which end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After the last record a read_committed reader may see now (Kafka's last stable offset).
    Stable,
    /// After the last record written, open transactions included (Kafka's high watermark).
    Written,
}

/// Most records that a fetch of `records_max` hands over of partitions that are read ahead of others: what is read ahead must not keep the others waiting
/// for ever, and one record is always among them.
#[must_use]
pub fn ahead_max(records_max: usize) -> usize {
    records_max.div_ceil(2)
}

/// Reads partitions by manual assignment; sees committed records only, in offset order within a partition.
pub trait Fetcher: Send {
    /// Starts reading `source`.
    fn assign(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError>;

    /// Starts reading `source` ahead of what [`Fetcher::assign`] has started: each fetch hands over first what is ready of it, up to half of
    /// `records_max`, however much is ready elsewhere.
    fn assign_ahead(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError>;

    /// Stops reading; no record of `slot` arrives after this.
    fn unassign(&mut self, slot: Slot);

    /// Hands over at most `records_max` records that are ready, without blocking, and returns how many. `Break` from `each` ends the call after
    /// that record. [`LogError::OutOfRange`] names a slot whose start is not there (any more); it stays assigned and idle.
    fn fetch(
        &mut self,
        records_max: usize,
        each: &mut dyn FnMut(Slot, &Record<'_>) -> ControlFlow<()>,
    ) -> Result<usize, LogError>;

    /// Waits until a record may be ready, at most `timeout`.
    fn wait(&mut self, timeout: Duration) -> Result<(), LogError>;

    /// Offset of the next record that `slot` could hand over. Moves past markers and aborted records too, so `position >= end` means that all
    /// before `end` has been seen.
    fn position(&self, slot: Slot) -> i64;

    /// An end of a partition, asked from the log (a round trip).
    fn end(&mut self, source: &TopicPartition, end: End) -> Result<i64, LogError>;
}

/// One transaction at a time over outputs, changelogs and positions.
pub trait Writer: Send {
    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), WriteError>;

    /// Adds a record. May queue; it is in the log once `commit` says so. When this one is refused others may still be sent, to learn which else are; then
    /// the transaction has to be aborted.
    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError>;

    /// Commits what was sent, together with `positions` (source, next offset) under the app's group as member of `generation`. Returns, for each
    /// partition written, the offset after its last record. A program that is no member of the group shows [`Generation::none`], and commits no
    /// positions.
    fn commit(
        &mut self,
        positions: &[(TopicPartition, i64)],
        generation: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError>;

    /// Gives the open transaction up. Nothing of it is ever seen. With an error the writer is over: another one of its
    /// name ends the transaction.
    fn abort(&mut self) -> Result<(), WriteError>;
}

/// Why a transaction did not go through, named by what must happen next.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing was committed: abort, roll the tasks back, do it again with the same writer.
    #[error("transaction must be retried: {0}")]
    Retry(String),
    /// The group has moved on to a generation that the membership has not told of yet: abort, roll the tasks back, follow the membership, do it again
    /// with the same writer.
    #[error("generation is over: {0}")]
    Stale(String),
    /// Another writer owns what this one wrote to: drop the writer, ask the membership what is still ours, restore the tail of the changelogs. A commit
    /// that was asked for again may have gone through before the other writer came.
    #[error("fenced: {0}")]
    Fenced(String),
    /// Nobody knows whether it was committed: drop this writer, make a new one of the same name, restore the tail of the changelogs.
    #[error("outcome of the transaction is unknown: {0}")]
    Unknown(String),
    /// A record can never be written (too large, a partition that its topic does not have): abort, and do it again without it.
    #[error("record refused: {why}")]
    Refused {
        /// Which one.
        which: Which,
        /// What is wrong with it.
        why: String,
    },
    /// The log itself is beyond repair: stop.
    #[error("log failed: {0}")]
    Fatal(String),
}

impl WriteError {
    /// The record that is being sent is refused.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused { which: Which::This, why: why.into() }
    }
}

/// Which record of a transaction the log refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one that is being sent.
    This,
    /// One that was sent before.
    Earlier {
        /// Where it was sent to.
        to: TopicPartition,
        /// How many of the transaction were sent there before it.
        after: u64,
    },
    /// One of those that were sent; the log cannot tell.
    Unknown,
}

/// Why an append was not acknowledged, named by what the caller may say.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The record itself cannot be taken (too large, topic missing). Sending it again is useless.
    #[error("record refused: {0}")]
    Refused(String),
    /// Nothing was written: a right is missing, which an operator has to grant.
    #[error("append denied: {0}")]
    Denied(String),
    /// Nothing was written; try later.
    #[error("log unavailable: {0}")]
    Unavailable(String),
    /// It may have been written or not.
    #[error("append not acknowledged: {0}")]
    Unknown(String),
}

/// Why the log could not be read or managed, named by what must happen next.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It will pass: wait and try again.
    #[error("log unavailable: {0}")]
    Retry(String),
    /// The offset asked for is not in the log any more, or not yet.
    #[error("offset out of range for slot {slot:?}: the log holds {earliest}..{latest}")]
    OutOfRange {
        /// Whose start it was.
        slot: Slot,
        /// First offset there.
        earliest: i64,
        /// Offset after the last.
        latest: i64,
    },
    /// Another process or member is the owner.
    #[error("fenced: {0}")]
    Fenced(String),
    /// Bytes that cannot be what was written: stop and look.
    #[error("log is corrupt: {0}")]
    Corrupt(String),
    /// Wrong settings or missing rights: no retry will help.
    #[error("{0}")]
    Fatal(String),
}
