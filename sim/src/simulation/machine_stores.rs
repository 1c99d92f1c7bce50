//! The disk as a machine's worker reaches it.

use super::APP;
use super::machine::Machine;
use super::mutant::Mutant;
use crate::clock::SimClock;
use crate::memory_log::MemoryLog;
use holdfast_engine::inspect::{changelog, delayed};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, Log};
use holdfast_ports::record::TopicPartition;
use holdfast_ports::store::{Batch, Store, StoreError, StoreId, StoreSpec, Stores, TaskId, View, Visit, Write};
use parking_lot::Mutex;
use std::sync::Arc;

/// A store that is open, and the batch that is being committed.
pub(super) struct Opened {
    store: Mutex<Box<dyn Store>>,
    batch: Mutex<Option<Arc<dyn Batch>>>,
}

pub(super) type SharedStore = Arc<Opened>;

/// Every n-th delayed message is lost by [`Mutant::LoseDelayed`].
const LOSE_EVERY: u64 = 5;

impl Machine {
    /// The mistake of [`Mutant::StoreFirst`]: the batches enter the stores although the log has not been asked.
    pub(super) fn commit_stores(&self, log: &MemoryLog) {
        let Ok(mut fetcher) = log.fetcher() else { return };
        for (task, store) in self.stores.lock().iter() {
            let changelog = TopicPartition::new(changelog::topic(APP, &task.topology), task.place);
            if let Ok(end) = Fetcher::end(&mut *fetcher, &changelog, End::Written)
                && let Some(batch) = &*store.batch.lock()
            {
                // It fails like any other write, and the mistaken engine would not notice either.
                let _ = batch.commit(end);
            }
        }
    }
}

/// The stores of one machine.
pub(super) struct MachineStores {
    pub(super) machine: Machine,
    pub(super) clock: SimClock,
    pub(super) inner: Arc<dyn Stores>,
}

impl Stores for MachineStores {
    fn open(&self, task: &TaskId, stores: &[StoreSpec]) -> Result<Box<dyn Store>, StoreError> {
        let store = Mutex::new(self.inner.open(task, stores)?);
        let inner = Arc::new(Opened { store, batch: Mutex::default() });
        self.machine.stores.lock().insert(task.clone(), inner.clone());
        let (machine, clock) = (self.machine.clone(), self.clock.clone());
        Ok(Box::new(MachineStore { machine, clock, task: task.clone(), inner, delayed: 0 }))
    }

    fn destroy(&self, task: &TaskId) -> Result<(), StoreError> {
        self.machine.stores.lock().remove(task);
        self.inner.destroy(task)
    }
}

struct MachineStore {
    machine: Machine,
    clock: SimClock,
    task: TaskId,
    inner: SharedStore,
    delayed: u64,
}

impl MachineStore {
    fn write(&self, write: impl FnOnce(&mut dyn Store) -> Result<(), StoreError>) -> Result<(), StoreError> {
        powered(&self.machine, || write(&mut **self.inner.store.lock()))
    }

    /// The mistake of [`Mutant::NoRollback`]: what was to be forgotten is to be committed the next time.
    fn keep_uncommitted(&self) -> Result<(), StoreError> {
        let batch = self.inner.batch.lock().take();
        let mut store = self.inner.store.lock();
        let batch = batch.map_or_else(|| store.seal(), Ok)?;
        store.rollback();
        let mut kept = Ok(());
        batch.changes(&mut |write| {
            let again = match write.value {
                Some(value) => store.put(write.store, write.key, value),
                None => store.delete(write.store, write.key),
            };
            kept = std::mem::replace(&mut kept, Ok(())).and(again);
        });
        kept
    }
}

impl Store for MachineStore {
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.inner.store.lock().get(store, key, read)
    }

    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if store == delayed::STORE.id {
            self.delayed += 1;
            if self.machine.is(Mutant::LoseDelayed) && self.delayed.is_multiple_of(LOSE_EVERY) {
                return Ok(());
            }
        }
        self.inner.store.lock().put(store, key, value)
    }

    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<(), StoreError> {
        self.inner.store.lock().delete(store, key)
    }

    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.inner.store.lock().scan(store, from, to, visit)
    }

    fn mark(&mut self) {
        self.inner.store.lock().mark();
    }

    fn undo(&mut self) {
        self.inner.store.lock().undo();
    }

    fn is_clean(&self) -> bool {
        self.inner.store.lock().is_clean()
    }

    fn overlay_bytes(&self) -> usize {
        self.inner.store.lock().overlay_bytes()
    }

    fn seal(&mut self) -> Result<Arc<dyn Batch>, StoreError> {
        let inner = self.inner.store.lock().seal()?;
        *self.inner.batch.lock() = Some(inner.clone());
        Ok(Arc::new(MachineBatch { machine: self.machine.clone(), inner }))
    }

    fn settle(&mut self, changelog_next: i64) {
        *self.inner.batch.lock() = None;
        self.inner.store.lock().settle(changelog_next);
    }

    fn rollback(&mut self) {
        if self.machine.is(Mutant::NoRollback) {
            // A store that fails at it is noticed at the next question.
            let _ = self.keep_uncommitted();
        } else {
            *self.inner.batch.lock() = None;
            self.inner.store.lock().rollback();
        }
    }

    fn restore(&mut self, writes: &[Write<'_>], changelog_next: i64) -> Result<(), StoreError> {
        self.write(|store| store.restore(writes, changelog_next))
    }

    fn changelog_next(&self) -> Option<i64> {
        self.inner.store.lock().changelog_next()
    }

    fn fresh_ms(&self) -> Option<i64> {
        let fresh_ms = self.inner.store.lock().fresh_ms();
        if self.machine.is(Mutant::TrustOldStore) { fresh_ms.map(|_| self.clock.now_ms()) } else { fresh_ms }
    }

    fn set_fresh(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.write(|store| store.set_fresh(now_ms))
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.write(|store| store.clear())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.write(|store| store.flush())
    }

    fn view(&self) -> Arc<dyn View> {
        self.inner.store.lock().view()
    }
}

/// Passes a write on, unless the power fails before it, and says so if it fails after it.
fn powered(machine: &Machine, write: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
    let off = || StoreError::Poisoned("the power is off".to_owned());
    if !machine.is_on_at_next_call() {
        return Err(off());
    }
    write()?;
    if machine.is_on_at_next_call() { Ok(()) } else { Err(off()) }
}

struct MachineBatch {
    machine: Machine,
    inner: Arc<dyn Batch>,
}

impl Batch for MachineBatch {
    fn changes(&self, visit: &mut dyn FnMut(Write<'_>)) {
        self.inner.changes(visit);
    }

    fn commit(&self, changelog_next: i64) -> Result<(), StoreError> {
        powered(&self.machine, || self.inner.commit(changelog_next))
    }
}

impl Drop for MachineStore {
    fn drop(&mut self) {
        let mut stores = self.machine.stores.lock();
        // A store that was opened anew in the meantime stays.
        if stores.get(&self.task).is_some_and(|store| Arc::ptr_eq(store, &self.inner)) {
            stores.remove(&self.task);
        }
    }
}
