//! Records as they lie in the log: batches of format 2.

use super::bytes::{Decoder, Encoder, Malformed};
use super::messages::ProducerId;
use crc32c::crc32c;
use holdfast_ports::record::NewRecord;
use std::io::Write as _;

/// Bytes of records beyond which a batch is full: a broker takes 1 MiB unless told otherwise, and one record of nearly that must fit.
pub(super) const FULL_BYTES: usize = 256 * 1024;
/// Below this, what compression saves is less than what it costs on both sides.
const COMPRESSED_FROM_BYTES: usize = 4 * 1024;

const TRANSACTIONAL: i16 = 0x10;
const LZ4: i16 = 3;
/// From the batch's first byte to the first that its length and its checksum count.
const BEFORE_LENGTH: usize = 12;
const BEFORE_CHECKED: usize = 21;

/// Records of one partition that go into one batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Encoder,
    count: i32,
    made_ms: i64,
    /// Number of its first record among those that this producer epoch sent to the partition.
    pub(super) first: i32,
}

impl Batch {
    pub(super) fn new(first: i32, made_ms: i64) -> Self {
        Self { records: Encoder::default(), count: 0, made_ms, first }
    }

    pub(super) fn push(&mut self, record: &NewRecord<'_>, scratch: &mut Encoder) {
        scratch.0.clear();
        let part = |to: &mut Encoder, bytes: Option<&[u8]>| match bytes {
            Some(bytes) => {
                to.signed(bytes.len() as i64).raw(bytes);
            }
            None => {
                to.signed(-1);
            }
        };
        self.begin(scratch);
        part(scratch, record.key);
        part(scratch, record.value);
        scratch.signed(record.headers.len() as i64);
        for (name, value) in record.headers {
            part(scratch, Some(name.as_bytes()));
            part(scratch, Some(value));
        }
        self.end(scratch);
    }

    /// What stands before a record's key.
    fn begin(&self, record: &mut Encoder) {
        // No attributes; made when the batch was.
        record.i8(0).signed(0).signed(i64::from(self.count));
    }

    fn end(&mut self, record: &Encoder) {
        self.records.signed(record.0.len() as i64).raw(&record.0);
        self.count += 1;
    }

    /// The same records in two batches, for a leader that does not take so many bytes at once. `None`: it is a single record.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        let of_first = self.count / 2;
        if of_first == 0 {
            return None;
        }
        let mut rest = Decoder(&self.records.0);
        let first = self.moved(self.first, of_first, &mut rest).ok()?;
        let second = self.moved(first.next(), self.count - of_first, &mut rest).ok()?;
        Some([first, second])
    }

    /// A batch of the next `count` records of `from`, which are some of its own. It begins with number `first`.
    fn moved(&self, first: i32, count: i32, from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let mut batch = Self::new(first, self.made_ms);
        let mut scratch = Encoder::default();
        for _ in 0..count {
            let len = usize::try_from(from.signed()?).map_err(|_| Malformed)?;
            let mut record = Decoder(from.raw(len)?);
            // What `begin` wrote: they stand at other places in their batch now.
            record.raw(1)?;
            record.signed()?;
            record.signed()?;
            scratch.0.clear();
            batch.begin(&mut scratch);
            scratch.raw(record.0);
            batch.end(&scratch);
        }
        Ok(batch)
    }

    /// Number of the record after its last.
    pub(super) fn next(&self) -> i32 {
        // The protocol lets the numbers of an epoch begin again at 0.
        self.first.checked_add(self.count).unwrap_or_else(|| self.count - (i32::MAX - self.first) - 1)
    }

    /// When its first record was appended, by the clock of whoever sends it.
    pub(super) fn made_ms(&self) -> i64 {
        self.made_ms
    }

    pub(super) fn bytes(&self) -> usize {
        self.records.0.len()
    }

    pub(super) fn count(&self) -> i32 {
        self.count
    }

    /// True when a record of `bytes` more belongs into another batch, because the leader takes no more than about `full_bytes` at once.
    pub(super) fn is_full_for(&self, bytes: usize, full_bytes: usize) -> bool {
        self.count > 0 && self.bytes() + bytes > full_bytes
    }

    /// As it goes over the wire, sent by `producer`, `transaction` as a part of its transaction.
    pub(super) fn encode(&self, producer: ProducerId, transaction: bool) -> Vec<u8> {
        let compressed = if self.bytes() < COMPRESSED_FROM_BYTES { None } else { compressed(&self.records.0) };
        let (codec, records) = compressed.as_ref().map_or((0, &self.records.0), |records| (LZ4, records));
        let mut out = Encoder(Vec::with_capacity(records.len() + 61));
        out.i64(0).i32(0).i32(-1).i8(2).i32(0);
        out.i16(if transaction { TRANSACTIONAL | codec } else { codec })
            .i32(self.count - 1)
            .i64(self.made_ms)
            .i64(self.made_ms);
        out.i64(producer.id).i16(producer.epoch).i32(self.first).i32(self.count).raw(records);
        let mut bytes = out.0;
        let length = (bytes.len() - BEFORE_LENGTH) as i32;
        let checksum = crc32c(&bytes[BEFORE_CHECKED..]);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }
}

