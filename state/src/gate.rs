//! How views reach the database, and how they are shut out before it closes: RocksDB closes only when nobody uses it, and the next owner of the
//! directory must not wait for a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_ports::store::StoreError;
use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};

use crate::database::Database;

/// The store shuts it, views pass through it.
pub(crate) struct Gate {
    /// Set before `shut` waits, so that a long scan ends at its next row.
    shutting: AtomicBool,
    db: RwLock<Option<Arc<Database>>>,
}

impl Gate {
    pub(crate) fn to(db: Arc<Database>) -> Self {
        Self { shutting: AtomicBool::new(false), db: RwLock::new(Some(db)) }
    }

    /// Holds the database open as long as the guard lives.
    ///
    /// # Errors
    /// [`StoreError::Closed`] once the gate is shut.
    pub(crate) fn enter(&self) -> Result<MappedRwLockReadGuard<'_, Database>, StoreError> {
        self.check()?;
        // Recursive: who visits a scan may read the same view, and must not wait behind the store that waits for the scan.
        RwLockReadGuard::try_map(self.db.read_recursive(), |db| db.as_deref()).map_err(|_| StoreError::Closed)
    }

    /// [`StoreError::Closed`] once the gate is about to shut.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.shutting.load(Ordering::Relaxed) { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// Shuts everybody out and waits for those inside: at most for one row of a scan.
    pub(crate) fn shut(&self) {
        self.shutting.store(true, Ordering::Relaxed);
        *self.db.write() = None;
    }

    /// Opens it again, to another database.
    pub(crate) fn reopen(&self, db: Arc<Database>) {
        *self.db.write() = Some(db);
        self.shutting.store(false, Ordering::Relaxed);
    }
}
