//! Opening tasks' stores.

use std::cmp::Reverse;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use holdfast_ports::store::{Store, StoreError, StoreSpec, Stores, TaskId};

use crate::StateConfig;
use crate::ahead::{Ahead, Wanted};
use crate::columns::Columns;
use crate::dir::{self, TaskDir};
use crate::error;
use crate::fault::Fault;
use crate::format;
use crate::lock::DirLock;
use crate::store::RocksStore;
use crate::tuning::Tuning;

/// How long a store stays open that was opened ahead and nobody has asked for: by then the group has said whose the places are.
const KEEP: Duration = Duration::from_secs(60);

/// All state of one process. Caches, budgets and background threads are shared by the stores it opens.
pub struct RocksStores {
    opening: Opening,
    ahead: Arc<Ahead>,
}

/// What it takes to open a store.
#[derive(Clone)]
struct Opening {
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
        Ok(Self { opening: Opening { config, tuning, fault: Arc::default() }, ahead: Arc::default() })
    }

    /// Opens beside everything else what lies on the disk, so that [`Stores::open`] finds it open: for a worker that will be given its tasks again. `stores`
    /// says which stores a topology has; what belongs to no topology is left alone. What nobody asks for is closed after a minute.
    pub fn open_ahead(&self, stores: impl Fn(&str) -> Option<Vec<StoreSpec>>) {
        let on_disk = dir::tasks(&self.opening.config.dir).unwrap_or_else(|error| {
            tracing::debug!(%error, "nothing is opened ahead");
            Vec::new()
        });
        let wanted = on_disk.into_iter().filter_map(|task| stores(&task.topology).map(|stores| (task, stores)));
        let mut wanted: Vec<Wanted> = wanted.collect();
        // The engine takes its places from the last to the first.
        wanted.sort_by_key(|(task, _)| Reverse(task.place));
        let opening = self.opening.clone();
        self.ahead.begin(wanted, KEEP, move |(task, stores): &Wanted| opening.open(task, stores));
    }

    /// What is in memory now, for metrics.
    pub fn memory(&self) -> Memory {
        Memory {
            block_cache_bytes: self.opening.tuning.block_cache_bytes(),
            write_buffer_bytes: self.opening.tuning.write_buffer_bytes(),
        }
    }

    /// Makes the next write of any store fail.
    #[doc(hidden)]
    pub fn fail_next_write(&self) {
        self.opening.fault.arm();
    }
}

impl Opening {
    /// Locks the directory of a task and makes sure that we know how to read it.
    fn enter(&self, task: &TaskId) -> Result<(TaskDir, DirLock), StoreError> {
        let dir = TaskDir::of(&self.config.dir, task)?;
        fs::create_dir_all(dir.root()).map_err(|e| error::directory(dir.root(), &e))?;
        let lock = DirLock::take(&dir)?;
        format::check_or_create(&dir)?;
        Ok((dir, lock))
    }

    fn open(&self, task: &TaskId, stores: &[StoreSpec]) -> Result<RocksStore, StoreError> {
        let columns = Columns::new(stores)?;
        let (dir, lock) = self.enter(task)?;
        dir.delete_cleared().map_err(|e| error::directory(dir.root(), &e))?;
        let store = RocksStore::open(dir, lock, columns, Arc::clone(&self.tuning), Arc::clone(&self.fault))?;
        tracing::debug!(%task, changelog_next = store.changelog_next(), "store opened");
        Ok(store)
    }
}

impl Stores for RocksStores {
    fn open(&self, task: &TaskId, stores: &[StoreSpec]) -> Result<Box<dyn Store>, StoreError> {
        let store = self.ahead.take(task, stores).map_or_else(|| self.opening.open(task, stores), Ok)?;
        Ok(Box::new(store))
    }

    fn destroy(&self, task: &TaskId) -> Result<(), StoreError> {
        drop(self.ahead.take(task, &[]));
        let (dir, _lock) = self.opening.enter(task)?;
        dir.put_db_aside().and_then(|()| dir.delete_cleared()).map_err(|e| error::directory(dir.root(), &e))
    }
}

