//! A group's position in a partition: committed with a transaction, or mirrored.
//!
//! ```text
//! key     'g' | group_len varint | group | topic id u32 | partition u16
//! value   next offset i64                                                        big endian
//! ```

use crate::varint;

/// First byte of these keys.
pub(crate) const PREFIX: u8 = b'g';

/// The key of a group's position in a partition.
pub(crate) fn key(group: &str, topic: u32, partition: u16) -> Vec<u8> {
    let mut key = vec![PREFIX];
    varint::put_bytes(&mut key, group.as_bytes());
    key.extend_from_slice(&topic.to_be_bytes());
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

/// The value.
pub(crate) fn encode(next: i64) -> [u8; 8] {
    next.to_be_bytes()
}

/// Reads a value; `None` when it is none.
pub(crate) fn decode(value: &[u8]) -> Option<i64> {
    value.try_into().ok().map(i64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_and_keys_differ(next: i64, a in (".{0,9}", any::<u32>(), any::<u16>()), b in (".{0,9}", any::<u32>(), any::<u16>())) {
            prop_assert_eq!(decode(&encode(next)), Some(next));
            prop_assert_eq!(key(&a.0, a.1, a.2) == key(&b.0, b.1, b.2), a == b);
        }
    }
}
