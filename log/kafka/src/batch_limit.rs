//! How large librdkafka's batches may become.
//!
//! A broker refuses a batch that is larger than its topic's `max.message.bytes`, with all records in it, and librdkafka
//! does not split it. So its producers
//! make no batch larger than the smallest of these limits: the topics' settings tell it at the start; where they do
//! not, or the limit is lowered later, each
//! batch that is refused halves it, until a record that is refused was alone.

use std::sync::atomic::{AtomicUsize, Ordering};

/// librdkafka's own default of `batch.size`.
const DEFAULT_BYTES: usize = 1_000_000;

/// Most bytes in a batch of several records, shared by all producers of a log. It only falls: when the topics' limits
/// are raised again, a restart makes use of it.
#[derive(Debug)]
pub(crate) struct BatchLimit(AtomicUsize);

/// A record that was refused as too large, or with others that were so together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// Where it was sent: a topic's number and a partition.
    pub(crate) to: (usize, u32),
    /// Names it.
    pub(crate) tag: usize,
    /// Of key, value and headers: less than it has in a batch.
    pub(crate) bytes: usize,
}

impl Default for BatchLimit {
    fn default() -> Self {
        Self(AtomicUsize::new(DEFAULT_BYTES))
    }
}

impl BatchLimit {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// A topic takes no larger batches than this.
    pub(crate) fn lower(&self, bytes: usize) {
        let bytes = bytes.max(1);
        let before = self.0.fetch_min(bytes, Ordering::AcqRel);
        if bytes < before {
            tracing::info!(
                bytes,
                before,
                "batches are smaller from now on: a topic takes no larger ones (max.message.bytes)"
            );
        }
    }

    /// These records of one partition were refused together, by way of a producer whose batches of several have at most
    /// so many bytes. Halves the limit,
    /// unless that has been done since the producer was made.
    pub(crate) fn refused(&self, records: &[TooLarge], batch_bytes: usize) {
        if self.bytes() >= batch_bytes {
            let all: usize = records.iter().map(|record| record.bytes).sum();
            self.lower(all.min(batch_bytes) / 2);
        }
    }
}

/// Those of `records`, of one partition and in the order in which they were sent there, that were alone in their batch,
/// of a producer whose batches of several
/// have at most so many bytes.
pub(crate) fn alone(records: &[TooLarge], batch_bytes: usize) -> impl Iterator<Item = &TooLarge> {
    let together = move |a: Option<&TooLarge>, b: &TooLarge| a.is_some_and(|a| a.bytes + b.bytes <= batch_bytes);
    records.iter().enumerate().filter_map(move |(nth, record)| {
        let before = nth.checked_sub(1).and_then(|nth| records.get(nth));
        (!together(before, record) && !together(records.get(nth + 1), record)).then_some(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(bytes: &[usize]) -> Vec<TooLarge> {
        bytes.iter().enumerate().map(|(tag, bytes)| TooLarge { to: (0, 0), tag, bytes: *bytes }).collect()
    }

    fn tags_alone(bytes: &[usize], batch_bytes: usize) -> Vec<usize> {
        alone(&records(bytes), batch_bytes).map(|record| record.tag).collect()
    }

    #[test]
    fn a_record_is_alone_when_no_neighbour_fits_beside_it() {
        assert_eq!(tags_alone(&[50], 1_000), [0]);
        assert_eq!(tags_alone(&[500, 500], 1_000), [0_usize; 0]);
        assert_eq!(tags_alone(&[500, 501], 1_000), [0, 1]);
        assert_eq!(tags_alone(&[10, 995, 10], 1_000), [0, 1, 2]);
        assert_eq!(tags_alone(&[10, 10, 995], 1_000), [2]);
    }

    #[test]
    fn the_limit_falls_until_a_record_is_alone() {
        let (limit, bytes) = (BatchLimit::default(), [60, 60, 60]);
        let mut halvings = 0;
        while tags_alone(&bytes, limit.bytes()).is_empty() {
            let batch_bytes = limit.bytes();
            limit.refused(&records(&bytes), batch_bytes);
            // Another partition's, in a batch of the same producer.
            limit.refused(&records(&bytes), batch_bytes);
            halvings += 1;
        }
        assert_eq!((halvings, limit.bytes()), (1, 90));
        limit.lower(100);
        assert_eq!(limit.bytes(), 90);
        limit.lower(0);
        assert_eq!(limit.bytes(), 1);
    }
}
