//! What waits for the next sync. Whoever comes while one is under way shares the next one.

use crate::partition::Partition;
use crate::partition_id::PartitionId;
use crate::run::{Run, record_bytes};
use crate::tenure::{Office, Tenure};
use holdfast_ports::log::{AppendError, WriteError};
use holdfast_ports::record::{Appended, NewRecord, TopicPartition};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};

/// Called once with what became of an append.
pub(crate) type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// For each partition written, the offset after its last record.
pub(crate) type Ends = Vec<(TopicPartition, i64)>;

/// What one sync makes durable.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) appends: FxHashMap<PartitionId, Appends>,
    pub(crate) transactions: Vec<Transaction>,
    /// Dropped when all that was queued before has been dealt with.
    pub(crate) barriers: Vec<SyncSender<()>>,
    /// Bytes of records in it, roughly.
    pub(crate) bytes: usize,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.transactions.is_empty() && self.barriers.is_empty()
    }
}

/// Appends to one partition, and who waits for which of them.
pub(crate) struct Appends {
    pub(crate) partition: Arc<Partition>,
    pub(crate) run: Run,
    pub(crate) waiting: Vec<Done>,
}

/// A transaction that wants to be committed.
pub(crate) struct Transaction {
    pub(crate) lots: Vec<(Arc<Partition>, Run)>,
    /// Position rows: key, next offset.
    pub(crate) positions: Vec<(Vec<u8>, i64)>,
    pub(crate) bytes: usize,
    pub(crate) reply: SyncSender<Result<Ends, WriteError>>,
}

/// What waits for the next sync.
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    group: Group,
    tenures: FxHashMap<(Office, Arc<str>), Arc<Tenure>>,
    committer_waits: bool,
    closed: bool,
}

impl Queue {
    /// A queue in which appends hold at most `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), bytes_max }
    }

    /// Queues an append. Gives `done` back when it cannot.
    pub(crate) fn append(
        &self,
        partition: &Arc<Partition>,
        record: &NewRecord<'_>,
        done: Done,
    ) -> Result<(), (Done, AppendError)> {
        let mut state = self.state.lock();
        if state.closed {
            return Err((done, AppendError::Unavailable("the log is closed".to_owned())));
        }
        if state.group.bytes > self.bytes_max {
            let why = format!("{} bytes wait for the disk, no more are taken", state.group.bytes);
            return Err((done, AppendError::Unavailable(why)));
        }
        state.group.bytes += record_bytes(record);
        let appends = state.group.appends.entry(partition.id).or_insert_with(|| Appends {
            partition: Arc::clone(partition),
            run: Run::default(),
            waiting: Vec::new(),
        });
        appends.run.push(record);
        appends.waiting.push(done);
        self.wake_committer(&mut state);
        Ok(())
    }

    /// Queues a commit, unless the writer's or the member's tenure has ended.
    pub(crate) fn commit(
        &self,
        writer: &Tenure,
        member: Option<&Tenure>,
        transaction: Transaction,
    ) -> Result<(), WriteError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(WriteError::Fatal("the log is closed".to_owned()));
        }
        if writer.has_ended() {
            return Err(WriteError::Fenced("a newer writer of this name exists".to_owned()));
        }
        if member.is_some_and(Tenure::has_ended) {
            return Err(WriteError::Stale("the generation is over".to_owned()));
        }
        state.group.bytes += transaction.bytes;
        state.group.transactions.push(transaction);
        self.wake_committer(&mut state);
        Ok(())
    }

    /// Ends the tenure of whoever holds `office` under `name`, and begins a new one. When this returns, all that the earlier one has committed can be
    /// read, and it will never commit again.
    pub(crate) fn begin_tenure(&self, office: Office, name: &Arc<str>) -> Arc<Tenure> {
        let tenure = Arc::new(Tenure::default());
        let before = self.state.lock().tenures.insert((office, Arc::clone(name)), Arc::clone(&tenure));
        self.finish(before);
        tenure
    }

    /// Ends the tenure of whoever holds `office` under `name`: see [`Queue::begin_tenure`].
    pub(crate) fn end_tenure(&self, office: Office, name: &Arc<str>) {
        let before = self.state.lock().tenures.remove(&(office, Arc::clone(name)));
        self.finish(before);
    }

    fn finish(&self, before: Option<Arc<Tenure>>) {
        let Some(before) = before else { return };
        let (barrier, passed) = mpsc::sync_channel(0);
        {
            let mut state = self.state.lock();
            before.end();
            if state.closed {
                return;
            }
            state.group.barriers.push(barrier);
            self.wake_committer(&mut state);
        }
        // Ends with an error: nothing is ever sent, the barrier is dropped.
        let _ = passed.recv();
    }

    fn wake_committer(&self, state: &mut State) {
        if state.committer_waits {
            state.committer_waits = false;
            self.work.notify_one();
        }
    }

    /// All that waits, as soon as something does; `None` when the queue was closed and everything has been taken.
    pub(crate) fn take(&self) -> Option<Group> {
        let mut state = self.state.lock();
        while state.group.is_empty() {
            if state.closed {
                return None;
            }
            state.committer_waits = true;
            self.work.wait(&mut state);
        }
        Some(std::mem::take(&mut state.group))
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.wake_committer(&mut state);
    }
}
