//! A topic.
//!
//! ```text
//! key     't' | name
//! value   id u32 | partitions u16 | 'd' or 'c' | ms i64        big endian; ms = retention of 'd', delete retention of 'c'
//! ```

use holdfast_ports::log::Cleanup;

/// First byte of these keys.
pub(crate) const PREFIX: u8 = b't';

/// A topic as it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicRow {
    pub(crate) id: u32,
    pub(crate) partitions: u16,
    pub(crate) cleanup: Cleanup,
}

/// The key of the topic called `name`.
pub(crate) fn key(name: &str) -> Vec<u8> {
    [&[PREFIX], name.as_bytes()].concat()
}

/// The name in `key`; `None` when that is no topic's key.
pub(crate) fn name(key: &[u8]) -> Option<&str> {
    let (&prefix, name) = key.split_first()?;
    std::str::from_utf8(name).ok().filter(|_| prefix == PREFIX)
}

impl TopicRow {
    /// The value.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (kind, ms) = match self.cleanup {
            Cleanup::Delete { retention_ms } => (b'd', retention_ms),
            Cleanup::Compact { delete_retention_ms } => (b'c', delete_retention_ms),
        };
        let mut value = self.id.to_be_bytes().to_vec();
        value.extend_from_slice(&self.partitions.to_be_bytes());
        value.push(kind);
        value.extend_from_slice(&ms.to_be_bytes());
        value
    }

    /// Reads a value; `None` when it is none.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let (id, rest) = value.split_first_chunk()?;
        let (partitions, rest) = rest.split_first_chunk()?;
        let (&kind, rest) = rest.split_first()?;
        let ms = i64::from_be_bytes(rest.try_into().ok()?);
        let cleanup = match kind {
            b'd' => Cleanup::Delete { retention_ms: ms },
            b'c' => Cleanup::Compact { delete_retention_ms: ms },
            _ => return None,
        };
        Some(Self { id: u32::from_be_bytes(*id), partitions: u16::from_be_bytes(*partitions), cleanup })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back(text: String, id: u32, partitions: u16, compact: bool, ms: i64) {
            let cleanup =
                if compact { Cleanup::Compact { delete_retention_ms: ms } } else { Cleanup::Delete { retention_ms: ms } };
            let row = TopicRow { id, partitions, cleanup };
            prop_assert_eq!(TopicRow::decode(&row.encode()), Some(row));
            let key = key(&text);
            prop_assert_eq!(name(&key), Some(&text[..]));
        }
    }
}
