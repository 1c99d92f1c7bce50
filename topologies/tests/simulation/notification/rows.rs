//! The rows of a place as its changelog tells them, commit by commit.

use holdfast_engine::inspect::ports::store::Write;
use holdfast_engine::inspect::{changelog, codec, effect};
use holdfast_engine::prelude::{Key, Table};
use holdfast_model::notification::contact::ContactRow;
use holdfast_model::notification::{CONTACTS, HISTORY, NAME, NOTICES};
use holdfast_sim::simulation::{Cursor, History};
use holdfast_topologies::notification::invariants::Books;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The rows of a place.
#[derive(Default)]
pub(crate) struct Rows {
    changelog: Cursor,
    effects: BTreeMap<Vec<u8>, String>,
    pub(crate) contacts: BTreeMap<String, ContactRow>,
    pub(crate) books: Books,
}

impl Rows {
    /// Reads what has been committed since the last call.
    pub(crate) fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        self.books.history_until_ms = i64::MIN;
        for (offset, record) in self.changelog.read(history, &History::changelog_topic(NAME), place) {
            let write = changelog::decode(record.key.as_deref(), record.value.as_deref());
            let write = write.ok_or_else(|| format!("changelog offset {offset} has no key"))?;
            take(NOTICES.stored(), &write, |key, row| put(&mut self.books.notices, key, row))?;
            take(&CONTACTS, &write, |key, row| put(&mut self.contacts, key, row))?;
            take(HISTORY.stored(), &write, |key, row| {
                self.books.history.retain(|(known, _)| *known != key);
                self.books.history.extend(row.map(|row| (key, row)));
            })?;
            if write.store == effect::STORE.id {
                // The row of the secret has another shape.
                let row = write.value.map(codec::decode_borrowed::<(&[u8], &[u8])>);
                match row {
                    Some(Ok((key, _))) => {
                        self.effects.insert(write.key.to_vec(), String::from_utf8_lossy(key).into_owned());
                    }
                    Some(Err(_)) => {}
                    None => drop(self.effects.remove(write.key)),
                }
            }
        }
        self.books.effects = self.effects.values().cloned().collect();
        Ok(())
    }
}

fn put<K: Ord, V>(rows: &mut BTreeMap<K, V>, key: K, row: Option<V>) {
    match row {
        Some(row) => drop(rows.insert(key, row)),
        None => drop(rows.remove(&key)),
    }
}

/// Takes a write, if it is one of `table`.
fn take<K: Key, V: DeserializeOwned>(
    table: &Table<K, V>,
    write: &Write<'_>,
    put: impl FnOnce(K, Option<V>),
) -> Result<(), String> {
    if write.store == table.id() {
        let key = K::decode(write.key).ok_or_else(|| format!("{}: a key of another shape", table.spec().name))?;
        put(key, write.value.map(codec::decode).transpose().map_err(|error| error.to_string())?);
    }
    Ok(())
}
