//! What simulated brokers keep: partitions with the producers that wrote to them, and transactions.

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::EndTxnRequest;
use kafka_protocol::records::{Compression, RecordBatchDecoder, RecordSet};
use std::collections::{BTreeMap, BTreeSet};

/// Batches of a producer by which a partition recognises what it already has.
const REMEMBERED: usize = 5;

/// All that is kept, by all brokers together.
#[derive(Default)]
pub(super) struct Log {
    pub(super) partitions: BTreeMap<(String, i32), Partition>,
    /// By transactional id.
    transactions: BTreeMap<String, Transaction>,
    producers: i64,
}

#[derive(Default)]
pub(super) struct Partition {
    pub(super) batches: Vec<Stored>,
    /// Producer id and epoch of what ended their transactions here.
    markers: BTreeMap<i64, i16>,
    pub(super) end: i64,
}

/// A batch in the log.
pub(super) struct Stored {
    producer: (i64, i16),
    first: i32,
    count: i32,
    pub(super) offset: i64,
    pub(super) values: Vec<Vec<u8>>,
    pub(super) visibility: Visibility,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    Open,
    Visible,
    Aborted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Empty,
    Ongoing,
    Ended { committed: bool },
}

pub(super) struct Transaction {
    producer: (i64, i16),
    phase: Phase,
    partitions: BTreeSet<(String, i32)>,
}

impl Partition {
    /// As Kafka's producer state manager: sequence numbers follow each other within an epoch, and what was appended before is recognised.
    fn append(&mut self, set: &RecordSet) -> Result<i64, ResponseError> {
        let first = set.records.first().ok_or(ResponseError::InvalidRecord)?;
        let count = i32::try_from(set.records.len()).expect("few");
        let (id, epoch) = (first.producer_id, first.producer_epoch);
        let newest = self.batches.iter().filter(|batch| batch.producer.0 == id).map(|batch| batch.producer.1).max();
        let newest = newest.max(self.markers.get(&id).copied());
        if newest.is_some_and(|newest| epoch < newest) {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let of_epoch: Vec<_> = self.batches.iter().filter(|batch| batch.producer == (id, epoch)).collect();
        let mut remembered = of_epoch.iter().rev().take(REMEMBERED);
        if let Some(same) = remembered.find(|batch| (batch.first, batch.count) == (first.sequence, count)) {
            return Ok(same.offset);
        }
        let follows = match of_epoch.last() {
            Some(last) => first.sequence == last.first + last.count,
            None => first.sequence == 0 || newest.is_none(),
        };
        if !follows {
            return Err(ResponseError::OutOfOrderSequenceNumber);
        }
        let offset = self.end;
        self.end += i64::from(count);
        self.batches.push(Stored {
            producer: (id, epoch),
            first: first.sequence,
            count,
            offset,
            values: set.records.iter().map(|record| record.value.clone().unwrap_or_default().to_vec()).collect(),
            visibility: if first.transactional { Visibility::Open } else { Visibility::Visible },
        });
        Ok(offset)
    }

    fn end_transaction(&mut self, producer: i64, epoch: i16, committed: bool) {
        let visibility = if committed { Visibility::Visible } else { Visibility::Aborted };
        let open = |batch: &&mut Stored| batch.producer.0 == producer && batch.visibility == Visibility::Open;
        self.batches.iter_mut().filter(open).for_each(|batch| batch.visibility = visibility);
        self.markers.insert(producer, epoch);
        self.end += 1;
    }
}

impl Log {
    /// As Kafka's transaction coordinator does with `transaction.version` 2 (`endTransactionWithTV2`): the end moves the epoch on, and by that a
    /// repeated request is recognised.
    pub(super) fn end_transaction(&mut self, request: &EndTxnRequest) -> Result<(i64, i16), ResponseError> {
        let known = self.transactions.get_mut(request.transactional_id.as_str());
        let known = known.ok_or(ResponseError::InvalidProducerIdMapping)?;
        let (id, epoch) = known.producer;
        if request.producer_id.0 != id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        let is_repeated = request.producer_epoch + 1 == epoch;
        match known.phase {
            Phase::Ended { committed } if is_repeated && committed == request.committed => return Ok(known.producer),
            Phase::Ended { .. } if is_repeated => return Err(ResponseError::InvalidTxnState),
            _ if request.producer_epoch != epoch => return Err(ResponseError::ProducerFenced),
            Phase::Ongoing => {}
            Phase::Ended { .. } | Phase::Empty if request.committed => return Err(ResponseError::InvalidTxnState),
            Phase::Ended { .. } | Phase::Empty => {}
        }
        known.producer = (id, epoch + 1);
        known.phase = Phase::Ended { committed: request.committed };
        for partition in std::mem::take(&mut known.partitions) {
            let partition = self.partitions.entry(partition).or_default();
            partition.end_transaction(id, epoch + 1, request.committed);
        }
        Ok((id, epoch + 1))
    }

    pub(super) fn init_producer(&mut self, transactional_id: Option<&str>) -> (i64, i16) {
        let Some(name) = transactional_id else {
            self.producers += 1;
            return (self.producers, 0);
        };
        let Some(known) = self.transactions.get_mut(name) else {
            self.producers += 1;
            let producer = (self.producers, 0);
            let new = Transaction { producer, phase: Phase::Empty, partitions: BTreeSet::new() };
            self.transactions.insert(name.to_owned(), new);
            return producer;
        };
        let (id, epoch) = (known.producer.0, known.producer.1 + 1);
        known.producer.1 = epoch;
        known.phase = Phase::Empty;
        for partition in std::mem::take(&mut known.partitions) {
            self.partitions.entry(partition).or_default().end_transaction(id, epoch, false);
        }
        (id, epoch)
    }

    /// Whether this producer may go on with its transaction; notes that it has one.
    pub(super) fn join_transaction(&mut self, name: &str, producer: (i64, i16)) -> Result<(), ResponseError> {
        let known = self.transactions.get_mut(name).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if known.producer != producer {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        known.phase = Phase::Ongoing;
        Ok(())
    }

    pub(super) fn append(
        &mut self,
        name: Option<&str>,
        to: (String, i32),
        records: Bytes,
    ) -> Result<i64, ResponseError> {
        let set = decoded(records).map_err(|_| ResponseError::CorruptMessage)?;
        if let (Some(name), Some(record)) = (name, set.records.first()) {
            self.join_transaction(name, (record.producer_id, record.producer_epoch))?;
            if let Some(known) = self.transactions.get_mut(name) {
                known.partitions.insert(to.clone());
            }
        }
        self.partitions.entry(to).or_default().append(&set)
    }
}

/// A batch as `kafka-protocol` reads it; the checksum is verified there.
pub(super) fn decoded(mut batch: Bytes) -> Result<RecordSet, String> {
    let set = RecordBatchDecoder::decode_with_custom_compression(
        &mut batch,
        Some(|compressed: &mut Bytes, codec: Compression| {
            let mut plain = Vec::new();
            match codec {
                Compression::None => plain.extend_from_slice(compressed),
                Compression::Lz4 => {
                    std::io::copy(&mut lz4_flex::frame::FrameDecoder::new(&compressed[..]), &mut plain)?;
                }
                other => return Err(std::io::Error::other(format!("{other:?} is not what we write")).into()),
            }
            Ok(Bytes::from(plain))
        }),
    )
    .map_err(|error| error.to_string())?;
    if batch.is_empty() { Ok(set) } else { Err("bytes after the batch".to_owned()) }
}