impl Drop for RocksStores {
    fn drop(&mut self) {
        self.ahead.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_ports::store::StoreId;
    use std::sync::mpsc;

    const ROWS: StoreSpec = StoreSpec { id: StoreId(1), name: "rows" };
    const OTHERS: StoreSpec = StoreSpec { id: StoreId(2), name: "others" };

    fn task(place: u32) -> TaskId {
        TaskId { topology: "coupon".into(), place }
    }

    /// What a worker with these places has left behind, and where.
    fn left_behind(places: u32) -> (RocksStores, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("a directory");
        let stores = RocksStores::open(StateConfig::new(dir.path())).expect("open");
        for place in 0..places {
            let mut store = stores.open(&task(place), &[ROWS]).expect("open");
            store.put(ROWS.id, b"place", &[place as u8]).expect("put");
            store.commit(7).expect("commit");
        }
        (stores, dir)
    }

    fn row(store: &dyn Store) -> Option<u8> {
        let mut row = None;
        store.get(ROWS.id, b"place", &mut |value| row = value.first().copied()).expect("get");
        row
    }

    /// Opens `wanted` ahead, and says which ones as soon as they are about to be opened.
    fn begin(stores: &RocksStores, wanted: Vec<Wanted>, keep: Duration) -> mpsc::Receiver<TaskId> {
        let (sender, begun) = mpsc::channel();
        let opening = stores.opening.clone();
        stores.ahead.begin(wanted, keep, move |(task, stores): &Wanted| {
            sender.send(task.clone()).expect("heard");
            opening.open(task, stores)
        });
        begun
    }

    #[test]
    fn what_is_asked_for_is_open_already() {
        let (stores, _dir) = left_behind(3);
        let begun = begin(&stores, (0..3).map(|place| (task(place), vec![ROWS])).collect(), KEEP);
        let mut begun: Vec<u32> = begun.iter().map(|task| task.place).collect();
        begun.sort_unstable();
        assert_eq!(begun, [0, 1, 2]);
        for place in 0..3 {
            let store = stores.ahead.take(&task(place), &[ROWS]).expect("open");
            assert_eq!((row(&store), store.changelog_next()), (Some(place as u8), Some(7)));
        }
        assert!(stores.ahead.take(&task(0), &[ROWS]).is_none(), "only once");
    }

    #[test]
    fn whoever_asks_gets_his_store_however_far_it_is() {
        let (stores, _dir) = left_behind(8);
        stores.open_ahead(|name| (name == "coupon").then(|| vec![ROWS]));
        for place in (0..8).rev() {
            let store = stores.open(&task(place), &[ROWS]).expect("open");
            assert_eq!(row(&*store), Some(place as u8));
            assert!(matches!(stores.open(&task(place), &[ROWS]), Err(StoreError::Locked(_))));
        }
    }

    #[test]
    fn another_set_of_stores_is_opened_anew() {
        let (stores, _dir) = left_behind(1);
        begin(&stores, vec![(task(0), vec![ROWS])], KEEP).recv().expect("begun");
        let mut store = stores.open(&task(0), &[ROWS, OTHERS]).expect("open");
        store.put(OTHERS.id, b"new", b"").expect("there is such a store");
        assert_eq!(row(&*store), Some(0));
    }

    #[test]
    fn a_store_is_destroyed_although_it_was_opened_ahead() {
        let (stores, _dir) = left_behind(1);
        begin(&stores, vec![(task(0), vec![ROWS])], KEEP).recv().expect("begun");
        stores.destroy(&task(0)).expect("destroyed");
        assert_eq!(row(&*stores.open(&task(0), &[ROWS]).expect("open")), None);
    }

    #[test]
    fn what_nobody_asks_for_is_closed() {
        let (stores, dir) = left_behind(2);
        let begun = begin(&stores, vec![(task(0), vec![ROWS]), (task(1), vec![ROWS])], Duration::ZERO);
        assert_eq!(begun.iter().count(), 2);
        // Locked is what it is until then.
        let somebody_else = RocksStores::open(StateConfig::new(dir.path())).expect("open");
        for place in 0..2 {
            let opened = std::iter::repeat_with(|| somebody_else.open(&task(place), &[ROWS]))
                .inspect(|_| std::thread::yield_now())
                .find(|opened| !matches!(opened, Err(StoreError::Locked(_))));
            assert!(matches!(opened, Some(Ok(_))));
        }
    }

    #[test]
    fn nothing_is_left_open_at_the_end() {
        let (stores, dir) = left_behind(4);
        let begun = begin(&stores, (0..4).map(|place| (task(place), vec![ROWS])).collect(), KEEP);
        begun.recv().expect("begun");
        drop(stores);
        let stores = RocksStores::open(StateConfig::new(dir.path())).expect("open");
        for place in 0..4 {
            assert_eq!(row(&*stores.open(&task(place), &[ROWS]).expect("nobody holds it")), Some(place as u8));
        }
    }

    #[test]
    fn what_cannot_be_opened_is_told_to_whoever_asks() {
        let (stores, dir) = left_behind(1);
        let held = RocksStores::open(StateConfig::new(dir.path())).expect("open");
        let held = held.open(&task(0), &[ROWS]).expect("open");
        stores.open_ahead(|_| Some(vec![ROWS]));
        assert!(matches!(stores.open(&task(0), &[ROWS]), Err(StoreError::Locked(_))));
        drop(held);
        assert!(stores.open(&task(0), &[ROWS]).is_ok());
    }
}
