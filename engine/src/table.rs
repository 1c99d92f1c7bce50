//! Typed handles of stores: which number, which key kind, which row.

use crate::codec::{self, CodecError};
use crate::key::{Key, prefix_end};
use holdfast_ports::store::{StoreId, StoreSpec, Visit};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::ops::ControlFlow;

/// First store number a topology may use; the ones below are the engine's own.
pub(crate) const FIRST_FREE: u8 = 16;

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
    /// When `id` is below 16: those belong to the engine; in a constant that is a compile error.
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

    /// Visits, decoded, the rows from `from` on whose key begins with `prefix`, as `scan` reads them from a store. The inner error is a row that cannot be read.
    pub(crate) fn scan_with<E>(
        &self,
        prefix: &[u8],
        from: &[u8],
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
        scan: impl FnOnce(&[u8], Option<&[u8]>, &mut Visit<'_>) -> Result<(), E>,
    ) -> Result<Result<(), CodecError>, E>
    where
        V: DeserializeOwned,
    {
        let mut failed = None;
        let mut each = |key: &[u8], row: &[u8]| match (K::decode(key), codec::decode(row)) {
            (Some(key), Ok(row)) => visit(key, row),
            (None, _) => {
                failed = Some(CodecError::Corrupt("key of another shape".to_owned()));
                ControlFlow::Break(())
            }
            (_, Err(error)) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        };
        scan(from, prefix_end(prefix).as_deref(), &mut each)?;
        Ok(failed.map_or(Ok(()), Err))
    }
}
