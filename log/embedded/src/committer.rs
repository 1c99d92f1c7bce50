//! The committer: the one thread that gives offsets, writes, syncs, and then says so.
//!
//! One turn takes all that waits (appends, transactions), writes it as one batch, syncs it once, lets readers see it, and answers. So 64 waiting appends
//! share a sync, a transaction is whole because a batch is, and the order of offsets is the order of this thread.

use crate::disk::Sync;
use crate::partition::Partition;
use crate::partition_id::PartitionId;
use crate::queue::{Done, Ends, Group};
use crate::rows::{chunk_key, position};
use crate::run::{ClosedChunk, Run};
use crate::shared::Shared;
use holdfast_ports::log::{AppendError, WriteError};
use holdfast_ports::record::Appended;
use rocksdb::WriteBatch;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

/// Works until the queue is closed and empty.
pub(crate) fn run(shared: &Shared) {
    let _last = LastWill(shared);
    let mut tail = TailBudget { kept: VecDeque::new(), bytes: 0, bytes_max: shared.config.tail_bytes_max };
    while let Some(group) = shared.queue.take() {
        turn(shared, group, &mut tail);
    }
}

fn turn(shared: &Shared, group: Group, tail: &mut TailBudget) {
    if let Some(why) = shared.poison.why() {
        return refuse(group, why);
    }
    let mut landings = Landings::new(shared.config.clock.now_ms());
    let mut batch = WriteBatch::with_capacity_bytes(group.bytes + group.bytes / 4 + 1024);
    let Group { appends, transactions, barriers, .. } = group;

    let mut acks = Vec::with_capacity(appends.len());
    for appends in appends.into_values() {
        let (base, append_ms) = landings.land(&appends.partition, appends.run);
        acks.push((base, append_ms, appends.waiting));
    }
    let mut replies = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        let mut ends = Ends::with_capacity(transaction.lots.len());
        for (partition, run) in transaction.lots {
            let records = run.len().cast_signed();
            let (base, _) = landings.land(&partition, run);
            ends.push((partition.name.clone(), base + records));
        }
        for (key, next) in transaction.positions {
            batch.put_cf(shared.disk.meta(), key, position::encode(next));
        }
        replies.push((transaction.reply, ends));
    }
    landings.put(shared, &mut batch);

    if !batch.is_empty()
        && let Err(error) = write(shared, batch)
    {
        let why = shared.fail(&error).to_string();
        for done in acks.into_iter().flat_map(|(_, _, waiting)| waiting) {
            answer(done, Err(AppendError::Unknown(why.clone())));
        }
        for (reply, _) in replies {
            let _ = reply.send(Err(WriteError::Fatal(why.clone())));
        }
        return;
    }

    landings.publish(tail);
    for (reply, ends) in replies {
        let _ = reply.send(Ok(ends));
    }
    drop(barriers);
    for (base, append_ms, waiting) in acks {
        for (offset, done) in (base..).zip(waiting) {
            answer(done, Ok(Appended { offset, append_ms }));
        }
    }
}

/// Writes and syncs.
fn write(shared: &Shared, batch: WriteBatch) -> Result<(), String> {
    shared.count_sync();
    if let Some(why) = shared.take_fault() {
        return Err(why);
    }
    shared.disk.write(batch, Sync::Yes).map_err(rocksdb::Error::into_string)
}

/// Answers everybody in `group` that nothing of theirs was written.
fn refuse(group: Group, why: &str) {
    for done in group.appends.into_values().flat_map(|appends| appends.waiting) {
        answer(done, Err(AppendError::Unavailable(why.to_owned())));
    }
    for transaction in group.transactions {
        let _ = transaction.reply.send(Err(WriteError::Fatal(why.to_owned())));
    }
}

/// Answers one append. An answer that panics is its caller's mistake, and no reason to leave the others without theirs.
fn answer(done: Done, result: Result<Appended, AppendError>) {
    if panic::catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        tracing::error!("an answer to an append has panicked");
    }
}

/// Where the records of one turn land.
struct Landings {
    now_ms: i64,
    index: FxHashMap<PartitionId, usize>,
    landings: Vec<Landing>,
}

/// Where the records of one turn land in one partition.
struct Landing {
    partition: Arc<Partition>,
    end: i64,
    append_ms: i64,
    chunks: Vec<ClosedChunk>,
}

impl Landings {
    fn new(now_ms: i64) -> Self {
        Self { now_ms, index: FxHashMap::default(), landings: Vec::new() }
    }

    /// Gives `run` its place: returns the offset of its first record and its append time.
    fn land(&mut self, partition: &Arc<Partition>, run: Run) -> (i64, i64) {
        let index = *self.index.entry(partition.id).or_insert_with(|| {
            self.landings.push(Landing {
                end: partition.end(),
                // Time does not go back within a partition, whatever the clock does.
                append_ms: self.now_ms.max(partition.last_ms()),
                partition: Arc::clone(partition),
                chunks: Vec::new(),
            });
            self.landings.len() - 1
        });
        let landing = &mut self.landings[index];
        let base = landing.end;
        landing.end += run.len().cast_signed();
        landing.chunks.extend(run.close(base, landing.append_ms));
        (base, landing.append_ms)
    }

    fn put(&self, shared: &Shared, batch: &mut WriteBatch) {
        let records = shared.disk.records();
        for landing in &self.landings {
            let PartitionId { topic, number } = landing.partition.id;
            for chunk in &landing.chunks {
                batch.put_cf(records, chunk_key::key(topic, number, chunk.base), &chunk.bytes);
            }
        }
    }

    fn publish(self, tail: &mut TailBudget) {
        for landing in self.landings {
            let kept = landing.partition.publish(landing.end, landing.append_ms, landing.chunks);
            for (base, bytes) in kept {
                tail.keep(&landing.partition, base, bytes);
            }
        }
    }
}

/// Keeps the chunks in memory within their budget, oldest out first, all partitions together.
struct TailBudget {
    kept: VecDeque<(Arc<Partition>, i64, usize)>,
    bytes: usize,
    bytes_max: usize,
}

impl TailBudget {
    fn keep(&mut self, partition: &Arc<Partition>, base: i64, bytes: usize) {
        self.kept.push_back((Arc::clone(partition), base, bytes));
        self.bytes += bytes;
        while self.bytes > self.bytes_max
            && let Some((partition, base, bytes)) = self.kept.pop_front()
        {
            partition.forget_tail_through(base);
            self.bytes -= bytes;
        }
    }
}

/// A committer that panicked must not leave everybody waiting for it.
struct LastWill<'s>(&'s Shared);

impl Drop for LastWill<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop("the committer of the log has panicked".to_owned());
            self.0.queue.close();
            while let Some(group) = self.0.queue.take() {
                refuse(group, "the committer of the log has panicked");
            }
        }
    }
}
