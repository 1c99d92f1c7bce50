//! Rows that have ended are deleted: chunk by chunk, the oldest first.

use super::journal;
use super::layout::{self, ChunkId, STORE, chunks_of, corrupt};
use super::tasks::TableState;
use crate::key::prefix_end;
use holdfast_ports::store::{Store, StoreError, StoreId};
use std::ops::ControlFlow;

/// Time of the oldest chunk of `table`; `i64::MAX` when there is none.
pub(super) fn oldest_ms(store: &dyn Store, table: StoreId) -> Result<i64, StoreError> {
    let prefix = chunks_of(table);
    let mut oldest = Ok(i64::MAX);
    store.scan(STORE.id, &prefix, prefix_end(&prefix).as_deref(), &mut |key, _| {
        oldest = ChunkId::from_bytes(key).map(|id| id.time_ms).ok_or_else(|| corrupt("the key of a chunk"));
        ControlFlow::Break(())
    })?;
    oldest
}

/// Whether a row of `table` has a mark that it was put again.
pub(super) fn has_marks(store: &dyn Store, table: StoreId) -> Result<bool, StoreError> {
    let prefix = layout::again_of(table);
    let mut has_marks = false;
    store.scan(STORE.id, &prefix, prefix_end(&prefix).as_deref(), &mut |_, _| {
        has_marks = true;
        ControlFlow::Break(())
    })?;
    Ok(has_marks)
}

impl TableState {
    /// Whether no chunk is there to be taken: a look at two numbers.
    #[inline]
    pub(super) fn is_clean(&self) -> bool {
        self.head_ms > self.watermark.until_ms
    }

    /// Takes the oldest chunks that the watermark has reached, as long as they have no more keys than are left to look at. Returns how many rows were
    /// deleted.
    pub(super) fn clean(&mut self, store: &mut dyn Store, rows_left: &mut usize) -> Result<u64, StoreError> {
        if self.is_clean() {
            return Ok(0);
        }
        let mut deleted = 0;
        for (id, chunk) in self.take_chunks(store, rows_left)? {
            for key in journal::keys(&chunk)? {
                deleted += u64::from(self.end(store, key?, id)?);
            }
            store.delete(STORE.id, &id.to_bytes(self.ending.store.id))?;
        }
        Ok(deleted)
    }

    /// Finds them, and what is the oldest after them.
    fn take_chunks(&mut self, store: &dyn Store, rows_left: &mut usize) -> Result<Vec<(ChunkId, Vec<u8>)>, StoreError> {
        let (table, until_ms) = (self.ending.store.id, self.watermark.until_ms);
        // From where the oldest is known to be: the scan is spared the tombstones of all that were taken before.
        let from = ChunkId::first_at(self.head_ms).to_bytes(table);
        let mut taken = Vec::new();
        let mut head_ms = Ok(i64::MAX);
        store.scan(STORE.id, &from, prefix_end(&chunks_of(table)).as_deref(), &mut |key, chunk| {
            let id = ChunkId::from_bytes(key).ok_or_else(|| corrupt("the key of a chunk"));
            match id.and_then(|id| Ok((id, journal::keys(chunk)?.count()))) {
                Ok((id, rows)) if id.time_ms <= until_ms && rows <= *rows_left => {
                    *rows_left -= rows;
                    taken.push((id, chunk.to_vec()));
                    ControlFlow::Continue(())
                }
                stays => {
                    head_ms = stays.map(|(id, _)| id.time_ms);
                    ControlFlow::Break(())
                }
            }
        })?;
        self.head_ms = head_ms?;
        Ok(taken)
    }

    /// Deletes a row that a chunk says has ended, unless it was put again since then: the chunk that it has come into by that will end it. The row itself is
    /// not read: it is old, and would have to come from the disk.
    fn end(&self, store: &mut dyn Store, key: &[u8], chunk: ChunkId) -> Result<bool, StoreError> {
        let table = self.ending.store.id;
        if self.has_marks {
            let mark = layout::again(table, key);
            let since: Option<u64> = layout::read(|read| store.get(STORE.id, &mark, read))?;
            if since.is_some_and(|since| since >= chunk.decided) {
                return Ok(false);
            }
            if since.is_some() {
                store.delete(STORE.id, &mark)?;
            }
        }
        store.delete(table, key)?;
        Ok(true)
    }
}
