//! Committed rows that were read from the database, kept for the next time: wallets, schedules, stocks are read for each record and written with each
//! commit, and a walk through memory tables costs ten times the look at one of these.
//!
//! Only what was found in the database comes in, so rows that are written once and hardly read again (outcomes, statements) cost nothing here. A
//! commit brings the rows up to date that are here. A key has one slot: whoever comes later takes it.
//!
//! It is a copy of the database and never ahead of it: it is asked below the overlay, and what cannot be said row by row empties it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::index::hash;

/// Rows longer than this are not kept: they would push out too many others.
const ROW_BYTES_MAX: usize = 1 << 10;
const SLOTS_MIN: usize = 64;
/// Slots of one store, at most.
const SLOTS_MAX: usize = 1 << 15;
/// What a row takes besides its bytes, roughly.
const ROW_OVERHEAD: usize = 64;

/// Bytes that all caches of a process may take together.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(crate) fn of(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, used: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize) -> bool {
        let is_enough = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.bytes_max;
        if !is_enough {
            self.give_back(bytes);
        }
        is_enough
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The rows of one task. A *slot* of a store is its position among the task's stores, as in the overlay.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Behind cells because reading fills them.
    shelves: Box<[RefCell<Shelf>]>,
    budget: Arc<Budget>,
}

/// The rows of one store, at the place of their hash. As many places as a power of two.
#[derive(Debug, Default)]
struct Shelf {
    rows: Vec<Option<Row>>,
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Row {
    hash: u32,
    key_len: u32,
    /// Key, then value.
    bytes: Box<[u8]>,
}

impl Row {
    fn of(hash: u32, key: &[u8], value: &[u8]) -> Self {
        Self { hash, key_len: key.len() as u32, bytes: [key, value].concat().into() }
    }

    fn is_of(&self, hash: u32, key: &[u8]) -> bool {
        self.hash == hash && self.bytes[..self.key_len as usize] == *key
    }

    fn value(&self) -> &[u8] {
        &self.bytes[self.key_len as usize..]
    }

    fn cost(&self) -> usize {
        self.bytes.len() + ROW_OVERHEAD
    }
}

impl Shelf {
    #[inline]
    fn find(&self, hash: u32, key: &[u8]) -> Option<&Row> {
        let at = hash as usize & self.rows.len().checked_sub(1)?;
        self.rows[at].as_ref().filter(|row| row.is_of(hash, key))
    }

    /// Puts a row into its place, and returns whoever had it.
    fn put(&mut self, row: Row) -> Option<Row> {
        if self.count * 2 >= self.rows.len() && self.rows.len() < SLOTS_MAX {
            self.grow();
        }
        let at = row.hash as usize & (self.rows.len() - 1);
        self.bytes += row.cost();
        let before = self.rows[at].replace(row);
        match &before {
            Some(before) => self.bytes -= before.cost(),
            None => self.count += 1,
        }
        before
    }

    /// Twice the places. No two rows come to the same one that did not share one before.
    fn grow(&mut self) {
        let slots = (self.rows.len() * 2).max(SLOTS_MIN);
        let rows = std::mem::take(&mut self.rows);
        self.rows.resize_with(slots, || None);
        for row in rows.into_iter().flatten() {
            let at = row.hash as usize & (slots - 1);
            self.rows[at] = Some(row);
        }
    }

    fn remove(&mut self, hash: u32) -> Option<Row> {
        let at = hash as usize & self.rows.len().checked_sub(1)?;
        let row = self.rows[at].take()?;
        self.count -= 1;
        self.bytes -= row.cost();
        Some(row)
    }
}

impl Cache {
    /// An empty one for so many stores.
    pub(crate) fn new(stores: usize, budget: Arc<Budget>) -> Self {
        Self { shelves: (0..stores).map(|_| RefCell::default()).collect(), budget }
    }

    /// Calls `read` with the value and returns true, or returns false: then nobody knows.
    #[inline]
    pub(crate) fn get(&self, slot: usize, key: &[u8], read: &mut dyn FnMut(&[u8])) -> bool {
        let shelf = self.shelves[slot].borrow();
        if shelf.count == 0 {
            return false;
        }
        let Some(row) = shelf.find(hash(key), key) else { return false };
        read(row.value());
        true
    }

