//! Compaction: topics that compact keep the last record of each key.
//!
//! A pass looks at the partition twice. First it walks over what was written since the last pass and remembers the last offset of each key in it; then it
//! walks over everything up to there and drops what those offsets outdate. It does so only when more than half of the partition is new, so that each record is
//! gone over a bounded number of times however long the log lives. Offsets stay as they are: a reader finds holes.
//!
//! A tombstone stays for the delete retention *after the first pass that has gone over it*, not after it was written: a reader on its way from the start
//! may have seen the record that it deletes, and must meet the tombstone.

use crate::chunk::{Entry, HEADER_BYTES, Header, each_entry};
use crate::disk::{StoredChunk, Sync};
use crate::partition::Partition;
use crate::partition_id::PartitionId;
use crate::rows::floor::Floor;
use crate::rows::{chunk_key, floor};
use crate::shared::Shared;
use holdfast_ports::log::LogError;
use rocksdb::WriteBatch;
use rustc_hash::FxHashMap;

/// Small chunks are put together until they have this many bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// The last offset of each key.
type Latest = FxHashMap<Box<[u8]>, i64>;

/// What is rewritten goes to the disk in batches of about this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// Compacts `partition` if it is worth it. Returns how many records were dropped.
pub(crate) fn compact(
    shared: &Shared,
    partition: &Partition,
    delete_retention_ms: i64,
    now_ms: i64,
) -> Result<u64, LogError> {
    let mut floor = partition.floor.lock();
    let end = partition.end();
    if !is_due(&floor, end, shared.config.compact_offsets_min, delete_retention_ms, now_ms) {
        return Ok(0);
    }
    let (latest, limit) = latest_of_each_key(shared, partition, &floor, end)?;

    let mut pass = Pass::new(shared, partition.id);
    // The last chunks may be deleted: the end must be on the disk before they are gone.
    floor.end = end;
    floor.last_ms = partition.last_ms();
    pass.put_floor(&floor);
    let mut chunks = shared.disk.chunks(partition.id, floor.earliest);
    chunks.seek(floor.earliest)?;
    while let Some(chunk) = chunks.current()?.filter(|chunk| chunk.base < limit) {
        let tombstones_are_over =
            chunk.header.cleaned_ms != 0 && now_ms.saturating_sub(chunk.header.cleaned_ms) >= delete_retention_ms;
        let keep = |offset: i64, entry: &Entry<'_>| match entry.key.and_then(|key| latest.get(key)) {
            Some(latest) if *latest > offset => false,
            _ => entry.key.is_none() || entry.value.is_some() || !tombstones_are_over,
        };
        pass.add(&chunk, keep, now_ms)?;
        chunks.next();
    }
    pass.close_merged();
    floor.clean_to = limit;
    floor.clean_records = pass.kept;
    floor.tombstones_ms = pass.tombstones_ms;
    pass.put_floor(&floor);
    pass.write()?;
    partition.forget_tail_through(limit - 1);
    Ok(pass.dropped)
}

fn is_due(floor: &Floor, end: i64, offsets_min: u64, delete_retention_ms: i64, now_ms: i64) -> bool {
    let dirty = (end - floor.clean_to).unsigned_abs();
    let half_is_new = dirty >= offsets_min.max(1) && dirty > floor.clean_records;
    let tombstones_are_over =
        floor.tombstones_ms != 0 && now_ms.saturating_sub(floor.tombstones_ms) >= delete_retention_ms;
    half_is_new || tombstones_are_over
}

/// The last offset of each key that was written since the last pass, and up to where that was looked at.
fn latest_of_each_key(
    shared: &Shared,
    partition: &Partition,
    floor: &Floor,
    end: i64,
) -> Result<(Latest, i64), LogError> {
    let mut latest = Latest::default();
    let mut chunks = shared.disk.chunks(partition.id, floor.earliest);
    chunks.seek(floor.clean_to)?;
    while let Some(chunk) = chunks.current()?.filter(|chunk| chunk.base < end) {
        each_entry(chunk.bytes, |entry| {
            let Some(key) = entry.key else { return };
            let offset = chunk.base.saturating_add_unsigned(entry.delta);
            match latest.get_mut(key) {
                Some(known) => *known = offset,
                None => {
                    latest.insert(Box::from(key), offset);
                }
            }
        })
        .ok_or_else(|| corrupt(partition.id, &chunk))?;
        if latest.len() >= shared.config.compact_keys_max {
            return Ok((latest, chunk.end()));
        }
        chunks.next();
    }
    Ok((latest, end))
}

fn corrupt(partition: PartitionId, chunk: &StoredChunk<'_>) -> LogError {
    LogError::Corrupt(format!("chunk at {} of {partition:?}", chunk.base))
}

/// The second walk of a pass.
struct Pass<'s> {
    shared: &'s Shared,
    partition: PartitionId,
    batch: WriteBatch,
    merged: Option<Merged>,
    kept: u64,
    dropped: u64,
    tombstones_ms: i64,
}

