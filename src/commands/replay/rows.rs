//! Two states compared key by key.

use crate::worker::RunError;
use holdfast_engine::inspect::ending::{self, Ended};
use holdfast_engine::inspect::{delayed, position};
use holdfast_engine::prelude::Topology;
use holdfast_ports::record::NewRecord;
use holdfast_ports::store::{Store, StoreError, StoreId, StoreSpec};
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;

/// Rows read at once.
const ROWS_MAX: usize = 5_000;

/// A key and its row.
type Row = (Vec<u8>, Vec<u8>);

/// The first key in which two states differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowParting {
    pub(super) store: StoreSpec,
    pub(super) key: Vec<u8>,
    /// What the replay came to.
    pub(super) expected: Option<Vec<u8>>,
    /// What the changelog says.
    pub(super) found: Option<Vec<u8>>,
}

/// The rows of one store in order of their keys, read piece by piece.
struct Rows<'a> {
    store: &'a dyn Store,
    spec: StoreSpec,
    from: Vec<u8>,
    piece: VecDeque<Row>,
    is_last: bool,
}

impl<'a> Rows<'a> {
    fn of(store: &'a dyn Store, spec: StoreSpec) -> Self {
        Self { store, spec, from: Vec::new(), piece: VecDeque::new(), is_last: false }
    }

    fn next(&mut self) -> Result<Option<Row>, StoreError> {
        if self.piece.is_empty() && !self.is_last {
            let piece = &mut self.piece;
            self.store.scan(self.spec.id, &self.from, None, &mut |key, row| {
                piece.push_back((key.to_vec(), row.to_vec()));
                if piece.len() < ROWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            self.is_last = self.piece.len() < ROWS_MAX;
            if let Some((last, _)) = self.piece.back() {
                self.from.clone_from(last);
                // The next key there can be.
                self.from.push(0);
            }
        }
        Ok(self.piece.pop_front())
    }
}

/// What is no difference although it looks like one.
pub(super) struct Excuses<'a> {
    /// A message for later that is kept no longer: whether it has been sent.
    pub(super) was_sent: &'a dyn Fn(&NewRecord<'_>) -> bool,
    /// Keys written since the changelog was looked at: compaction may have taken what they were then.
    pub(super) written_since: &'a BTreeSet<(StoreId, Vec<u8>)>,
    /// Rows that have ended: one state may have deleted them, and the other not yet.
    pub(super) ended: &'a Ended,
}

impl Excuses<'_> {
    fn hold(&self, store: StoreId, expected: Option<&Row>, found: Option<&Row>) -> Result<bool, StoreError> {
        if expected == found {
            return Ok(true);
        }
        if let (Some((_, row)), None) | (None, Some((_, row))) = (expected, found)
            // One that cannot be read is a difference.
            && self.ended.has(store, row).is_ok_and(|has| has)
        {
            return Ok(true);
        }
        if let (Some((_, row)), None) = (expected, found)
            && store == delayed::STORE.id
        {
            let mut was_sent = false;
            delayed::message(row, &mut |message| was_sent = (self.was_sent)(message))?;
            if was_sent {
                return Ok(true);
            }
        }
        Ok(expected.or(found).is_some_and(|(key, _)| self.written_since.contains(&(store, key.clone()))))
    }
}

