//! Where a record first entered the log, told by its headers: forwarded from another place, or back from the dead letters.
//!
//! That is its identity when it brings none of its own, so it has to survive every copy: a forward, a burial, a redrive, another burial.

use crate::header;
use holdfast_ports::record::Record;
use std::fmt::Display;

/// The headers that tell, found in one pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    forwarded_from: Option<&'a [u8]>,
    entered: Option<&'a [u8]>,
    topic: Option<&'a [u8]>,
    partition: Option<&'a [u8]>,
    offset: Option<&'a [u8]>,
}

impl<'a> Origin<'a> {
    /// Reads the headers of `record`.
    #[must_use]
    pub fn of(record: &Record<'a>) -> Self {
        let mut origin = Self::default();
        record.headers.each(&mut |name, value| origin.note(name, value));
        origin
    }

    /// Takes one header; those that tell nothing are passed over. For a caller who looks for others in the same pass.
    pub fn note(&mut self, name: &str, value: Option<&'a [u8]>) {
        match name {
            header::ORIGIN => self.forwarded_from = value,
            header::ENTERED => self.entered = value,
            header::TOPIC => self.topic = value,
            header::PARTITION => self.partition = value,
            header::OFFSET => self.offset = value,
            _ => {}
        }
    }

    /// Whether the record has been among the dead letters and was put back by an operator.
    #[must_use]
    pub fn is_redriven(&self) -> bool {
        self.topic.is_some()
    }

    /// Where the record first entered the log. `here` is its topic, place and offset now.
    #[must_use]
    pub fn identity(&self, here: (impl Display, u32, i64)) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match (self.forwarded_from.or(self.entered), self.topic, self.partition, self.offset) {
            (Some(entered), ..) => text(entered),
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
        let with = |name| [(name, "in-2-5")].into_iter().chain(redriven).collect::<Vec<_>>();
        assert_eq!(identity(&with("x-origin")), ("in-2-5".to_owned(), true));
        // Buried a second time: the headers of the last burial name the copy, not the original.
        assert_eq!(identity(&with("x-entered")), ("in-2-5".to_owned(), true));
    }
}
