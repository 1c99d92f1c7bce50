//! What is read from a log and what is written to it.

use std::fmt;
use std::sync::Arc;

/// A topic's name, shared instead of copied.
pub type Topic = Arc<str>;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Topic,
    /// The partition's number, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Topic>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A record as it lies in the log, borrowed from the fetch it came with.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// When the log took it, in ms since the epoch (Kafka's `LogAppendTime`; the embedded log's own clock). May step back across a leader change.
    pub append_ms: i64,
    /// Its key, if any.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, parsed only when somebody asks.
    pub headers: &'a dyn Headers,
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("offset", &self.offset)
            .field("append_ms", &self.append_ms)
            .field("key", &self.key.map(String::from_utf8_lossy))
            .field("value_bytes", &self.value.map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}

impl<'a> Record<'a> {
    /// The last header called `name`, if it has a value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut found = None;
        self.headers.each(&mut |key, value| {
            if key == name {
                found = value;
            }
        });
        found
    }
}

/// A record's headers. Visiting is all anybody does with them; a log need not parse them before.
pub trait Headers {
    /// Calls `visit` with each header in order.
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a str, Option<&'a [u8]>));
}

/// No headers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHeaders;

impl Headers for NoHeaders {
    fn each<'a>(&'a self, _visit: &mut dyn FnMut(&'a str, Option<&'a [u8]>)) {}
}

/// Headers that have been parsed or made.
impl Headers for Vec<(String, Option<Vec<u8>>)> {
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a str, Option<&'a [u8]>)) {
        for (key, value) in self {
            visit(key, value.as_deref());
        }
    }
}

/// A record to be written. The partition is always explicit: placing is the caller's business ([`crate::place::place_of`]).
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// Where to.
    pub topic: &'a str,
    /// Which partition of it.
    pub partition: u32,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; `None` writes a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// Where an append landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the record.
    pub offset: i64,
    /// Its append time in ms since the epoch.
    pub append_ms: i64,
}
