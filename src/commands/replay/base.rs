//! The state that a replay begins on when it does not begin with the first record: what the changelog proves for an earlier moment.
//!
//! ```text
//!   changelog   … a7 b2 │ P₁ a8 … │ P₂ a9 c1 … │ P₃ …        a commit: its position, then its rows
//!                taken from here ─┴────────────┴── whole before P₂ and before any later one
//! ```
//!
//! Compaction takes a row only for a later one of the same key that it has met as well, and it has met nothing from the second position on that is
//! still there: for that one it would have taken the first. So everything before the second position, or a later one, is the state at the position
//! before it, with nothing missing. (A compaction that is at work at that very moment may have taken more.)

use crate::worker::RunError;
use holdfast_engine::inspect::position::{self, Position};
use holdfast_engine::inspect::{Rebuild, changelog, codec};
use holdfast_ports::record::Record;
use holdfast_ports::store::{Store, StoreError};

/// Where a replay of one place shall begin, and where it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// The first inbox offset to be decided again, if that can be.
    pub(super) from: i64,
    /// The first one that is still there.
    pub(super) begins: i64,
}

/// Looks for the state at the last position that is not after the wish, or else at the first after it.
pub(super) struct Search<'a> {
    inbox: &'a str,
    wish: Wish,
    rebuild: Rebuild,
    store: Box<dyn Store>,
    met: u64,
    last: i64,
    found: bool,
}

impl<'a> Search<'a> {
    /// On an empty store.
    pub(super) fn new(inbox: &'a str, wish: Wish, store: Box<dyn Store>) -> Self {
        Self { inbox, wish, rebuild: Rebuild::default(), store, met: 0, last: 0, found: false }
    }

    /// Takes the records of the changelog, in order.
    pub(super) fn take(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        if self.found {
            return Ok(());
        }
        if let Some(write) = changelog::decode(record.key, record.value)
            && write.store == position::STORE.id
        {
            let position: Position = codec::decode(write.value.unwrap_or_default())
                .map_err(|e| StoreError::Corrupt(format!("position at changelog offset {}: {e}", record.offset)))?;
            let next = position.next_offset(self.inbox).unwrap_or(0);
            self.met += 1;
            self.found = self.met > 1 && self.last >= self.wish.begins && next > self.wish.from;
            if self.found {
                return Ok(());
            }
            self.last = next;
        }
        self.rebuild.take(record, &mut *self.store)
    }

    /// The state that was found, or nothing.
    pub(super) fn finish(mut self) -> Result<Option<Box<dyn Store>>, RunError> {
        // With the whole inbox there is no need to begin later than asked for.
        if !self.found || (self.wish.begins == 0 && self.last > self.wish.from) {
            return Ok(None);
        }
        let failed = |error: StoreError| RunError::Failed(error.to_string());
        self.rebuild.finish(&mut *self.store).map_err(failed)?;
        Ok(Some(self.store))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::coupon::INBOX;
    use holdfast_ports::store::{StoreId, Stores, TaskId, Write};
    use holdfast_state::{RocksStores, StateConfig};
    use holdfast_tools::reading::Given;

    /// A position, or a row of the policies.
    enum Line {
        At(i64),
        Row(&'static [u8], &'static [u8]),
    }
    use Line::{At, Row};

    /// The position found for `wish` in a changelog of `lines`, and the row of `a` there.
    fn found(lines: &[Line], from: i64, begins: i64) -> Option<(i64, Option<Vec<u8>>)> {
        let disk = tempfile::tempdir().unwrap();
        let stores = RocksStores::open(StateConfig::new(disk.path())).unwrap();
        let task = TaskId { topology: "coupon".into(), place: 0 };
        let store = stores.open(&task, &holdfast_topologies::coupon::topology().all_stores()).unwrap();
        let mut search = Search::new(INBOX, Wish { from, begins }, store);
        for (offset, line) in (0..).zip(lines) {
            let mut encoded = Vec::new();
            let write = match line {
                At(next) => {
                    let mut position = Position::default();
                    position.advance(INBOX, *next);
                    codec::encode(&position, &mut encoded).unwrap();
                    Write { store: position::STORE.id, key: position::KEY, value: Some(&encoded) }
                }
                Row(key, value) => Write { store: StoreId(16), key, value: Some(value) },
            };
            let mut key = Vec::new();
            changelog::encode_key(&write, &mut key);
            let headers = Given(&[]);
            search
                .take(&Record { offset, append_ms: 0, key: Some(&key), value: write.value, headers: &headers })
                .unwrap();
        }
        let store = search.finish().unwrap()?;
        let (mut position, mut row) = (Position::default(), None);
        store.get(position::STORE.id, position::KEY, &mut |bytes| position = codec::decode(bytes).unwrap()).unwrap();
        store.get(StoreId(16), b"a", &mut |bytes| row = Some(bytes.to_vec())).unwrap();
        Some((position.next_offset(INBOX).unwrap(), row))
    }

    #[test]
    fn the_last_position_not_after_the_wish_or_the_first_after_it() {
        let lines =
            [At(5), Row(b"a", b"5"), At(9), Row(b"a", b"9"), At(12), Row(b"a", b"12"), At(20), Row(b"a", b"20")];
        let at = |next: i64| Some((next, Some(next.to_string().into_bytes())));
        for (from, begins, found_at) in [(5, 0, 5), (8, 0, 5), (9, 0, 9), (11, 9, 9), (19, 0, 12), (3, 2, 5), (6, 6, 9)]
        {
            assert_eq!(found(&lines, from, begins), at(found_at), "from {from}, begins {begins}");
        }
        assert_eq!(found(&lines, 3, 0), None, "the whole inbox is there");
        assert_eq!(found(&lines, 20, 0), None, "nothing is decided after it");
        assert_eq!(found(&lines, 15, 13), None, "between 12 and 20 no state is told");
    }

    #[test]
    fn one_position_proves_nothing() {
        assert_eq!(found(&[Row(b"a", b"1"), At(9)], 3, 0), None, "rows from before it may have been compacted away");
        assert_eq!(found(&[], 3, 0), None);
    }
}
