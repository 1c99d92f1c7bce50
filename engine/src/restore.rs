//! The way back: a store is brought level with its changelog before its task works.
//!
//! It reads from the changelog offset the store stands for to the high watermark seen *after* the place was given. Not to the last stable offset:
//! a transaction that a predecessor left open at that moment may still commit, and the reader's position passes it only once it has ended.

use crate::changelog;
use crate::restore_progress::RestoreProgress;
use holdfast_ports::log::Slot;
use holdfast_ports::record::Record;
use holdfast_ports::store::{Store, StoreError, StoreId, Write};

/// Records collected before they are applied in one batch.
const BATCH_RECORDS_MAX: usize = 5_000;
/// Bytes collected before they are applied in one batch.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// A restore under way.
#[derive(Debug)]
pub(crate) struct Restore {
    pub(crate) slot: Slot,
    /// Where it ends: the high watermark seen when it began.
    pub(crate) end: i64,
    began_us: u64,
    /// By the wall clock, in ms. What others write from then on it may miss.
    pub(crate) began_ms: i64,
    /// Where the reader was seen last, and since when it has been there.
    seen: (i64, u64),
    records: u64,
    bytes: u64,
    batch: Batch,
}

#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    writes: Vec<(StoreId, Span, Option<Span>)>,
    next: i64,
}

type Span = (usize, usize);

impl Batch {
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (start, self.bytes.len())
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.bytes.get(span.0..span.1).unwrap_or_default()
    }
}

impl Restore {
    pub(crate) fn new(slot: Slot, end: i64, now_us: u64, now_ms: i64) -> Self {
        Self {
            slot,
            end,
            began_us: now_us,
            began_ms: now_ms,
            seen: (0, now_us),
            records: 0,
            bytes: 0,
            batch: Batch::default(),
        }
    }

    /// Takes one changelog record.
    pub(crate) fn take(&mut self, record: &Record<'_>, store: &mut dyn Store) -> Result<(), StoreError> {
        let Some(write) = changelog::decode(record.key, record.value) else {
            return Err(StoreError::Corrupt(format!(
                "changelog record at offset {} has no key: a foreign producer wrote it",
                record.offset
            )));
        };
        self.records += 1;
        self.bytes += (write.key.len() + write.value.map_or(0, <[u8]>::len)) as u64;
        let key = self.batch.keep(write.key);
        let value = write.value.map(|v| self.batch.keep(v));
        self.batch.writes.push((write.store, key, value));
        self.batch.next = record.offset + 1;
        if self.batch.writes.len() >= BATCH_RECORDS_MAX || self.batch.bytes.len() >= BATCH_BYTES_MAX {
            self.apply(store)?;
        }
        Ok(())
    }

    /// Applies what has been collected.
    pub(crate) fn apply(&mut self, store: &mut dyn Store) -> Result<(), StoreError> {
        if self.batch.writes.is_empty() {
            return Ok(());
        }
        let writes: Vec<Write<'_>> = self
            .batch
            .writes
            .iter()
            .map(|(id, key, value)| Write {
                store: *id,
                key: self.batch.slice(*key),
                value: value.map(|v| self.batch.slice(v)),
            })
            .collect();
        store.restore(&writes, self.batch.next)?;
        self.batch.bytes.clear();
        self.batch.writes.clear();
        Ok(())
    }

    /// The reader stands at `position`: the same for long means that a transaction there does not end.
    pub(crate) fn see(&mut self, position: i64, now_us: u64) {
        if self.seen.0 != position {
            self.seen = (position, now_us);
        }
    }

    /// How far it has come, with the reader at `position`.
    pub(crate) fn progress(&self, position: i64, now_us: u64) -> RestoreProgress {
        RestoreProgress {
            records: self.records,
            bytes: self.bytes,
            remaining: u64::try_from(self.end - position).unwrap_or(0),
            elapsed_ms: now_us.saturating_sub(self.began_us) / 1000,
            stalled_ms: now_us.saturating_sub(self.seen.1) / 1000,
        }
    }
}
