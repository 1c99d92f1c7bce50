//! What is noted about a task as a whole, in the column family `meta`.
//!
//! ```text
//! changelog_next     i64, big endian   first changelog offset that is not in the store; absent in a new store
//! fresh_ms           i64, big endian   when the store was last level with its changelog, ms since the epoch
//! store:<name>       u8                the number of a store, so that no other store ever gets it
//! ```

use holdfast_ports::store::{StoreError, StoreId};
use rocksdb::WriteBatch;

use crate::columns::{Columns, META};
use crate::database::Database;

const CHANGELOG_NEXT: &[u8] = b"changelog_next";
const FRESH_MS: &[u8] = b"fresh_ms";
const STORE: &[u8] = b"store:";

/// The two numbers, as they are in the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) changelog_next: Option<i64>,
    pub(crate) fresh_ms: Option<i64>,
}

impl Meta {
    pub(crate) fn read(db: &Database) -> Result<Self, StoreError> {
        Ok(Self { changelog_next: number(db, CHANGELOG_NEXT)?, fresh_ms: number(db, FRESH_MS)? })
    }
}

pub(crate) fn put_changelog_next(db: &Database, batch: &mut WriteBatch, changelog_next: i64) -> Result<(), StoreError> {
    batch.put_cf(&db.column(META)?, CHANGELOG_NEXT, changelog_next.to_be_bytes());
    Ok(())
}

pub(crate) fn put_fresh_ms(db: &Database, batch: &mut WriteBatch, fresh_ms: i64) -> Result<(), StoreError> {
    batch.put_cf(&db.column(META)?, FRESH_MS, fresh_ms.to_be_bytes());
    Ok(())
}

/// Notes the numbers of new stores.
///
/// # Errors
/// [`StoreError::Fatal`] when a store has another number than before, or a number belongs to another store: the changelog would be read into the
/// wrong one.
pub(crate) fn register(db: &Database, columns: &Columns) -> Result<WriteBatch, StoreError> {
    let known = stores(db)?;
    let mut batch = WriteBatch::default();
    for spec in columns.specs() {
        match known.iter().find(|(name, id)| name == spec.name || *id == spec.id) {
            Some((name, id)) if name == spec.name && *id == spec.id => {}
            Some((name, id)) => {
                return Err(StoreError::Fatal(format!(
                    "store {:?} has the number {}, but in this state number {} is {name:?}: numbers are part of the changelog and never change hands",
                    spec.name, spec.id.0, id.0
                )));
            }
            None => batch.put_cf(&db.column(META)?, [STORE, spec.name.as_bytes()].concat(), [spec.id.0]),
        }
    }
    Ok(batch)
}

/// Name and number of every store that was ever opened here.
pub(crate) fn stores(db: &Database) -> Result<Vec<(String, StoreId)>, StoreError> {
    let mut stores = Vec::new();
    let mut cursor = db.cursor(META, STORE, Some(b"store;"))?;
    while let Some((key, value)) = cursor.item() {
        let name = std::str::from_utf8(&key[STORE.len()..]).map_err(|_| broken(key))?;
        let &[id] = value else { return Err(broken(key)) };
        stores.push((name.to_owned(), StoreId(id)));
        cursor.next();
    }
    cursor.finish()?;
    Ok(stores)
}

fn number(db: &Database, key: &[u8]) -> Result<Option<i64>, StoreError> {
    let mut found = Ok(None);
    db.get(META, key, &mut |bytes| {
        found = bytes.try_into().map(|bytes| Some(i64::from_be_bytes(bytes))).map_err(|_| broken(key))
    })?;
    found
}

fn broken(key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!("meta row {:?} has an unknown shape", String::from_utf8_lossy(key)))
}
