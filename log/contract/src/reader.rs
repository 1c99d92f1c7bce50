//! A fetcher that remembers what it has seen.

use crate::deadline::Deadline;
use crate::harness::Harness;
use holdfast_ports::log::{End, Fetcher, LogError, Slot, Start};
use holdfast_ports::record::{Record, TopicPartition};
use std::ops::ControlFlow;
use std::time::Duration;

/// One record, copied out of the fetch it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) slot: Slot,
    pub(crate) offset: i64,
    pub(crate) append_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Seen {
    fn copy(slot: Slot, record: &Record<'_>) -> Self {
        let mut headers = Vec::new();
        record.headers.each(&mut |name, value| headers.push((name.to_owned(), value.map(<[u8]>::to_vec))));
        Self {
            slot,
            offset: record.offset,
            append_ms: record.append_ms,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers,
        }
    }

    pub(crate) fn text(&self) -> String {
        self.value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }
}

/// How long one wait lasts; only a bound, since a wait ends when a record comes.
const WAIT: Duration = Duration::from_millis(100);

pub(crate) struct Reader<'h> {
    harness: &'h dyn Harness,
    fetcher: Box<dyn Fetcher>,
    pub(crate) seen: Vec<Seen>,
}

impl<'h> Reader<'h> {
    pub(crate) fn new(harness: &'h dyn Harness, fetcher: Box<dyn Fetcher>) -> Self {
        Self { harness, fetcher, seen: Vec::new() }
    }

    pub(crate) fn assign(&mut self, source: &TopicPartition, start: Start) -> Slot {
        self.fetcher.assign(source, start).expect("assigned")
    }

    pub(crate) fn assign_ahead(&mut self, source: &TopicPartition, start: Start) -> Slot {
        self.fetcher.assign_ahead(source, start).expect("assigned")
    }

    pub(crate) fn unassign(&mut self, slot: Slot) {
        self.fetcher.unassign(slot);
    }

    pub(crate) fn position(&self, slot: Slot) -> i64 {
        self.fetcher.position(slot)
    }

    pub(crate) fn end(&mut self, source: &TopicPartition, end: End) -> i64 {
        self.fetcher.end(source, end).expect("an end")
    }

    pub(crate) fn wait(&mut self, timeout: Duration) {
        self.fetcher.wait(timeout).expect("waited");
    }

    /// One fetch; what came is remembered.
    pub(crate) fn fetch(&mut self, records_max: usize) -> Result<usize, LogError> {
        self.fetch_until(records_max, |_| ControlFlow::Continue(()))
    }

    /// One fetch that `after` may break; what came is remembered.
    pub(crate) fn fetch_until(
        &mut self,
        records_max: usize,
        mut after: impl FnMut(&Seen) -> ControlFlow<()>,
    ) -> Result<usize, LogError> {
        let seen = &mut self.seen;
        let before = seen.len();
        let count = self.fetcher.fetch(records_max, &mut |slot, record| {
            let copy = Seen::copy(slot, record);
            let flow = after(&copy);
            seen.push(copy);
            flow
        })?;
        assert_eq!(seen.len() - before, count, "fetch says how many records it handed over");
        assert!(count <= records_max, "fetch keeps to records_max");
        Ok(count)
    }

    /// Reads on until `predicate` holds.
    #[track_caller]
    pub(crate) fn read_until(&mut self, what: &str, mut predicate: impl FnMut(&mut Self) -> bool) {
        let deadline = Deadline::new(self.harness);
        while !predicate(self) {
            deadline.check(what);
            if self.fetch(1000).expect("fetched") == 0 {
                self.wait(WAIT);
            }
        }
    }

    /// Reads on until `count` records were seen in all, and no more than that.
    #[track_caller]
    pub(crate) fn read(&mut self, count: usize) -> &[Seen] {
        self.read_until("records to read", |reader| reader.seen.len() >= count);
        assert_eq!(self.seen.len(), count, "no more records than were written: {:?}", self.texts());
        &self.seen
    }

    /// Reads on until the position of `slot` is at the end of `source` as it is now: all before it has been seen.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self, slot: Slot, source: &TopicPartition, end: End) -> i64 {
        let end = self.end(source, end);
        self.read_until("position at the end", |reader| reader.position(slot) >= end);
        end
    }

    /// Reads on until a fetch fails.
    #[track_caller]
    pub(crate) fn read_until_error(&mut self) -> LogError {
        let deadline = Deadline::new(self.harness);
        loop {
            deadline.check("an error of fetch");
            match self.fetch(1000) {
                Ok(0) => self.wait(WAIT),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    /// The values seen so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.seen.iter().map(Seen::text).collect()
    }

    /// The records seen under `slot`.
    pub(crate) fn of(&self, slot: Slot) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.slot == slot).collect()
    }

    /// The values seen under `slot`.
    pub(crate) fn texts_of(&self, slot: Slot) -> Vec<String> {
        self.of(slot).into_iter().map(Seen::text).collect()
    }
}

/// Fails unless offsets grow.
#[track_caller]
pub(crate) fn assert_in_order<'a>(records: impl IntoIterator<Item = &'a Seen>) {
    let mut last = -1;
    for record in records {
        assert!(record.offset > last, "offset {} after {last}", record.offset);
        last = record.offset;
    }
}
