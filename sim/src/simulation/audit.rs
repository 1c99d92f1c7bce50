//! What is asked of a history: by the user, after every commit and at the end, and by the house of any topology whatever.

use super::APP;
use crate::memory_log::{MemoryLog, Stored};
use holdfast_engine::inspect::position::{self, Position};
use holdfast_engine::inspect::{Queries, TaskView, changelog, codec};
use holdfast_engine::prelude::Topology;
use holdfast_ports::store::StoreId;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is asked of a history. It sees what any reader of the log could see, and keeps what it needs from one call to the next.
pub trait Audit {
    /// Called after every commit of the log.
    ///
    /// # Errors
    /// What is wrong, for people.
    fn committed(&mut self, history: &History<'_>) -> Result<(), String>;

    /// Called at the end, when nothing is left to be done.
    ///
    /// # Errors
    /// What is wrong, for people.
    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String>;
}

/// What a reader of committed records can see now.
pub struct History<'a> {
    pub(super) log: &'a MemoryLog,
    pub(super) places: u32,
    pub(super) behind_ms: i64,
}

impl History<'_> {
    /// Number of places.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.places
    }

    /// Name of the changelog of `topology`: its rows as any reader could have them.
    #[must_use]
    pub fn changelog_topic(topology: &str) -> String {
        changelog::topic(APP, topology)
    }

    /// How far the clock of a worker has ever been behind the log's, in ms: so late a delayed message may be for no other reason.
    #[must_use]
    pub fn behind_ms(&self) -> i64 {
        self.behind_ms
    }

    /// Committed records of a partition from offset `from` on, with their offsets.
    #[must_use]
    pub fn read(&self, topic: &str, partition: u32, from: i64) -> Vec<(i64, Stored)> {
        let records = self.log.committed_from(topic, partition, from);
        records.into_iter().map(|(offset, record, _)| (offset, record)).collect()
    }
}

/// Reads a partition piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    next: i64,
}

impl Cursor {
    /// What has come since the last call.
    pub fn read(&mut self, history: &History<'_>, topic: &str, partition: u32) -> Vec<(i64, Stored)> {
        let records = history.read(topic, partition, self.next);
        if let Some((offset, _)) = records.last() {
            self.next = offset + 1;
        }
        records
    }
}

/// The committed views of all tasks, wherever they run.
pub struct LiveStores {
    pub(super) workers: Vec<Arc<Queries>>,
}

impl LiveStores {
    /// The views of a topology, in order of place.
    #[must_use]
    pub fn tasks(&self, topology: &str) -> Vec<TaskView> {
        let mut tasks: Vec<TaskView> = self.workers.iter().flat_map(|queries| queries.tasks(topology)).collect();
        tasks.sort_by_key(TaskView::place);
        tasks
    }
}

/// What holds of every topology: positions and writers never go back, stores are what their changelogs say, every input is decided.
pub(super) struct HouseAudit {
    topologies: Vec<Topology>,
    /// By topic and place.
    books: BTreeMap<(String, u32), Book>,
}

#[derive(Default)]
struct Book {
    next: i64,
    rows: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    position: Position,
    epochs: BTreeMap<String, u64>,
}

impl HouseAudit {
    pub(super) fn new(topologies: &[Topology]) -> Self {
        Self { topologies: topologies.to_vec(), books: BTreeMap::new() }
    }

    fn read(&mut self, history: &History<'_>) -> Result<(), String> {
        for topology in &self.topologies {
            let topic = changelog::topic(APP, topology.name());
            for place in 0..history.places {
                let book = self.books.entry((topic.clone(), place)).or_default();
                book.read(history.log, &topic, place).map_err(|why| format!("{topic}-{place}: {why}"))?;
            }
        }
        Ok(())
    }
}

impl Book {
    fn read(&mut self, log: &MemoryLog, topic: &str, place: u32) -> Result<(), String> {
        for (offset, record, author) in log.committed_from(topic, place, self.next) {
            self.next = offset + 1;
            let author = author.ok_or_else(|| format!("offset {offset} was not written in a transaction"))?;
            let epoch = self.epochs.entry(author.writer.clone()).or_default();
            if author.epoch < *epoch {
                return Err(format!(
                    "offset {offset}: {} {} writes although {epoch} has written (I-26)",
                    author.writer, author.epoch
                ));
            }
            *epoch = author.epoch;
            let write = changelog::decode(record.key.as_deref(), record.value.as_deref())
                .ok_or_else(|| format!("offset {offset} has no key"))?;
            if write.store == position::STORE.id {
                let position: Position = codec::decode(write.value.unwrap_or_default()).map_err(|e| e.to_string())?;
                self.follow(&position).map_err(|why| format!("offset {offset} of {}: {why}", author.writer))?;
                self.position = position;
            }
            let key = (write.store.0, write.key.to_vec());
            match write.value {
                Some(value) => self.rows.insert(key, value.to_vec()),
                None => self.rows.remove(&key),
            };
        }
        Ok(())
    }

    fn follow(&self, position: &Position) -> Result<(), String> {
        for (topic, before) in &self.position.next_offsets {
            if position.next_offset(topic).is_none_or(|next| next < *before) {
                return Err(format!("the position in {topic} goes back from {before} to {position:?} (I-25, I-26)"));
            }
        }
        if position.now_ms < self.position.now_ms || position.sequence < self.position.sequence {
            return Err(format!("{position:?} after {:?} (I-31)", self.position));
        }
        Ok(())
    }
}

impl Audit for HouseAudit {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        self.read(history)
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.read(history)?;
        for topology in &self.topologies {
            let topic = changelog::topic(APP, topology.name());
            for task in stores.tasks(topology.name()) {
                let place = task.place();
                let here = format!("{}/{place}", topology.name());
                let book = self.books.entry((topic.clone(), place)).or_default();
                let mut live = BTreeMap::new();
                for store in topology.all_stores() {
                    rows(&task, store.id, &mut live).map_err(|why| format!("{here}: {why}"))?;
                }
                if let Some(key) = live.keys().chain(book.rows.keys()).find(|key| live.get(*key) != book.rows.get(*key))
                {
                    return Err(format!(
                        "{here}: row {key:?} is {:?} in the store and {:?} in the changelog (I-18)",
                        live.get(key),
                        book.rows.get(key)
                    ));
                }
                for source in topology.sources() {
                    let last = history.read(source, place, 0).last().map_or(-1, |(offset, _)| *offset);
                    if book.position.next_offset(source).unwrap_or(0) <= last {
                        return Err(format!("{here}: {source} is not decided up to its end {last} (I-25)"));
                    }
                }
            }
        }
        Ok(())
    }
}

fn rows(task: &TaskView, store: StoreId, into: &mut BTreeMap<(u8, Vec<u8>), Vec<u8>>) -> Result<(), String> {
    task.scan_bytes(store, &[], &mut |key, row| {
        into.insert((store.0, key.to_vec()), row.to_vec());
        ControlFlow::Continue(())
    })
    .map_err(|error| error.to_string())
}
