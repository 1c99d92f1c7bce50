//! Which rows have ended, for those who compare states: a replay, an audit.

use super::layout::{self, PERIODS, STORE, corrupt};
use super::table::Ending;
use super::watermark::Watermark;
use crate::codec::{self, CodecError};
use crate::key::prefix_end;
use holdfast_ports::store::{Store, StoreError, StoreId};
use std::ops::ControlFlow;

/// Since which record rows are kept for how long. Kept with the state, so that what was decided with it can be decided again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Of which store.
    pub store: StoreId,
    /// The first record: of a deciding topology, an offset of its inbox.
    pub since: u64,
    /// How long rows are kept, in ms.
    pub keep_ms: i64,
}

/// The periods that a state tells of, in the order in which they began.
///
/// # Errors
/// [`StoreError::Corrupt`] for rows of another shape; else as the store.
pub fn periods(store: &dyn Store) -> Result<Vec<Period>, StoreError> {
    let mut periods = periods_in(store, PERIODS)?;
    periods.sort_by_key(|period| period.since);
    Ok(periods)
}

fn periods_in(store: &dyn Store, prefix: &[u8]) -> Result<Vec<Period>, StoreError> {
    let mut periods = Vec::new();
    let mut failed = None;
    store.scan(STORE.id, prefix, prefix_end(prefix).as_deref(), &mut |key, row| match (
        layout::read_period(key),
        codec::decode(row),
    ) {
        (Some((store, since)), Ok(keep_ms)) => {
            periods.push(Period { store, since, keep_ms });
            ControlFlow::Continue(())
        }
        _ => {
            failed = Some(corrupt("a period"));
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(periods), Err)
}

/// How long rows of `table` are kept according to the state, in ms.
pub(super) fn last_kept_ms(store: &dyn Store, table: StoreId) -> Result<Option<i64>, StoreError> {
    let last = periods_in(store, &layout::periods_of(table))?.pop();
    Ok(last.map(|period| period.keep_ms))
}

/// The watermark of `table`, as `get` reads it from [`STORE`].
pub(crate) fn until_ms(
    table: StoreId,
    get: impl FnOnce(&[u8], &mut dyn FnMut(&[u8])) -> Result<bool, StoreError>,
) -> Result<i64, StoreError> {
    Ok(layout::read(|read| get(&layout::watermark(table), read))?.unwrap_or(Watermark::NOTHING_MS))
}

/// Which rows of a state have ended. What has may be deleted in one state and not yet in another that is the same.
#[derive(Debug, Clone)]
pub struct Ended(Vec<(Ending, i64)>);

impl Ended {
    /// According to the watermarks in `store`; `endings` are those of the topology ([`crate::prelude::Topology::endings`]).
    ///
    /// # Errors
    /// As the store, and [`StoreError::Corrupt`] for a watermark that cannot be read.
    pub fn of(endings: &[Ending], store: &dyn Store) -> Result<Self, StoreError> {
        let of =
            |ending: &Ending| Ok((*ending, until_ms(ending.store.id, |key, read| store.get(STORE.id, key, read))?));
        endings.iter().map(of).collect::<Result<_, _>>().map(Self)
    }

    /// Rows of `store` that were decided at this time or before have ended, in ms since the epoch; `None` when its rows do not end.
    #[must_use]
    pub fn until_ms(&self, store: StoreId) -> Option<i64> {
        self.0.iter().find(|(ending, _)| ending.store.id == store).map(|(_, until_ms)| *until_ms)
    }

    /// Whether a row of `store` has ended.
    ///
    /// # Errors
    /// When the row cannot be read.
    pub fn has(&self, store: StoreId, row: &[u8]) -> Result<bool, CodecError> {
        match self.0.iter().find(|(ending, _)| ending.store.id == store) {
            Some((ending, until_ms)) => Ok(ending.decided_ms(row)? <= *until_ms),
            None => Ok(false),
        }
    }
}
