//! Retention: topics that delete forget records by age.

use crate::disk::Sync;
use crate::partition::Partition;
use crate::partition_id::PartitionId;
use crate::rows::{chunk_key, floor};
use crate::shared::Shared;
use holdfast_ports::log::LogError;
use rocksdb::WriteBatch;

/// Forgets the chunks at the front of `partition` that are older than `retention_ms` (negative = none ever is). Returns how many offsets that were.
pub(crate) fn retain(shared: &Shared, partition: &Partition, retention_ms: i64, now_ms: i64) -> Result<u64, LogError> {
    if retention_ms < 0 {
        return Ok(0);
    }
    let oldest_ms = now_ms.saturating_sub(retention_ms);
    let before = partition.earliest();
    let mut earliest = before;
    let mut chunks = shared.disk.chunks(partition.id, before);
    chunks.seek(before)?;
    while let Some(chunk) = chunks.current()?.filter(|chunk| chunk.header.append_ms < oldest_ms) {
        earliest = chunk.end();
        chunks.next();
    }
    if earliest == before {
        return Ok(0);
    }

    // Readers learn of it first: one that finds the records gone must be able to see why.
    partition.raise_earliest(earliest);
    let mut floor = partition.floor.lock();
    floor.earliest = earliest;
    floor.end = partition.end().max(earliest);
    floor.last_ms = partition.last_ms();
    let PartitionId { topic, number } = partition.id;
    let mut batch = WriteBatch::default();
    batch.put_cf(shared.disk.meta(), floor::key(topic, number), floor.encode());
    let (from, to) = (chunk_key::key(topic, number, before), chunk_key::key(topic, number, earliest));
    batch.delete_range_cf(shared.disk.records(), from, to);
    shared.write(batch, Sync::Later)?;
    partition.forget_tail_through(earliest - 1);
    // Whole tables of forgotten records need not wait for RocksDB to come by. Where it fails, it comes by.
    let _ = shared.disk.drop_tables(from, to);
    Ok((earliest - before).unsigned_abs())
}
