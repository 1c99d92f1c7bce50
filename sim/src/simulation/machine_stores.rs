//! The disk as a machine's worker reaches it.

use super::APP;
use super::machine::Machine;
use super::mutant::Mutant;
use crate::clock::SimClock;
use crate::memory_log::MemoryLog;
use holdfast_engine::{changelog, delayed};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, Log};
use holdfast_ports::record::TopicPartition;
use holdfast_ports::store::{Store, StoreError, StoreId, StoreSpec, Stores, TaskId, View, Visit, Write};
use parking_lot::Mutex;
use std::sync::Arc;

/// An open store and whether its overlay has gone to the disk before its time.
pub(super) type SharedStore = Arc<Mutex<Box<dyn Store>>>;

/// Every n-th delayed message is lost by [`Mutant::LoseDelayed`].
const LOSE_EVERY: u64 = 5;

impl Machine {
    /// The mistake of [`Mutant::StoreFirst`]: the overlays enter the stores although the log has not been asked.
    pub(super) fn commit_stores(&self, log: &MemoryLog) {
        let Ok(mut fetcher) = log.fetcher() else { return };
        for (task, store) in self.stores.lock().iter() {
            let changelog = TopicPartition::new(changelog::topic(APP, &task.topology), task.place);
            let mut store = store.lock();
            if let Ok(end) = Fetcher::end(&mut *fetcher, &changelog, End::Written)
                && !store.is_clean()
            {
                // It fails like any other write, and the mistaken engine would not notice either.
                let _ = store.commit(end);
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
        let inner: SharedStore = Arc::new(Mutex::new(self.inner.open(task, stores)?));
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
    /// Passes a write on, unless the power fails before it, and says so if it fails after it.
    fn write(&self, write: impl FnOnce(&mut dyn Store) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let off = || StoreError::Poisoned("the power is off".to_owned());
        if !self.machine.is_on_at_next_call() {
            return Err(off());
        }
        write(&mut **self.inner.lock())?;
        if self.machine.is_on_at_next_call() { Ok(()) } else { Err(off()) }
    }
}

impl Store for MachineStore {
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.inner.lock().get(store, key, read)
    }

    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if store == delayed::STORE.id {
            self.delayed += 1;
            if self.machine.is(Mutant::LoseDelayed) && self.delayed.is_multiple_of(LOSE_EVERY) {
                return Ok(());
            }
        }
        self.inner.lock().put(store, key, value)
    }

    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<(), StoreError> {
        self.inner.lock().delete(store, key)
    }

    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.inner.lock().scan(store, from, to, visit)
    }

    fn mark(&mut self) {
        self.inner.lock().mark();
    }

    fn undo(&mut self) {
        self.inner.lock().undo();
    }

    fn changes(&self, visit: &mut dyn FnMut(Write<'_>)) {
        self.inner.lock().changes(visit);
    }

    fn is_clean(&self) -> bool {
        self.inner.lock().is_clean()
    }

    fn commit(&mut self, changelog_next: i64) -> Result<(), StoreError> {
        self.write(|store| store.commit(changelog_next))
    }

    fn rollback(&mut self) {
        if !self.machine.is(Mutant::NoRollback) {
            self.inner.lock().rollback();
        }
    }

    fn restore(&mut self, writes: &[Write<'_>], changelog_next: i64) -> Result<(), StoreError> {
        self.write(|store| store.restore(writes, changelog_next))
    }

    fn changelog_next(&self) -> Option<i64> {
        self.inner.lock().changelog_next()
    }

    fn fresh_ms(&self) -> Option<i64> {
        let fresh_ms = self.inner.lock().fresh_ms();
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
        self.inner.lock().view()
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
