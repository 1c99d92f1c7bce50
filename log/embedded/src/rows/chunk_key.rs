//! The key of a chunk: bytes in the order of offsets.
//!
//! ```text
//! topic id u32 | partition u16 | first offset u64        big endian
//! ```

/// Bytes of a key.
pub(crate) const BYTES: usize = 4 + 2 + 8;

/// The key of the chunk whose first offset is `base`.
pub(crate) fn key(topic: u32, partition: u16, base: i64) -> [u8; BYTES] {
    let mut key = [0; BYTES];
    key[..4].copy_from_slice(&topic.to_be_bytes());
    key[4..6].copy_from_slice(&partition.to_be_bytes());
    // Offsets are never negative, so unsigned order is theirs.
    key[6..].copy_from_slice(&base.cast_unsigned().to_be_bytes());
    key
}

/// The first offset of the chunk at `key`; `None` when that is no chunk's key.
pub(crate) fn base(key: &[u8]) -> Option<i64> {
    let base = key.get(6..)?.first_chunk()?;
    Some(u64::from_be_bytes(*base).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_come_back_and_keep_the_order(a in (any::<u32>(), any::<u16>(), 0_i64..), b in (any::<u32>(), any::<u16>(), 0_i64..)) {
            let (key_a, key_b) = (key(a.0, a.1, a.2), key(b.0, b.1, b.2));
            prop_assert_eq!(base(&key_a), Some(a.2));
            prop_assert_eq!(key_a.cmp(&key_b), a.cmp(&b));
        }
    }
}
