//! The committed view, for everybody outside the stream thread: read a row, wait for a position, wait for a row to change.
//!
//! A waiter registers first and looks second, so no commit can slip between: take a [`Ticket`], read the view, and only when that is not enough
//! wait for the ticket's callback. Dropping the ticket takes the waiter back.

use crate::changelog;
use crate::codec;
use crate::ending::{self, EndingTable, Ends};
use crate::key::{Key, prefix_end};
use crate::position::{self, Position};
use crate::table::Table;
use holdfast_ports::store::{Batch, Size, StoreError, StoreId, TaskId, View, Visit};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Why a query has no answer, named by what to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The place is not running in this worker now: moving, restoring, or somebody else's. Try again.
    #[error("{0} is not running here")]
    NotHere(TaskId),
    /// The store cannot be read.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What a waiter is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// What was waited for has been committed.
    Committed,
    /// The task is not here any more: ask again where it is.
    Moved,
}

/// Called once, by the thread that has committed, after the commit. Must not block.
pub type OnWake = Box<dyn FnOnce(Wake) + Send>;

/// The committed views of all running tasks of this worker. One for the process, shared.
#[derive(Debug, Default)]
pub struct Queries {
    tasks: RwLock<BTreeMap<TaskId, Arc<Shown>>>,
}

/// A running task, as others see it.
pub(crate) struct Shown {
    id: TaskId,
    view: Arc<dyn View>,
    inbox: String,
    /// Next offset of the inbox that is not yet decided.
    next_offset: AtomicI64,
    waiters: Mutex<Waiters>,
    last_ticket: AtomicU64,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Waiters {
    positions: BTreeMap<(i64, u64), OnWake>,
    /// By changelog key (store number, then key), so that a commit's keys can be looked up as they are.
    rows: FxHashMap<Vec<u8>, Vec<(u64, OnWake)>>,
    closed: bool,
}

impl Queries {
    /// The committed view of a task.
    ///
    /// # Errors
    /// [`QueryError::NotHere`] while the place is not running in this worker.
    pub fn task(&self, topology: &str, place: u32) -> Result<TaskView, QueryError> {
        let id = TaskId { topology: topology.into(), place };
        self.tasks.read().get(&id).cloned().map(TaskView).ok_or(QueryError::NotHere(id))
    }

    /// The committed views of a topology's tasks that run here, in order of place.
    #[must_use]
    pub fn tasks(&self, topology: &str) -> Vec<TaskView> {
        self.tasks
            .read()
            .iter()
            .filter(|(id, _)| &*id.topology == topology)
            .map(|(_, shown)| TaskView(shown.clone()))
            .collect()
    }

    pub(crate) fn show(&self, id: &TaskId, view: Arc<dyn View>, inbox: &str, position: &Position) -> Arc<Shown> {
        let shown = Arc::new(Shown {
            id: id.clone(),
            view,
            inbox: inbox.to_owned(),
            next_offset: AtomicI64::new(position.next_offset(inbox).unwrap_or(0)),
            waiters: Mutex::default(),
            last_ticket: AtomicU64::new(0),
        });
        self.tasks.write().insert(id.clone(), shown.clone());
        shown
    }

    pub(crate) fn hide(&self, shown: &Shown) {
        self.tasks.write().remove(&shown.id);
        shown.close();
    }
}

impl Shown {
    /// Wakes whoever waited for `position`. Called after the store's commit.
    pub(crate) fn committed(&self, position: &Position) {
        let Some(next) = position.next_offset(&self.inbox) else { return };
        self.next_offset.store(next, Ordering::Release);
        let woken = {
            let mut waiters = self.waiters.lock();
            if waiters.positions.is_empty() {
                return;
            }
            let later = waiters.positions.split_off(&(next, 0));
            std::mem::replace(&mut waiters.positions, later)
        };
        for (_, wake) in woken {
            wake(Wake::Committed);
        }
    }

    /// Wakes whoever waited for one of the rows that a commit has changed. Called after the store's commit: a waiter that registers later finds
    /// the new row when it looks.
    pub(crate) fn changed(&self, batch: &dyn Batch) {
        let mut woken = Vec::new();
        {
            let mut waiters = self.waiters.lock();
            if waiters.rows.is_empty() {
                return;
            }
            let mut key = Vec::new();
            batch.changes(&mut |write| {
                changelog::encode_key(&write, &mut key);
                if let Some(list) = waiters.rows.remove(&key) {
                    woken.extend(list);
                }
            });
        }
        for (_, wake) in woken {
            wake(Wake::Committed);
        }
    }

    fn close(&self) {
        let (positions, rows) = {
            let mut waiters = self.waiters.lock();
            waiters.closed = true;
            (std::mem::take(&mut waiters.positions), std::mem::take(&mut waiters.rows))
        };
        let rows = rows.into_values().flatten().map(|(_, wake)| wake);
        for wake in positions.into_values().chain(rows) {
            wake(Wake::Moved);
        }
    }
}

/// The committed view of one running task.
#[derive(Debug, Clone)]
pub struct TaskView(pub(crate) Arc<Shown>);

impl TaskView {
    /// Its topology.
    #[must_use]
    pub fn topology(&self) -> &str {
        &self.0.id.topology
    }

    /// Its place.
    #[must_use]
    pub fn place(&self) -> u32 {
        self.0.id.place
    }

