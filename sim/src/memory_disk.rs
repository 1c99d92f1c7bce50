//! A disk in memory with tasks' stores on it, for simulations: opening one costs nothing, and what a crash leaves is chosen, not met by accident.
//!
//! What a commit writes is visible at once and on the platters only after a flush, as with a database without a write-ahead log. A crash keeps what
//! was flushed and any number of the commits after that, in order: never a part of one.

use holdfast_ports::store::{Batch, Size, Store, StoreError, StoreId, StoreSpec, Stores, TaskId, View, Visit, Write};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

type Key = (u8, Vec<u8>);

/// Rows of a task with what is noted about them.
#[derive(Debug, Clone, Default)]
struct Image {
    rows: BTreeMap<Key, Vec<u8>>,
    changelog_next: Option<i64>,
    fresh_ms: Option<i64>,
}

/// What one write brings.
#[derive(Debug, Clone)]
enum Piece {
    Rows(Vec<(Key, Value)>, i64),
    Fresh(i64),
}

impl Image {
    fn apply(&mut self, piece: &Piece) {
        match piece {
            Piece::Rows(rows, next) => {
                for (key, value) in rows {
                    match value {
                        Some(value) => self.rows.insert(key.clone(), value.clone()),
                        None => self.rows.remove(key),
                    };
                }
                self.changelog_next = Some(*next);
            }
            Piece::Fresh(now_ms) => self.fresh_ms = Some(*now_ms),
        }
    }
}

/// One task's part of the disk.
#[derive(Debug, Default)]
struct Platter {
    /// What is there after any crash.
    flushed: Image,
    /// What has been written since, in order.
    tail: Vec<Piece>,
    /// Both together: what readers see.
    live: Image,
    is_open: bool,
    fails_next_write: bool,
    is_corrupt: bool,
}

/// The disk of one machine. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<BTreeMap<TaskId, Arc<Mutex<Platter>>>>>);

/// What lay on a disk at some moment.
#[derive(Debug, Clone, Default)]
pub struct Copy(BTreeMap<TaskId, Image>);

impl MemoryDisk {
    /// The machine went down: of the writes that were not flushed, `keep` chooses how many of `n` are there.
    pub fn crash(&self, mut keep: impl FnMut(usize) -> usize) {
        for platter in self.0.lock().values() {
            let mut platter = platter.lock();
            let kept = keep(platter.tail.len() + 1).min(platter.tail.len());
            let tail = std::mem::take(&mut platter.tail);
            for batch in tail.iter().take(kept) {
                platter.flushed.apply(batch);
            }
            platter.live = platter.flushed.clone();
            platter.is_open = false;
            (platter.fails_next_write, platter.is_corrupt) = (false, false);
        }
    }

    /// Empties it. Only while nothing is open.
    pub fn wipe(&self) {
        self.0.lock().clear();
    }

    /// Copies what is on it.
    #[must_use]
    pub fn copy(&self) -> Copy {
        Copy(self.0.lock().iter().map(|(task, platter)| (task.clone(), platter.lock().live.clone())).collect())
    }

    /// Puts `copy` in the place of what is on it: an old backup. Only while nothing is open.
    pub fn put_back(&self, copy: &Copy) {
        let platter = |image: &Image| Platter { flushed: image.clone(), live: image.clone(), ..Platter::default() };
        *self.0.lock() =
            copy.0.iter().map(|(task, image)| (task.clone(), Arc::new(Mutex::new(platter(image))))).collect();
    }

    /// The next write of some open store fails, or what it holds cannot be read any more; `which` chooses among the open ones.
    pub fn spoil(&self, which: u64, corrupt: bool) {
        let platters = self.0.lock();
        let open: Vec<_> = platters.values().filter(|platter| platter.lock().is_open).collect();
        let at = which.checked_rem(open.len() as u64).and_then(|at| usize::try_from(at).ok());
        if let Some(platter) = at.and_then(|at| open.get(at)) {
            let mut platter = platter.lock();
            if corrupt { platter.is_corrupt = true } else { platter.fails_next_write = true }
        }
    }

    /// Writes that were to fail do not fail any more, and what nobody has tried to read meanwhile can be read: a worker with nothing to do would
    /// never find out.
    pub fn heal(&self) {
        for platter in self.0.lock().values() {
            let mut platter = platter.lock();
            (platter.fails_next_write, platter.is_corrupt) = (false, false);
        }
    }

    /// Writes everything to the platters.
    pub fn flush(&self) {
        for platter in self.0.lock().values() {
            flush(&mut platter.lock());
        }
    }
}

fn flush(platter: &mut Platter) {
    platter.flushed = platter.live.clone();
    platter.tail.clear();
}

