//! What can be set about the state of one process.

use std::path::PathBuf;

/// Settings of [`RocksStores`](crate::RocksStores). The budgets are for the whole process, however many tasks it owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// The app's directory: `<data>/<app>`. Created when it is missing.
    pub dir: PathBuf,
    /// Bytes for blocks, indexes and filters read from disk. Default 32 MiB.
    pub block_cache_bytes: usize,
    /// Bytes of committed writes that may wait in memory before they are written to disk. A crash of the process loses at most these, and the
    /// changelog brings them back: half a million rows, a second or two of restore. Default 64 MiB.
    pub write_buffer_bytes: usize,
    /// Bytes at which one store's memory table is written to disk even if the budget above is not used up. Default 16 MiB.
    pub memtable_bytes: usize,
    /// Bytes for single rows that have been read from the stores and may be read again. Default 16 MiB.
    pub row_cache_bytes: usize,
    /// Files that one task may hold open. Default 512.
    pub open_files_max: i32,
    /// Threads that compact, shared by all tasks; one more writes memory tables to disk. Default 2.
    pub compaction_threads: i32,
}

impl StateConfig {
    /// The defaults, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            block_cache_bytes: 32 << 20,
            write_buffer_bytes: 64 << 20,
            memtable_bytes: 16 << 20,
            row_cache_bytes: 16 << 20,
            open_files_max: 512,
            compaction_threads: 2,
        }
    }
}
