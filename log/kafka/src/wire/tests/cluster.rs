//! Simulated brokers for tests: they listen on loopback, keep partitions, producers and transactions as Kafka does (sequence numbers, epochs,
//! `transaction.version` 2), and fail as a test tells them to. Requests are read and answers are written with the `kafka-protocol` crate, not with our
//! own encoders, so that both ways are checked by code that is not ours.

use super::state::{Log, Visibility};
use crate::wire::messages;
use bytes::{Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, BrokerId, EndTxnRequest, EndTxnResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest, MetadataResponse,
    ProduceRequest, ProduceResponse, ResponseHeader, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, decode_request_header_from_buffer};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Partitions of every topic.
const PARTITIONS: i32 = 4;
/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens to one request. The default: the broker does it and says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    is_done: bool,
    says: Option<ResponseError>,
    hangs_up: bool,
    is_held: bool,
    ends_leadership: bool,
}

impl Fate {
    const DONE: Self = Self { is_done: true, says: None, hangs_up: false, is_held: false, ends_leadership: false };

    /// The broker answers with this error and has done nothing.
    pub(super) fn refused(says: ResponseError) -> Self {
        Self { is_done: false, says: Some(says), ..Self::DONE }
    }

    /// The broker does it and answers with this error all the same.
    pub(super) fn done_but(says: ResponseError) -> Self {
        Self { says: Some(says), ..Self::DONE }
    }

    /// The broker does it and closes the connection without an answer.
    pub(super) fn unanswered() -> Self {
        Self { hangs_up: true, ..Self::DONE }
    }

    /// The broker closes the connection and has done nothing.
    pub(super) fn lost() -> Self {
        Self { is_done: false, ..Self::unanswered() }
    }

    /// The broker does it when [`Cluster::release`] is called.
    pub(super) fn held() -> Self {
        Self { is_held: true, ..Self::DONE }
    }

    /// After it no broker leads, until [`Cluster::lead`] is called.
    pub(super) fn and_ends_leadership(self) -> Self {
        Self { ends_leadership: true, ..self }
    }
}

/// Some brokers, which end when it is dropped.
pub(super) struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    ports: Vec<u16>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    log: Log,
    /// Node that leads all partitions; -1: none.
    leader: i32,
    fates: BTreeMap<i16, VecDeque<Fate>>,
    /// How many requests of each kind have come.
    seen: BTreeMap<i16, usize>,
    holds: bool,
    closed: bool,
}

