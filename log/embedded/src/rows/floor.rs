//! What retention and compaction know about a partition. Written in the same batch as what they delete; a partition that neither has touched has none.
//!
//! ```text
//! key     'f' | topic id u32 | partition u16
//! value   earliest i64 | end i64 | last_ms i64 | clean_to i64 | clean_records u64 | tombstones_ms i64        big endian
//! ```

/// First byte of these keys.
pub(crate) const PREFIX: u8 = b'f';

/// What retention and compaction know about a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Floor {
    /// First offset that may still be read.
    pub(crate) earliest: i64,
    /// The partition's end when this was written: the end never falls below it, though the last chunks may be gone.
    pub(crate) end: i64,
    /// The last append time when this was written, in ms since the epoch.
    pub(crate) last_ms: i64,
    /// Offsets below this have been compacted.
    pub(crate) clean_to: i64,
    /// Records left below `clean_to`.
    pub(crate) clean_records: u64,
    /// Since when the longest-kept tombstone below `clean_to` waits to be dropped, in ms since the epoch; 0 = there is none.
    pub(crate) tombstones_ms: i64,
}

/// The key of a partition's floor.
pub(crate) fn key(topic: u32, partition: u16) -> Vec<u8> {
    let mut key = vec![PREFIX];
    key.extend_from_slice(&topic.to_be_bytes());
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

impl Floor {
    /// The value.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let numbers = [
            self.earliest,
            self.end,
            self.last_ms,
            self.clean_to,
            self.clean_records.cast_signed(),
            self.tombstones_ms,
        ];
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// Reads a value; `None` when it is none.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let (numbers, []) = value.as_chunks::<8>() else { return None };
        let &[earliest, end, last_ms, clean_to, clean_records, tombstones_ms] = numbers else { return None };
        Some(Self {
            earliest: i64::from_be_bytes(earliest),
            end: i64::from_be_bytes(end),
            last_ms: i64::from_be_bytes(last_ms),
            clean_to: i64::from_be_bytes(clean_to),
            clean_records: u64::from_be_bytes(clean_records),
            tombstones_ms: i64::from_be_bytes(tombstones_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back(earliest: i64, end: i64, last_ms: i64, clean_to: i64, clean_records: u64, tombstones_ms: i64) {
            let floor = Floor { earliest, end, last_ms, clean_to, clean_records, tombstones_ms };
            prop_assert_eq!(Floor::decode(&floor.encode()), Some(floor));
        }
    }
}
