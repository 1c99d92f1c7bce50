//! What the records of a transaction have sent, in order, until the log takes it. Keys, values and headers lie in one buffer.

use crate::output::Payload;
use holdfast_ports::record::{NewRecord, Topic, TopicPartition};

/// Names beyond which they are forgotten when nothing is queued: those of others' records are passed on, too.
const NAMES_KEPT: usize = 32;
/// Bytes and records beyond which the buffers give their memory back when nothing is queued.
const BYTES_KEPT: usize = 8 << 20;
const RECORDS_KEPT: usize = 1 << 16;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct RecordCollector {
    bytes: Vec<u8>,
    records: Vec<Queued>,
    headers: Vec<(usize, Span)>,
    /// Names of headers, each once: a topology has the same few on all it sends, so they are not copied and read as text again for each.
    names: Vec<Box<str>>,
    mark: Mark,
}

/// Start and end in the buffer.
type Span = (u32, u32);

#[derive(Debug)]
struct Queued {
    topic: Topic,
    partition: u32,
    key: Option<Span>,
    value: Option<Span>,
    headers: Span,
}

/// How long the three lists were.
#[derive(Debug, Default, Clone, Copy)]
struct Mark {
    bytes: usize,
    records: usize,
    headers: usize,
}

impl RecordCollector {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.headers.clear();
        self.bytes.shrink_to(BYTES_KEPT);
        self.records.shrink_to(RECORDS_KEPT);
        self.headers.shrink_to(RECORDS_KEPT);
        if self.names.len() > NAMES_KEPT {
            self.names.clear();
        }
        self.mark();
    }

    /// Number of records in it.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of keys, values and headers in it.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// What is in it now is what [`RecordCollector::undo`] returns to.
    pub(crate) fn mark(&mut self) {
        self.mark = Mark { bytes: self.bytes.len(), records: self.records.len(), headers: self.headers.len() };
    }

    /// Takes back what came since the mark.
    pub(crate) fn undo(&mut self) {
        self.bytes.truncate(self.mark.bytes);
        self.records.truncate(self.mark.records);
        self.headers.truncate(self.mark.headers);
    }

    pub(crate) fn push(&mut self, topic: Topic, partition: u32, payload: &Payload<'_>) {
        let key = payload.key.map(|k| self.keep(k));
        let value = payload.value.map(|v| self.keep(v));
        let first = self.headers.len();
        for (nth, (name, content)) in payload.headers.iter().enumerate() {
            let pair = (self.name(nth, name), self.keep(content));
            self.headers.push(pair);
        }
        let headers = span(first, self.headers.len());
        self.records.push(Queued { topic, partition, key, value, headers });
    }

    /// Visits each record in the order it was sent, with its number.
    pub(crate) fn each<E>(&self, mut visit: impl FnMut(usize, &NewRecord<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut headers: Vec<(&str, &[u8])> = Vec::new();
        for (nth, queued) in self.records.iter().enumerate() {
            headers.clear();
            let range = queued.headers.0 as usize..queued.headers.1 as usize;
            for (name, content) in self.headers.get(range).unwrap_or_default() {
                headers.push((self.names.get(*name).map_or("", |name| name), self.bytes_of(*content)));
            }
            let record = NewRecord {
                topic: &queued.topic,
                partition: queued.partition,
                key: queued.key.map(|s| self.bytes_of(s)),
                value: queued.value.map(|s| self.bytes_of(s)),
                headers: &headers,
            };
            visit(nth, &record)?;
        }
        Ok(())
    }

    /// Number of the record that was sent to this partition after so many others.
    pub(crate) fn nth_to(&self, to: &TopicPartition, after: u64) -> Option<usize> {
        let mut sent_there = self
            .records
            .iter()
            .enumerate()
            .filter(|(_, queued)| queued.partition == to.partition && queued.topic == to.topic);
        sent_there.nth(usize::try_from(after).ok()?).map(|(nth, _)| nth)
    }

    /// Number of the name of a record's `nth` header.
    fn name(&mut self, nth: usize, name: &str) -> usize {
        // Records of one kind have the same headers in the same order, and the names have come in that order.
        if self.names.get(nth).is_some_and(|known| **known == *name) {
            return nth;
        }
        // Only among the first: a record of others may have any number of names, and each is looked for.
        self.names.iter().take(NAMES_KEPT).position(|known| **known == *name).unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        })
    }

    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        span(start, self.bytes.len())
    }

    fn bytes_of(&self, span: Span) -> &[u8] {
        self.bytes.get(span.0 as usize..span.1 as usize).unwrap_or_default()
    }
}

