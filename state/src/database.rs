//! One task's RocksDB: every column family it has, under its name.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_ports::store::{Size, StoreError};
use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, DBRawIterator, FlushOptions, Options, ReadOptions, WriteBatch,
    WriteOptions, properties,
};

use crate::columns::{Columns, DEFAULT, META};
use crate::error;
use crate::tuning::{self, Tuning};

/// An open database. Reads may come from any thread, writes come from the store that owns it.
pub(crate) struct Database {
    db: DB,
    names: Box<[String]>,
    read: ReadOptions,
    write: WriteOptions,
}

impl Database {
    /// Opens or creates the database. Column families that `columns` does not know are opened and left alone: an older program may want them back.
    pub(crate) fn open(path: &Path, tuning: &Tuning, columns: &Columns) -> Result<Self, StoreError> {
        let mut names: BTreeSet<String> = if path.join("CURRENT").exists() { on_disk(path)? } else { BTreeSet::new() };
        names
            .extend([DEFAULT, META].into_iter().chain(columns.specs().iter().map(|spec| spec.name)).map(str::to_owned));
        let families = names
            .iter()
            .map(|name| Ok(ColumnFamilyDescriptor::new(name, tuning.column()?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let db = DB::open_cf_descriptors(&tuning.database(), path, families).map_err(|e| error::opening(path, &e))?;
        Ok(Self::of(db, names))
    }

    /// Opens what is on the disk, beside a process that may be writing it: what that process has not flushed is not seen.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let names = on_disk(path)?;
        let db = DB::open_cf_for_read_only(&Options::default(), path, &names, false)
            .map_err(|e| error::opening(path, &e))?;
        Ok(Self::of(db, names))
    }

    fn of(db: DB, names: BTreeSet<String>) -> Self {
        Self { db, names: names.into_iter().collect(), read: ReadOptions::default(), write: tuning::no_wal() }
    }

    pub(crate) fn column(&self, name: &str) -> Result<&ColumnFamily, StoreError> {
        self.db
            .cf_handle(name)
            .ok_or_else(|| StoreError::Fatal(format!("there is no store {name:?} in {}", self.db.path().display())))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Calls `read` with the value and returns true, or returns false.
    #[inline]
    pub(crate) fn get(&self, column: &str, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        match self.db.get_pinned_cf_opt(&self.column(column)?, key, &self.read) {
            Ok(Some(value)) => {
                read(&value);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(e) => Err(error::reading(&e)),
        }
    }

    /// Keys in `from..to` as they are now, whatever is written while the cursor lives.
    pub(crate) fn cursor(&self, column: &str, from: &[u8], to: Option<&[u8]>) -> Result<Cursor<'_>, StoreError> {
        let mut read = ReadOptions::default();
        if let Some(to) = to {
            read.set_iterate_upper_bound(to);
        }
        let mut rows = self.db.raw_iterator_cf_opt(&self.column(column)?, read);
        rows.seek(from);
        Ok(Cursor { rows })
    }

    /// Writes all of `batch` or nothing, to memory.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.db.write_opt(batch, &self.write).map_err(|e| error::writing(&e))
    }

    /// Writes everything in memory to disk and waits for it.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let families = self.names().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        self.db.flush_cfs_opt(&families, &FlushOptions::default()).map_err(|e| error::writing(&e))
    }

    /// Estimated size: rows, and bytes on disk and in memory tables that hold something.
    pub(crate) fn size(&self, column: &str) -> Result<Size, StoreError> {
        let family = self.column(column)?;
        let number =
            |name| Ok(self.db.property_int_value_cf(&family, name).map_err(|e| error::reading(&e))?.unwrap_or(0));
        let mut bytes = number(properties::LIVE_SST_FILES_SIZE)?;
        // An empty memory table has a filter of its own: that is not the store's size.
        if number(properties::NUM_ENTRIES_ACTIVE_MEM_TABLE)? + number(properties::NUM_ENTRIES_IMM_MEM_TABLES)? > 0 {
            bytes += number(properties::CUR_SIZE_ALL_MEM_TABLES)?;
        }
        Ok(Size { keys: number(properties::ESTIMATE_NUM_KEYS)?, bytes })
    }
}

fn on_disk(path: &Path) -> Result<BTreeSet<String>, StoreError> {
    Ok(DB::list_cf(&Options::default(), path).map_err(|e| error::opening(path, &e))?.into_iter().collect())
}

/// A walk through one column family, in byte order.
pub(crate) struct Cursor<'a> {
    rows: DBRawIterator<'a>,
}

impl Cursor<'_> {
    /// The row it stands on; `None` at the end, or after a failure that [`Cursor::finish`] tells.
    #[inline]
    pub(crate) fn item(&self) -> Option<(&[u8], &[u8])> {
        self.rows.item()
    }

    #[inline]
    pub(crate) fn next(&mut self) {
        self.rows.next();
    }

    /// Whether the end was the end of the rows.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        self.rows.status().map_err(|e| error::reading(&e))
    }
}
