//! A partition while the log is open: its ends, its newest chunks, and who waits for more.

use crate::disk::Disk;
use crate::partition_id::PartitionId;
use crate::rows::floor::{self, Floor};
use crate::run::ClosedChunk;
use crate::waker::Waker;
use bytes::Bytes;
use holdfast_ports::log::{Cleanup, LogError};
use holdfast_ports::record::TopicPartition;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A partition while the log is open. Only the committer moves `end` and `last_ms`, only maintenance moves `earliest` and `floor`.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) name: TopicPartition,
    pub(crate) cleanup: Cleanup,
    earliest: AtomicI64,
    end: AtomicI64,
    last_ms: AtomicI64,
    tail: Mutex<VecDeque<TailChunk>>,
    watchers: Mutex<Vec<Arc<Waker>>>,
    pub(crate) floor: Mutex<Floor>,
}

/// A chunk in memory.
#[derive(Debug, Clone)]
pub(crate) struct TailChunk {
    pub(crate) base: i64,
    /// The offset after the last one it stands for.
    pub(crate) end: i64,
    pub(crate) bytes: Bytes,
}

impl Partition {
    /// The partition as `disk` holds it.
    pub(crate) fn load(disk: &Disk, id: PartitionId, name: TopicPartition, cleanup: Cleanup) -> Result<Self, LogError> {
        let floor = disk.row(&floor::key(id.topic, id.number), Floor::decode)?.unwrap_or_default();
        let (mut end, mut last_ms) = (floor.end, floor.last_ms);
        let mut chunks = disk.chunks(id, floor.earliest);
        chunks.seek_to_last();
        if let Some(chunk) = chunks.current()? {
            end = end.max(chunk.end());
            // Only compacted chunks hold several append times, and the floor knows the last of those.
            last_ms = last_ms.max(chunk.header.append_ms);
        }
        Ok(Self {
            id,
            name,
            cleanup,
            earliest: AtomicI64::new(floor.earliest),
            end: AtomicI64::new(end),
            last_ms: AtomicI64::new(last_ms),
            tail: Mutex::default(),
            watchers: Mutex::default(),
            floor: Mutex::new(floor),
        })
    }

    /// First offset that may be read.
    pub(crate) fn earliest(&self) -> i64 {
        self.earliest.load(Ordering::Acquire)
    }

    /// Offset after the last record that may be read.
    pub(crate) fn end(&self) -> i64 {
        self.end.load(Ordering::Acquire)
    }

    /// The last append time, in ms since the epoch.
    pub(crate) fn last_ms(&self) -> i64 {
        self.last_ms.load(Ordering::Acquire)
    }

    /// Lets readers see what is on the disk up to `end`. Returns the chunks kept in memory: base and bytes.
    pub(crate) fn publish(&self, end: i64, last_ms: i64, chunks: Vec<ClosedChunk>) -> Vec<(i64, usize)> {
        let watchers = self.watchers.lock().clone();
        let mut kept = Vec::new();
        // Changelogs are mostly written and never read: what nobody waits for would only push out what somebody does.
        if !watchers.is_empty() {
            let mut tail = self.tail.lock();
            let mut ends: Vec<_> = chunks.iter().skip(1).map(|chunk| chunk.base).collect();
            ends.push(end);
            for (chunk, end) in chunks.into_iter().zip(ends) {
                kept.push((chunk.base, chunk.bytes.len()));
                tail.push_back(TailChunk { base: chunk.base, end, bytes: Bytes::from(chunk.bytes) });
            }
        }
        self.last_ms.store(last_ms, Ordering::Release);
        self.end.store(end, Ordering::Release);
        for watcher in watchers {
            watcher.wake();
        }
        kept
    }

    /// The chunk in memory that holds `offset`.
    pub(crate) fn tail_chunk(&self, offset: i64) -> Option<TailChunk> {
        let tail = self.tail.lock();
        let index = tail.partition_point(|chunk| chunk.end <= offset);
        tail.get(index).filter(|chunk| chunk.base <= offset).cloned()
    }

    /// Forgets the chunks in memory that begin at or below `base`.
    pub(crate) fn forget_tail_through(&self, base: i64) {
        let mut tail = self.tail.lock();
        while tail.front().is_some_and(|chunk| chunk.base <= base) {
            tail.pop_front();
        }
    }

    /// Makes `earliest` the first offset that may be read.
    pub(crate) fn raise_earliest(&self, earliest: i64) {
        self.earliest.store(earliest, Ordering::Release);
    }

    /// Wakes `waker` whenever there is more.
    pub(crate) fn watch(&self, waker: &Arc<Waker>) {
        self.watchers.lock().push(Arc::clone(waker));
    }

    /// Undoes one [`Partition::watch`].
    pub(crate) fn unwatch(&self, waker: &Arc<Waker>) {
        let mut watchers = self.watchers.lock();
        if let Some(index) = watchers.iter().position(|watcher| Arc::ptr_eq(watcher, waker)) {
            watchers.swap_remove(index);
        }
    }

    /// Wakes whoever waits, so that it sees that the log has stopped.
    pub(crate) fn wake_all(&self) {
        for watcher in self.watchers.lock().iter() {
            watcher.wake();
        }
    }
}
