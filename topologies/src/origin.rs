//! What a record's headers say about where it has been: forwarded from another place, back from the dead letters, part of a trace.

use crate::envelope;
use holdfast_engine::dead_letter::header;
use holdfast_engine::misplaced;
use holdfast_engine::ports::record::Record;
use std::fmt::Display;

/// The headers that matter to a decision, found in one pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// Trace of the record, to be passed on.
    pub traceparent: Option<&'a [u8]>,
    forwarded_from: Option<&'a [u8]>,
    topic: Option<&'a [u8]>,
    partition: Option<&'a [u8]>,
    offset: Option<&'a [u8]>,
}

impl<'a> Origin<'a> {
    /// Reads the headers of `record`.
    #[must_use]
    pub fn of(record: &Record<'a>) -> Self {
        let mut origin = Self::default();
        record.headers.each(&mut |name, value| match name {
            envelope::header::TRACEPARENT => origin.traceparent = value,
            misplaced::ORIGIN => origin.forwarded_from = value,
            header::TOPIC => origin.topic = value,
            header::PARTITION => origin.partition = value,
            header::OFFSET => origin.offset = value,
            _ => {}
        });
        origin
    }

    /// Whether the record has been among the dead letters and was put back by an operator.
    #[must_use]
    pub fn is_redriven(&self) -> bool {
        self.topic.is_some()
    }

    /// Where the record first entered the log: its identity when it brings none. `here` is its topic, place and offset now.
    #[must_use]
    pub fn identity(&self, here: (impl Display, u32, i64)) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match (self.forwarded_from, self.topic, self.partition, self.offset) {
            (Some(origin), ..) => text(origin),
            (None, Some(topic), Some(partition), Some(offset)) => {
                format!("{}-{}-{}", text(topic), text(partition), text(offset))
            }
            _ => format!("{}-{}-{}", here.0, here.1, here.2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(headers: &[(&str, &str)]) -> (String, bool) {
        let headers: Vec<(String, Option<Vec<u8>>)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec()))).collect();
        let record = Record { offset: 7, append_ms: 0, key: None, value: None, headers: &headers };
        let origin = Origin::of(&record);
        (origin.identity(("in", 1, 7)), origin.is_redriven())
    }

    #[test]
    fn a_record_keeps_the_identity_it_entered_with() {
        let redriven = [("X-Original-Topic", "in"), ("X-Original-Partition", "0"), ("X-Original-Offset", "3")];
        assert_eq!(identity(&[]), ("in-1-7".to_owned(), false));
        assert_eq!(identity(&[("x-origin", "in-2-5")]), ("in-2-5".to_owned(), false));
        assert_eq!(identity(&redriven), ("in-0-3".to_owned(), true));
        let both: Vec<_> = [("x-origin", "in-2-5")].into_iter().chain(redriven).collect();
        assert_eq!(identity(&both), ("in-2-5".to_owned(), true));
    }
}
