//! What the log's hands share: appenders, readers, writers, memberships and the log's own threads.

use crate::claims::Claims;
use crate::config::EmbeddedConfig;
use crate::directory::Directory;
use crate::disk::{Disk, Sync};
use crate::poison::{self, Poison};
use crate::queue::Queue;
use crate::topics::Topics;
use holdfast_ports::log::LogError;
use parking_lot::Mutex;
use rocksdb::WriteBatch;
use std::sync::atomic::{AtomicU64, Ordering};

/// The open log. It is closed, and its directory free, when the last hand has let go of it.
pub(crate) struct Shared {
    pub(crate) config: EmbeddedConfig,
    pub(crate) topics: Topics,
    pub(crate) claims: Claims,
    pub(crate) queue: Queue,
    pub(crate) poison: Poison,
    /// Held during a round of housekeeping.
    pub(crate) housekeeping: Mutex<()>,
    syncs: AtomicU64,
    fault: Mutex<Option<String>>,
    pub(crate) disk: Disk,
    // After the database, because fields are dropped in this order.
    _directory: Directory,
}

impl Shared {
    /// Takes the directory and reads what is in it.
    pub(crate) fn open(config: EmbeddedConfig) -> Result<Self, LogError> {
        let directory = Directory::take(&config.dir)?;
        let disk = Disk::open(&directory.rocksdb(), &config)?;
        Ok(Self {
            topics: Topics::load(&disk)?,
            claims: Claims::load(&disk)?,
            queue: Queue::new(config.pending_bytes_max),
            poison: Poison::default(),
            housekeeping: Mutex::default(),
            syncs: AtomicU64::new(0),
            fault: Mutex::default(),
            config,
            disk,
            _directory: directory,
        })
    }

    /// Fails when the log has stopped.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        self.poison.why().map_or(Ok(()), |why| Err(LogError::Fatal(why.to_owned())))
    }

    /// Stops the log for good.
    pub(crate) fn stop(&self, why: String) {
        tracing::error!(dir = %self.config.dir.display(), why, "the log has stopped");
        self.poison.set(why);
        for partition in self.topics.all() {
            partition.wake_all();
        }
    }

    /// Writes `batch`, beside the committer. A failure stops the log. Not to be called with the topics locked.
    pub(crate) fn write(&self, batch: WriteBatch, sync: Sync) -> Result<(), LogError> {
        self.disk.write(batch, sync).map_err(|error| self.fail(&error.into_string()))
    }

    /// Stops the log after a failed write.
    pub(crate) fn fail(&self, error: &str) -> LogError {
        let why = poison::write_failed(error);
        self.stop(why.clone());
        LogError::Fatal(why)
    }

    pub(crate) fn count_sync(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    pub(crate) fn set_fault(&self, why: String) {
        *self.fault.lock() = Some(why);
    }

    pub(crate) fn take_fault(&self) -> Option<String> {
        self.fault.lock().take()
    }
}
