//! The requests that are spoken, each in the one version that is spoken, and what of their answers is needed.

use super::bytes::{Decoder, Encoder, Malformed};
use crate::member::Member;
use std::collections::BTreeMap;

/// A request and its version. All are flexible versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) version: i16,
}

pub(super) const PRODUCE: Api = Api { key: 0, version: 12 };
pub(super) const METADATA: Api = Api { key: 3, version: 9 };
pub(super) const FIND_COORDINATOR: Api = Api { key: 10, version: 3 };
pub(super) const API_VERSIONS: Api = Api { key: 18, version: 3 };
pub(super) const INIT_PRODUCER_ID: Api = Api { key: 22, version: 4 };
pub(super) const END_TXN: Api = Api { key: 26, version: 5 };
pub(super) const TXN_OFFSET_COMMIT: Api = Api { key: 28, version: 5 };

/// What a broker has to speak, [`API_VERSIONS`] aside.
const SPOKEN: [Api; 6] = [PRODUCE, METADATA, FIND_COORDINATOR, INIT_PRODUCER_ID, END_TXN, TXN_OFFSET_COMMIT];

/// The feature of a cluster that has the newer protocol of transactions, and its level.
const FEATURE: &str = "transaction.version";
const LEVEL: i16 = 2;

/// All replicas.
const ACKS_ALL: i16 = -1;

/// An error as brokers number them; 0 is none.
pub(super) type ErrorCode = i16;

/// Under whom records are written. The epoch moves on with each transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) node: i32,
    pub(super) host: String,
    pub(super) port: u16,
}

/// What is coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinates {
    Group = 0,
    Transaction = 1,
}

pub(super) fn api_versions() -> Encoder {
    let mut body = Encoder::default();
    // Our name and version, which brokers show in their metrics.
    body.text("holdfast").text(env!("CARGO_PKG_VERSION")).end();
    body
}

/// Whether the broker speaks what is needed, and its cluster has the newer transactions switched on.
pub(super) fn read_api_versions(answer: &[u8]) -> Result<bool, Malformed> {
    let from = &mut Decoder(answer);
    let error = from.i16()?;
    let mut spoken = 0;
    from.each(|api| {
        let (key, min, max) = (api.i16()?, api.i16()?, api.i16()?);
        spoken += SPOKEN.iter().filter(|s| s.key == key && (min..=max).contains(&s.version)).count();
        api.end()
    })?;
    from.i32()?;
    let mut level = 0;
    from.tagged(|tag, field| {
        // 0: what the broker could do; 1: an epoch; 2: what the cluster has switched on.
        if tag == 2 {
            field.each(|feature| {
                let (name, max, _) = (feature.text()?, feature.i16()?, feature.i16()?);
                if name == FEATURE {
                    level = max;
                }
                feature.end()
            })?;
        }
        Ok(())
    })?;
    Ok(error == 0 && spoken == SPOKEN.len() && level >= LEVEL)
}

pub(super) fn metadata(topic: &str) -> Encoder {
    let mut body = Encoder::default();
    body.len(1).text(topic).end();
    // Never create a topic by asking for it; no authorisations.
    body.bool(false).bool(false).bool(false).end();
    body
}

/// Brokers, and a topic's partitions.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) brokers: Vec<Address>,
    pub(super) error: ErrorCode,
    /// Leader of each partition, -1 where there is none.
    pub(super) leaders: Vec<i32>,
}

pub(super) fn read_metadata(answer: &[u8]) -> Result<Metadata, Malformed> {
    let from = &mut Decoder(answer);
    from.i32()?;
    let mut brokers = Vec::new();
    from.each(|broker| {
        brokers.push(read_address(broker)?);
        broker.maybe_text()?;
        broker.end()
    })?;
    from.maybe_text()?;
    from.i32()?;
    let mut error = 0;
    let mut leaders = BTreeMap::new();
    from.each(|topic| {
        error = topic.i16()?;
        topic.text()?;
        topic.bool()?;
        topic.each(|partition| {
            partition.i16()?;
            leaders.insert(partition.i32()?, partition.i32()?);
            partition.i32()?;
            for _ in 0..3 {
                partition.each(|replica| replica.i32().map(|_| ()))?;
            }
            partition.end()
        })?;
        topic.i32()?;
        topic.end()
    })?;
    // Numbered from 0 without a gap, in whatever order they come.
    Ok(Metadata { brokers, error, leaders: leaders.into_values().collect() })
}