impl Cluster {
    /// Brokers 1 to `count`; the first leads all partitions.
    pub(super) fn start(count: usize) -> Self {
        let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let ports = listeners.iter().map(|listener| listener.local_addr().expect("its address").port()).collect();
        let state = Mutex::new(State { leader: 1, ..State::default() });
        let shared = Arc::new(Shared { ports, state, changed: Condvar::new() });
        for (node, listener) in (1..).zip(listeners) {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if shared.state.lock().closed {
                        return;
                    }
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || shared.serve(node, client));
                }
            });
        }
        Self { shared }
    }

    /// Bootstrap servers.
    pub(super) fn brokers(&self) -> String {
        self.shared.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    /// What the next requests of this kind suffer, one after the other.
    pub(super) fn next(&self, api: ApiKey, fates: &[Fate]) {
        self.shared.state.lock().fates.entry(api as i16).or_default().extend(fates);
    }

    /// This node leads from now on.
    pub(super) fn lead(&self, node: i32) {
        self.shared.state.lock().leader = node;
    }

    /// The end of the log is lost, as far as the leader had it alone: its last batch.
    pub(super) fn lose_last_batch(&self, topic: &str) {
        let mut state = self.shared.state.lock();
        let partition = state.log.partitions.get_mut(&(topic.to_owned(), 0)).expect("written to");
        let lost = partition.batches.pop().expect("a batch");
        partition.end = lost.offset;
    }

    /// What is held goes on.
    pub(super) fn release(&self) {
        self.shared.state.lock().holds = false;
        self.shared.changed.notify_all();
    }

    /// How many requests of this kind have come so far.
    pub(super) fn seen(&self, api: ApiKey) -> usize {
        self.shared.state.lock().seen.get(&(api as i16)).copied().unwrap_or(0)
    }

    /// Returns when so many requests of this kind have come.
    pub(super) fn wait_for(&self, api: ApiKey, count: usize) {
        let few = |state: &mut State| state.seen.get(&(api as i16)).copied().unwrap_or(0) < count;
        let late = self.shared.changed.wait_while_for(&mut self.shared.state.lock(), few, PATIENCE).timed_out();
        assert!(!late, "{count} requests of {api:?}, and {} have come", self.seen(api));
    }

    /// What a consumer of partition 0 reads that leaves open and aborted transactions out.
    pub(super) fn values(&self, topic: &str) -> Vec<Vec<u8>> {
        let state = self.shared.state.lock();
        let batches = state.log.partitions.get(&(topic.to_owned(), 0)).into_iter().flat_map(|log| &log.batches);
        batches.filter(|batch| batch.visibility == Visibility::Visible).flat_map(|batch| batch.values.clone()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_all();
        for port in &self.shared.ports {
            // Wakes the listener, which then ends.
            drop(TcpStream::connect(("127.0.0.1", *port)));
        }
    }
}

impl Shared {
    fn serve(&self, node: i32, mut client: TcpStream) {
        while let Some(request) = frame(&mut client) {
            let Some(answer) = self.answer(node, request) else { return };
            let sent = client.write_all(&u32::try_from(answer.len()).expect("short").to_be_bytes());
            if sent.and_then(|()| client.write_all(&answer)).is_err() {
                return;
            }
        }
    }

    /// `None`: the connection is closed.
    fn answer(&self, node: i32, mut request: Bytes) -> Option<BytesMut> {
        let head = decode_request_header_from_buffer(&mut request).expect("a request's head");
        let (api, version) = (ApiKey::try_from(head.request_api_key).expect("known"), head.request_api_version);
        let mut state = self.state.lock();
        *state.seen.entry(api as i16).or_default() += 1;
        let fate = state.fates.get_mut(&(api as i16)).and_then(VecDeque::pop_front).unwrap_or(Fate::DONE);
        if fate.is_held {
            state.holds = true;
        }
        self.changed.notify_all();
        if fate.is_held {
            self.changed.wait_while(&mut state, |state| state.holds && !state.closed);
        }
        let mut answer = BytesMut::new();
        let head = ResponseHeader::default().with_correlation_id(head.correlation_id);
        head.encode(&mut answer, api.response_header_version(version)).expect("a head");
        let body = &mut answer;
        match api {
            ApiKey::ApiVersions => {
                respond(body, version, &read::<ApiVersionsRequest, _>(request, version, api_versions))
            }
            ApiKey::Metadata => {
                respond(body, version, &read(request, version, |request| self.metadata(&state, &request)));
            }
            ApiKey::FindCoordinator => {
                let find = |_: FindCoordinatorRequest| self.coordinator();
                respond(body, version, &read(request, version, find));
            }
            ApiKey::InitProducerId => {
                let init = |request: InitProducerIdRequest| {
                    let (id, epoch) = state.log.init_producer(request.transactional_id.as_ref().map(|id| id.as_str()));
                    InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(epoch)
                };
                respond(body, version, &read(request, version, init));
            }
            ApiKey::EndTxn => {
                let end = |request: EndTxnRequest| end_txn(&mut state, fate, &request);
                respond(body, version, &read(request, version, end));
            }
            ApiKey::TxnOffsetCommit => {
                let commit = |request: TxnOffsetCommitRequest| offset_commit(&mut state, fate, &request);
                respond(body, version, &read(request, version, commit));
            }
            ApiKey::Produce => {
                let produce = |request: ProduceRequest| produce(&mut state, node, fate, &request);
                respond(body, version, &read(request, version, produce));
            }
            other => panic!("{other:?} is not spoken"),
        }
        if fate.ends_leadership {
            state.leader = -1;
        }
        (!fate.hangs_up).then_some(answer)
    }

    fn address(&self, node: i32) -> (StrBytes, i32) {
        let nth = usize::try_from(node - 1).expect("a node");
        (StrBytes::from_static_str("127.0.0.1"), i32::from(self.ports[nth]))
    }

    fn nodes(&self) -> impl Iterator<Item = i32> {
        1..=i32::try_from(self.ports.len()).expect("few")
    }

    fn metadata(&self, state: &State, request: &MetadataRequest) -> MetadataResponse {
        let broker = |node: i32| {
            let (host, port) = self.address(node);
            MetadataResponseBroker::default().with_node_id(BrokerId(node)).with_host(host).with_port(port)
        };
        let partition = |index: i32| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(state.leader))
                .with_replica_nodes(self.nodes().map(BrokerId).collect())
                .with_isr_nodes(self.nodes().map(BrokerId).collect())
        };
        let topics = request.topics.iter().flatten().map(|topic| {
            let partitions = (0..PARTITIONS).map(partition).collect();
            MetadataResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions)
        });
        MetadataResponse::default().with_brokers(self.nodes().map(broker).collect()).with_topics(topics.collect())
    }

    /// The first broker coordinates everything.
    fn coordinator(&self) -> FindCoordinatorResponse {
        let (host, port) = self.address(1);
        FindCoordinatorResponse::default().with_node_id(BrokerId(1)).with_host(host).with_port(port)
    }
}