/// Compares all stores of `topology` but the position and the engine's own rows about what ends, which tell of commits; returns the number of rows that are the same, and the first that is not and has no excuse.
pub(super) fn compare(
    topology: &Topology,
    replayed: &dyn Store,
    live: &dyn Store,
    excuses: &Excuses<'_>,
) -> Result<(u64, Option<RowParting>), RunError> {
    let failed = |error: StoreError| RunError::Failed(error.to_string());
    let mut same = 0;
    let of_engine = [position::STORE.id, ending::STORE.id];
    for spec in topology.all_stores().into_iter().filter(|spec| !of_engine.contains(&spec.id)) {
        let (mut expected, mut found) = (Rows::of(replayed, spec), Rows::of(live, spec));
        let (mut left, mut right) = (expected.next().map_err(failed)?, found.next().map_err(failed)?);
        loop {
            let order = match (&left, &right) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((left, _)), Some((right, _))) => left.cmp(right),
            };
            let (expected_row, found_row) =
                (left.as_ref().filter(|_| order.is_le()), right.as_ref().filter(|_| order.is_ge()));
            if !excuses.hold(spec.id, expected_row, found_row).map_err(failed)? {
                let key = expected_row.or(found_row).map(|(key, _)| key.clone()).unwrap_or_default();
                let row = |row: Option<&Row>| row.map(|(_, row)| row.clone());
                let parting = RowParting { store: spec, key, expected: row(expected_row), found: row(found_row) };
                return Ok((same, Some(parting)));
            }
            same += u64::from(order.is_eq());
            if order.is_le() {
                left = expected.next().map_err(failed)?;
            }
            if order.is_ge() {
                right = found.next().map_err(failed)?;
            }
        }
    }
    Ok((same, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::coupon;
    use holdfast_ports::store::{Stores, TaskId, Write};
    use holdfast_state::{RocksStores, StateConfig};

    fn store(disk: &std::path::Path, rows: &[(u8, &[u8], &[u8])]) -> Box<dyn Store> {
        let stores = RocksStores::open(StateConfig::new(disk)).unwrap();
        let task = TaskId { topology: "coupon".into(), place: 0 };
        let mut store = stores.open(&task, &holdfast_topologies::coupon::topology().all_stores()).unwrap();
        let writes: Vec<Write<'_>> =
            rows.iter().map(|(id, key, row)| Write { store: StoreId(*id), key, value: Some(row) }).collect();
        store.restore(&writes, 1).unwrap();
        store
    }

    fn compared(replayed: &[(u8, &[u8], &[u8])], live: &[(u8, &[u8], &[u8])]) -> (u64, Option<RowParting>) {
        compared_since(replayed, live, &BTreeSet::new())
    }

    fn compared_since(
        replayed: &[(u8, &[u8], &[u8])],
        live: &[(u8, &[u8], &[u8])],
        written_since: &BTreeSet<(StoreId, Vec<u8>)>,
    ) -> (u64, Option<RowParting>) {
        let disk = tempfile::tempdir().unwrap();
        let (replayed, live) = (store(&disk.path().join("a"), replayed), store(&disk.path().join("b"), live));
        compare(
            &holdfast_topologies::coupon::topology(),
            &*replayed,
            &*live,
            &Excuses { was_sent: &|_| true, written_since, ended: &Ended::of(&[], &*live).unwrap() },
        )
        .unwrap()
    }

    #[test]
    fn the_first_difference_is_found_and_positions_are_nobodys_business() {
        let parting = |expected: Option<&[u8]>, found: Option<&[u8]>, key: &[u8]| {
            let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            Some(RowParting {
                store: coupon::POLICIES.spec(),
                key: key.to_vec(),
                expected: own(expected),
                found: own(found),
            })
        };
        assert_eq!(compared(&[(16, b"a", b"1"), (0, b"position", b"7")], &[(16, b"a", b"1")]), (1, None));
        assert_eq!(compared(&[(16, b"a", b"1")], &[(16, b"a", b"2")]).1, parting(Some(b"1"), Some(b"2"), b"a"));
        assert_eq!(
            compared(&[(16, b"a", b"1")], &[(16, b"a", b"1"), (16, b"b", b"2")]),
            (1, parting(None, Some(b"2"), b"b"))
        );
        assert_eq!(
            compared(&[(16, b"a", b"1"), (16, b"b", b"1")], &[(16, b"b", b"1")]).1,
            parting(Some(b"1"), None, b"a")
        );
    }

    #[test]
    fn what_was_written_since_is_not_compared() {
        let since = BTreeSet::from([(StoreId(16), b"a".to_vec())]);
        assert_eq!(compared_since(&[(16, b"a", b"1"), (16, b"b", b"1")], &[(16, b"b", b"1")], &since), (1, None));
        assert!(compared_since(&[(17, b"a", b"1")], &[], &since).1.is_some(), "in another store it is another key");
    }

    #[test]
    fn more_rows_than_are_read_at_once() {
        let keys: Vec<[u8; 4]> = (0..ROWS_MAX as u32 * 2).map(u32::to_be_bytes).collect();
        let rows: Vec<(u8, &[u8], &[u8])> = keys.iter().map(|key| (16, &key[..], &b"x"[..])).collect();
        assert_eq!(compared(&rows, &rows), (ROWS_MAX as u64 * 2, None));
        assert_eq!(
            compared(&rows, &rows[..rows.len() - 1]).1.map(|p| p.key),
            rows.last().map(|(_, key, _)| key.to_vec())
        );
    }
}