fn read_address(from: &mut Decoder<'_>) -> Result<Address, Malformed> {
    let (node, host, port) = (from.i32()?, from.text()?.to_owned(), from.i32()?);
    Ok(Address { node, host, port: u16::try_from(port).unwrap_or(0) })
}

pub(super) fn find_coordinator(of: Coordinates, name: &str) -> Encoder {
    let mut body = Encoder::default();
    body.text(name).i8(of as i8).end();
    body
}

pub(super) fn read_find_coordinator(answer: &[u8]) -> Result<Result<Address, ErrorCode>, Malformed> {
    let from = &mut Decoder(answer);
    from.i32()?;
    let error = from.i16()?;
    from.maybe_text()?;
    let address = read_address(from)?;
    Ok(if error == 0 { Ok(address) } else { Err(error) })
}

/// Without a transactional id any broker gives a new one.
pub(super) fn init_producer_id(transactional_id: Option<&str>, timeout_ms: i32) -> Encoder {
    let mut body = Encoder::default();
    body.maybe_text(transactional_id).i32(timeout_ms).i64(-1).i16(-1).end();
    body
}

pub(super) fn read_init_producer_id(answer: &[u8]) -> Result<Result<ProducerId, ErrorCode>, Malformed> {
    read_producer(answer)
}

pub(super) fn end_txn(transactional_id: &str, producer: ProducerId, commits: bool) -> Encoder {
    let mut body = Encoder::default();
    body.text(transactional_id).i64(producer.id).i16(producer.epoch).bool(commits).end();
    body
}

/// The producer as it goes on.
pub(super) fn read_end_txn(answer: &[u8]) -> Result<Result<ProducerId, ErrorCode>, Malformed> {
    read_producer(answer)
}

fn read_producer(answer: &[u8]) -> Result<Result<ProducerId, ErrorCode>, Malformed> {
    let from = &mut Decoder(answer);
    from.i32()?;
    let error = from.i16()?;
    let producer = ProducerId { id: from.i64()?, epoch: from.i16()? };
    Ok(if error == 0 { Ok(producer) } else { Err(error) })
}

pub(super) fn txn_offset_commit(
    transactional_id: &str,
    producer: ProducerId,
    member: &Member,
    positions: &BTreeMap<&str, Vec<(i32, i64)>>,
) -> Encoder {
    let mut body = Encoder::default();
    body.text(transactional_id).text(&member.group).i64(producer.id).i16(producer.epoch);
    body.i32(member.generation).text(&member.id).maybe_text(member.instance.as_deref());
    body.len(positions.len());
    for (topic, partitions) in positions {
        body.text(topic).len(partitions.len());
        for (partition, next) in partitions {
            // No epoch of a leader, nothing to say beside it.
            body.i32(*partition).i64(*next).i32(-1).text("").end();
        }
        body.end();
    }
    body.end();
    body
}

/// The first error, if there is one.
pub(super) fn read_txn_offset_commit(answer: &[u8]) -> Result<Result<(), ErrorCode>, Malformed> {
    let from = &mut Decoder(answer);
    from.i32()?;
    let mut error = 0;
    from.each(|topic| {
        topic.text()?;
        topic.each(|partition| {
            partition.i32()?;
            let said = partition.i16()?;
            if error == 0 {
                error = said;
            }
            partition.end()
        })?;
        topic.end()
    })?;
    Ok(if error == 0 { Ok(()) } else { Err(error) })
}