fn read<R: Decodable, A>(mut request: Bytes, version: i16, answer: impl FnOnce(R) -> A) -> A {
    // What comes after it is not looked at: librdkafka ends some requests with a byte too many. `protocol` looks at ours.
    answer(R::decode(&mut request, version).expect("a request of its version"))
}

fn respond(to: &mut BytesMut, version: i16, answer: &impl Encodable) {
    answer.encode(to, version).expect("an answer of its version");
}

fn api_versions(_: ApiVersionsRequest) -> ApiVersionsResponse {
    // What librdkafka would ask for as well, and what is answered only in the versions that we speak.
    let is_known = |api: &ApiKey| !matches!(api, ApiKey::GetTelemetrySubscriptions | ApiKey::PushTelemetry);
    let every = |api: ApiKey| {
        let spoken = [messages::PRODUCE, messages::METADATA, messages::FIND_COORDINATOR, messages::INIT_PRODUCER_ID];
        let spoken = spoken.iter().find(|spoken| spoken.key == api as i16).map(|spoken| spoken.version);
        let versions = api.valid_versions();
        let max = spoken.unwrap_or(versions.max);
        ApiVersion::default().with_api_key(api as i16).with_min_version(versions.min).with_max_version(max)
    };
    let name = StrBytes::from_static_str("transaction.version");
    let transactions = FinalizedFeatureKey::default().with_name(name).with_max_version_level(2);
    ApiVersionsResponse::default()
        .with_api_keys(ApiKey::iter().filter(is_known).map(every).collect())
        .with_finalized_features(vec![transactions.with_min_version_level(2)])
}

/// What came of it, as the broker says it.
fn said<T: Copy>(fate: Fate, nothing: T, act: impl FnOnce() -> Result<T, ResponseError>) -> (i16, T) {
    let truth = if fate.is_done { act() } else { Ok(nothing) };
    match (fate.says, truth) {
        (Some(error), _) | (None, Err(error)) => (error.code(), nothing),
        (None, Ok(done)) => (0, done),
    }
}

fn end_txn(state: &mut State, fate: Fate, request: &EndTxnRequest) -> EndTxnResponse {
    let (error, (id, epoch)) = said(fate, (-1, -1), || state.log.end_transaction(request));
    EndTxnResponse::default().with_error_code(error).with_producer_id(id.into()).with_producer_epoch(epoch)
}

fn offset_commit(state: &mut State, fate: Fate, request: &TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let producer = (request.producer_id.0, request.producer_epoch);
    let (error, ()) = said(fate, (), || state.log.join_transaction(request.transactional_id.as_str(), producer));
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

fn produce(state: &mut State, node: i32, fate: Fate, request: &ProduceRequest) -> ProduceResponse {
    assert_eq!(request.acks, -1, "all replicas");
    let name = request.transactional_id.as_ref().map(|id| id.as_str());
    let mut responses = Vec::new();
    for topic in &request.topic_data {
        let mut partitions = Vec::new();
        for data in &topic.partition_data {
            let to = (topic.name.as_str().to_owned(), data.index);
            let records = data.records.clone().expect("records");
            let leads = state.leader == node;
            let append =
                || if leads { state.log.append(name, to, records) } else { Err(ResponseError::NotLeaderOrFollower) };
            let (error, offset) = said(fate, -1, append);
            let said = PartitionProduceResponse::default().with_index(data.index).with_error_code(error);
            partitions.push(said.with_base_offset(offset).with_log_append_time_ms(1_000));
        }
        let said = TopicProduceResponse::default().with_name(topic.name.clone());
        responses.push(said.with_partition_responses(partitions));
    }
    ProduceResponse::default().with_responses(responses)
}

fn frame(from: &mut TcpStream) -> Option<Bytes> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?];
    from.read_exact(&mut frame).ok()?;
    Some(frame.into())
}
