//! What an author writes: the handle of a table whose rows end, and when a row was decided.

use crate::codec::{self, CodecError};
use crate::key::Key;
use crate::table::Table;
use holdfast_ports::store::{StoreId, StoreSpec};
use serde::de::DeserializeOwned;

/// A row that is not needed for ever.
pub trait Ends {
    /// When the row was decided, in ms since the epoch: from then on it is kept for as long as its table says. `i64::MAX` while nothing is decided: a row
    /// that says something later than the `now` of the record that writes it stays until it is put again.
    fn decided_ms(&self) -> i64;
}

/// Handle of a store whose rows end. It is no [`Table`], so that a processor cannot read a row that has ended and is not deleted yet, nor write one that
/// no clean-up would find.
#[derive(Debug)]
pub struct EndingTable<K, V>(Table<K, V>);

impl<K: Key, V: Ends> EndingTable<K, V> {
    /// Names store number `id`: see [`Table::new`].
    ///
    /// # Panics
    /// As [`Table::new`].
    #[must_use]
    pub const fn new(id: u8, name: &'static str) -> Self {
        Self(Table::new(id, name))
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> StoreId {
        self.0.id()
    }

    /// Number and name.
    #[must_use]
    pub const fn spec(&self) -> StoreSpec {
        self.0.spec()
    }

    /// The store as it is, with rows that have ended and are not deleted yet. For tools that look at stored rows; a decision that reads it depends on how
    /// far the clean-up has come.
    #[must_use]
    pub const fn stored(&self) -> &Table<K, V> {
        &self.0
    }
}

/// That rows of a store end, and when: the declaration of a topology.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    pub(crate) store: StoreSpec,
    pub(crate) keep_ms: i64,
    decided_ms: fn(&[u8]) -> Result<i64, CodecError>,
}

impl Ending {
    pub(crate) fn of<K: Key, V: Ends + DeserializeOwned>(table: &EndingTable<K, V>, keep_ms: i64) -> Self {
        Self { store: table.spec(), keep_ms, decided_ms: |row| Ok(codec::decode::<V>(row)?.decided_ms()) }
    }

    /// Which store.
    #[must_use]
    pub fn store(&self) -> StoreSpec {
        self.store
    }

    /// How long a row is kept after it was decided, in ms.
    #[must_use]
    pub fn keep_ms(&self) -> i64 {
        self.keep_ms
    }

    /// When a stored row was decided: see [`Ends::decided_ms`].
    ///
    /// # Errors
    /// As [`codec::decode`].
    pub fn decided_ms(&self, row: &[u8]) -> Result<i64, CodecError> {
        (self.decided_ms)(row)
    }
}
