//! What a task has of rows that end.

use super::cleaning;
use super::ended::{self, Period};
use super::journal::{Journal, KEYS_MAX};
use super::layout::{self, ChunkId, NEVER, STORE};
use super::sweep::Sweep;
use super::table::Ending;
use super::watermark::Watermark;
use crate::position::Position;
use holdfast_ports::store::{Store, StoreError, StoreId};
use std::collections::VecDeque;

/// Rows that a commit may always look at to end them: as many as a chunk can have.
const ROWS_MIN: usize = KEYS_MAX;
/// … and for each record that it has decided: twice what usually comes in, so that a backlog shrinks under load as well.
const ROWS_PER_RECORD: usize = 2;

/// All ending tables of a task. Empty in most topologies: then nothing of it costs anything.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    tables: Vec<TableState>,
    /// No watermark moves before this `now`.
    moves_at_ms: i64,
    /// Which table is cleaned up first the next time: each in turn, since they share what a commit may look at.
    turn: usize,
    /// Of a shadow: what is still to come into force.
    periods: VecDeque<Period>,
}

/// One ending table.
#[derive(Debug)]
pub(super) struct TableState {
    pub(super) ending: Ending,
    pub(super) watermark: Watermark,
    /// As the state has it.
    stored_until_ms: i64,
    /// Rows are kept as the declaration says since this record, and the state does not say so yet.
    unstored_period: Option<u64>,
    pub(super) journal: Journal,
    looked: Looked,
    /// Some row may have a mark that it was put again.
    pub(super) has_marks: bool,
    /// Time of the oldest chunk; `i64::MAX` when there is none.
    pub(super) head_ms: i64,
    pub(super) sweep: Sweep,
}

/// The row that a processor has looked at last, as long as it has the record in hand.
#[derive(Debug, Default)]
struct Looked {
    key: Vec<u8>,
    found: Found,
}

/// What a processor has found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A row, or it has not looked.
    #[default]
    Something,
    /// A row about which nothing is decided: in a chunk only if it has been decided once.
    Undecided,
    /// No row, not even one that has ended and is not deleted yet: in no chunk.
    Nothing,
}

impl TableState {
    fn load(ending: Ending, store: &dyn Store, position: &Position) -> Result<Self, StoreError> {
        let id = ending.store.id;
        let until_ms = ended::until_ms(id, |key, read| store.get(STORE.id, key, read))?;
        let kept_ms = ended::last_kept_ms(store, id)?;
        Ok(Self {
            ending,
            watermark: Watermark::new(until_ms, ending.keep_ms),
            stored_until_ms: until_ms,
            unstored_period: (kept_ms != Some(ending.keep_ms)).then(|| layout::decided(position)),
            journal: Journal::default(),
            looked: Looked::default(),
            has_marks: cleaning::has_marks(store, id)?,
            head_ms: cleaning::oldest_ms(store, id)?,
            sweep: Sweep::load(store, id, position.now_ms)?,
        })
    }

    /// Writes what has changed of watermark and period.
    fn note(&mut self, store: &mut dyn Store) -> Result<(), StoreError> {
        let id = self.ending.store.id;
        if let Some(since) = self.unstored_period.take() {
            layout::write(store, &layout::period(id, since), &self.ending.keep_ms)?;
        }
        if self.stored_until_ms != self.watermark.until_ms {
            self.stored_until_ms = self.watermark.until_ms;
            layout::write(store, &layout::watermark(id), &self.stored_until_ms)?;
        }
        Ok(())
    }

    /// Whether a row has a mark that it was put again.
    pub(super) fn is_marked(&self, store: &dyn Store, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.has_marks && store.get(STORE.id, &layout::again(self.ending.store.id, key), &mut |_| {})?)
    }

    /// Enters what `journal` holds into chunks from `next` on: none of its rows was decided later than that says.
    pub(super) fn enter(
        &mut self,
        store: &mut dyn Store,
        journal: &Journal,
        next: &mut ChunkId,
    ) -> Result<(), StoreError> {
        if journal.is_empty() {
            return Ok(());
        }
        self.head_ms = self.head_ms.min(next.time_ms);
        let id = self.ending.store.id;
        journal.chunks(&mut |chunk| {
            store.put(STORE.id, &next.to_bytes(id), chunk)?;
            next.nth += 1;
            Ok(())
        })
    }
}

impl Endings {
    /// As the committed state says.
    pub(crate) fn load(endings: &[Ending], store: &dyn Store, position: &Position) -> Result<Self, StoreError> {
        let tables = endings.iter().map(|ending| TableState::load(*ending, store, position));
        let mut all = Self { tables: tables.collect::<Result<_, _>>()?, ..Self::default() };
        all.look_ahead();
        Ok(all)
    }

    fn look_ahead(&mut self) {
        self.moves_at_ms = self.tables.iter().map(|t| t.watermark.moves_at_ms()).min().unwrap_or(i64::MAX);
    }

    /// A record is about to be decided at `now_ms`.
    #[inline]
    pub(crate) fn advance(&mut self, now_ms: i64) {
        if now_ms >= self.moves_at_ms {
            self.tables.iter_mut().for_each(|table| table.watermark.advance(now_ms));
            self.look_ahead();
        }
    }