/// `topics`: for each its partitions and the batch for each.
pub(super) fn produce(
    transactional_id: Option<&str>,
    timeout_ms: i32,
    topics: &BTreeMap<&str, Vec<(i32, &[u8])>>,
) -> Encoder {
    let batches = topics.values().flatten().map(|(_, batch)| batch.len() + 16).sum::<usize>();
    let mut body = Encoder(Vec::with_capacity(batches + 256));
    body.maybe_text(transactional_id).i16(ACKS_ALL).i32(timeout_ms).len(topics.len());
    for (topic, partitions) in topics {
        body.text(topic).len(partitions.len());
        for (partition, batch) in partitions {
            body.i32(*partition).len(batch.len()).raw(batch).end();
        }
        body.end();
    }
    body.end();
    body
}

/// What became of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Produced {
    pub(super) error: ErrorCode,
    /// Offset of its first record.
    pub(super) offset: i64,
    /// When the log took it, in ms since the epoch; -1 where a topic keeps the producers' times.
    pub(super) append_ms: i64,
}

/// Calls `each` with topic, partition and what became of its batch.
pub(super) fn read_produce(answer: &[u8], mut each: impl FnMut(&str, i32, Produced)) -> Result<(), Malformed> {
    let from = &mut Decoder(answer);
    from.each(|topic| {
        let name = topic.text()?;
        topic.each(|partition| {
            let number = partition.i32()?;
            let (error, offset, append_ms) = (partition.i16()?, partition.i64()?, partition.i64()?);
            let produced = Produced { error, offset, append_ms };
            partition.i64()?;
            partition.each(|record| {
                record.i32()?;
                record.maybe_text()?;
                record.end()
            })?;
            partition.maybe_text()?;
            partition.end()?;
            each(name, number, produced);
            Ok(())
        })?;
        topic.end()
    })?;
    from.i32()?;
    from.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(produce_max: i16, level: i16) -> Vec<u8> {
        let mut answer = Encoder::default();
        answer.i16(0).len(SPOKEN.len());
        for api in SPOKEN {
            answer.i16(api.key).i16(0).i16(if api == PRODUCE { produce_max } else { 20 }).end();
        }
        answer.i32(0).unsigned(1).unsigned(2);
        let mut features = Encoder::default();
        features.len(1).text(FEATURE).i16(level).i16(level).end();
        answer.unsigned(features.0.len() as u64).raw(&features.0);
        answer.0
    }

    #[test]
    fn only_brokers_with_the_newer_transactions_are_spoken_to() {
        assert_eq!(read_api_versions(&versions(13, 2)), Ok(true));
        assert_eq!(read_api_versions(&versions(11, 2)), Ok(false), "an older broker");
        assert_eq!(read_api_versions(&versions(13, 1)), Ok(false), "switched off");
        assert_eq!(read_api_versions(&[0, 35]), Err(Malformed));
    }

    #[test]
    fn the_first_error_among_positions_counts() {
        let mut answer = Encoder::default();
        answer.i32(0).len(1).text("t").len(3);
        for (partition, error) in [(0, 0), (1, 22), (2, 25)] {
            answer.i32(partition).i16(error).end();
        }
        answer.end().end();
        assert_eq!(read_txn_offset_commit(&answer.0), Ok(Err(22)));
    }

    #[test]
    fn partitions_come_in_any_order() {
        let mut answer = Encoder::default();
        answer.i32(0).len(1).i32(5).text("host").i32(9_092).maybe_text(None).end();
        answer.maybe_text(None).i32(5).len(1).i16(0).text("t").bool(false).len(2);
        for (partition, leader) in [(1, 7), (0, 5)] {
            answer.i16(0).i32(partition).i32(leader).i32(0).len(1).i32(leader).len(0).len(0).end();
        }
        answer.i32(0).end().i32(0).end();
        let metadata = read_metadata(&answer.0).expect("well formed");
        assert_eq!(metadata.leaders, [5, 7]);
        assert_eq!(metadata.brokers, [Address { node: 5, host: "host".to_owned(), port: 9_092 }]);
    }
}
