//! Who claims a place. A released claim has no row.
//!
//! ```text
//! key     'c' | app_len varint | app | place u32                                        big endian
//! value   endpoint_len varint | endpoint | writer_len varint | writer
//! ```

use crate::varint;
use holdfast_ports::membership::Owner;

/// First byte of these keys.
pub(crate) const PREFIX: u8 = b'c';

/// The key of the claim of `place`.
pub(crate) fn key(app: &str, place: u32) -> Vec<u8> {
    let mut key = vec![PREFIX];
    varint::put_bytes(&mut key, app.as_bytes());
    key.extend_from_slice(&place.to_be_bytes());
    key
}

/// The app and place in `key`; `None` when that is no claim's key.
pub(crate) fn app_and_place(key: &[u8]) -> Option<(&str, u32)> {
    let (&prefix, mut rest) = key.split_first()?;
    let app = varint::take_bytes(&mut rest)?;
    let place = u32::from_be_bytes(rest.try_into().ok()?);
    Some((std::str::from_utf8(app).ok().filter(|_| prefix == PREFIX)?, place))
}

/// The value.
pub(crate) fn encode(owner: &Owner) -> Vec<u8> {
    let mut value = Vec::new();
    varint::put_bytes(&mut value, owner.endpoint.as_bytes());
    varint::put_bytes(&mut value, owner.writer.as_bytes());
    value
}

/// Reads a value; `None` when it is none.
pub(crate) fn decode(mut value: &[u8]) -> Option<Owner> {
    let mut text = || String::from_utf8(varint::take_bytes(&mut value)?.to_vec()).ok();
    let owner = Owner::new(text()?, text()?);
    value.is_empty().then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back(app: String, place: u32, endpoint: String, writer: String) {
            let key = key(&app, place);
            prop_assert_eq!(app_and_place(&key), Some((&app[..], place)));
            let owner = Owner::new(endpoint, writer);
            prop_assert_eq!(decode(&encode(&owner)), Some(owner));
        }
    }
}
