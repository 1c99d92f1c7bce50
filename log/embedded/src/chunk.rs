//! A chunk: records of one partition that were written together, one `RocksDB` value.
//!
//! Records are kept in chunks because a `RocksDB` entry costs the same for 100 bytes as for 64 KiB: a transaction of 10,000 records is some dozens of
//! entries instead of 10,000. Its key ([`crate::rows::chunk_key`]) holds the chunk's first offset; everything inside is relative to that.
//!
//! ```text
//! chunk    format u8 = 1 | append_ms i64 | cleaned_ms i64 | span u32 | count u32 | record …          big endian
//! record   delta varint | ms_delta varint | 1 + key_len varint | 1 + value_len varint | headers_len varint | key | value | headers
//! ```
//!
//! `span` is how many offsets the chunk stands for, `count` how many records are left in it: compaction makes `count` smaller and lets `span` be. A length
//! of 0 (where 1 is added) means that there is no key, or no value. `ms_delta` is 0 except where compaction has put chunks of different times together.
//! `cleaned_ms` is when compaction first went over its tombstones, 0 before that: they stay for the delete retention from then on.

use crate::headers::HeaderBytes;
use crate::varint;

/// Bytes before the first record.
pub(crate) const HEADER_BYTES: usize = 1 + 8 + 8 + 4 + 4;

const FORMAT: u8 = 1;

/// What a chunk says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Append time of its first record, in ms since the epoch.
    pub(crate) append_ms: i64,
    /// When compaction first went over its tombstones, in ms since the epoch; 0 = not yet.
    pub(crate) cleaned_ms: i64,
    /// Offsets it stands for.
    pub(crate) span: u32,
    /// Records in it.
    pub(crate) count: u32,
}

impl Header {
    /// Reads the header of `chunk`; `None` when it is none.
    pub(crate) fn read(chunk: &[u8]) -> Option<Self> {
        let (&format, rest) = chunk.split_first()?;
        let (append_ms, rest) = rest.split_first_chunk()?;
        let (cleaned_ms, rest) = rest.split_first_chunk()?;
        let (span, rest) = rest.split_first_chunk()?;
        let (count, _) = rest.split_first_chunk()?;
        (format == FORMAT).then_some(Self {
            append_ms: i64::from_be_bytes(*append_ms),
            cleaned_ms: i64::from_be_bytes(*cleaned_ms),
            span: u32::from_be_bytes(*span),
            count: u32::from_be_bytes(*count),
        })
    }

    /// Writes the header over the first [`HEADER_BYTES`] of `chunk`.
    pub(crate) fn write(&self, chunk: &mut [u8]) {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = FORMAT;
        bytes[1..9].copy_from_slice(&self.append_ms.to_be_bytes());
        bytes[9..17].copy_from_slice(&self.cleaned_ms.to_be_bytes());
        bytes[17..21].copy_from_slice(&self.span.to_be_bytes());
        bytes[21..25].copy_from_slice(&self.count.to_be_bytes());
        chunk[..HEADER_BYTES].copy_from_slice(&bytes);
    }
}

/// A record inside a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// Its offset, relative to the chunk's first.
    pub(crate) delta: u64,
    /// Its append time, relative to the chunk's, in ms.
    pub(crate) ms_delta: u64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: HeaderBytes<'a>,
}

impl<'a> Entry<'a> {
    /// Reads the entry at the front of `rest` and moves `rest` behind it; `None` when the bytes are not an entry.
    pub(crate) fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let delta = varint::take(rest)?;
        let ms_delta = varint::take(rest)?;
        let key_len = varint::take(rest)?;
        let value_len = varint::take(rest)?;
        let headers_len = varint::take(rest)?;
        let mut part = |len: u64| match len.checked_sub(1) {
            None => Some(None),
            Some(len) => varint::take_exact(rest, len).map(Some),
        };
        let key = part(key_len)?;
        let value = part(value_len)?;
        let headers = HeaderBytes(varint::take_exact(rest, headers_len)?);
        Some(Self { delta, ms_delta, key, value, headers })
    }

    /// Appends the entry to `chunk`.
    pub(crate) fn put(&self, chunk: &mut Vec<u8>) {
        put_entry_head(chunk, self.delta, self.ms_delta, self.key, self.value, self.headers.0.len());
        chunk.extend_from_slice(self.headers.0);
    }
}

/// Appends everything of an entry but its headers, for which `headers_len` bytes must follow.
pub(crate) fn put_entry_head(
    chunk: &mut Vec<u8>,
    delta: u64,
    ms_delta: u64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers_len: usize,
) {
    let some_len = |part: Option<&[u8]>| part.map_or(0, |part| part.len() as u64 + 1);
    varint::put(chunk, delta);
    varint::put(chunk, ms_delta);
    varint::put(chunk, some_len(key));
    varint::put(chunk, some_len(value));
    varint::put(chunk, headers_len as u64);
    chunk.extend_from_slice(key.unwrap_or_default());
    chunk.extend_from_slice(value.unwrap_or_default());
}

/// Visits the entries of `chunk` in order; `None` when the bytes are not a chunk.
pub(crate) fn each_entry<'a>(chunk: &'a [u8], mut visit: impl FnMut(Entry<'a>)) -> Option<Header> {
    let header = Header::read(chunk)?;
    let mut rest = &chunk[HEADER_BYTES..];
    for _ in 0..header.count {
        visit(Entry::take(&mut rest)?);
    }
    rest.is_empty().then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Parts = (u64, u64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

    proptest! {
        #[test]
        fn a_chunk_comes_back(append_ms: i64, cleaned_ms: i64, span: u32, entries: Vec<Parts>) {
            let header = Header { append_ms, cleaned_ms, span, count: u32::try_from(entries.len()).unwrap() };
            let mut chunk = vec![0; HEADER_BYTES];
            header.write(&mut chunk);
            let entries: Vec<_> = entries
                .iter()
                .map(|(delta, ms_delta, key, value, headers)| Entry {
                    delta: *delta,
                    ms_delta: *ms_delta,
                    key: key.as_deref(),
                    value: value.as_deref(),
                    headers: HeaderBytes(headers),
                })
                .collect();
            for entry in &entries {
                entry.put(&mut chunk);
            }
            let mut seen = Vec::new();
            prop_assert_eq!(each_entry(&chunk, |entry| seen.push(entry)), Some(header));
            prop_assert_eq!(seen, entries);
        }

        #[test]
        fn garbage_is_told(mut chunk: Vec<u8>) {
            let _ = each_entry(&chunk, |_| ());
            if let Some(first) = chunk.first_mut() {
                *first = FORMAT;
            }
            let _ = each_entry(&chunk, |_| ());
        }
    }
}