/// Bytes with which batches are full from now on, after one of `refused` bytes was too large. Never less than half of what the leader takes, however unequal
/// the records in it were.
pub(super) fn narrower(full_bytes: usize, refused: usize) -> usize {
    full_bytes.min(refused / 2)
}

/// `None`: it would not become less.
fn compressed(records: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::with_capacity(records.len() / 2));
    encoder.write_all(records).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < records.len()).then_some(compressed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCER: ProducerId = ProducerId { id: 7, epoch: 3 };

    fn record(value: Option<&[u8]>) -> NewRecord<'_> {
        NewRecord { topic: "t", partition: 0, key: Some(b"k"), value, headers: &[("h", b"v")] }
    }

    #[test]
    fn a_batch_is_laid_out_as_the_format_says() {
        let mut batch = Batch::new(5, 1_000);
        batch.push(&record(Some(b"value")), &mut Encoder::default());
        batch.push(&record(None), &mut Encoder::default());
        let bytes = batch.encode(PRODUCER, true);
        assert_eq!(bytes[..8], [0; 8], "the broker gives the offset");
        assert_eq!(bytes[8..12], ((bytes.len() - 12) as i32).to_be_bytes());
        assert_eq!(bytes[16], 2, "format");
        assert_eq!(bytes[17..21], crc32c(&bytes[21..]).to_be_bytes());
        assert_eq!(bytes[21..27], [0, 0x10, 0, 0, 0, 1], "transactional, last offset 1");
        assert_eq!(bytes[43..61], [0, 0, 0, 0, 0, 0, 0, 7, 0, 3, 0, 0, 0, 5, 0, 0, 0, 2]);
        assert_eq!(bytes[61..74], [32, 0, 0, 0, 2, b'k', 10, b'v', b'a', b'l', b'u', b'e', 2], "first record");
        assert_eq!(bytes[78..85], [22, 0, 0, 2, 2, b'k', 1], "a tombstone, one further");
        assert_eq!(batch.next(), 7);
        assert_eq!(batch.encode(PRODUCER, false)[21..23], [0, 0], "of no transaction");
    }

    #[test]
    fn a_large_batch_is_compressed_and_nothing_is_lost() {
        let mut batch = Batch::new(0, 0);
        for _ in 0..1_000 {
            batch.push(&record(Some(b"the same again")), &mut Encoder::default());
        }
        let bytes = batch.encode(PRODUCER, true);
        assert_eq!(bytes[21..23], [0, 0x13]);
        assert!(bytes.len() < batch.bytes() / 2);
        let mut plain = Vec::new();
        std::io::copy(&mut lz4_flex::frame::FrameDecoder::new(&bytes[61..]), &mut plain).expect("a whole frame");
        assert_eq!(plain, batch.records.0);
    }

    #[test]
    fn halves_are_what_two_batches_would_have_been() {
        let values: Vec<Vec<u8>> = (0..7_u8).map(|nth| vec![nth; 100 * usize::from(nth)]).collect();
        let batch = |first, values: &[Vec<u8>]| {
            let mut batch = Batch::new(first, 1_000);
            for value in values {
                batch.push(&record(Some(value)), &mut Encoder::default());
            }
            batch
        };
        let encoded = |batch: &Batch| batch.encode(PRODUCER, true);
        let [first, second] = batch(5, &values).halves().expect("seven records");
        assert_eq!(encoded(&first), encoded(&batch(5, &values[..3])));
        assert_eq!(encoded(&second), encoded(&batch(8, &values[3..])));
        assert!(batch(5, &values[..1]).halves().is_none(), "one record is taken or not");
    }

    #[test]
    fn numbers_begin_again_after_the_last() {
        let mut batch = Batch::new(i32::MAX, 0);
        batch.push(&record(None), &mut Encoder::default());
        assert_eq!(batch.next(), 0);
    }
}
