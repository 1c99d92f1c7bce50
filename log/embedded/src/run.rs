//! A run: records for one partition, gathered and cut into chunks before anybody knows their offsets.

use crate::chunk::{HEADER_BYTES, Header, put_entry_head};
use crate::headers;
use holdfast_ports::record::NewRecord;

/// A chunk is closed once it has this many bytes. Large enough to make an entry's cost small, small enough for a reader to copy it without thinking.
const CHUNK_BYTES: usize = 64 << 10;

/// Records for one partition, in order.
#[derive(Debug, Default)]
pub(crate) struct Run {
    chunks: Vec<OpenChunk>,
    next: u64,
}

#[derive(Debug)]
struct OpenChunk {
    first: u64,
    count: u32,
    bytes: Vec<u8>,
}

/// A chunk as it goes into the log.
#[derive(Debug)]
pub(crate) struct ClosedChunk {
    /// Offset of its first record.
    pub(crate) base: i64,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Run {
    /// Adds a record and returns its offset relative to the run's first.
    pub(crate) fn push(&mut self, record: &NewRecord<'_>) -> u64 {
        let relative = self.next;
        self.next += 1;
        if self.chunks.last().is_none_or(|chunk| chunk.bytes.len() >= CHUNK_BYTES) {
            // A second chunk means that there is much: take room for all of it at once.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK_BYTES + CHUNK_BYTES / 8 };
            let mut bytes = Vec::with_capacity(room);
            bytes.resize(HEADER_BYTES, 0);
            self.chunks.push(OpenChunk { first: relative, count: 0, bytes });
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(relative, record);
        }
        relative
    }

    /// Number of records.
    pub(crate) fn len(&self) -> u64 {
        self.next
    }

    /// Gives the records their place: the first gets offset `base`, all get `append_ms`.
    pub(crate) fn close(self, base: i64, append_ms: i64) -> Vec<ClosedChunk> {
        let mut end = self.next;
        let mut closed: Vec<_> = self
            .chunks
            .into_iter()
            .rev()
            .map(|mut chunk| {
                let span = u32::try_from(end - chunk.first).unwrap_or(u32::MAX);
                end = chunk.first;
                Header { append_ms, cleaned_ms: 0, span, count: chunk.count }.write(&mut chunk.bytes);
                ClosedChunk { base: base + chunk.first.cast_signed(), bytes: chunk.bytes }
            })
            .collect();
        closed.reverse();
        closed
    }
}

impl OpenChunk {
    fn push(&mut self, relative: u64, record: &NewRecord<'_>) {
        let headers_len = record.headers.iter().map(|(name, value)| header_bytes(name, value)).sum();
        put_entry_head(&mut self.bytes, relative - self.first, 0, record.key, record.value, headers_len);
        headers::put(&mut self.bytes, record.headers);
        self.count += 1;
    }
}

/// Bytes that a header takes.
fn header_bytes(name: &str, value: &[u8]) -> usize {
    let varint_bytes = |len: usize| (usize::BITS - (len | 1).leading_zeros()).div_ceil(7) as usize;
    varint_bytes(name.len()) + name.len() + varint_bytes(value.len()) + value.len()
}

/// Bytes of a record as limits count them: key, value and headers.
pub(crate) fn record_bytes(record: &NewRecord<'_>) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::each_entry;
    use holdfast_ports::record::Headers;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_run_comes_back_in_chunks_that_cover_it(sizes in prop::collection::vec(0_usize..40_000, 1..60), base in 0_i64..1 << 40) {
            let values: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, size)| vec![(i % 251) as u8; *size]).collect();
            let mut run = Run::default();
            for (i, value) in values.iter().enumerate() {
                let headers: [(&str, &[u8]); 1] = [("size", &value[..value.len().min(300)])];
                let record = NewRecord { topic: "t", partition: 0, key: Some(b"k"), value: Some(value), headers: &headers };
                prop_assert_eq!(run.push(&record), i as u64);
            }
            prop_assert_eq!(run.len(), values.len() as u64);
            let mut next = base;
            let mut seen = Vec::new();
            for chunk in run.close(base, 77) {
                prop_assert_eq!(chunk.base, next);
                let header = each_entry(&chunk.bytes, |entry| {
                    assert_eq!(chunk.base + entry.delta.cast_signed(), base + seen.len() as i64);
                    entry.headers.each(&mut |name, value| {
                        assert_eq!((name, value.unwrap().len()), ("size", entry.value.unwrap().len().min(300)));
                    });
                    seen.push(entry.value.unwrap().to_vec());
                });
                let header = header.unwrap();
                prop_assert_eq!(header.append_ms, 77);
                next += i64::from(header.span);
            }
            prop_assert_eq!(next, base + values.len() as i64);
            prop_assert_eq!(seen, values);
        }
    }
}
