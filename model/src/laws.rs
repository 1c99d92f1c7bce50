//! What every kind of key and every row has to keep, for the tests beside them.

use holdfast_engine::inspect::codec;
use holdfast_engine::prelude::{EncodeLike, Key};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A key as it is stored.
pub(crate) fn key_bytes(key: &impl Key) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out);
    out
}

/// A row as it is stored.
pub(crate) fn row_bytes(row: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    codec::encode(row, &mut out).unwrap();
    out
}

/// The keys made of the fields `a` and `b` come back, sort as the fields do, and begin with what `prefix` makes of theirs.
pub(crate) fn keys_come_back_and_sort<F: Ord, K: Key + PartialEq + Debug>(
    key: impl Fn(&F) -> K,
    prefix: impl Fn(&F) -> Vec<u8>,
    a: &F,
    b: &F,
) -> Result<(), TestCaseError> {
    let bytes = |fields: &F| key_bytes(&key(fields));
    prop_assert_eq!(K::decode(&bytes(a)), Some(key(a)));
    prop_assert_eq!(bytes(a).cmp(&bytes(b)), a.cmp(b));
    prop_assert!(bytes(a).starts_with(&prefix(a)));
    Ok(())
}

/// A borrowed form encodes to the bytes of its row, and comes back as that row.
pub(crate) fn borrowed_form_encodes_like<V>(borrowed: &impl EncodeLike<V>, row: &V) -> Result<(), TestCaseError>
where
    V: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let bytes = row_bytes(borrowed);
    prop_assert_eq!(&bytes, &row_bytes(row));
    prop_assert_eq!(&codec::decode::<V>(&bytes).unwrap(), row);
    Ok(())
}
