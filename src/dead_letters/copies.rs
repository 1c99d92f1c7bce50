//! Which letters have been put back, as the topics say that they came from.
//!
//! A copy names its letter in its last header, so the log alone is the record of all redrives. Each partition is read once, from the first offset on at
//! which a copy can lie, and after that only what has been added. Kept are the copies, about 150 bytes each, and nothing of the other records.

use super::Trouble;
use super::copy_of_letter::PutBack;
use super::letter::{number, text};
use super::letter_id::LetterId;
use super::scan::Scan;
use holdfast_ports::record::TopicPartition;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// A copy of a dead letter, where it was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    /// Which partition it lies in.
    pub(super) at: TopicPartition,
    /// At which offset.
    pub(super) offset: i64,
    /// Which copy of its letter it is, from 1.
    pub(super) attempt: u32,
    /// The operator, if the copy says so.
    pub(super) by: Option<Arc<str>>,
    /// When, in ms since the epoch, if the copy says so.
    pub(super) at_ms: Option<i64>,
}

impl Copy {
    /// The same, with the letter that it is of.
    pub(super) fn put_back(&self, letter: &LetterId) -> PutBack {
        PutBack {
            id: letter.clone(),
            home: self.at.clone(),
            attempt: self.attempt,
            by: self.by.as_deref().map(str::to_owned),
            at_ms: self.at_ms,
            offset: Some(self.offset),
        }
    }
}

/// All copies that have been seen.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// What has been read of each partition.
    read: BTreeMap<TopicPartition, Range<i64>>,
    of: BTreeMap<LetterId, Vec<Copy>>,
}

impl Copies {
    /// Reads of `source` what has not been read between `from` and `end`.
    pub(super) fn look(
        &mut self,
        scan: &mut Scan<'_>,
        source: &TopicPartition,
        from: i64,
        end: i64,
    ) -> Result<(), Trouble> {
        let known = self.read.get(source).cloned();
        let parts = match &known {
            None => [from..end, 0..0],
            Some(known) => [from..known.start, known.end..end],
        };
        for part in parts.into_iter().filter(|part| part.start < part.end) {
            scan.read(source, Some(part.start), part.end, &mut |record, heads| {
                if heads.is_copy
                    && let Some(letter) = text(heads.redriven_from).as_deref().and_then(LetterId::parse)
                {
                    let copy = Copy {
                        at: source.clone(),
                        offset: record.offset,
                        attempt: number(heads.redrive).unwrap_or(1),
                        by: text(heads.redriven_by).map(Arc::from),
                        at_ms: number(heads.redriven_at),
                    };
                    self.note(letter, copy);
                }
                ControlFlow::Continue(())
            })?;
        }
        let read = match known {
            None => from..end,
            Some(known) => from.min(known.start)..end.max(known.end),
        };
        self.read.insert(source.clone(), read);
        Ok(())
    }

    fn note(&mut self, letter: LetterId, copy: Copy) {
        let copies = self.of.entry(letter).or_default();
        // One that was read before a fault is read again after it.
        match copies.binary_search_by(|known| (&known.at, known.offset).cmp(&(&copy.at, copy.offset))) {
            Ok(_) => {}
            Err(place) => copies.insert(place, copy),
        }
    }

    /// The offset up to which `source` has been read.
    pub(super) fn read_to(&self, source: &TopicPartition) -> Option<i64> {
        self.read.get(source).map(|read| read.end)
    }

    /// The partitions of `topic` of which something has been read.
    pub(super) fn partitions_of(&self, topic: &str) -> Vec<TopicPartition> {
        self.read.keys().filter(|source| *source.topic == *topic).cloned().collect()
    }

    /// The copies of the letter called `id`, in the order of the log.
    pub(super) fn of(&self, id: &LetterId) -> &[Copy] {
        self.of.get(id).map_or(&[], Vec::as_slice)
    }
}
