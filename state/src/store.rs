//! One task's store: the overlay above, the database below.

use std::sync::Arc;

use holdfast_ports::store::{Store, StoreError, StoreId, View, Visit, Write};
use rocksdb::WriteBatch;

use crate::cache::Cache;
use crate::columns::Columns;
use crate::database::Database;
use crate::dir::TaskDir;
use crate::error;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::lock::DirLock;
use crate::merge::merge;
use crate::meta::{self, Meta};
use crate::overlay::{Found, Overlay};
use crate::poison::Poison;
use crate::tuning::Tuning;
use crate::view::RocksView;

/// See the head of this file. Dropped, it writes what it has in memory to disk, shuts out its views, closes the database and frees the directory, in
/// that order.
pub(crate) struct RocksStore {
    overlay: Overlay,
    cache: Cache,
    columns: Arc<Columns>,
    /// `None` only while the store is being cleared or dropped. Shared with the gate and nobody else, so that shutting the gate closes it.
    db: Option<Arc<Database>>,
    gate: Arc<Gate>,
    meta: Meta,
    poison: Poison,
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
            overlay: Overlay::new(columns.specs().iter().map(|spec| spec.id)),
            cache: Cache::new(columns.specs().len(), tuning.rows()),
            meta: Meta::read(&db)?,
            gate: Arc::new(Gate::to(Arc::clone(&db))),
            db: Some(db),
            columns: Arc::new(columns),
            poison: Poison::default(),
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

    /// The overlay as one batch. The offset comes last: were a batch ever torn, the rows would be ahead of the offset, which a restore repairs, and
    /// not behind it.
    fn batch(&mut self, changelog_next: i64) -> Result<WriteBatch, StoreError> {
        self.poison.check()?;
        let db = self.db.as_deref().ok_or(StoreError::Closed)?;
        let families = self.columns.specs().iter().map(|spec| db.column(spec.name)).collect::<Result<Vec<_>, _>>()?;
        let mut batch = WriteBatch::with_capacity_bytes(self.overlay.bytes() + self.overlay.bytes() / 4 + 64);
        self.overlay.in_order(|slot, (key, value)| match value {
            Some(value) => batch.put_cf(&families[slot], key, value),
            None => batch.delete_cf(&families[slot], key),
        });
        meta::put_changelog_next(db, &mut batch, changelog_next)?;
        Ok(batch)
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

fn open(dir: &TaskDir, tuning: &Tuning, columns: &Columns) -> Result<Arc<Database>, StoreError> {
    let db = Database::open(&dir.db(), tuning, columns)?;
    db.write(meta::register(&db, columns)?)?;
    Ok(Arc::new(db))
}

impl Store for RocksStore {
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let slot = self.columns.slot(store)?;
        match self.overlay.get(slot, key) {
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
        let scanned = db.cursor(self.columns.name(slot), from, to).and_then(|below| {
            if self.overlay.is_bare(slot) {
                merge(&mut std::iter::empty(), below, visit)
            } else {
                self.overlay.range(slot, from, to, |above| merge(above, below, visit))
            }
        });
        self.poison.keep(scanned)
    }

    fn mark(&mut self) {
        self.overlay.mark();
    }

    fn undo(&mut self) {
        self.overlay.undo();
    }

    fn changes(&self, visit: &mut dyn FnMut(Write<'_>)) {
        self.overlay.changes(&mut |write| visit(write));
    }

    fn is_clean(&self) -> bool {
        self.overlay.is_empty()
    }

    fn commit(&mut self, changelog_next: i64) -> Result<(), StoreError> {
        let batch = self.batch(changelog_next)?;
        self.write(batch)?;
        self.meta.changelog_next = Some(changelog_next);
        let Self { overlay, cache, columns, .. } = self;
        let bare: Box<[bool]> = (0..columns.specs().len()).map(|slot| cache.is_bare(slot)).collect();
        overlay.hashed(|slot| !bare[slot], |slot, hash, (key, value)| cache.update(slot, hash, key, value));
        overlay.clear();
        Ok(())
    }

    fn rollback(&mut self) {
        self.overlay.clear();
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
        self.overlay.clear();
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