    /// Next inbox offset that is not yet decided: everything below is in this view.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.0.next_offset.load(Ordering::Acquire)
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`QueryError::Failed`] when the store cannot be read or holds another row; [`QueryError::NotHere`] when the task has just left.
    pub fn get<K: Key, V: DeserializeOwned>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>, QueryError> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        let mut row = None;
        self.0
            .view
            .get(table.id(), &bytes, &mut |found| row = Some(codec::decode(found)))
            .map_err(|e| self.failed(&e))?;
        row.transpose().map_err(|e| QueryError::Failed(e.to_string()))
    }

    /// Visits rows whose key begins with `prefix`, in key order; one scan sees one commit.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn scan<K: Key, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        prefix: &[u8],
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        self.scan_range(table, prefix, prefix, visit)
    }

    /// [`TaskView::scan`] that begins at `first`, a key with that prefix, or where it would be. What lies before it costs nothing.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn scan_from<K: Key, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        prefix: &[u8],
        first: &K,
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        let mut from = Vec::new();
        first.encode(&mut from);
        self.scan_range(table, prefix, &from, visit)
    }

    fn scan_range<K: Key, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        prefix: &[u8],
        from: &[u8],
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        let view = &self.0.view;
        let read = table.scan_with(prefix, from, visit, |from, to, each| view.scan(table.id(), from, to, each));
        read.map_err(|e| self.failed(&e))?.map_err(|e| QueryError::Failed(e.to_string()))
    }

    /// Visits raw keys and rows of a store.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn scan_bytes(&self, store: StoreId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), QueryError> {
        self.0.view.scan(store, prefix, prefix_end(prefix).as_deref(), visit).map_err(|e| self.failed(&e))
    }

    /// Visits raw keys and rows of a store from key `from` on, up to `to` and without it; `None`: to the end.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn scan_bytes_from(
        &self,
        store: StoreId,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut Visit<'_>,
    ) -> Result<(), QueryError> {
        self.0.view.scan(store, from, to, visit).map_err(|e| self.failed(&e))
    }

    /// Rows of `table` that were decided at this time or before have ended, in ms since the epoch; `i64::MIN` when none has.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn ended_until_ms<K: Key, V: Ends>(&self, table: &EndingTable<K, V>) -> Result<i64, QueryError> {
        let view = &self.0.view;
        ending::until_ms(table.id(), |key, read| view.get(ending::STORE.id, key, read)).map_err(|e| self.failed(&e))
    }

    /// Reads a row that has not ended.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn get_kept<K: Key, V: Ends + DeserializeOwned>(
        &self,
        table: &EndingTable<K, V>,
        key: &K,
    ) -> Result<Option<V>, QueryError> {
        // The row first. A commit in between can only end it, which is true by then; with the watermark first, a row could be shown that its own commit says
        // has ended.
        let row = self.get(table.stored(), key)?;
        let until_ms = self.ended_until_ms(table)?;
        Ok(row.filter(|row| row.decided_ms() > until_ms))
    }

    /// The committed position row.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn position(&self) -> Result<Position, QueryError> {
        let mut row = Ok(Position::default());
        self.0
            .view
            .get(position::STORE.id, position::KEY, &mut |found| row = codec::decode(found))
            .map_err(|e| self.failed(&e))?;
        row.map_err(|e| QueryError::Failed(e.to_string()))
    }

    /// How large a store is.
    ///
    /// # Errors
    /// As [`TaskView::get`].
    pub fn size(&self, store: StoreId) -> Result<Size, QueryError> {
        self.0.view.size(store).map_err(|e| self.failed(&e))
    }

    /// Calls `wake` once the inbox record at `offset` has been decided and committed; at once when it has been.
    pub fn wait_position(&self, offset: i64, wake: OnWake) -> Ticket {
        let number = self.0.last_ticket.fetch_add(1, Ordering::Relaxed);
        let mut waiters = self.0.waiters.lock();
        // Under the lock: the stream thread stores the offset before it takes the lock to collect waiters.
        if self.next_offset() > offset {
            drop(waiters);
            wake(Wake::Committed);
        } else if waiters.closed {
            drop(waiters);
            wake(Wake::Moved);
        } else {
            waiters.positions.insert((offset, number), wake);
        }
        Ticket { shown: self.0.clone(), number, on: On::Position(offset) }
    }

    /// Calls `wake` once, after the next commit that changes this row.
    pub fn wait_row<K: Key, V>(&self, table: &Table<K, V>, key: &K, wake: OnWake) -> Ticket {
        let mut on = vec![table.id().0];
        key.encode(&mut on);
        let number = self.0.last_ticket.fetch_add(1, Ordering::Relaxed);
        let mut waiters = self.0.waiters.lock();
        if waiters.closed {
            drop(waiters);
            wake(Wake::Moved);
        } else {
            waiters.rows.entry(on.clone()).or_default().push((number, wake));
        }
        Ticket { shown: self.0.clone(), number, on: On::Row(on) }
    }

    fn failed(&self, error: &StoreError) -> QueryError {
        match error {
            StoreError::Closed => QueryError::NotHere(self.0.id.clone()),
            other => QueryError::Failed(other.to_string()),
        }
    }
}

/// A registered waiter; dropping it takes it back.
#[derive(Debug)]
#[must_use = "dropping the ticket takes the waiter back"]
pub struct Ticket {
    shown: Arc<Shown>,
    number: u64,
    on: On,
}

#[derive(Debug)]
enum On {
    Position(i64),
    Row(Vec<u8>),
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut waiters = self.shown.waiters.lock();
        match &self.on {
            On::Position(offset) => {
                waiters.positions.remove(&(*offset, self.number));
            }
            On::Row(row) => {
                if let Some(list) = waiters.rows.get_mut(row) {
                    list.retain(|(number, _)| *number != self.number);
                    if list.is_empty() {
                        waiters.rows.remove(row);
                    }
                }
            }
        }
    }
}
