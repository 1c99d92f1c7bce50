//! The engine's own rows about rows that end.
//!
//! ```text
//! key                                                        value
//! 0 | store u8                                               watermark: until_ms i64
//! 1 | store u8                                               sweep: where the walk through rows from before is
//! 2 | store u8 | since u64                                   period: keep_ms i64
//! 3 | store u8 | time_ms i64 | decided u64 | nth u32         chunk: version u8, then keys, each behind its length
//! 4 | store u8 | key of a row                                again: since u64
//! ```
//! Numbers in keys are big endian and order-preserving; values are rows of [`crate::codec`], but for a chunk, which is copied from the journal as it
//! is. A length has 7 bits in a byte, the lowest first, and the eighth says that more follow.
//!
//! `since` and `decided` are the sum of the next offsets of all sources: of a deciding topology the offset of its inbox. A commit that decided
//! something has a higher one than the commit before it, so no chunk is ever written over. A row with a mark `again` was put by the record behind `since`
//! when it could be in a chunk already: what chunks up to there say of it is out of date. While nothing is decided about it again, what any of them says.

use crate::codec;
use crate::key;
use crate::position::Position;
use holdfast_ports::store::{Store, StoreError, StoreId, StoreSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The engine's own store for them.
pub const STORE: StoreSpec = StoreSpec { id: StoreId(3), name: "ending" };

const WATERMARK: u8 = 0;
const SWEEP: u8 = 1;
const PERIOD: u8 = 2;
const CHUNK: u8 = 3;
const AGAIN: u8 = 4;

pub(super) fn watermark(store: StoreId) -> [u8; 2] {
    [WATERMARK, store.0]
}

pub(super) fn sweep(store: StoreId) -> [u8; 2] {
    [SWEEP, store.0]
}

/// The beginning of the keys of all periods.
pub(super) const PERIODS: &[u8] = &[PERIOD];

pub(super) fn periods_of(store: StoreId) -> [u8; 2] {
    [PERIOD, store.0]
}

pub(super) fn period(store: StoreId, since: u64) -> Vec<u8> {
    let mut bytes = periods_of(store).to_vec();
    key::put_u64(&mut bytes, since);
    bytes
}

/// Reads the key of a period: store, and since which record.
pub(super) fn read_period(bytes: &[u8]) -> Option<(StoreId, u64)> {
    let (&[PERIOD, store], mut rest) = bytes.split_first_chunk::<2>()? else { return None };
    let since = key::take_u64(&mut rest)?;
    rest.is_empty().then_some((StoreId(store), since))
}

pub(super) fn chunks_of(store: StoreId) -> [u8; 2] {
    [CHUNK, store.0]
}

pub(super) fn again_of(store: StoreId) -> [u8; 2] {
    [AGAIN, store.0]
}

/// Of a row about which nothing is decided: no chunk says anything of it.
pub(super) const NEVER: u64 = u64::MAX;

pub(super) fn again(store: StoreId, key: &[u8]) -> Vec<u8> {
    [&again_of(store), key].concat()
}

/// Names a chunk of a store. In order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChunkId {
    /// None of its rows was decided later.
    pub(super) time_ms: i64,
    pub(super) decided: u64,
    pub(super) nth: u32,
}

impl ChunkId {
    /// Sorts before every chunk of this time.
    pub(super) fn first_at(time_ms: i64) -> Self {
        Self { time_ms, decided: 0, nth: 0 }
    }

    pub(super) fn to_bytes(self, store: StoreId) -> Vec<u8> {
        let mut bytes = chunks_of(store).to_vec();
        key::put_i64(&mut bytes, self.time_ms);
        key::put_u64(&mut bytes, self.decided);
        bytes.extend_from_slice(&self.nth.to_be_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[CHUNK, _], mut rest) = bytes.split_first_chunk::<2>()? else { return None };
        let (time_ms, decided) = (key::take_i64(&mut rest)?, key::take_u64(&mut rest)?);
        Some(Self { time_ms, decided, nth: u32::from_be_bytes(rest.try_into().ok()?) })
    }
}

/// How much of all sources is decided: see the layout.
pub(super) fn decided(position: &Position) -> u64 {
    position.next_offsets.iter().map(|(_, next)| u64::try_from(*next).unwrap_or(0)).sum()
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("rows that end: {what}"))
}

/// Reads a row of [`STORE`] through a store's or a view's `get`.
pub(super) fn read<V: DeserializeOwned>(
    get: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<bool, StoreError>,
) -> Result<Option<V>, StoreError> {
    let mut row = None;
    get(&mut |bytes| row = Some(codec::decode(bytes)))?;
    row.transpose().map_err(|error| corrupt(&error.to_string()))
}

/// Writes a row of [`STORE`].
pub(super) fn write<V: Serialize>(store: &mut dyn Store, key: &[u8], row: &V) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    codec::encode(row, &mut bytes).map_err(|error| StoreError::Fatal(error.to_string()))?;
    store.put(STORE.id, key, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_sort_by_time_and_come_back(a: (i64, u64, u32), b: (i64, u64, u32), store: u8) {
            let id = |(time_ms, decided, nth)| ChunkId { time_ms, decided, nth };
            let bytes = |of| id(of).to_bytes(StoreId(store));
            prop_assert_eq!(bytes(a).cmp(&bytes(b)), a.cmp(&b));
            prop_assert_eq!(ChunkId::from_bytes(&bytes(a)), Some(id(a)));
        }

        #[test]
        fn periods_come_back(since: u64, store: u8) {
            prop_assert_eq!(read_period(&period(StoreId(store), since)), Some((StoreId(store), since)));
        }

        #[test]
        fn foreign_bytes_are_no_key(bytes: Vec<u8>) {
            let _ = (ChunkId::from_bytes(&bytes), read_period(&bytes));
        }
    }
}
