//! A shadow task: the code of a live one, on a store of its own, that decides an inbox again from its beginning. What it makes is shown to whoever
//! compares, and goes nowhere: nothing is sent, no delayed message falls due (those that did lie in the inbox as records), no effect is performed.
//!
//! The log's own refusals are the one thing that a decision depends on and the inbox does not tell: the dead letters do ([`Shadow::refused`]).
//!
//! [`Rebuild`] makes the other half of the comparison: what the changelog says. A shadow may also begin on what it said once.

use crate::codec;
use crate::delayed;
use crate::ending::{EndingTable, Ends, Period};
use crate::key::Key;
use crate::position::{self, Position};
use crate::record_collector::RecordCollector;
use crate::restore::Restore;
use crate::task::Task;
use crate::topology::Topology;
use holdfast_ports::log::Slot;
use holdfast_ports::record::{NewRecord, Record};
use holdfast_ports::store::{Batch, Store, StoreError, TaskId};
use std::convert::Infallible;

/// Records decided between two batches into the store: bounds what is kept in memory.
const BATCH_RECORDS_MAX: usize = 5_000;
/// Bytes written between two batches, for the same reason.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// What a shadow would have put into the log.
#[derive(Debug, Clone, Copy)]
pub enum Made<'a> {
    /// With the commit of the decision.
    Now(&'a NewRecord<'a>),
    /// When a deadline has come, unless it is taken back before.
    Later(&'a NewRecord<'a>),
}

/// The shadow of one task.
pub struct Shadow {
    task: Task,
    collector: RecordCollector,
    uncommitted: usize,
    batches: i64,
}

impl Shadow {
    /// The shadow of `id`, which keeps its state in `store`.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] when the store is not empty, or the topology has sources whose order between each other nobody knows; else as the store.
    pub fn new(
        id: TaskId,
        topology: &Topology,
        store: Box<dyn Store>,
        app: &str,
        places: u32,
    ) -> Result<Self, StoreError> {
        if store.changelog_next().is_some() {
            return Err(StoreError::Fatal(format!("the shadow of {id} needs an empty store")));
        }
        Self::resume(id, topology, store, app, places)
    }

    /// The shadow of `id` on a state it had once, which lies in `store`: it goes on where its position says.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] when the topology has no inbox, [`StoreError::Corrupt`] when the position cannot be read; else as the store.
    pub fn resume(
        id: TaskId,
        topology: &Topology,
        store: Box<dyn Store>,
        app: &str,
        places: u32,
    ) -> Result<Self, StoreError> {
        if !topology.is_deciding() {
            return Err(StoreError::Fatal(format!(
                "{} has no inbox: nobody knows in which order its sources were read",
                topology.name()
            )));
        }
        let batches = store.changelog_next().unwrap_or(0);
        Ok(Self {
            task: Task::new(id, topology, store, (app, places), [0; 32])?,
            collector: RecordCollector::default(),
            uncommitted: 0,
            batches,
        })
    }

    /// The log has refused an output of the next record, so that it was buried: `times` over, for the reason `why`.
    pub fn refused(&mut self, offset: i64, times: u32, why: &str) {
        for _ in 0..times {
            self.task.condemned.add((0, offset), why.to_owned());
        }
    }

    /// Rows end as they did when the inbox was decided: since which record they were kept for how long, as [`crate::inspect::ending::periods`] finds it in the live
    /// state. Without it they are kept for as long as the topology says now.
    pub fn keep_as(&mut self, periods: Vec<Period>) {
        self.task.ending.keep_as(periods);
    }

    /// Decides one record of the inbox, and shows what it made, in order.
    ///
    /// # Errors
    /// When the shadow's own store gives up.
    pub fn decide(&mut self, record: &Record<'_>, each: &mut dyn FnMut(Made<'_>)) -> Result<(), StoreError> {
        let sequence = self.task.position.sequence;
        self.task.ending.follow(record.offset);
        self.task.decide(0, record, &mut self.collector)?;
        let shown: Result<(), Infallible> = self.collector.each(|_, output| {
            each(Made::Now(output));
            Ok(())
        });
        debug_assert!(shown.is_ok());
        self.collector.clear();
        self.uncommitted += 1;
        // A delayed message is shown once, and before it can be taken back: so its record is the last of its batch.
        let made_later = self.task.position.sequence != sequence;
        let is_full = self.uncommitted >= BATCH_RECORDS_MAX || self.task.store.overlay_bytes() >= BATCH_BYTES_MAX;
        if made_later || is_full {
            self.keep(|batch| if made_later { show_later(batch, each) } else { Ok(()) })?;
        }
        Ok(())
    }

    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.task.position
    }

    /// Rows of `table` that were decided at this time or before have ended, in ms since the epoch; `None` when the topology has no such table. A shadow
    /// deletes none of them.
    #[must_use]
    pub fn ended_until_ms<K: Key, V: Ends>(&self, table: &EndingTable<K, V>) -> Option<i64> {
        self.task.ending.until_ms(table.id())
    }

    /// The state it has come to.
    ///
    /// # Errors
    /// When the store gives up.
    pub fn finish(mut self) -> Result<Box<dyn Store>, StoreError> {
        self.task.ending.note(&mut *self.task.store)?;
        self.task.write_position()?;
        self.keep(|_| Ok(()))?;
        Ok(self.task.store)
    }

    /// Enters what was decided into the store; `look` sees it before.
    fn keep(&mut self, look: impl FnOnce(&dyn Batch) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.uncommitted = 0;
        self.task.ending.forget();
        // There is no changelog behind it; the number only has to grow.
        self.batches += 1;
        let batch = self.task.store.seal()?;
        look(&*batch)?;
        batch.commit(self.batches)?;
        drop(batch);
        self.task.store.settle(self.batches);
        Ok(())
    }
}

fn show_later(batch: &dyn Batch, each: &mut dyn FnMut(Made<'_>)) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    batch.changes(&mut |write| {
        if write.store == delayed::STORE.id
            && let Some(row) = write.value
            && outcome.is_ok()
        {
            outcome = delayed::message(row, &mut |message| each(Made::Later(message)));
        }
    });
    outcome
}

/// Brings an empty store to what its changelog says.
#[derive(Debug)]
pub struct Rebuild(Restore);

impl Default for Rebuild {
    fn default() -> Self {
        // Slot, end and time serve the progress of a live restore; here the caller reads.
        Self(Restore::new(Slot(0), 0, 0, 0))
    }
}

impl Rebuild {
    /// Takes one changelog record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a record that no worker wrote; else as the store.
    pub fn take(&mut self, record: &Record<'_>, store: &mut dyn Store) -> Result<(), StoreError> {
        self.0.take(record, store)
    }

    /// Applies the rest, and says where the task stood.
    ///
    /// # Errors
    /// As the store, and [`StoreError::Corrupt`] for a position that cannot be read.
    pub fn finish(mut self, store: &mut dyn Store) -> Result<Position, StoreError> {
        self.0.apply(store)?;
        let mut row = Ok(Position::default());
        store.get(position::STORE.id, position::KEY, &mut |bytes| row = codec::decode(bytes))?;
        row.map_err(|e| StoreError::Corrupt(format!("position: {e}")))
    }
}
