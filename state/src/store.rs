//! One task's store: the overlay above, the batch that is being committed, the database below.

use std::sync::Arc;

use holdfast_ports::store::{Batch, Store, StoreError, StoreId, View, Visit, Write};
use rocksdb::WriteBatch;

use crate::batch::RocksBatch;
use crate::cache::Cache;
use crate::columns::Columns;
use crate::database::Database;
use crate::dir::TaskDir;
use crate::error;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::lock::DirLock;
use crate::merge::{Stack, merge};
use crate::meta::{self, Meta};
use crate::overlay::{Change, Found, Overlay};
use crate::poison::Poison;
use crate::tuning::Tuning;
use crate::view::RocksView;

/// See the head of this file. Dropped, it writes what it has in memory to disk, shuts out its views, closes the database and frees the directory, in
/// that order.
pub(crate) struct RocksStore {
    overlay: Overlay,
    /// Sealed and not settled.
    batch: Option<Arc<RocksBatch>>,
    /// The overlay of an earlier commit, for its memory.
    spare: Option<Overlay>,
    cache: Cache,
    columns: Arc<Columns>,
    /// `None` only while the store is being cleared or dropped. Shared with the gate and nobody else, so that shutting the gate closes it.
    db: Option<Arc<Database>>,
    gate: Arc<Gate>,
    meta: Meta,
    poison: Arc<Poison>,
    fault: Arc<Fault>,
    tuning: Arc<Tuning>,
    dir: TaskDir,
    _lock: DirLock,
}

impl RocksStore {
    /// Opens the database in `dir`, which the caller has locked and whose format it has checked.
    pub(crate) fn open(
        dir: TaskDir,
        lock: DirLock,
        columns: Columns,
        tuning: Arc<Tuning>,
        fault: Arc<Fault>,
    ) -> Result<Self, StoreError> {
        let db = open(&dir, &tuning, &columns)?;
        Ok(Self {
            overlay: empty(&columns),
            batch: None,
            spare: None,
            cache: Cache::new(columns.specs().len(), tuning.rows()),
            meta: Meta::read(&db)?,
            gate: Arc::new(Gate::to(Arc::clone(&db))),
            db: Some(db),
            columns: Arc::new(columns),
            poison: Arc::default(),
            fault,
            tuning,
            dir,
            _lock: lock,
        })
    }

    #[inline]
    fn db(&self) -> Result<&Database, StoreError> {
        self.poison.check()?;
        self.db.as_deref().ok_or(StoreError::Closed)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let written = self.fault.strike().and_then(|()| self.db()?.write(batch));
        self.poison.keep(written)
    }

    fn put_or_delete(&mut self, store: StoreId, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        self.poison.check()?;
        self.overlay.write(self.columns.slot(store)?, key, value)
    }

    /// What is uncommitted of a key: in the overlay, and else in the batch.
    #[inline]
    fn uncommitted(&self, slot: usize, key: &[u8]) -> Found<'_> {
        match (self.overlay.get(slot, key), &self.batch) {
            (Found::Nothing, Some(batch)) => batch.overlay.get(slot, key),
            (found, _) => found,
        }
    }

    /// Calls `walk` with the uncommitted writes to keys in `from..to`, in byte order. The range must not be empty.
    fn uncommitted_range<R>(
        &self,
        slot: usize,
        from: &[u8],
        to: Option<&[u8]>,
        walk: impl for<'a> FnOnce(&mut dyn Iterator<Item = Change<'a>>) -> R,
    ) -> R {
        let batch = self.batch.as_deref().map(|batch| &batch.overlay).filter(|batch| !batch.is_bare(slot));
        match batch {
            None if self.overlay.is_bare(slot) => walk(&mut std::iter::empty()),
            None => self.overlay.range(slot, from, to, walk),
            Some(batch) if self.overlay.is_bare(slot) => batch.range(slot, from, to, walk),
            #[expect(clippy::map_identity, reason = "rows of two overlays do not live equally long")]
            Some(batch) => self.overlay.range(slot, from, to, |above| {
                batch.range(slot, from, to, |below| walk(&mut Stack::of(above.map(|c| c), below.map(|c| c))))
            }),
        }
    }

    /// Puts the database aside and opens an empty one.
    fn replace_db(&mut self) -> Result<(), StoreError> {
        self.gate.shut();
        self.db = None;
        self.dir.put_db_aside().map_err(|e| error::directory(self.dir.root(), &e))?;
        let db = open(&self.dir, &self.tuning, &self.columns)?;
        self.gate.reopen(Arc::clone(&db));
        self.db = Some(db);
        Ok(())
    }
}

fn empty(columns: &Columns) -> Overlay {
    Overlay::new(columns.specs().iter().map(|spec| spec.id))
}

fn open(dir: &TaskDir, tuning: &Tuning, columns: &Columns) -> Result<Arc<Database>, StoreError> {
    let db = Database::open(&dir.db(), tuning, columns)?;
    db.write(meta::register(&db, columns)?)?;
    Ok(Arc::new(db))
}

