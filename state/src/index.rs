//! Finds the entry of a key: a hash table of entry numbers, which owns no key and allocates nothing for one.
//!
//! ```text
//! slot:  0                                   free
//!        hash (32 bits) | entry + 1 (32)     taken; a hash that differs spares the look at the entry
//! ```
//!
//! Open addressing with linear probing, at most half full. Entries leave only in the reverse order of their coming (that is how [`crate::overlay`]
//! undoes), and a table without its last comer is the table before it came: so a slot is simply freed, and there are no tombstones. To keep that true
//! a larger table is filled in the order of coming.

use std::hash::Hasher as _;

const SLOTS_MIN: usize = 64;

/// Entry numbers by the hash of their keys.
#[derive(Debug, Default)]
pub(crate) struct Index {
    slots: Vec<u64>,
}

/// The hash of a key, as [`Index`] wants it.
#[inline]
pub(crate) fn hash(key: &[u8]) -> u32 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(key);
    // The low half is where this hasher puts its best bits.
    hasher.finish() as u32
}

impl Index {
    /// The entry that has `hash` and of which `is_it` says yes.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == hash && is_it(slot as u32 - 1) {
                return Some(slot as u32 - 1);
            }
            at = self.after(at);
        }
    }

    /// Adds the entry that follows those whose `hashes` are given, in their order.
    pub(crate) fn push(&mut self, hash: u32, hashes: impl ExactSizeIterator<Item = u32>) {
        let entry = hashes.len();
        if (entry + 1) * 2 > self.slots.len() {
            let slots = (self.slots.len() * 2).max(SLOTS_MIN);
            self.slots.clear();
            self.slots.resize(slots, 0);
            for (entry, hash) in hashes.enumerate() {
                self.occupy(hash, entry);
            }
        }
        self.occupy(hash, entry);
    }

    /// Removes the entry that came last.
    pub(crate) fn pop(&mut self, hash: u32, entry: usize) {
        let taken = taken(hash, entry);
        let mut at = self.home(hash);
        while self.slots[at] != taken {
            assert!(self.slots[at] != 0, "an entry is removed that was never added");
            at = self.after(at);
        }
        self.slots[at] = 0;
    }

    /// Forgets everything, the entries with `hashes` in their order. A table that has grown large is not swept for a commit of one record.
    pub(crate) fn clear(&mut self, hashes: impl DoubleEndedIterator<Item = u32> + ExactSizeIterator, slots_max: usize) {
        if self.slots.len() > slots_max {
            self.slots = Vec::new();
        } else if hashes.len() * 16 < self.slots.len() {
            for (entry, hash) in hashes.enumerate().rev() {
                self.pop(hash, entry);
            }
        } else {
            self.slots.fill(0);
        }
    }

    fn occupy(&mut self, hash: u32, entry: usize) {
        let mut at = self.home(hash);
        while self.slots[at] != 0 {
            at = self.after(at);
        }
        self.slots[at] = taken(hash, entry);
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }
}

#[inline]
fn taken(hash: u32, entry: usize) -> u64 {
    u64::from(hash) << 32 | (entry as u64 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Few hashes, so that nearly every entry stands in another one's way.
        #[test]
        fn behaves_like_a_list(ops in prop::collection::vec(prop::option::weighted(0.6, 0_u32..7), 0..400)) {
            let mut index = Index::default();
            let mut list: Vec<u32> = Vec::new();
            for op in ops {
                match op {
                    Some(hash) => {
                        index.push(hash, list.iter().copied());
                        list.push(hash);
                    }
                    None => if let Some(hash) = list.pop() {
                        index.pop(hash, list.len());
                    },
                }
                for (entry, &hash) in list.iter().enumerate() {
                    prop_assert_eq!(index.find(hash, |e| e as usize == entry), Some(entry as u32));
                }
                for hash in 0..8 {
                    prop_assert_eq!(index.find(hash, |_| true).is_some(), list.contains(&hash));
                }
            }
            index.clear(list.iter().copied(), usize::MAX);
            prop_assert!(index.slots.iter().all(|&slot| slot == 0));
        }
    }
}
