//! Typed handles of stores: which number, which key kind, which row.

use crate::key::Key;
use holdfast_ports::store::{StoreId, StoreSpec};
use std::marker::PhantomData;

/// First store number a topology may use; the ones below are the engine's own.
pub const FIRST_FREE: u8 = 16;

/// Handle of the store `name` with keys `K` and rows `V`. A constant of the topology; it holds no data.
#[derive(Debug)]
pub struct Table<K, V> {
    id: StoreId,
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V> Table<K, V> {
    /// Names store number `id`. The number is written into every changelog record of the store: once used it is never given to another.
    ///
    /// # Panics
    /// When `id` is below [`FIRST_FREE`]; in a constant that is a compile error.
    #[must_use]
    pub const fn new(id: u8, name: &'static str) -> Self {
        assert!(id >= FIRST_FREE, "store numbers below 16 belong to the engine");
        Self { id: StoreId(id), name, types: PhantomData }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> StoreId {
        self.id
    }

    /// Number and name.
    #[must_use]
    pub const fn spec(&self) -> StoreSpec {
        StoreSpec { id: self.id, name: self.name }
    }
}