impl Stores for MemoryDisk {
    fn open(&self, task: &TaskId, stores: &[StoreSpec]) -> Result<Box<dyn Store>, StoreError> {
        let platter = self.0.lock().entry(task.clone()).or_default().clone();
        if std::mem::replace(&mut platter.lock().is_open, true) {
            return Err(StoreError::Locked(format!("{task} is open already")));
        }
        Ok(Box::new(MemoryStore {
            ids: stores.iter().map(|spec| spec.id.0).collect(),
            reading: Reading { platter, is_closed: Arc::default() },
            overlay: Overlay::default(),
            poison: Arc::default(),
            batch: None,
        }))
    }

    fn destroy(&self, task: &TaskId) -> Result<(), StoreError> {
        let mut platters = self.0.lock();
        if platters.get(task).is_some_and(|platter| platter.lock().is_open) {
            return Err(StoreError::Locked(format!("{task} is open")));
        }
        platters.remove(task);
        Ok(())
    }
}

/// Committed rows, as long as the store is open.
#[derive(Debug, Clone)]
struct Reading {
    platter: Arc<Mutex<Platter>>,
    is_closed: Arc<AtomicBool>,
}

impl Reading {
    fn check(&self, platter: &Platter) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(StoreError::Closed);
        }
        if platter.is_corrupt { Err(StoreError::Corrupt("a block cannot be read".to_owned())) } else { Ok(()) }
    }
}

/// What was written to a key last; `None`: it was deleted.
type Value = Option<Vec<u8>>;
type Writes = BTreeMap<Key, Value>;

struct MemoryStore {
    ids: Vec<u8>,
    reading: Reading,
    poison: Arc<OnceLock<String>>,
    overlay: Overlay,
    /// Sealed and not settled.
    batch: Option<Arc<Sealed>>,
}

#[derive(Default)]
struct Overlay {
    writes: Writes,
    /// Bytes written to it, those that were written over included.
    bytes: usize,
    /// What it held before each write since the last mark.
    undo: Vec<(Key, Option<Value>, usize)>,
}

/// What one commit writes.
struct Sealed {
    writes: Writes,
    platter: Arc<Mutex<Platter>>,
    poison: Arc<OnceLock<String>>,
}

impl Batch for Sealed {
    fn changes(&self, visit: &mut dyn FnMut(Write<'_>)) {
        for ((store, key), value) in &self.writes {
            visit(Write { store: StoreId(*store), key, value: value.as_deref() });
        }
    }

    fn commit(&self, changelog_next: i64) -> Result<(), StoreError> {
        append(&self.platter, &self.poison, Piece::Rows(self.writes.clone().into_iter().collect(), changelog_next))
    }
}

fn check(poison: &OnceLock<String>) -> Result<(), StoreError> {
    poison.get().map_or(Ok(()), |why| Err(StoreError::Poisoned(why.clone())))
}

fn append(platter: &Mutex<Platter>, poison: &OnceLock<String>, piece: Piece) -> Result<(), StoreError> {
    check(poison)?;
    let mut platter = platter.lock();
    if std::mem::take(&mut platter.fails_next_write) {
        return Err(StoreError::Poisoned(poison.get_or_init(|| "a write failed".to_owned()).clone()));
    }
    platter.live.apply(&piece);
    platter.tail.push(piece);
    Ok(())
}

impl MemoryStore {
    fn check(&self) -> Result<(), StoreError> {
        check(&self.poison)
    }

    fn known(&self, store: StoreId) -> Result<(), StoreError> {
        let known = self.ids.contains(&store.0).then_some(());
        known.ok_or_else(|| StoreError::Fatal(format!("there is no store {}", store.0)))
    }

    fn write(&mut self, store: StoreId, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        self.check()?;
        self.known(store)?;
        let bytes = key.len() + value.map_or(0, <[u8]>::len);
        let key = (store.0, key.to_vec());
        let before = self.overlay.writes.insert(key.clone(), value.map(<[u8]>::to_vec));
        self.overlay.undo.push((key, before, self.overlay.bytes));
        self.overlay.bytes += bytes;
        Ok(())
    }

    fn append(&self, piece: Piece) -> Result<(), StoreError> {
        append(&self.reading.platter, &self.poison, piece)
    }

