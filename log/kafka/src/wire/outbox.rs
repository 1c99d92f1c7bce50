//! Records on their way: filled by the producer's thread, emptied by the post's.

use super::batch::{self, Batch, FULL_BYTES};
use super::bytes::Encoder;
use super::messages::ProducerId;
use crate::ffi::Code;
use holdfast_ports::record::{NewRecord, TopicPartition};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::time::Duration;

/// How long records wait for company when nobody is in a hurry, in ms. A commit does not wait for it; this is for transactions that stay open.
const LINGER_MS: u64 = 20;
/// Bytes that go at once, company or not.
const GO_BYTES: usize = 512 * 1024;
/// Bytes that may wait before the producer is held up.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Outbox {
    inner: Mutex<Inner>,
    /// The post has something to do.
    filled: Condvar,
    /// The producer has something to look at.
    moved: Condvar,
}

#[derive(Default)]
struct Inner {
    /// Which transaction this is; what belongs to an earlier one is of no interest any more.
    transaction: u64,
    producer: Option<ProducerId>,
    /// By tag.
    lanes: Vec<Lane>,
    waiting_bytes: usize,
    /// The post holds batches.
    under_way: bool,
    /// Something of this transaction may be in the log.
    taken: bool,
    hurry: bool,
    closed: bool,
    failure: Option<Failure>,
    scratch: Encoder,
}

/// One partition.
struct Lane {
    source: TopicPartition,
    batches: VecDeque<Batch>,
    /// Number of the next record.
    next: i32,
    /// Offset after the last record, 0 when there is none.
    end: i64,
    /// Bytes of records with which a batch is full.
    full_bytes: usize,
}

/// Why a transaction cannot be committed any more.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) code: Code,
    /// The record whose fault it is, if it is one's: where it goes, and how many of the transaction went there before it.
    pub(super) record: Option<(TopicPartition, u64)>,
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self { code, record: None }
    }
}

/// What the post takes: at most one batch of each partition.
pub(super) struct Load {
    pub(super) transaction: u64,
    pub(super) producer: ProducerId,
    pub(super) batches: Vec<(usize, TopicPartition, Batch)>,
}

impl Inner {
    fn is_empty(&self) -> bool {
        self.waiting_bytes == 0
    }

    fn clear(&mut self) {
        for lane in &mut self.lanes {
            lane.batches.clear();
        }
        self.waiting_bytes = 0;
    }
}

impl Outbox {
    /// Makes room for the partitions of a topic; the first gets the tag that is returned, the others follow.
    pub(super) fn add(&self, sources: impl Iterator<Item = TopicPartition>) -> usize {
        let lanes = &mut self.inner.lock().lanes;
        let tag = lanes.len();
        let lane = |source| Lane { source, batches: VecDeque::new(), next: 0, end: 0, full_bytes: FULL_BYTES };
        lanes.extend(sources.map(lane));
        tag
    }

    /// A new transaction, written as `producer`: an epoch that nothing was written in, so numbers begin at 0.
    pub(super) fn begin(&self, producer: ProducerId) {
        let mut inner = self.inner.lock();
        inner.clear();
        inner.transaction += 1;
        inner.producer = Some(producer);
        (inner.taken, inner.failure) = (false, None);
        for lane in &mut inner.lanes {
            (lane.next, lane.end) = (0, 0);
        }
    }

    /// False when there is no room; [`Outbox::wait`] and try again.
    pub(super) fn push(&self, tag: usize, record: &NewRecord<'_>, bytes: usize, now_ms: i64) -> bool {
        let inner = &mut *self.inner.lock();
        if inner.waiting_bytes > WAITING_BYTES_MAX {
            return false;
        }
        let was_empty = inner.is_empty();
        let lane = &mut inner.lanes[tag];
        if lane.batches.back().is_none_or(|batch| batch.is_full_for(bytes, lane.full_bytes)) {
            lane.batches.push_back(Batch::new(lane.next, now_ms));
        }
        let Some(batch) = lane.batches.back_mut() else { return false };
        let before = batch.bytes();
        batch.push(record, &mut inner.scratch);
        lane.next = batch.next();
        inner.waiting_bytes += batch.bytes() - before;
        let goes = inner.waiting_bytes >= GO_BYTES && inner.waiting_bytes - (batch.bytes() - before) < GO_BYTES;
        if was_empty || goes {
            self.filled.notify_one();
        }
        true
    }

    /// Waits until the post has moved, at most so long.
    pub(super) fn wait(&self, at_most: Duration) {
        self.moved.wait_for(&mut self.inner.lock(), at_most);
    }

