//! `RocksDB` as this log uses it: two column families, one way to write, one way to walk over a partition's chunks.

use crate::chunk::Header;
use crate::config::EmbeddedConfig;
use crate::partition_id::PartitionId;
use crate::rows::chunk_key;
use holdfast_ports::log::LogError;
use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRawIterator, DBRecoveryMode, ErrorKind, LogLevel,
    Options, ReadOptions, WriteBatch, WriteOptions,
};
use std::path::Path;

/// The column family of chunks; everything else lies in the default one.
const RECORDS: &str = "records";

/// Whether a write has to survive the machine, or only the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// On the disk when it returns.
    Yes,
    /// With the next synced write, or when the system gets around to it; never before an earlier write.
    Later,
}

/// The open database.
pub(crate) struct Disk {
    db: DB,
}

impl Disk {
    /// Opens the database in `dir`, creating it when it is missing.
    pub(crate) fn open(dir: &Path, config: &EmbeddedConfig) -> Result<Self, LogError> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        // A write that was under way when the power went may be torn. Everything acknowledged was synced and lies before it.
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        // The rare writes to the default family must not keep old write-ahead logs from being deleted.
        options.set_max_total_wal_size(4 * config.write_buffer_bytes as u64);
        options.set_max_background_jobs(2);
        options.set_max_open_files(config.open_tables_max);
        // One thread writes nearly everything, in the order of keys: the single-writer insert remembers where it was.
        options.set_allow_concurrent_memtable_write(false);
        options.set_log_level(LogLevel::Warn);
        options.set_keep_log_file_num(2);
        // Threads that only dump statistics would wake an idle log.
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);

        let mut records = Options::default();
        records.set_write_buffer_size(config.write_buffer_bytes);
        records.set_max_write_buffer_number(4);
        records.set_compression_type(DBCompressionType::Lz4);
        let mut meta = Options::default();
        meta.set_write_buffer_size(4 << 20);

        let families = [ColumnFamilyDescriptor::new("default", meta), ColumnFamilyDescriptor::new(RECORDS, records)];
        DB::open_cf_descriptors(&options, dir, families).map(|db| Self { db }).map_err(|error| match error.kind() {
            ErrorKind::Corruption => LogError::Corrupt(format!("{}: {error}", dir.display())),
            _ => LogError::Fatal(format!("log directory {} cannot be opened: {error}", dir.display())),
        })
    }

    /// The family of chunks.
    pub(crate) fn records(&self) -> &ColumnFamily {
        self.db.cf_handle(RECORDS).expect("opened with this family")
    }

    /// The family of everything else.
    pub(crate) fn meta(&self) -> &ColumnFamily {
        self.db.cf_handle("default").expect("opened with this family")
    }

    /// Writes `batch` wholly or not at all. After an error nobody knows which.
    pub(crate) fn write(&self, batch: WriteBatch, sync: Sync) -> Result<(), rocksdb::Error> {
        let mut options = WriteOptions::default();
        options.set_sync(sync == Sync::Yes);
        self.db.write_opt(batch, &options)
    }

    /// Deletes the tables that hold nothing but chunks between these keys. They must have been deleted before.
    pub(crate) fn drop_tables(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<(), rocksdb::Error> {
        self.db.delete_file_in_range_cf(self.records(), from.as_ref(), to.as_ref())
    }

    /// The meta row at `key`, decoded.
    pub(crate) fn row<T>(&self, key: &[u8], decode: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, LogError> {
        let found = self.db.get_pinned_cf(self.meta(), key).map_err(|error| read_failed(&error))?;
        let Some(value) = found else { return Ok(None) };
        decode(&value).map(Some).ok_or_else(|| LogError::Corrupt(format!("row {:?}", key.escape_ascii().to_string())))
    }

    /// Visits the meta rows whose keys begin with `prefix`. `visit` returns `None` for a row that cannot be what was written.
    pub(crate) fn each_row(
        &self,
        prefix: u8,
        mut visit: impl FnMut(&[u8], &[u8]) -> Option<()>,
    ) -> Result<(), LogError> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound([prefix]);
        options.set_iterate_upper_bound([prefix + 1]);
        let mut rows = self.db.raw_iterator_cf_opt(self.meta(), options);
        rows.seek_to_first();
        while let Some((key, value)) = rows.item() {
            visit(key, value).ok_or_else(|| LogError::Corrupt(format!("row {:?}", key.escape_ascii().to_string())))?;
            rows.next();
        }
        rows.status().map_err(|error| read_failed(&error))
    }

    /// The chunks of a partition from `earliest` on, as they are now. Below that there may be deleted ones, which are slow to walk over.
    pub(crate) fn chunks(&self, partition: PartitionId, earliest: i64) -> Chunks<'_> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(chunk_key::key(partition.topic, partition.number, earliest));
        options.set_iterate_upper_bound(chunk_key::key(partition.topic, partition.number, i64::MAX));
        Chunks { partition, rows: self.db.raw_iterator_cf_opt(self.records(), options) }
    }
}

/// A walk over the chunks of a partition, as they were when it began.
pub(crate) struct Chunks<'d> {
    partition: PartitionId,
    rows: DBRawIterator<'d>,
}

/// One chunk under the walk.
#[derive(Clone, Copy)]
pub(crate) struct StoredChunk<'a> {
    /// Its first offset.
    pub(crate) base: i64,
    pub(crate) header: Header,
    pub(crate) bytes: &'a [u8],
}

impl StoredChunk<'_> {
    /// The offset after the last one it stands for.
    pub(crate) fn end(&self) -> i64 {
        self.base + i64::from(self.header.span)
    }
}

impl Chunks<'_> {
    /// Goes to the chunk that holds `offset`, or to the first one after it.
    pub(crate) fn seek(&mut self, offset: i64) -> Result<(), LogError> {
        self.rows.seek_for_prev(chunk_key::key(self.partition.topic, self.partition.number, offset));
        match self.current()? {
            None => self.rows.seek_to_first(),
            Some(chunk) if chunk.end() <= offset => self.rows.next(),
            Some(_) => {}
        }
        Ok(())
    }

    /// Goes to the last chunk.
    pub(crate) fn seek_to_last(&mut self) {
        self.rows.seek_to_last();
    }

    /// Goes on to the next chunk.
    pub(crate) fn next(&mut self) {
        self.rows.next();
    }

    /// The chunk under the walk; `None` behind the last one.
    pub(crate) fn current(&self) -> Result<Option<StoredChunk<'_>>, LogError> {
        let Some((key, bytes)) = self.rows.item() else {
            return self.rows.status().map(|()| None).map_err(|error| read_failed(&error));
        };
        let (Some(base), Some(header)) = (chunk_key::base(key), Header::read(bytes)) else {
            return Err(LogError::Corrupt(format!("chunk at {:?}", key.escape_ascii().to_string())));
        };
        Ok(Some(StoredChunk { base, header, bytes }))
    }
}

fn read_failed(error: &rocksdb::Error) -> LogError {
    match error.kind() {
        ErrorKind::Corruption => LogError::Corrupt(error.to_string()),
        _ => LogError::Fatal(format!("log cannot be read: {error}")),
    }
}
