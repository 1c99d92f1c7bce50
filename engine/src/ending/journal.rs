//! Keys of ending rows that a commit has written, and the chunks that they are kept in: see the layout.

use super::layout::corrupt;
use holdfast_ports::store::StoreError;

/// Layout of a chunk.
const VERSION: u8 = 1;
/// Keys in a chunk, at most. A chunk is cleaned up whole, so this is the least that a commit has to be allowed.
pub(super) const KEYS_MAX: usize = 256;
/// Bytes of a chunk, at most, unless a single key is longer: far below what a log takes in one record.
const BYTES_MAX: usize = 32 << 10;
/// Bytes beyond which the journal gives its memory back after a commit.
const BYTES_KEPT: usize = 1 << 20;

/// Keys, each behind its length, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Journal {
    bytes: Vec<u8>,
    /// What [`Journal::undo`] returns to.
    mark: usize,
}

impl Journal {
    #[inline]
    pub(super) fn push(&mut self, key: &[u8]) {
        let mut len = key.len();
        while len > 0x7f {
            self.bytes.push(len as u8 | 0x80);
            len >>= 7;
        }
        self.bytes.push(len as u8);
        self.bytes.extend_from_slice(key);
    }

    #[inline]
    pub(super) fn mark(&mut self) {
        self.mark = self.bytes.len();
    }

    /// Takes back what was written since the mark.
    pub(super) fn undo(&mut self) {
        self.bytes.truncate(self.mark);
    }

    /// Bytes in it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(BYTES_KEPT);
        self.mark = 0;
    }

    /// Shows its chunks in order, as they are to be kept.
    pub(super) fn chunks(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut rest = Keys(&self.bytes);
        let mut chunk = Vec::with_capacity(BYTES_MAX.min(self.bytes.len()) + 1);
        while !rest.0.is_empty() {
            chunk.clear();
            chunk.push(VERSION);
            for count in 0..KEYS_MAX {
                let before = rest.0;
                if rest.next().transpose()?.is_none() {
                    break;
                }
                let entry = &before[..before.len() - rest.0.len()];
                if count > 0 && chunk.len() + entry.len() > BYTES_MAX {
                    rest = Keys(before);
                    break;
                }
                chunk.extend_from_slice(entry);
            }
            each(&chunk)?;
        }
        Ok(())
    }
}

/// The keys of a chunk.
///
/// # Errors
/// [`StoreError::Corrupt`] for bytes of another shape.
pub(super) fn keys(chunk: &[u8]) -> Result<Keys<'_>, StoreError> {
    match chunk.split_first() {
        Some((&VERSION, keys)) => Ok(Keys(keys)),
        _ => Err(corrupt("a chunk of an unknown version")),
    }
}

/// Walks through keys that stand behind their lengths.
#[derive(Debug, Clone)]
pub(super) struct Keys<'a>(&'a [u8]);

impl<'a> Keys<'a> {
    fn take(&mut self) -> Option<&'a [u8]> {
        let mut len = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            len |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                let (key, rest) = self.0.split_at_checked(len)?;
                self.0 = rest;
                return Some(key);
            }
        }
        None
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = Result<&'a [u8], StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let key = self.take();
        if key.is_none() {
            self.0 = &[];
        }
        Some(key.ok_or_else(|| corrupt("a chunk is cut off")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunks(journal: &Journal) -> Vec<Vec<Vec<u8>>> {
        let mut chunks = Vec::new();
        let mut each = |chunk: &[u8]| {
            let read: Result<Vec<Vec<u8>>, StoreError> = keys(chunk)?.map(|key| key.map(<[u8]>::to_vec)).collect();
            chunks.push(read?);
            Ok(())
        };
        journal.chunks(&mut each).unwrap();
        chunks
    }

    proptest! {
        #[test]
        fn keys_come_back_in_order(keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..600)) {
            let mut journal = Journal::default();
            keys.iter().for_each(|key| journal.push(key));
            let chunks = chunks(&journal);
            prop_assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= KEYS_MAX));
            prop_assert_eq!(chunks.concat(), keys);
        }

        #[test]
        fn foreign_bytes_are_an_error_and_never_a_panic(chunk: Vec<u8>) {
            if let Ok(keys) = keys(&chunk) {
                prop_assert!(keys.count() <= chunk.len());
            }
        }
    }

    #[test]
    fn a_chunk_is_neither_long_nor_cut_within_a_key() {
        let mut journal = Journal::default();
        (0..KEYS_MAX + 1).for_each(|n| journal.push(&n.to_be_bytes()));
        assert_eq!(chunks(&journal).iter().map(Vec::len).collect::<Vec<_>>(), [KEYS_MAX, 1]);
        journal.clear();
        for len in [BYTES_MAX * 2, 20_000, 20_000, 1] {
            journal.push(&vec![7; len]);
        }
        let lengths: Vec<Vec<usize>> = chunks(&journal).iter().map(|c| c.iter().map(Vec::len).collect()).collect();
        assert_eq!(lengths, [vec![BYTES_MAX * 2], vec![20_000], vec![20_000, 1]]);
    }

    #[test]
    fn what_came_since_the_mark_can_be_taken_back() {
        let mut journal = Journal::default();
        journal.push(b"a");
        journal.mark();
        journal.push(b"b");
        journal.undo();
        journal.push(b"c");
        assert_eq!(chunks(&journal), [[b"a".to_vec(), b"c".to_vec()]]);
        journal.clear();
        journal.undo();
        assert!(journal.is_empty() && chunks(&journal).is_empty());
    }
}
