//! What an embedded log is opened with.

use holdfast_ports::clock::Clock;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What an embedded log is opened with: settings, and the clock it takes append times from.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// Its directory. Created when missing; one process at a time has it.
    pub dir: PathBuf,
    /// Where append times come from.
    pub clock: Arc<dyn Clock>,
    /// A record with more bytes than this (key, value and headers together) is refused. Default 10 MiB.
    pub record_bytes_max: usize,
    /// Appends waiting to be synced hold at most this many bytes; beyond it, appends are turned away as unavailable. Default 64 MiB.
    pub pending_bytes_max: usize,
    /// Records just written are kept in memory for readers up to this many bytes, all partitions together. Default 64 MiB.
    pub tail_bytes_max: usize,
    /// Bytes of records gathered in memory before `RocksDB` writes a table of them. Default 64 MiB.
    pub write_buffer_bytes: usize,
    /// Tables that are kept open; -1 = all. Default -1.
    pub open_tables_max: i32,
    /// How often retention and compaction look around; `None` = never by themselves. Default 60 s.
    pub maintain_every: Option<Duration>,
    /// A compacted partition with fewer uncompacted offsets than this is left alone. Default 10,000.
    pub compact_offsets_min: u64,
    /// Keys that one compaction pass remembers at most: bounds its memory. Default 1,000,000.
    pub compact_keys_max: usize,
}

impl EmbeddedConfig {
    /// The defaults, in `dir`, on `clock`.
    pub fn new(dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            dir: dir.into(),
            clock,
            record_bytes_max: 10 << 20,
            pending_bytes_max: 64 << 20,
            tail_bytes_max: 64 << 20,
            write_buffer_bytes: 64 << 20,
            open_tables_max: -1,
            maintain_every: Some(Duration::from_secs(60)),
            compact_offsets_min: 10_000,
            compact_keys_max: 1_000_000,
        }
    }
}

impl fmt::Debug for EmbeddedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedConfig").field("dir", &self.dir).finish_non_exhaustive()
    }
}
