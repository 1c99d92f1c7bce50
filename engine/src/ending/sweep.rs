//! One walk through a table that had rows before they were entered into chunks, to end them as well.
//!
//! A walk that only deleted what has ended when it comes by would leave the rest for ever. So it enters what has not ended yet into chunks of its own.

use super::journal::Journal;
use super::layout::{self, ChunkId, corrupt};
use super::tasks::TableState;
use holdfast_ports::store::{Store, StoreError, StoreId};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Rows that are looked at with a commit, at least. Otherwise as many as it has decided records: where more rows came in before the walk than it
/// looks at, it would never end.
const ROWS_MIN: usize = 64;

/// How far the walk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sweep {
    at: At,
    is_stored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum At {
    /// Every row is in a chunk.
    End,
    /// Rows from `next` on that were decided at `began_ms` or before may be in none. Those that came later are in one.
    Key { next: Vec<u8>, began_ms: i64 },
}

impl Sweep {
    /// Of a table that was empty before it was an ending one, there is nothing to be done but to note that.
    pub(super) fn load(store: &dyn Store, table: StoreId, now_ms: i64) -> Result<Self, StoreError> {
        if let Some(at) = layout::read(|read| store.get(layout::STORE.id, &layout::sweep(table), read))? {
            return Ok(Self { at, is_stored: true });
        }
        let mut at = At::End;
        store.scan(table, &[], None, &mut |_, _| {
            at = At::Key { next: Vec::new(), began_ms: now_ms };
            ControlFlow::Break(())
        })?;
        Ok(Self { at, is_stored: false })
    }

    /// Whether a row that was decided at this time is still to be entered, if the walk has not come by.
    #[inline]
    pub(super) fn covers(&self, decided_ms: i64) -> bool {
        matches!(self.at, At::Key { began_ms, .. } if decided_ms <= began_ms)
    }
}

impl TableState {
    /// Walks on, with a commit of so many records: what has ended is deleted, what has not is entered into chunks behind `next`. Returns how many rows were
    /// deleted.
    pub(super) fn sweep_on(&mut self, store: &mut dyn Store, records: usize, next: ChunkId) -> Result<u64, StoreError> {
        if self.sweep.is_stored && self.sweep.at == At::End {
            return Ok(0);
        }
        let mut deleted = 0;
        if let At::Key { next: ref from, began_ms } = self.sweep.at {
            let seen = self.look(store, from, ROWS_MIN.max(records))?;
            let table = self.ending.store.id;
            deleted = seen.ended.len() as u64;
            for key in &seen.ended {
                store.delete(table, key)?;
            }
            self.sweep.at = seen.next.map_or(At::End, |next| At::Key { next, began_ms });
            self.enter(store, &seen.stays, &mut ChunkId { time_ms: seen.latest_ms, ..next })?;
        }
        self.sweep.is_stored = true;
        layout::write(store, &layout::sweep(self.ending.store.id), &self.sweep.at)?;
        Ok(deleted)
    }

    fn look(&self, store: &dyn Store, from: &[u8], rows_max: usize) -> Result<Seen, StoreError> {
        let until_ms = self.watermark.until_ms;
        let mut seen = Seen::default();
        let mut rows = 0;
        let mut failed = None;
        store.scan(self.ending.store.id, from, None, &mut |key, row| {
            if rows == rows_max {
                seen.next = Some(key.to_vec());
                return ControlFlow::Break(());
            }
            rows += 1;
            match self.date(store, key, row) {
                Ok(None) => {}
                Ok(Some(decided_ms)) if decided_ms <= until_ms => seen.ended.push(key.to_vec()),
                Ok(Some(decided_ms)) => {
                    seen.latest_ms = seen.latest_ms.max(decided_ms);
                    seen.stays.push(key);
                }
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(seen), Err)
    }

    /// When a row from before was decided. `None` for one that was put since then, and so is in a chunk if it is decided, or is not decided yet: it will be
    /// put again.
    fn date(&self, store: &dyn Store, key: &[u8], row: &[u8]) -> Result<Option<i64>, StoreError> {
        let decided_ms = self.ending.decided_ms(row).map_err(|error| corrupt(&error.to_string()))?;
        if !self.sweep.covers(decided_ms) {
            return Ok(None);
        }
        Ok((!self.is_marked(store, key)?).then_some(decided_ms))
    }
}

/// What a look at some rows has shown.
struct Seen {
    ended: Vec<Vec<u8>>,
    stays: Journal,
    /// When the last of those that stay was decided.
    latest_ms: i64,
    /// The row that comes next; `None` at the end.
    next: Option<Vec<u8>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { ended: Vec::new(), stays: Journal::default(), latest_ms: i64::MIN, next: None }
    }
}