impl Store for RocksStore {
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let slot = self.columns.slot(store)?;
        match self.uncommitted(slot, key) {
            Found::Nothing => {
                let db = self.db()?;
                if self.cache.get(slot, key, read) {
                    return Ok(true);
                }
                let mut read_and_keep = |value: &[u8]| {
                    read(value);
                    self.cache.keep(slot, key, value);
                };
                self.poison.keep(db.get(self.columns.name(slot), key, &mut read_and_keep))
            }
            found => {
                self.poison.check()?;
                let Found::Value(value) = found else { return Ok(false) };
                read(value);
                Ok(true)
            }
        }
    }

    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.put_or_delete(store, key, Some(value))
    }

    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<(), StoreError> {
        self.put_or_delete(store, key, None)
    }

    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let slot = self.columns.slot(store)?;
        let db = self.db()?;
        if to.is_some_and(|to| to <= from) {
            return Ok(());
        }
        let below = db.cursor(self.columns.name(slot), from, to);
        let scanned =
            below.and_then(|below| self.uncommitted_range(slot, from, to, |above| merge(above, below, visit)));
        self.poison.keep(scanned)
    }

    fn mark(&mut self) {
        self.overlay.mark();
    }

    fn undo(&mut self) {
        self.overlay.undo();
    }

    fn is_clean(&self) -> bool {
        self.overlay.is_empty() && self.batch.is_none()
    }

    fn overlay_bytes(&self) -> usize {
        self.overlay.bytes()
    }

    fn seal(&mut self) -> Result<Arc<dyn Batch>, StoreError> {
        self.poison.check()?;
        if self.batch.is_some() {
            return Err(StoreError::Fatal("a batch is sealed before the last one was settled".to_owned()));
        }
        let open = self.spare.take().unwrap_or_else(|| empty(&self.columns));
        let batch = Arc::new(RocksBatch {
            overlay: std::mem::replace(&mut self.overlay, open),
            columns: Arc::clone(&self.columns),
            gate: Arc::clone(&self.gate),
            poison: Arc::clone(&self.poison),
            fault: Arc::clone(&self.fault),
        });
        self.batch = Some(Arc::clone(&batch));
        Ok(batch)
    }

    fn settle(&mut self, changelog_next: i64) {
        let Some(batch) = self.batch.take() else { return };
        self.meta.changelog_next = Some(changelog_next);
        let Self { cache, columns, .. } = self;
        let bare: Box<[bool]> = (0..columns.specs().len()).map(|slot| cache.is_bare(slot)).collect();
        batch.overlay.hashed(|slot| !bare[slot], |slot, hash, (key, value)| cache.update(slot, hash, key, value));
        if let Some(mut batch) = Arc::into_inner(batch) {
            batch.overlay.clear();
            self.spare = Some(batch.overlay);
        }
    }

    fn rollback(&mut self) {
        self.overlay.clear();
        self.batch = None;
    }

    fn restore(&mut self, writes: &[Write<'_>], changelog_next: i64) -> Result<(), StoreError> {
        // Whatever becomes of it: rows change below.
        self.cache.clear();
        let db = self.db()?;
        let mut batch = WriteBatch::default();
        for write in writes {
            let family = db.column(self.columns.name(self.columns.slot(write.store)?))?;
            match write.value {
                Some(value) => batch.put_cf(&family, write.key, value),
                None => batch.delete_cf(&family, write.key),
            }
        }
        meta::put_changelog_next(db, &mut batch, changelog_next)?;
        self.write(batch)?;
        self.meta.changelog_next = Some(changelog_next);
        Ok(())
    }

    fn changelog_next(&self) -> Option<i64> {
        self.meta.changelog_next
    }

    fn fresh_ms(&self) -> Option<i64> {
        self.meta.fresh_ms
    }

    fn set_fresh(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        meta::put_fresh_ms(self.db()?, &mut batch, now_ms)?;
        self.write(batch)?;
        self.meta.fresh_ms = Some(now_ms);
        Ok(())
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.poison.check()?;
        self.rollback();
        self.cache.clear();
        self.meta = Meta::default();
        let replaced = self.replace_db().map_err(|e| StoreError::Poisoned(format!("clear failed: {e}")));
        self.poison.keep(replaced)?;
        if let Err(e) = self.dir.delete_cleared() {
            tracing::warn!(dir = %self.dir.root().display(), %e, "cleared state could not be deleted; the next start tries again");
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let flushed = self.db()?.flush();
        self.poison.keep(flushed)
    }

    fn view(&self) -> Arc<dyn View> {
        Arc::new(RocksView::new(Arc::clone(&self.gate), Arc::clone(&self.columns)))
    }
}

impl Drop for RocksStore {
    fn drop(&mut self) {
        // So that the next start has nothing to read from the changelog. A poisoned store is not asked: nobody would believe it.
        if let Ok(db) = self.db()
            && let Err(e) = db.flush()
        {
            tracing::warn!(dir = %self.dir.root().display(), %e, "store closed without a flush: the next start restores more");
        }
        self.gate.shut();
        self.db = None;
    }
}