/// Neighbouring chunks on their way to become one.
struct Merged {
    base: i64,
    end: i64,
    append_ms: i64,
    cleaned_ms: i64,
    count: u32,
    bytes: Vec<u8>,
    /// First offsets of the chunks it stands for.
    sources: Vec<i64>,
    /// Whether it differs from its only source.
    changed: bool,
}

impl<'s> Pass<'s> {
    fn new(shared: &'s Shared, partition: PartitionId) -> Self {
        let batch = WriteBatch::default();
        Self { shared, partition, batch, merged: None, kept: 0, dropped: 0, tombstones_ms: 0 }
    }

    /// Goes over one chunk.
    fn add(
        &mut self,
        chunk: &StoredChunk<'_>,
        keep: impl Fn(i64, &Entry<'_>) -> bool,
        now_ms: i64,
    ) -> Result<(), LogError> {
        let mut kept = Vec::new();
        let mut tombstones = false;
        each_entry(chunk.bytes, |entry| {
            if keep(chunk.base.saturating_add_unsigned(entry.delta), &entry) {
                tombstones |= entry.value.is_none();
                kept.push(entry);
            }
        })
        .ok_or_else(|| corrupt(self.partition, chunk))?;
        let dropped = u64::from(chunk.header.count) - kept.len() as u64;
        self.kept += kept.len() as u64;
        self.dropped += dropped;
        let cleaned_ms = match (tombstones, chunk.header.cleaned_ms) {
            (false, _) => 0,
            (true, 0) => now_ms,
            (true, before) => before,
        };
        if tombstones {
            self.tombstones_ms = if self.tombstones_ms == 0 { cleaned_ms } else { self.tombstones_ms.min(cleaned_ms) };
        }
        let changed = dropped > 0 || tombstones && chunk.header.cleaned_ms == 0;
        if !changed && chunk.bytes.len() >= CHUNK_BYTES / 2 {
            // Large and as it should be: let it lie.
            self.close_merged();
            return self.write_if_large();
        }
        if self.merged.as_ref().is_some_and(|merged| !merged.has_room_for(chunk)) {
            self.close_merged();
        }
        let merged = self.merged.get_or_insert_with(|| Merged::new(chunk));
        merged.take_in(chunk, &kept, cleaned_ms, changed);
        self.write_if_large()
    }

    /// Puts the merged chunk in the place of its sources.
    fn close_merged(&mut self) {
        let Some(mut merged) = self.merged.take() else { return };
        if merged.sources.len() == 1 && !merged.changed {
            return;
        }
        let records = self.shared.disk.records();
        let PartitionId { topic, number } = self.partition;
        let mut gone = &merged.sources[..];
        if merged.count > 0 {
            let span = u32::try_from(merged.end - merged.base).unwrap_or(u32::MAX);
            let Merged { append_ms, cleaned_ms, count, .. } = merged;
            Header { append_ms, cleaned_ms, span, count }.write(&mut merged.bytes);
            self.batch.put_cf(records, chunk_key::key(topic, number, merged.base), &merged.bytes);
            gone = &merged.sources[1..];
        }
        for base in gone {
            self.batch.delete_cf(records, chunk_key::key(topic, number, *base));
        }
    }

    fn put_floor(&mut self, floor: &Floor) {
        let key = floor::key(self.partition.topic, self.partition.number);
        self.batch.put_cf(self.shared.disk.meta(), key, floor.encode());
    }

    fn write_if_large(&mut self) -> Result<(), LogError> {
        if self.batch.size_in_bytes() < BATCH_BYTES { Ok(()) } else { self.write() }
    }

    /// Writes what was gathered. Not synced: what is lost with the machine is done again, and nothing later can stay without it.
    fn write(&mut self) -> Result<(), LogError> {
        let batch = std::mem::take(&mut self.batch);
        self.shared.write(batch, Sync::Later)
    }
}

impl Merged {
    fn new(first: &StoredChunk<'_>) -> Self {
        Self {
            base: first.base,
            end: first.base,
            append_ms: first.header.append_ms,
            cleaned_ms: 0,
            count: 0,
            bytes: vec![0; HEADER_BYTES],
            sources: Vec::new(),
            changed: false,
        }
    }

    fn has_room_for(&self, chunk: &StoredChunk<'_>) -> bool {
        self.bytes.len() + chunk.bytes.len() <= CHUNK_BYTES && u32::try_from(chunk.end() - self.base).is_ok()
    }

    fn take_in(&mut self, chunk: &StoredChunk<'_>, kept: &[Entry<'_>], cleaned_ms: i64, changed: bool) {
        let later = (chunk.base - self.base).unsigned_abs();
        let later_ms = chunk.header.append_ms.saturating_sub(self.append_ms).max(0).unsigned_abs();
        for entry in kept {
            Entry { delta: entry.delta + later, ms_delta: entry.ms_delta + later_ms, ..*entry }.put(&mut self.bytes);
            self.count += 1;
        }
        self.end = chunk.end();
        // The latest: a tombstone may stay too long, never too short.
        self.cleaned_ms = self.cleaned_ms.max(cleaned_ms);
        self.sources.push(chunk.base);
        self.changed |= changed;
    }
}
