//! A changelog record: key = store number, then the key in the store; value = the row, absent for a deletion.

use holdfast_ports::store::{StoreId, Write};

/// Name of the changelog topic of `topology` in `app`.
#[must_use]
pub fn topic(app: &str, topology: &str) -> String {
    format!("{app}-{topology}-changelog")
}

/// Writes the record key of `write` into `out`, which is cleared first.
pub fn encode_key(write: &Write<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.push(write.store.0);
    out.extend_from_slice(write.key);
}

/// Reads a changelog record back; `None` for a record without a key, which no worker wrote.
#[must_use]
pub fn decode<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Option<Write<'a>> {
    let (store, key) = key?.split_first()?;
    Some(Write { store: StoreId(*store), key, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_write_comes_back(store: u8, key: Vec<u8>, value: Option<Vec<u8>>) {
            let write = Write { store: StoreId(store), key: &key, value: value.as_deref() };
            let mut bytes = Vec::new();
            encode_key(&write, &mut bytes);
            prop_assert_eq!(decode(Some(&bytes), value.as_deref()), Some(write));
        }
    }
}
