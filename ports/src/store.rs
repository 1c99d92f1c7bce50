//! One task's state. The store is never ahead of the log: writes go to an overlay, and the overlay enters the durable store only after the log
//! transaction that carries them has been committed, together with the changelog offset it stands for.
//!
//! ```text
//!  overlay        what is being decided                             put, delete, mark, undo
//!  batch          what is being committed, by whoever has it        seal ── Batch::commit ── settle
//!  durable store  what is committed                                 views read here
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;

/// Number of a store within a task. Persisted in state and in changelog keys: never re-use one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(pub u8);

/// Name and number of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSpec {
    /// Its number, in the changelog.
    pub id: StoreId,
    /// Its name: the column family, and what operators see.
    pub name: &'static str,
}

/// Which task: a topology in a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The topology's name.
    pub topology: Arc<str>,
    /// The place.
    pub place: u32,
}

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topology, self.place)
    }
}

/// Opens tasks' stores.
pub trait Stores: Send + Sync {
    /// Opens (or creates) the state of `task`. Only one may be open at a time.
    fn open(&self, task: &TaskId, stores: &[StoreSpec]) -> Result<Box<dyn Store>, StoreError>;

    /// Deletes the state of a task that is not open: the answer to [`StoreError::Corrupt`]. The next `open` finds a new store, and the changelog
    /// restores it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when the task is open somewhere; [`StoreError::Fatal`] when its format is unknown or it cannot be deleted.
    fn destroy(&self, task: &TaskId) -> Result<(), StoreError>;
}

/// Visits one key and its value; `Break` ends the scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// One change of one key; `None` deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'a> {
    /// Which store.
    pub store: StoreId,
    /// Which key.
    pub key: &'a [u8],
    /// Its new value, or `None` for a deletion.
    pub value: Option<&'a [u8]>,
}

/// The state of one task as its stream thread sees it: committed store below, the batch that is being committed above that, and the overlay on top.
pub trait Store: Send {
    /// Reads a key, own uncommitted writes included. Calls `read` with the value and returns true, or returns false.
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError>;

    /// Writes to the overlay.
    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Deletes in the overlay.
    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<(), StoreError>;

    /// Visits keys in `from..to` (to the end when `to` is `None`) in byte order, overlay included.
    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Remembers the overlay as it is: called before each record.
    fn mark(&mut self);

    /// Returns the overlay to the last [`Store::mark`]: what a failing record wrote is gone.
    fn undo(&mut self);

    /// True when nothing is uncommitted: neither in the overlay nor in a batch.
    fn is_clean(&self) -> bool;

    /// Bytes of keys and values written to the overlay since it was begun, and not taken back since. What was written over counts too, as long as the overlay
    /// holds it. Asked after each record: a look at a number.
    fn overlay_bytes(&self) -> usize;

    /// Closes the overlay: what it holds is the batch to be committed, which stays readable here, below a new overlay. There is one batch at a time,
    /// until it was settled or rolled back.
    fn seal(&mut self) -> Result<Arc<dyn Batch>, StoreError>;

    /// The batch has been committed with this offset: forgets it.
    fn settle(&mut self, changelog_next: i64);

    /// Commits the overlay at once.
    fn commit(&mut self, changelog_next: i64) -> Result<(), StoreError> {
        self.seal()?.commit(changelog_next)?;
        self.settle(changelog_next);
        Ok(())
    }

    /// Throws the overlay away, and the batch. Not while somebody commits it.
    fn rollback(&mut self);

    /// Applies records read from the changelog, below the overlay and with no batch above them, with the offset after the last of them.
    fn restore(&mut self, writes: &[Write<'_>], changelog_next: i64) -> Result<(), StoreError>;

    /// Offset of the first changelog record that is not in the durable store; `None` for a new or cleared store.
    fn changelog_next(&self) -> Option<i64>;

    /// When the durable store was last known to be level with its changelog, in ms since the epoch; until it has been for the first time, when that
    /// was begun. A store left alone for longer than the changelog keeps tombstones has to be cleared. `None` for a new store.
    fn fresh_ms(&self) -> Option<i64>;

    /// Notes that the store was level with its changelog at `now_ms`, or begins from nothing then.
    fn set_fresh(&mut self, now_ms: i64) -> Result<(), StoreError>;

    /// Deletes everything: the restore starts from the beginning.
    fn clear(&mut self) -> Result<(), StoreError>;

    /// Makes what was committed survive a crash of the machine, not only of the process (the changelog could repeat it; this saves the time).
    fn flush(&mut self) -> Result<(), StoreError>;

    /// The committed view, for queries from other threads. Outlives the store; answers [`StoreError::Closed`] after it was closed.
    fn view(&self) -> Arc<dyn View>;
}

/// What one commit enters into the durable store of a task. Whoever has it may commit it beside the stream thread, which reads and writes on.
pub trait Batch: Send + Sync {
    /// Visits the last write of each key, once. The order is the same for the same writes.
    fn changes(&self, visit: &mut dyn FnMut(Write<'_>));

    /// Enters it and `changelog_next` into the durable store in one atomic write. A failure poisons the store.
    fn commit(&self, changelog_next: i64) -> Result<(), StoreError>;
}

/// The committed state of a task, as queries see it.
pub trait View: Send + Sync {
    /// Reads a committed key: see [`Store::get`].
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError>;

    /// Visits committed keys: see [`Store::scan`]. One scan sees one commit.
    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Estimated number of keys and bytes on disk of `store`.
    fn size(&self, store: StoreId) -> Result<Size, StoreError>;
}

/// How large a store is, roughly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Keys.
    pub keys: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Why a store refused, named by what must happen next.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// An earlier write failed, so nobody knows what is on the disk: close it and restore from the committed state.
    #[error("store is poisoned: {0}")]
    Poisoned(String),
    /// What is on disk cannot be read: clear it and restore.
    #[error("store is corrupt: {0}")]
    Corrupt(String),
    /// Another process holds the directory.
    #[error("{0}")]
    Locked(String),
    /// The store was closed (its place has moved).
    #[error("store is closed")]
    Closed,
    /// Unknown format, unknown store: a mistake of whoever wrote the program or started the wrong version.
    #[error("{0}")]
    Fatal(String),
}
