//! How RocksDB is set up, and why. One [`Tuning`] serves all tasks of the process: caches, budgets and threads are shared.
//!
//! What it is tuned for: point reads, most of them of keys that are not there (has this request been seen?), commits of thousands of small rows,
//! and queues (delayed messages) that are written at one end and deleted at the other.

use std::sync::Arc;

use holdfast_ports::store::StoreError;
use rocksdb::{
    BlockBasedOptions, BlockBasedTablePinningTier, Cache, DBCompressionType, DataBlockIndexType, Env, LogLevel,
    LruCacheOptions, Options, WriteBufferManager, WriteOptions,
};

use crate::StateConfig;
use crate::cache::Budget;

/// Bits of bloom filter for a key on disk: about 1 % of absent keys are looked for in vain.
const BLOOM_BITS: f64 = 10.0;

/// A commit comes in the order of its keys, so the place of a key in a memory table is looked for from where the last one went and not from the top: half
/// the comparisons. The hint is kept by prefix of the key; a prefix of nothing is one for all. There is no function for this option, only its name.
const INSERT_WITH_HINT: &str = "memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.0";

/// What all databases of a process share.
pub(crate) struct Tuning {
    cache: Cache,
    buffers: WriteBufferManager,
    env: Env,
    rows: Arc<Budget>,
    config: StateConfig,
}

impl Tuning {
    /// # Errors
    /// [`StoreError::Fatal`] when RocksDB cannot reach the operating system.
    pub(crate) fn new(config: StateConfig) -> Result<Self, StoreError> {
        let mut env = Env::new().map_err(|e| StoreError::Fatal(format!("RocksDB's environment: {e}")))?;
        env.set_low_priority_background_threads(config.compaction_threads);
        env.set_high_priority_background_threads(1);
        Ok(Self {
            cache: block_cache(config.block_cache_bytes),
            // No stall: a commit must not wait for the disk because another task is busy. The budget may be passed for the time of a flush.
            buffers: WriteBufferManager::new_write_buffer_manager(config.write_buffer_bytes, false),
            env,
            rows: Budget::of(config.row_cache_bytes),
            config,
        })
    }

    /// Options of a database.
    pub(crate) fn database(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_env(&self.env);
        options.set_write_buffer_manager(&self.buffers);
        // Without a write-ahead log, each column family would come back from a crash at the point where it happened to be flushed last: rows at one
        // offset, the noted offset at another. An atomic flush writes all of them to disk at the same point or none, and a write batch never
        // straddles that point, so what comes back is always a whole number of commits.
        options.set_atomic_flush(true);
        options.set_max_background_jobs(2);
        options.set_max_open_files(self.config.open_files_max);
        options.set_skip_stats_update_on_db_open(true);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_log_level(LogLevel::Warn);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1 << 20);
        options
    }

    /// Options of a column family.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] when this RocksDB knows other options.
    pub(crate) fn column(&self) -> Result<Options, StoreError> {
        let memtable_bytes = self.config.memtable_bytes.max(64 << 10);
        let mut options = Options::default()
            .get_options_from_string(INSERT_WITH_HINT)
            .map_err(|e| StoreError::Fatal(e.to_string()))?;
        options.set_write_buffer_size(memtable_bytes);
        // Four, so that commits go on while flushes are queued.
        options.set_max_write_buffer_number(4);
        // Every column family of every task has these two from the start, used or not, so they are cut to the budget. At 1024 column families the
        // filters alone would use it up, and every commit would flush: give a process with that many a larger budget.
        options.set_arena_block_size((self.config.write_buffer_bytes / 4096).clamp(4 << 10, 64 << 10));
        let filter_bytes = (self.config.write_buffer_bytes / 1024).clamp(1 << 10, 256 << 10);
        options.set_memtable_prefix_bloom_ratio((filter_bytes as f64 / memtable_bytes as f64).min(0.25));
        options.set_memtable_whole_key_filtering(true);
        // Filters on the last level too: most keys looked for are on no level.
        options.set_optimize_filters_for_hits(false);
        options.set_level_compaction_dynamic_level_bytes(true);
        // The first two levels are rewritten soon: compressing them would only cost.
        options.set_compression_per_level(&[
            DBCompressionType::None,
            DBCompressionType::None,
            DBCompressionType::Lz4,
            DBCompressionType::Lz4,
            DBCompressionType::Lz4,
            DBCompressionType::Lz4,
            DBCompressionType::Lz4,
        ]);
        // A queue leaves files full of tombstones, which a scan would have to walk through: such files are compacted first.
        options.add_compact_on_deletion_collector_factory(8192, 4096, 0.5);
        options.set_block_based_table_factory(&self.table());
        Ok(options)
    }

    fn table(&self) -> BlockBasedOptions {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        table.set_bloom_filter(BLOOM_BITS, false);
        table.set_whole_key_filtering(true);
        // Counted in the cache's budget and never evicted; a filter has 1.25 bytes for each key. Evictable, they are the first thing that a random
        // lookup misses, and one of them is up to a megabyte; cut into small partitions they cost a quarter more for each lookup (measured).
        table.set_cache_index_and_filter_blocks(true);
        table.set_unpartitioned_pinning_tier(BlockBasedTablePinningTier::All);
        // A hash of the keys of each block saves most of a point read's comparisons.
        table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        table.set_data_block_hash_ratio(0.75);
        table.set_format_version(5);
        table
    }

    /// What rows read again and again may take.
    pub(crate) fn rows(&self) -> Arc<Budget> {
        Arc::clone(&self.rows)
    }

    /// Bytes of blocks, indexes and filters in memory.
    pub(crate) fn block_cache_bytes(&self) -> usize {
        self.cache.get_usage()
    }

    /// Bytes of committed writes in memory, empty tables included.
    pub(crate) fn write_buffer_bytes(&self) -> usize {
        self.buffers.get_usage()
    }
}

/// How commits are written: the changelog is the write-ahead log, and it has been written before.
pub(crate) fn no_wal() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

/// RocksDB cuts a cache into up to 64 shards, each with its part of the budget, and one large filter would fill a shard of 2 MB. At least 16 MiB each.
fn block_cache(bytes: usize) -> Cache {
    let mut options = LruCacheOptions::default();
    options.set_capacity(bytes);
    options.set_num_shard_bits((bytes >> 24).checked_ilog2().unwrap_or(0).min(6) as i32);
    Cache::new_lru_cache_opts(&options)
}
