//! Opening tasks' stores.

use std::fs;
use std::sync::Arc;

use holdfast_ports::store::{Store, StoreError, StoreSpec, Stores, TaskId};

use crate::StateConfig;
use crate::columns::Columns;
use crate::dir::TaskDir;
use crate::error;
use crate::fault::Fault;
use crate::format;
use crate::lock::DirLock;
use crate::store::RocksStore;
use crate::tuning::Tuning;

/// All state of one process. Caches, budgets and background threads are shared by the stores it opens.
pub struct RocksStores {
    config: StateConfig,
    tuning: Arc<Tuning>,
    fault: Arc<Fault>,
}

/// Memory that RocksDB holds for all stores of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Blocks, indexes and filters read from disk, in bytes.
    pub block_cache_bytes: usize,
    /// Committed writes that are not yet on disk, in bytes.
    pub write_buffer_bytes: usize,
}

impl RocksStores {
    /// Prepares the app's directory; a task's own directory is opened by [`Stores::open`].
    ///
    /// # Errors
    /// [`StoreError::Fatal`] when the directory cannot be created.
    pub fn open(config: StateConfig) -> Result<Self, StoreError> {
        fs::create_dir_all(&config.dir).map_err(|e| error::directory(&config.dir, &e))?;
        let tuning = Arc::new(Tuning::new(config.clone())?);
        Ok(Self { config, tuning, fault: Arc::default() })
    }

    /// What is in memory now, for metrics.
    pub fn memory(&self) -> Memory {
        Memory {
            block_cache_bytes: self.tuning.block_cache_bytes(),
            write_buffer_bytes: self.tuning.write_buffer_bytes(),
        }
    }

    /// Makes the next write of any store fail.
    #[doc(hidden)]
    pub fn fail_next_write(&self) {
        self.fault.arm();
    }

    /// Locks the directory of a task and makes sure that we know how to read it.
    fn enter(&self, task: &TaskId) -> Result<(TaskDir, DirLock), StoreError> {
        let dir = TaskDir::of(&self.config.dir, task)?;
        fs::create_dir_all(dir.root()).map_err(|e| error::directory(dir.root(), &e))?;
        let lock = DirLock::take(&dir)?;
        format::check_or_create(&dir)?;
        Ok((dir, lock))
    }
}

impl Stores for RocksStores {
    fn open(&self, task: &TaskId, stores: &[StoreSpec]) -> Result<Box<dyn Store>, StoreError> {
        let columns = Columns::new(stores)?;
        let (dir, lock) = self.enter(task)?;
        dir.delete_cleared().map_err(|e| error::directory(dir.root(), &e))?;
        let store = RocksStore::open(dir, lock, columns, Arc::clone(&self.tuning), Arc::clone(&self.fault))?;
        tracing::debug!(%task, changelog_next = store.changelog_next(), "store opened");
        Ok(Box::new(store))
    }

    fn destroy(&self, task: &TaskId) -> Result<(), StoreError> {
        let (dir, _lock) = self.enter(task)?;
        dir.put_db_aside().and_then(|()| dir.delete_cleared()).map_err(|e| error::directory(dir.root(), &e))
    }
}