    /// Of a shadow: rows are kept as `periods` say, which are in order, and not as the declaration says.
    pub(crate) fn keep_as(&mut self, periods: Vec<Period>) {
        for table in &mut self.tables {
            table.watermark.keep(i64::MAX);
            table.unstored_period = None;
        }
        self.periods = periods.into();
        self.look_ahead();
    }

    /// Of a shadow: the record at `offset` is the next.
    pub(crate) fn follow(&mut self, offset: i64) {
        let offset = u64::try_from(offset).unwrap_or(0);
        while let Some(period) = self.periods.front().filter(|period| period.since <= offset).copied() {
            self.periods.pop_front();
            if let Some(table) = self.tables.iter_mut().find(|table| table.ending.store.id == period.store) {
                table.watermark.keep(period.keep_ms);
            }
            self.look_ahead();
        }
    }

    #[inline]
    fn table(&self, store: StoreId) -> Option<usize> {
        self.tables.iter().position(|table| table.ending.store.id == store)
    }

    /// Rows of `store` that were decided at this time or before have ended; `None` when its rows do not end.
    #[inline]
    pub(crate) fn until_ms(&self, store: StoreId) -> Option<i64> {
        self.table(store).map(|table| self.tables[table].watermark.until_ms)
    }

    /// A processor has looked at a row.
    #[inline]
    pub(crate) fn look(&mut self, table: StoreId, key: &[u8], found: Found) {
        if let Some(table) = self.table(table) {
            let looked = &mut self.tables[table].looked;
            looked.key.clear();
            looked.key.extend_from_slice(key);
            looked.found = found;
        }
    }

    /// A row of `table` was written by the record behind `position`. False when its rows do not end.
    #[inline]
    pub(crate) fn put(
        &mut self,
        store: &mut dyn Store,
        position: &Position,
        table: StoreId,
        key: &[u8],
        decided_ms: i64,
    ) -> Result<bool, StoreError> {
        let Some(table) = self.table(table) else { return Ok(false) };
        let state = &mut self.tables[table];
        let is_decided = decided_ms <= position.now_ms;
        if is_decided {
            state.journal.push(key);
        }
        let found = std::mem::take(&mut state.looked.found);
        let is_new = state.looked.key == key
            && match found {
                Found::Nothing => true,
                Found::Undecided => !state.is_marked(store, key)?,
                Found::Something => false,
            };
        // The walk through rows from before must see by the mark that this one is none of them.
        if !is_new || state.sweep.covers(decided_ms) {
            let since = if is_decided { layout::decided(position) } else { NEVER };
            layout::write(store, &layout::again(state.ending.store.id, key), &since)?;
            state.has_marks = true;
        }
        Ok(true)
    }

    /// What was put up to here stays if the record that comes is undone.
    #[inline]
    pub(crate) fn mark(&mut self) {
        for table in &mut self.tables {
            table.journal.mark();
            table.looked.found = Found::Something;
        }
    }

    /// Takes back what was put since the mark.
    pub(crate) fn undo(&mut self) {
        self.tables.iter_mut().for_each(|table| table.journal.undo());
    }

    /// Nothing of what was put is to be committed; or, in a shadow, entered.
    pub(crate) fn forget(&mut self) {
        self.tables.iter_mut().for_each(|table| table.journal.clear());
    }

    /// Bytes in memory that a commit will write.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.tables.iter().map(|table| table.journal.len()).sum()
    }

    /// Writes what the state has to say of watermarks.
    pub(crate) fn note(&mut self, store: &mut dyn Store) -> Result<(), StoreError> {
        self.tables.iter_mut().try_for_each(|table| table.note(store))
    }

    /// The last writes of a commit that has decided so many records and stands at `position`: watermarks, chunks, and the clean-up. Returns how many rows
    /// it has deleted.
    pub(crate) fn seal(
        &mut self,
        store: &mut dyn Store,
        position: &Position,
        records: usize,
    ) -> Result<u64, StoreError> {
        self.note(store)?;
        let mut deleted = self.clean(store, records)?;
        for table in &mut self.tables {
            let mut next = ChunkId { decided: layout::decided(position), ..ChunkId::first_at(position.now_ms) };
            let mut journal = std::mem::take(&mut table.journal);
            let entered = table.enter(store, &journal, &mut next);
            journal.clear();
            table.journal = journal;
            entered?;
            // Ids of chunks are new only behind a record.
            if records > 0 {
                deleted += table.sweep_on(store, records, next)?;
            }
        }
        Ok(deleted)
    }

    fn clean(&mut self, store: &mut dyn Store, records: usize) -> Result<u64, StoreError> {
        if self.tables.iter().all(TableState::is_clean) {
            return Ok(0);
        }
        let mut rows_left = ROWS_MIN.max(records.saturating_mul(ROWS_PER_RECORD));
        let mut deleted = 0;
        self.turn = (self.turn + 1) % self.tables.len();
        let (after, first) = self.tables.split_at_mut(self.turn);
        for table in first.iter_mut().chain(after) {
            deleted += table.clean(store, &mut rows_left)?;
        }
        Ok(deleted)
    }
}
