//! The uncommitted writes of one store: the last write of each key, in the order in which the keys came.
//!
//! Bytes of keys and values lie in the overlay's one buffer, so an entry is a few numbers and nothing is allocated for a write.

use std::collections::BTreeMap;
use std::ops::Bound;

use parking_lot::{RwLock, RwLockReadGuard};

use crate::index::{self, Index};

/// A piece of the overlay's buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

impl Span {
    #[inline]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.at as usize..][..self.len as usize]
    }
}

/// The last write of one key; no value is a deletion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) key: Span,
    pub(crate) value: Option<Span>,
    pub(crate) hash: u32,
}

/// Entries beyond which a layer gives its memory back after a commit.
const ENTRIES_KEPT: usize = 1 << 18;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    entries: Vec<Entry>,
    index: Index,
    /// Behind a lock because a scan, which only reads, brings it up to date; while a batch is committed two threads read.
    sorted: RwLock<Sorted>,
}

/// Keys in byte order, of the entries below `upto`. Only a scan needs it and most stores are never scanned, so it grows when a scan asks, by the
/// entries that came since the last one.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    keys: BTreeMap<Box<[u8]>, u32>,
    upto: usize,
}

impl Layer {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[inline]
    pub(crate) fn entry(&self, entry: u32) -> &Entry {
        &self.entries[entry as usize]
    }

    #[inline]
    pub(crate) fn find(&self, bytes: &[u8], hash: u32, key: &[u8]) -> Option<u32> {
        self.index.find(hash, |entry| self.entry(entry).key.of(bytes) == key)
    }

    /// Adds a key that is not there, and returns its entry.
    pub(crate) fn push(&mut self, key: Span, hash: u32, value: Option<Span>) -> u32 {
        self.index.push(hash, self.entries.iter().map(|entry| entry.hash));
        self.entries.push(Entry { key, value, hash });
        (self.entries.len() - 1) as u32
    }

    /// Writes again to a key that is there, and returns what was written before.
    pub(crate) fn replace(&mut self, entry: u32, value: Option<Span>) -> Option<Span> {
        std::mem::replace(&mut self.entries[entry as usize].value, value)
    }

    /// Removes the key that came last.
    pub(crate) fn pop(&mut self, bytes: &[u8]) {
        let Some(last) = self.entries.pop() else { return };
        self.index.pop(last.hash, self.entries.len());
        let sorted = self.sorted.get_mut();
        if sorted.upto > self.entries.len() {
            sorted.keys.remove(last.key.of(bytes));
            sorted.upto = self.entries.len();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.index.clear(self.entries.iter().map(|entry| entry.hash), ENTRIES_KEPT * 2);
        self.entries.clear();
        self.entries.shrink_to(ENTRIES_KEPT);
        *self.sorted.get_mut() = Sorted::default();
    }

    /// The keys in byte order.
    pub(crate) fn sorted(&self, bytes: &[u8]) -> RwLockReadGuard<'_, Sorted> {
        // Locked for writing only when there is something to add: whoever visits a scan may scan again, and nothing can have come meanwhile.
        let upto = self.sorted.read_recursive().upto;
        if upto < self.entries.len() {
            let mut sorted = self.sorted.write();
            for (entry, added) in self.entries.iter().enumerate().skip(sorted.upto) {
                sorted.keys.insert(added.key.of(bytes).into(), entry as u32);
            }
            sorted.upto = self.entries.len();
        }
        self.sorted.read_recursive()
    }

    /// Puts the entries into `order`, in byte order of their keys.
    pub(crate) fn order(&self, bytes: &[u8], order: &mut Order) {
        order.clear();
        let sorted = self.sorted.read_recursive();
        if sorted.upto == self.entries.len() {
            order.extend(sorted.keys.values().map(|&entry| (0, entry)));
            return;
        }
        // Keys of one store begin alike. Behind what they share, the next eight bytes nearly always decide, without a look into the buffer.
        let shared = self.shared(bytes);
        order
            .extend(self.entries.iter().enumerate().map(|(entry, e)| (head(&e.key.of(bytes)[shared..]), entry as u32)));
        order.sort_unstable_by(|(head_a, a), (head_b, b)| {
            head_a.cmp(head_b).then_with(|| self.entry(*a).key.of(bytes).cmp(self.entry(*b).key.of(bytes)))
        });
    }

    /// Number of bytes with which all keys begin.
    fn shared(&self, bytes: &[u8]) -> usize {
        let Some((first, rest)) = self.entries.split_first() else { return 0 };
        let first = first.key.of(bytes);
        rest.iter().fold(first.len(), |shared, entry| {
            let key = entry.key.of(bytes);
            if key.starts_with(&first[..shared]) {
                shared
            } else {
                first.iter().zip(key).take_while(|(a, b)| a == b).count()
            }
        })
    }
}

/// Entries in byte order of their keys, with the bytes that decided it. Kept between commits for its memory.
pub(crate) type Order = Vec<(u64, u32)>;

/// The first eight bytes, so that numbers are in the order of the bytes. Shorter keys count as followed by zeros: a tie, which the caller breaks.
#[inline]
fn head(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(head) => u64::from_be_bytes(*head),
        None => {
            let mut head = [0; 8];
            head[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(head)
        }
    }
}

impl Sorted {
    /// Entries of keys in `from..to`, which must not be an empty range.
    pub(crate) fn range<'a>(&'a self, from: &'a [u8], to: Option<&'a [u8]>) -> impl Iterator<Item = u32> + 'a {
        let to = to.map_or(Bound::Unbounded, Bound::Excluded);
        self.keys.range::<[u8], _>((Bound::Included(from), to)).map(|(_, &entry)| entry)
    }
}

/// The hash that [`Layer::find`] and [`Layer::push`] want.
#[inline]
pub(crate) fn hash(key: &[u8]) -> u32 {
    index::hash(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_is_byte_order(keys in prop::collection::hash_set(prop::collection::vec(0_u8..3, 0..12), 0..60), common in "[a-z]{0,20}", scanned in 0_usize..80) {
            let mut bytes = Vec::new();
            let mut layer = Layer::default();
            let mut expected: Vec<Vec<u8>> = Vec::new();
            for key in keys {
                let key = [common.as_bytes(), &key].concat();
                let span = Span { at: bytes.len() as u32, len: key.len() as u32 };
                bytes.extend_from_slice(&key);
                layer.push(span, hash(&key), None);
                expected.push(key);
                if expected.len() == scanned {
                    drop(layer.sorted(&bytes));
                }
            }
            expected.sort();
            let mut order = Order::new();
            layer.order(&bytes, &mut order);
            let found: Vec<Vec<u8>> = order.iter().map(|(_, entry)| layer.entry(*entry).key.of(&bytes).to_vec()).collect();
            prop_assert_eq!(&found, &expected);
            let sorted = layer.sorted(&bytes);
            let found: Vec<Vec<u8>> = sorted.range(b"", None).map(|entry| layer.entry(entry).key.of(&bytes).to_vec()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