    /// Sends what lingers and waits until nothing is left or something has failed. `goes_on` is asked now and then.
    pub(super) fn deliver(&self, mut goes_on: impl FnMut() -> bool) -> Result<bool, Failure> {
        let mut inner = self.inner.lock();
        inner.hurry = true;
        self.filled.notify_one();
        let delivered = loop {
            if let Some(failure) = &inner.failure {
                break Err(failure.clone());
            }
            if inner.is_empty() && !inner.under_way {
                break Ok(true);
            }
            if !goes_on() {
                break Ok(false);
            }
            self.moved.wait_for(&mut inner, Duration::from_millis(100));
        };
        inner.hurry = false;
        delivered
    }

    /// Waits for a moment. Whether the producer waits in [`Outbox::deliver`] then.
    #[cfg(test)]
    pub(super) fn is_being_delivered_after(&self, moment: Duration) -> bool {
        let mut inner = self.inner.lock();
        self.moved.wait_for(&mut inner, moment);
        inner.hurry
    }

    /// Drops what was not sent and waits until the post holds nothing. True when that came to be.
    pub(super) fn discard(&self, mut goes_on: impl FnMut() -> bool) -> bool {
        let mut inner = self.inner.lock();
        inner.clear();
        inner.transaction += 1;
        self.filled.notify_one();
        while inner.under_way && goes_on() {
            self.moved.wait_for(&mut inner, Duration::from_millis(100));
        }
        !inner.under_way
    }

    /// Whether something of the transaction in hand may be in the log.
    pub(super) fn taken(&self) -> bool {
        self.inner.lock().taken
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.inner.lock().failure.clone()
    }

    /// Each partition written in this transaction, with the offset after its last record.
    pub(super) fn ends(&self) -> Vec<(TopicPartition, i64)> {
        let inner = self.inner.lock();
        inner.lanes.iter().filter(|lane| lane.end > 0).map(|lane| (lane.source.clone(), lane.end)).collect()
    }

    /// No more: the post goes home.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
        self.filled.notify_one();
    }

    /// The post's: waits for records, then a moment for more. `None` when the outbox is closed.
    pub(super) fn take(&self) -> Option<Load> {
        let mut inner = self.inner.lock();
        while inner.is_empty() && !inner.closed {
            self.filled.wait(&mut inner);
        }
        if !inner.closed && !inner.hurry && inner.waiting_bytes < GO_BYTES {
            self.filled.wait_for(&mut inner, Duration::from_millis(LINGER_MS));
        }
        if inner.closed {
            return None;
        }
        Self::load(&mut inner)
    }

    /// The post's, while it still holds the last load: what would go at once. `None` when that is nothing.
    pub(super) fn take_ready(&self) -> Option<Load> {
        let mut inner = self.inner.lock();
        let goes = inner.hurry || inner.waiting_bytes >= GO_BYTES;
        if inner.closed || inner.is_empty() || !goes { None } else { Self::load(&mut inner) }
    }

    fn load(inner: &mut MutexGuard<'_, Inner>) -> Option<Load> {
        let inner = &mut **inner;
        let mut batches = Vec::new();
        for (tag, lane) in inner.lanes.iter_mut().enumerate() {
            if let Some(batch) = lane.batches.pop_front() {
                inner.waiting_bytes -= batch.bytes();
                batches.push((tag, lane.source.clone(), batch));
            }
        }
        // Nothing when an abort was quicker; then there is nothing to hold, either.
        inner.under_way = !batches.is_empty();
        inner.taken |= inner.under_way;
        Some(Load { transaction: inner.transaction, producer: inner.producer?, batches })
    }

    /// The post's: this batch lies in the log up to `end`.
    pub(super) fn delivered(&self, transaction: u64, tag: usize, end: i64) {
        let mut inner = self.inner.lock();
        if inner.transaction == transaction {
            let lane = &mut inner.lanes[tag];
            lane.end = lane.end.max(end);
        }
    }

    /// The post's: so many bytes are too much at once for this partition's leader.
    pub(super) fn too_large(&self, tag: usize, bytes: usize) {
        let lane = &mut self.inner.lock().lanes[tag];
        lane.full_bytes = batch::narrower(lane.full_bytes, bytes);
    }

    /// The post's: this transaction cannot be committed any more.
    pub(super) fn failed(&self, transaction: u64, failure: Failure) {
        let mut inner = self.inner.lock();
        if inner.transaction == transaction {
            inner.failure.get_or_insert(failure);
        }
    }

    /// The post's: its hands are empty.
    pub(super) fn done(&self) {
        self.inner.lock().under_way = false;
        self.moved.notify_one();
    }

    /// The post's: whether anybody still wants what belongs to this transaction. Waits a moment first.
    pub(super) fn is_wanted_after(&self, transaction: u64, moment: Duration) -> bool {
        let mut inner = self.inner.lock();
        let wanted = |inner: &Inner| !inner.closed && inner.transaction == transaction && inner.failure.is_none();
        if wanted(&inner) && !moment.is_zero() {
            self.filled.wait_for(&mut inner, moment);
        }
        wanted(&inner)
    }
}
