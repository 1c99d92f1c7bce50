//! Our encoders against `kafka-protocol`'s decoders, and its encoders against our decoders, for arbitrary contents.

use super::state::decoded;
use crate::member::Member;
use crate::wire::batch::Batch;
use crate::wire::bytes::{Encoder, Malformed};
use crate::wire::messages::{self, Api, Coordinates, Produced, ProducerId};
use bytes::{Bytes, BytesMut};
use holdfast_ports::record::NewRecord;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, BrokerId, EndTxnRequest, EndTxnResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest, MetadataResponse,
    ProduceRequest, ProduceResponse, TopicName, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::TimestampType;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Our request as another decoder reads it, to the last byte.
fn read<R: Decodable>(api: Api, body: &Encoder) -> R {
    let mut bytes = Bytes::copy_from_slice(&body.0);
    let request = R::decode(&mut bytes, api.version).expect("a request of its version");
    assert!(bytes.is_empty(), "{} bytes after the request", bytes.len());
    request
}

/// An answer as another encoder writes it.
fn written(api: Api, answer: &impl Encodable) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    answer.encode(&mut bytes, api.version).expect("an answer of its version");
    bytes.to_vec()
}

/// No prefix of an answer is taken for a whole one, and none makes the decoder panic.
fn every_beginning_is_malformed<T>(answer: &[u8], read: impl Fn(&[u8]) -> Result<T, Malformed>) {
    for end in 0..answer.len() {
        assert!(read(&answer[..end]).is_err(), "{end} of {} bytes", answer.len());
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn fields() -> impl Strategy<Value = BTreeMap<i32, Bytes>> {
    // Fields that a later version might add, under numbers that none has taken.
    btree_map(100..200_i32, vec(any::<u8>(), 0..4).prop_map(Bytes::from), 0..3)
}

#[test]
fn the_requests_have_the_numbers_that_others_give_them() {
    for (api, key) in [
        (messages::PRODUCE, ApiKey::Produce),
        (messages::METADATA, ApiKey::Metadata),
        (messages::FIND_COORDINATOR, ApiKey::FindCoordinator),
        (messages::API_VERSIONS, ApiKey::ApiVersions),
        (messages::INIT_PRODUCER_ID, ApiKey::InitProducerId),
        (messages::END_TXN, ApiKey::EndTxn),
        (messages::TXN_OFFSET_COMMIT, ApiKey::TxnOffsetCommit),
    ] {
        assert_eq!(api.key, key as i16);
        // Our head has tagged fields. Answers begin with them, too, all but those to ApiVersions.
        assert_eq!(key.request_header_version(api.version), 2, "{key:?}");
        assert_eq!(key.response_header_version(api.version), i16::from(key != ApiKey::ApiVersions), "{key:?}");
    }
}

#[test]
fn api_versions_are_asked_for_under_our_name() {
    let request: ApiVersionsRequest = read(messages::API_VERSIONS, &messages::api_versions());
    assert_eq!(request.client_software_name.as_str(), "holdfast");
    assert_eq!(request.client_software_version.as_str(), env!("CARGO_PKG_VERSION"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn api_versions(error in 0..2_i16, level in 0..4_i16, produce_max in 10..14_i16, unknown in fields()) {
        let versions = ApiKey::iter().map(|key| {
            let max = if key == ApiKey::Produce { produce_max } else { key.valid_versions().max };
            ApiVersion::default().with_api_key(key as i16).with_max_version(max)
        });
        let supported = SupportedFeatureKey::default().with_name(text("transaction.version")).with_max_version(9);
        let feature = |name: &str, level| FinalizedFeatureKey::default().with_name(text(name)).with_max_version_level(level);
        let answer = ApiVersionsResponse::default()
            .with_error_code(error)
            .with_api_keys(versions.collect())
            .with_supported_features(vec![supported])
            .with_finalized_features_epoch(77)
            .with_finalized_features(vec![feature("kraft.version", 9), feature("transaction.version", level)])
            .with_unknown_tagged_fields(unknown);
        let answer = written(messages::API_VERSIONS, &answer);
        let is_spoken = error == 0 && level >= 2 && produce_max >= messages::PRODUCE.version;
        prop_assert_eq!(messages::read_api_versions(&answer), Ok(is_spoken));
        every_beginning_is_malformed(&answer, messages::read_api_versions);
    }

    #[test]
    fn metadata_requests(topic in "[a-z]{1,200}") {
        let request: MetadataRequest = read(messages::METADATA, &messages::metadata(&topic));
        let topics: Vec<_> = request.topics.iter().flatten().map(|topic| topic.name.clone()).collect();
        prop_assert_eq!(topics, [Some(name(&topic))]);
        prop_assert!(!request.allow_auto_topic_creation);
    }

    #[test]
    fn metadata_answers(
        brokers in vec((0..9_i32, "[a-z]{1,9}", 1..u16::MAX, proptest::option::of("[a-z]{1,3}")), 0..4),
        leaders in vec(-1..9_i32, 0..200),
        replicas in vec(0..9_i32, 0..4),
        error: i16,
        unknown in fields(),
    ) {
        let written_brokers = brokers.iter().map(|(node, host, port, rack)| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(*node))
                .with_host(text(host))
                .with_port(i32::from(*port))
                .with_rack(rack.as_deref().map(text))
                .with_unknown_tagged_fields(unknown.clone())
        });
        let nodes: Vec<_> = replicas.iter().copied().map(BrokerId).collect();
        // Brokers give partitions in any order.
        let partitions = (0..).zip(&leaders).map(|(index, leader)| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(*leader))
                .with_leader_epoch(3)
                .with_replica_nodes(nodes.clone())
                .with_isr_nodes(nodes.clone())
                .with_offline_replicas(nodes.clone())
                .with_unknown_tagged_fields(unknown.clone())
        });
        let mut partitions: Vec<_> = partitions.collect();
        partitions.reverse();
        let topic = MetadataResponseTopic::default()
            .with_error_code(error)
            .with_name(Some(name("t")))
            .with_partitions(partitions);
        let answer = MetadataResponse::default()
            .with_throttle_time_ms(5)
            .with_brokers(written_brokers.collect())
            .with_cluster_id(Some(text("cluster")))
            .with_controller_id(BrokerId(2))
            .with_topics(vec![topic])
            .with_unknown_tagged_fields(unknown.clone());
        let answer = written(messages::METADATA, &answer);
        let metadata = messages::read_metadata(&answer).expect("well formed");
        prop_assert_eq!(metadata.error, error);
        prop_assert_eq!(metadata.leaders, leaders);
        let read: Vec<_> = metadata.brokers.into_iter().map(|broker| (broker.node, broker.host, broker.port)).collect();
        let sent: Vec<_> = brokers.into_iter().map(|(node, host, port, _)| (node, host, port)).collect();
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn coordinators(name in "[a-z-]{1,99}", group: bool, node: i32, host in "[a-z]{1,9}", port: u16, error in 0..3_i16, why: Option<String>) {
        let of = if group { Coordinates::Group } else { Coordinates::Transaction };
        let body = messages::find_coordinator(of, &name);
        let request: FindCoordinatorRequest = read(messages::FIND_COORDINATOR, &body);
        prop_assert_eq!((request.key.as_str(), request.key_type), (&*name, i8::from(!group)));

        let answer = FindCoordinatorResponse::default()
            .with_error_code(error)
            .with_error_message(why.as_deref().map(text))
            .with_node_id(BrokerId(node))
            .with_host(text(&host))
            .with_port(i32::from(port));
        let answer = written(messages::FIND_COORDINATOR, &answer);
        let address = messages::Address { node, host, port };
        let expected = if error == 0 { Ok(address) } else { Err(error) };
        prop_assert_eq!(messages::read_find_coordinator(&answer), Ok(expected));
    }

    #[test]
    fn producers(id: Option<String>, timeout_ms: i32, producer: i64, epoch: i16, error in 0..3_i16) {
        let body = messages::init_producer_id(id.as_deref(), timeout_ms);
        let request: InitProducerIdRequest = read(messages::INIT_PRODUCER_ID, &body);
        prop_assert_eq!(request.transactional_id.map(|id| id.to_string()), id);
        prop_assert_eq!(request.transaction_timeout_ms, timeout_ms);
        prop_assert_eq!((request.producer_id.0, request.producer_epoch), (-1, -1));

        let answer = InitProducerIdResponse::default()
            .with_error_code(error)
            .with_producer_id(producer.into())
            .with_producer_epoch(epoch);
        let answer = written(messages::INIT_PRODUCER_ID, &answer);
        let expected = if error == 0 { Ok(ProducerId { id: producer, epoch }) } else { Err(error) };
        prop_assert_eq!(messages::read_init_producer_id(&answer), Ok(expected));
    }

    #[test]
    fn ends(id: String, producer: i64, epoch: i16, commits: bool, next: i64, next_epoch: i16, error in 0..3_i16) {
        let body = messages::end_txn(&id, ProducerId { id: producer, epoch }, commits);
        let request: EndTxnRequest = read(messages::END_TXN, &body);
        prop_assert_eq!(request.transactional_id.as_str(), id);
        prop_assert_eq!((request.producer_id.0, request.producer_epoch, request.committed), (producer, epoch, commits));

        let answer = EndTxnResponse::default()
            .with_error_code(error)
            .with_producer_id(next.into())
            .with_producer_epoch(next_epoch);
        let answer = written(messages::END_TXN, &answer);
        let expected = if error == 0 { Ok(ProducerId { id: next, epoch: next_epoch }) } else { Err(error) };
        prop_assert_eq!(messages::read_end_txn(&answer), Ok(expected));
        every_beginning_is_malformed(&answer[..answer.len() - 1], messages::read_end_txn);
    }

    #[test]
    fn positions(
        group: String,
        id: String,
        instance: Option<String>,
        generation: i32,
        producer: i64,
        epoch: i16,
        topics in btree_map("[a-z]{1,9}", vec((0..99_i32, 0..i64::MAX), 1..5), 0..4),
        errors in vec(0..3_i16, 0..5),
    ) {
        let member = Member { group, generation, id, instance };
        let by_topic: BTreeMap<&str, Vec<(i32, i64)>> =
            topics.iter().map(|(topic, partitions)| (&**topic, partitions.clone())).collect();
        let body = messages::txn_offset_commit("writer", ProducerId { id: producer, epoch }, &member, &by_topic);
        let request: TxnOffsetCommitRequest = read(messages::TXN_OFFSET_COMMIT, &body);
        prop_assert_eq!(request.transactional_id.as_str(), "writer");
        prop_assert_eq!((request.producer_id.0, request.producer_epoch), (producer, epoch));
        let read_member = Member {
            group: request.group_id.to_string(),
            generation: request.generation_id,
            id: request.member_id.to_string(),
            instance: request.group_instance_id.map(|id| id.to_string()),
        };
        prop_assert_eq!(read_member, member);
        let positions: BTreeMap<_, Vec<_>> = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            (topic.name.to_string(), partitions.map(|p| (p.partition_index, p.committed_offset)).collect())
        }).collect();
        prop_assert_eq!(positions, topics);

        let partitions = (0..).zip(&errors).map(|(index, error)| {
            TxnOffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(*error)
        });
        let topic = TxnOffsetCommitResponseTopic::default().with_name(name("t")).with_partitions(partitions.collect());
        let answer = written(messages::TXN_OFFSET_COMMIT, &TxnOffsetCommitResponse::default().with_topics(vec![topic]));
        let first = errors.into_iter().find(|error| *error != 0);
        prop_assert_eq!(messages::read_txn_offset_commit(&answer), Ok(first.map_or(Ok(()), Err)));
    }

    #[test]
    fn produce_requests(
        id: Option<String>,
        timeout_ms: i32,
        topics in btree_map("[a-z]{1,9}", vec((0..99_i32, vec(any::<u8>(), 0..300)), 1..5), 0..4),
    ) {
        let by_topic: BTreeMap<&str, Vec<(i32, &[u8])>> = topics
            .iter()
            .map(|(topic, partitions)| (&**topic, partitions.iter().map(|(p, batch)| (*p, &**batch)).collect()))
            .collect();
        let request: ProduceRequest =
            read(messages::PRODUCE, &messages::produce(id.as_deref(), timeout_ms, &by_topic));
        prop_assert_eq!(request.transactional_id.map(|id| id.to_string()), id);
        prop_assert_eq!((request.acks, request.timeout_ms), (-1, timeout_ms));
        let batches: BTreeMap<_, Vec<_>> = request.topic_data.into_iter().map(|topic| {
            let partitions = topic.partition_data.into_iter();
            (topic.name.to_string(), partitions.map(|p| (p.index, p.records.expect("a batch").to_vec())).collect())
        }).collect();
        prop_assert_eq!(batches, topics);
    }

    #[test]
    fn produce_answers(
        produced in vec((0..99_i32, any::<i16>(), any::<i64>(), any::<i64>(), proptest::option::of(".{0,9}")), 0..5),
        unknown in fields(),
    ) {
        let partitions = produced.iter().map(|(index, error, offset, append_ms, why)| {
            let record = BatchIndexAndErrorMessage::default().with_batch_index_error_message(why.as_deref().map(text));
            PartitionProduceResponse::default()
                .with_index(*index)
                .with_error_code(*error)
                .with_base_offset(*offset)
                .with_log_append_time_ms(*append_ms)
                .with_log_start_offset(4)
                .with_record_errors(vec![record; why.iter().len()])
                .with_error_message(why.as_deref().map(text))
                // A tagged field: who leads now, if it is another.
                .with_current_leader(LeaderIdAndEpoch::default().with_leader_id(BrokerId(*index)).with_leader_epoch(9))
        });
        let topic = TopicProduceResponse::default().with_name(name("t")).with_partition_responses(partitions.collect());
        let node = NodeEndpoint::default().with_node_id(BrokerId(4)).with_host(text("host")).with_port(9_092);
        let answer = ProduceResponse::default()
            .with_responses(vec![topic])
            .with_node_endpoints(vec![node])
            .with_unknown_tagged_fields(unknown);
        let answer = written(messages::PRODUCE, &answer);
        let mut read = Vec::new();
        let whole = messages::read_produce(&answer, |topic, partition, produced| {
            assert_eq!(topic, "t");
            read.push((partition, produced));
        });
        prop_assert_eq!(whole, Ok(()));
        let sent: Vec<_> = produced
            .into_iter()
            .map(|(index, error, offset, append_ms, _)| (index, Produced { error, offset, append_ms }))
            .collect();
        prop_assert_eq!(read, sent);
        every_beginning_is_malformed(&answer, |answer| messages::read_produce(answer, |_, _, _| ()));
    }

    #[test]
    fn batches(
        records in vec((
            proptest::option::of(vec(any::<u8>(), 0..40)),
            proptest::option::of(vec(any::<u8>(), 0..9_000)),
            btree_map("[a-z]{1,9}", vec(any::<u8>(), 0..9), 0..3),
        ), 1..9),
        first in 0..i32::MAX - 9,
        made_ms in 0..i64::MAX,
        id in 0..i64::MAX,
        epoch in 0..i16::MAX,
        transactional: bool,
    ) {
        let mut batch = Batch::new(first, made_ms);
        for (key, value, headers) in &records {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            let record =
                NewRecord { topic: "t", partition: 0, key: key.as_deref(), value: value.as_deref(), headers: &headers };
            batch.push(&record, &mut Encoder::default());
        }
        let mut batches = vec![batch];
        batches.extend(batches[0].halves().into_iter().flatten());
        let expected = |at: usize, count: usize, first: i32| records[at..at + count].iter().zip(first..).zip(0..);
        let half = records.len() / 2;
        let parts = [(0, records.len()), (0, half), (half, records.len() - half)];
        for (batch, (at, count)) in batches.iter().zip(parts) {
            // Its checksum is verified there.
            let set = decoded(batch.encode(ProducerId { id, epoch }, transactional).into()).expect("a batch");
            prop_assert_eq!((set.version, set.records.len()), (2, count));
            let of_batch = expected(at, count, first + i32::try_from(at).unwrap());
            for (read, (((key, value, headers), sequence), offset)) in set.records.iter().zip(of_batch) {
                prop_assert_eq!((read.producer_id, read.producer_epoch, read.sequence), (id, epoch, sequence));
                prop_assert_eq!((read.offset, read.timestamp), (offset, made_ms));
                prop_assert_eq!((read.transactional, read.control), (transactional, false));
                prop_assert_eq!(read.timestamp_type, TimestampType::Creation);
                prop_assert_eq!(read.key.as_deref(), key.as_deref());
                prop_assert_eq!(read.value.as_deref(), value.as_deref());
                let read_headers: BTreeMap<_, _> = read
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value.as_deref().unwrap_or_default().to_vec()))
                    .collect();
                prop_assert_eq!(&read_headers, headers);
            }
        }
    }
}