/// A transaction is full long before 4 GiB, and what one record sends is bounded by the log's limit for a record.
fn span(start: usize, end: usize) -> Span {
    (u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn values(collector: &RecordCollector) -> Vec<String> {
        let mut values = Vec::new();
        let visited: Result<(), Infallible> = collector.each(|nth, record| {
            assert_eq!(nth, values.len());
            let headers = record.headers.iter().map(|(name, value)| format!(" {name}={}", value.len()));
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            values.push(value + &headers.collect::<String>());
            Ok(())
        });
        visited.unwrap();
        values
    }

    fn push(collector: &mut RecordCollector, value: &str, headers: &[(&str, &[u8])]) {
        let payload = Payload { key: None, value: Some(value.as_bytes()), headers };
        collector.push("t".into(), 0, &payload);
    }

    #[test]
    fn what_came_since_the_mark_can_be_taken_back() {
        let mut collector = RecordCollector::default();
        push(&mut collector, "a", &[("x", b"1")]);
        collector.mark();
        let bytes = collector.bytes();
        push(&mut collector, "b", &[("y", b"22"), ("x", b"")]);
        assert_eq!(values(&collector), ["a x=1", "b y=2 x=0"]);
        collector.undo();
        assert_eq!((values(&collector), collector.len(), collector.bytes()), (vec!["a x=1".to_owned()], 1, bytes));
        push(&mut collector, "c", &[("x", b"333")]);
        assert_eq!(values(&collector), ["a x=1", "c x=3"]);
        collector.clear();
        collector.undo();
        assert_eq!((collector.len(), collector.bytes()), (0, 0));
    }

    #[test]
    fn a_record_is_known_by_where_it_was_sent_and_after_how_many() {
        let mut collector = RecordCollector::default();
        let payload = Payload { key: None, value: None, headers: &[] };
        for (topic, partition) in [("t", 0), ("u", 0), ("t", 1), ("t", 0)] {
            collector.push(topic.into(), partition, &payload);
        }
        let nth_to = |after| collector.nth_to(&TopicPartition::new("t", 0), after);
        assert_eq!((nth_to(0), nth_to(1), nth_to(2)), (Some(0), Some(3), None));
    }

    type Headers = Vec<(String, Vec<u8>)>;

    proptest! {
        // Few names, in any order: some have the number they had in the record before, some have another.
        #[test]
        fn headers_come_out_as_they_went_in(rounds in prop::collection::vec(prop::collection::vec(prop::collection::vec(("[a-e]{0,2}", any::<Vec<u8>>()), 0..6), 0..4), 0..6)) {
            let mut collector = RecordCollector::default();
            for sent in &rounds {
                for headers in sent {
                    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, content)| (&**name, &**content)).collect();
                    let payload = Payload { key: None, value: None, headers: &headers };
                    collector.push(Topic::from("t"), 0, &payload);
                }
                let mut seen: Vec<Headers> = Vec::new();
                let owned = |(name, content): &(&str, &[u8])| ((*name).to_owned(), content.to_vec());
                collector
                    .each(|_, record| {
                        seen.push(record.headers.iter().map(owned).collect());
                        Ok::<(), ()>(())
                    })
                    .unwrap();
                collector.clear();
                prop_assert_eq!(&seen, sent);
            }
        }
    }
}
