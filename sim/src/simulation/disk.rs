//! The disk of a simulated machine: in memory for most seeds, RocksDB on a temporary directory for those who want the real one.

use crate::driver::memory_disk;
use crate::memory_disk::{Copy, MemoryDisk};
use crate::rng::Rng;
use holdfast_ports::store::Stores;
use holdfast_state::{RocksStores, StateConfig};
use std::path::Path;
use std::sync::Arc;

/// Which disk workers get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiskKind {
    /// In memory: fast, and a crash may lose what was not flushed.
    #[default]
    Memory,
    /// RocksDB, as in production. Closing it flushes it, so a crash loses nothing; old copies and wiped disks are the same.
    RocksDb,
}

pub(super) enum Disk {
    Memory(MemoryDisk, Option<Copy>),
    RocksDb(tempfile::TempDir, Option<tempfile::TempDir>),
}

impl Disk {
    pub(super) fn new(kind: DiskKind) -> Self {
        match kind {
            DiskKind::Memory => Self::Memory(MemoryDisk::default(), None),
            DiskKind::RocksDb => Self::RocksDb(memory_disk(), None),
        }
    }

    pub(super) fn stores(&self) -> Arc<dyn Stores> {
        match self {
            Self::Memory(disk, _) => Arc::new(disk.clone()),
            Self::RocksDb(dir, _) => {
                let config = StateConfig {
                    block_cache_bytes: 1 << 20,
                    write_buffer_bytes: 4 << 20,
                    memtable_bytes: 64 << 10,
                    compaction_threads: 1,
                    ..StateConfig::new(dir.path().join(super::APP))
                };
                Arc::new(RocksStores::open(config).expect("the state directory opens"))
            }
        }
    }

    /// The power failed. `rng` is asked the same number of questions whatever lies there.
    pub(super) fn crash(&self, rng: &mut Rng) {
        let mut chance = Rng::new(rng.next_u64());
        if let Self::Memory(disk, _) = self {
            disk.crash(|n| usize::try_from(chance.below(n as u64)).unwrap_or(0));
        }
    }

    pub(super) fn wipe(&mut self) {
        match self {
            Self::Memory(disk, _) => disk.wipe(),
            Self::RocksDb(dir, _) => *dir = memory_disk(),
        }
    }

    /// Keeps a copy. Only while nothing is open.
    pub(super) fn keep_copy(&mut self) {
        match self {
            Self::Memory(disk, copy) => *copy = Some(disk.copy()),
            Self::RocksDb(dir, copy) => {
                let to = memory_disk();
                copy_dir(dir.path(), to.path()).expect("a closed database can be copied");
                *copy = Some(to);
            }
        }
    }

    /// Puts the copy back, if there is one.
    pub(super) fn put_copy_back(&mut self) {
        match self {
            Self::Memory(disk, copy) => {
                if let Some(copy) = copy {
                    disk.put_back(copy);
                }
            }
            Self::RocksDb(dir, copy) => {
                if let Some(copy) = copy.take() {
                    *dir = copy;
                }
            }
        }
    }

    /// See [`MemoryDisk::spoil`]. RocksDB is not spoiled.
    pub(super) fn spoil(&self, which: u64, corrupt: bool) {
        if let Self::Memory(disk, _) = self {
            disk.spoil(which, corrupt);
        }
    }

    /// No write is to fail any more.
    pub(super) fn heal(&self) {
        if let Self::Memory(disk, _) = self {
            disk.heal();
        }
    }

    /// What is in memory goes to the platters, as a database does now and then.
    pub(super) fn flush(&self) {
        if let Self::Memory(disk, _) = self {
            disk.flush();
        }
    }
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
