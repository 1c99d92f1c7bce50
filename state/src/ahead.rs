//! Stores that are open before anybody asks for them. A worker that starts will most likely be given the tasks again whose state lies on its disk; while the
//! group makes up its mind, the disk has nothing else to do.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use holdfast_ports::store::{StoreError, StoreSpec, TaskId};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::store::RocksStore;

/// More than there are cores: opening a store is mostly waiting for the disk.
const THREADS: usize = 4;

/// A task, and the stores that it will be asked for with.
pub(crate) type Wanted = (TaskId, Vec<StoreSpec>);

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Ahead {
    inner: Mutex<Inner>,
    /// A store has been opened, or taken, or everything has ended.
    news: Condvar,
}

#[derive(Default)]
struct Inner {
    /// The next one last.
    waiting: Vec<Wanted>,
    /// Being opened or closed: their directories are not free.
    busy: Vec<TaskId>,
    open: Vec<(TaskId, Vec<StoreSpec>, RocksStore)>,
    ended: bool,
}

impl Ahead {
    /// Opens all that is `wanted`, in its order, in threads of its own; what nobody has asked for `keep` later is closed again. A store that does not open is
    /// left to whoever asks for it, who will be told why.
    pub(crate) fn begin(
        self: &Arc<Self>,
        mut wanted: Vec<Wanted>,
        keep: Duration,
        open: impl Fn(&Wanted) -> Result<RocksStore, StoreError> + Send + Sync + 'static,
    ) {
        wanted.reverse();
        let threads = THREADS.min(wanted.len());
        self.inner.lock().waiting = wanted;
        let open = Arc::new(open);
        for number in 0..threads {
            let (ahead, open) = (Arc::clone(self), Arc::clone(&open));
            let spawned = thread::Builder::new().name(format!("open-{number}")).spawn(move || {
                ahead.open_all(&*open);
                drop(open);
                ahead.close_unasked(keep);
            });
            if let Err(error) = spawned {
                tracing::debug!(%error, "stores are opened when they are asked for");
            }
        }
    }

    fn open_all(&self, open: &dyn Fn(&Wanted) -> Result<RocksStore, StoreError>) {
        while let Some(wanted) = self.next() {
            let opened = open(&wanted);
            let (task, specs) = wanted;
            let mut inner = self.inner.lock();
            match opened {
                Ok(store) if !inner.ended => {
                    inner.busy.retain(|other| *other != task);
                    inner.open.push((task, specs, store));
                    self.news.notify_all();
                    continue;
                }
                // Closed before anybody is told that nothing is done about it.
                Ok(store) => drop((inner, store)),
                Err(error) => {
                    drop(inner);
                    tracing::debug!(%task, %error, "store not opened ahead");
                }
            }
            self.rest(&task);
        }
    }

    fn next(&self) -> Option<Wanted> {
        let mut inner = self.inner.lock();
        let next = inner.waiting.pop()?;
        inner.busy.push(next.0.clone());
        Some(next)
    }

    /// Nothing is done about `task` any more.
    fn rest(&self, task: &TaskId) {
        self.inner.lock().busy.retain(|other| other != task);
        self.news.notify_all();
    }

    fn close_unasked(&self, keep: Duration) {
        let mut inner = self.inner.lock();
        self.news.wait_while_for(&mut inner, |inner| !inner.ended && !inner.open.is_empty(), keep);
        self.close_all(inner);
    }

    fn close_all(&self, mut inner: MutexGuard<'_, Inner>) {
        let unasked = std::mem::take(&mut inner.open);
        inner.busy.extend(unasked.iter().map(|(task, ..)| task.clone()));
        drop(inner);
        for (task, _, store) in unasked {
            drop(store);
            tracing::debug!(%task, "store closed that nobody has asked for");
            self.rest(&task);
        }
    }

    /// The store of `task`, when it is open with these; waits for it while it is being opened or closed. After `None` nobody opens it but the caller.
    pub(crate) fn take(&self, task: &TaskId, specs: &[StoreSpec]) -> Option<RocksStore> {
        let mut inner = self.inner.lock();
        inner.waiting.retain(|(waiting, _)| waiting != task);
        self.news.wait_while(&mut inner, |inner| inner.busy.contains(task));
        let at = inner.open.iter().position(|(open, ..)| open == task)?;
        let (_, opened_with, store) = inner.open.swap_remove(at);
        self.news.notify_all();
        // With other ones it is closed here.
        (opened_with == specs).then_some(store)
    }

    /// Opens nothing more, and closes what nobody has asked for.
    pub(crate) fn end(&self) {
        let mut inner = self.inner.lock();
        inner.ended = true;
        inner.waiting.clear();
        self.close_all(inner);
        let mut inner = self.inner.lock();
        self.news.wait_while(&mut inner, |inner| !inner.busy.is_empty());
    }
}
