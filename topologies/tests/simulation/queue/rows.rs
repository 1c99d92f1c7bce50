//! The rows of a place as its changelog tells them, commit by commit.

use holdfast_engine::inspect::ports::store::Write;
use holdfast_engine::inspect::{changelog, codec};
use holdfast_engine::prelude::{Key, Table};
use holdfast_model::queue::{COUNTS, DRAWN_PLACES, DRAWN_TICKETS, LINE, NAME, NODES, QUEUES, SEEN, TICKETS, USERS};
use holdfast_sim::simulation::{Cursor, History};
use holdfast_topologies::queue::invariants::Books;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The rows of a place.
#[derive(Default)]
pub(crate) struct Rows {
    changelog: Cursor,
    pub(crate) books: Books,
}

impl Rows {
    /// Reads what has been committed since the last call.
    pub(crate) fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (offset, record) in self.changelog.read(history, &History::changelog_topic(NAME), place) {
            let write = changelog::decode(record.key.as_deref(), record.value.as_deref());
            let write = write.ok_or_else(|| format!("changelog offset {offset} has no key"))?;
            let books = &mut self.books;
            take(&QUEUES, &write, &mut books.queues)?;
            take(&COUNTS, &write, &mut books.counts)?;
            take(&TICKETS, &write, &mut books.tickets)?;
            take(&USERS, &write, &mut books.users)?;
            take(&LINE, &write, &mut books.line)?;
            take(&NODES, &write, &mut books.nodes)?;
            take(&SEEN, &write, &mut books.seen)?;
            take(&DRAWN_PLACES, &write, &mut books.drawn_places)?;
            take(&DRAWN_TICKETS, &write, &mut books.drawn_tickets)?;
        }
        Ok(())
    }
}

/// Takes a write into `rows`, if it is one of `table`.
fn take<K: Key + Ord, V: DeserializeOwned>(
    table: &Table<K, V>,
    write: &Write<'_>,
    rows: &mut BTreeMap<K, V>,
) -> Result<(), String> {
    if write.store == table.id() {
        let key = K::decode(write.key).ok_or_else(|| format!("{}: a key of another shape", table.spec().name))?;
        match write.value.map(codec::decode).transpose().map_err(|error| error.to_string())? {
            Some(row) => rows.insert(key, row),
            None => rows.remove(&key),
        };
    }
    Ok(())
}