    /// Keeps a row that the database has, if there is room.
    pub(crate) fn keep(&self, slot: usize, key: &[u8], value: &[u8]) {
        let bytes = key.len() + value.len();
        // Whoever reads a row may be reading another one.
        let Ok(mut shelf) = self.shelves[slot].try_borrow_mut() else { return };
        if bytes > ROW_BYTES_MAX {
            return;
        }
        let cost = bytes + ROW_OVERHEAD;
        if !self.budget.take(cost) {
            // All rows of this store go, since nobody knows which of them is wanted again; those that are come back.
            self.empty(&mut shelf);
            if !self.budget.take(cost) {
                return;
            }
        }
        if let Some(before) = shelf.put(Row::of(hash(key), key, value)) {
            self.budget.give_back(before.cost());
        }
    }

    /// True when no row of the store is here: then a commit has nothing to bring up to date.
    pub(crate) fn is_bare(&self, slot: usize) -> bool {
        self.shelves[slot].borrow().count == 0
    }

    /// The database has another value of this key now, or none.
    pub(crate) fn update(&mut self, slot: usize, hash: u32, key: &[u8], value: Option<&[u8]>) {
        let shelf = self.shelves[slot].get_mut();
        let Some(row) = shelf.find(hash, key) else { return };
        match value {
            Some(value) if row.value().len() == value.len() => {
                let at = hash as usize & (shelf.rows.len() - 1);
                if let Some(row) = &mut shelf.rows[at] {
                    row.bytes[row.key_len as usize..].copy_from_slice(value);
                }
            }
            value => {
                if let Some(row) = shelf.remove(hash) {
                    self.budget.give_back(row.cost());
                }
                if let Some(value) = value {
                    self.keep(slot, key, value);
                }
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        for shelf in &self.shelves {
            self.empty(&mut shelf.borrow_mut());
        }
    }

    fn empty(&self, shelf: &mut Shelf) {
        self.budget.give_back(shelf.bytes);
        *shelf = Shelf::default();
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn found(cache: &Cache, key: &[u8]) -> Option<Vec<u8>> {
        let mut value = None;
        cache.get(0, key, &mut |found| value = Some(found.to_vec())).then_some(value)?
    }

    proptest! {
        #[test]
        fn what_is_there_is_what_the_database_has(
            ops in prop::collection::vec((0_u16..200, prop::option::of(prop::collection::vec(any::<u8>(), 0..4)), any::<bool>()), 0..400),
            bytes_max in 0_usize..6_000,
        ) {
            let budget = Budget::of(bytes_max);
            let mut cache = Cache::new(1, Arc::clone(&budget));
            let mut database: BTreeMap<[u8; 2], Vec<u8>> = BTreeMap::new();
            for (key, value, is_read) in ops {
                let key = key.to_be_bytes();
                match (is_read, value) {
                    (true, _) => if let Some(value) = database.get(&key) {
                        cache.keep(0, &key, value);
                    },
                    (false, value) => {
                        cache.update(0, hash(&key), &key, value.as_deref());
                        match value {
                            Some(value) => database.insert(key, value),
                            None => database.remove(&key),
                        };
                    }
                }
                if let Some(value) = found(&cache, &key) {
                    prop_assert_eq!(Some(&value), database.get(&key));
                }
                prop_assert!(budget.used.load(Ordering::Relaxed) <= bytes_max);
            }
            for key in (0..200_u16).map(u16::to_be_bytes) {
                if let Some(value) = found(&cache, &key) {
                    prop_assert_eq!(Some(&value), database.get(&key));
                }
            }
            drop(cache);
            prop_assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn a_row_that_was_read_is_found_and_a_long_one_is_not() {
        let cache = Cache::new(1, Budget::of(1 << 20));
        cache.keep(0, b"a", b"1");
        cache.keep(0, b"b", &[0; ROW_BYTES_MAX]);
        assert_eq!((found(&cache, b"a"), found(&cache, b"b"), found(&cache, b"c")), (Some(b"1".to_vec()), None, None));
        for n in 0..10_000_u32 {
            cache.keep(0, &n.to_be_bytes(), b"x");
        }
        assert!((0..10_000_u32).filter(|n| found(&cache, &n.to_be_bytes()).is_some()).count() > 5_000);
    }
}