    /// What is uncommitted of a key: in the overlay, and else in the batch.
    fn uncommitted(&self, key: &Key) -> Option<&Value> {
        self.overlay.writes.get(key).or_else(|| self.batch.as_ref()?.writes.get(key))
    }
}

impl Store for MemoryStore {
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.check()?;
        self.known(store)?;
        match self.uncommitted(&(store.0, key.to_vec())) {
            Some(Some(value)) => {
                read(value);
                Ok(true)
            }
            Some(None) => Ok(false),
            None => View::get(&self.reading, store, key, read),
        }
    }

    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.write(store, key, Some(value))
    }

    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<(), StoreError> {
        self.write(store, key, None)
    }

    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.check()?;
        self.known(store)?;
        let platter = self.reading.platter.lock();
        self.reading.check(&platter)?;
        let range = range(store, from, to);
        if is_empty(&range) {
            return Ok(());
        }
        let mut below = platter.live.rows.range(range.clone()).peekable();
        let mut uncommitted: BTreeMap<_, _> = BTreeMap::new();
        for writes in self.batch.iter().map(|batch| &batch.writes).chain([&self.overlay.writes]) {
            uncommitted.extend(writes.range(range.clone()));
        }
        let mut above = uncommitted.into_iter().peekable();
        loop {
            let (takes_above, hides_below) = match (above.peek(), below.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, false),
                (Some((a, _)), Some((b, _))) => (a <= b, a == b),
            };
            if hides_below {
                below.next();
            }
            let flow = if takes_above {
                match above.next() {
                    Some((key, Some(value))) => visit(&key.1, value),
                    _ => ControlFlow::Continue(()),
                }
            } else {
                below.next().map_or(ControlFlow::Continue(()), |(key, value)| visit(&key.1, value))
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    fn mark(&mut self) {
        self.overlay.undo.clear();
    }

    fn undo(&mut self) {
        while let Some((key, before, bytes)) = self.overlay.undo.pop() {
            match before {
                Some(before) => self.overlay.writes.insert(key, before),
                None => self.overlay.writes.remove(&key),
            };
            self.overlay.bytes = bytes;
        }
    }

    fn is_clean(&self) -> bool {
        self.overlay.writes.is_empty() && self.batch.is_none()
    }

    fn overlay_bytes(&self) -> usize {
        self.overlay.bytes
    }

    fn seal(&mut self) -> Result<Arc<dyn Batch>, StoreError> {
        self.check()?;
        if self.batch.is_some() {
            return Err(StoreError::Fatal("a batch is sealed before the last one was settled".to_owned()));
        }
        let writes = std::mem::take(&mut self.overlay).writes;
        let platter = Arc::clone(&self.reading.platter);
        let batch = Arc::new(Sealed { writes, platter, poison: Arc::clone(&self.poison) });
        self.batch = Some(Arc::clone(&batch));
        Ok(batch)
    }

    fn settle(&mut self, _changelog_next: i64) {
        self.batch = None;
    }

    fn rollback(&mut self) {
        (self.overlay, self.batch) = (Overlay::default(), None);
    }

    fn restore(&mut self, writes: &[Write<'_>], changelog_next: i64) -> Result<(), StoreError> {
        let rows = writes.iter().map(|w| ((w.store.0, w.key.to_vec()), w.value.map(<[u8]>::to_vec))).collect();
        self.append(Piece::Rows(rows, changelog_next))
    }

    fn changelog_next(&self) -> Option<i64> {
        self.reading.platter.lock().live.changelog_next
    }

    fn fresh_ms(&self) -> Option<i64> {
        self.reading.platter.lock().live.fresh_ms
    }

    fn set_fresh(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.append(Piece::Fresh(now_ms))
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.check()?;
        self.rollback();
        *self.reading.platter.lock() = Platter { is_open: true, ..Platter::default() };
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.check()?;
        flush(&mut self.reading.platter.lock());
        Ok(())
    }

    fn view(&self) -> Arc<dyn View> {
        Arc::new(self.reading.clone())
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.reading.is_closed.store(true, Ordering::SeqCst);
        self.reading.platter.lock().is_open = false;
    }
}

impl View for Reading {
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let platter = self.platter.lock();
        self.check(&platter)?;
        let row = platter.live.rows.get(&(store.0, key.to_vec()));
        Ok(row.map(|value| read(value)).is_some())
    }

    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let platter = self.platter.lock();
        self.check(&platter)?;
        let range = range(store, from, to);
        if !is_empty(&range) {
            let _ = platter.live.rows.range(range).try_for_each(|((_, key), value)| visit(key, value));
        }
        Ok(())
    }

    fn size(&self, store: StoreId) -> Result<Size, StoreError> {
        let platter = self.platter.lock();
        let rows = platter.live.rows.iter().filter(|((id, _), _)| *id == store.0);
        Ok(rows.fold(Size::default(), |size, ((_, key), value)| Size {
            keys: size.keys + 1,
            bytes: size.bytes + (key.len() + value.len()) as u64,
        }))
    }
}

type Range = (Bound<Key>, Bound<Key>);

fn range(store: StoreId, from: &[u8], to: Option<&[u8]>) -> Range {
    let end = match to {
        Some(to) => Bound::Excluded((store.0, to.to_vec())),
        None => store.0.checked_add(1).map_or(Bound::Unbounded, |next| Bound::Excluded((next, Vec::new()))),
    };
    (Bound::Included((store.0, from.to_vec())), end)
}

/// A `BTreeMap` panics on a range that ends before it begins.
fn is_empty(range: &Range) -> bool {
    matches!(range, (Bound::Included(from), Bound::Excluded(to)) if to <= from)
}
