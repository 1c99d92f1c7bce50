//! Transactions: a window that is full, and ends whose answer is lost.

use super::clock::SetClock;
use super::cluster::{Cluster, Fate};
use crate::config::KafkaConfig;
use crate::wire::WireProducer;
use holdfast_ports::log::{WriteError, Writer as _};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ApiKey;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

struct Scene {
    cluster: Cluster,
    clock: Arc<SetClock>,
    config: KafkaConfig,
    producer: WireProducer,
}

impl Scene {
    /// Time stands still.
    fn new() -> Self {
        let cluster = Cluster::start(2);
        let clock = Arc::new(SetClock::default());
        let mut config = KafkaConfig::new(cluster.brokers(), "test", Arc::clone(&clock) as _);
        // Long for sockets, which wait in real time.
        config.commit_timeout_ms = 60_000;
        let producer = WireProducer::open(&config, "writer").expect("a producer");
        Self { cluster, clock, config, producer }
    }

    fn values(&self) -> Vec<String> {
        self.cluster.values("t").into_iter().map(|value| String::from_utf8(value).expect("text")).collect()
    }

    fn begin_with(&mut self, value: &str) {
        self.producer.begin().expect("begun");
        let produced = self.cluster.seen(ApiKey::Produce);
        self.producer.send(&record(value.as_bytes())).expect("sent");
        // Without a record that has gone to a broker there is nothing to be ended.
        self.cluster.wait_for(ApiKey::Produce, produced + 1);
    }

    fn commit(&mut self) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        commit(&mut self.producer)
    }
}

fn record(value: &[u8]) -> NewRecord<'_> {
    NewRecord { topic: "t", partition: 0, key: None, value: Some(value), headers: &[] }
}

fn commit(producer: &mut WireProducer) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
    producer.commit(&[], &Generation(Arc::new(())))
}

#[test]
fn a_record_for_which_there_was_no_room_is_sent_when_all_before_it_is_delivered_at_last() {
    /// More than the outbox takes while nothing is delivered.
    const RECORDS: usize = 75;
    let mut scene = Scene::new();
    scene.producer.begin().expect("begun");
    scene.cluster.next(ApiKey::Produce, &[Fate::held()]);
    thread::scope(|scope| {
        let Scene { cluster, clock, config, producer } = &mut scene;
        let outbox = producer.outbox();
        let sending = scope.spawn(|| {
            let value = vec![0; 1_000_000];
            (0..RECORDS).for_each(|_| producer.send(&record(&value)).expect("sent"));
        });
        // One of them waits for room until its time is over, and then for all that is under way. Time passes in steps that are too short for that.
        while !outbox.is_being_delivered_after(Duration::from_millis(5)) {
            clock.pass_ms(config.commit_timeout_ms / 10);
        }
        cluster.release();
        sending.join().expect("sent");
    });
    scene.commit().expect("committed");
    assert_eq!(scene.cluster.values("t").len(), RECORDS);
}

/// A batch that the leader took, and about which it says something else, goes again and is recognised.
#[test]
fn records_that_a_leader_took_before_it_moved_are_in_the_transaction_once() {
    for says in [
        ResponseError::NotLeaderOrFollower,
        ResponseError::UnknownTopicOrPartition,
        ResponseError::KafkaStorageError,
        ResponseError::NotEnoughReplicasAfterAppend,
        ResponseError::RequestTimedOut,
    ] {
        let mut scene = Scene::new();
        scene.cluster.next(ApiKey::Produce, &[Fate::done_but(says), Fate::unanswered()]);
        scene.begin_with("a");
        let ends = scene.commit().expect("committed");
        assert_eq!(ends, [(TopicPartition::new("t", 0), 1)], "{says:?}");
        assert_eq!(scene.values(), ["a"], "{says:?}");
    }
}

/// The same for errors after which the transaction is done again.
#[test]
fn records_about_which_a_leader_says_nothing_certain_are_aborted_and_sent_again() {
    for says in [ResponseError::UnknownServerError, ResponseError::DuplicateSequenceNumber] {
        let mut scene = Scene::new();
        scene.cluster.next(ApiKey::Produce, &[Fate::done_but(says)]);
        scene.begin_with("a");
        let error = scene.commit().expect_err("not delivered");
        assert!(matches!(error, WriteError::Retry(_)), "{says:?}: {error:?}");
        scene.producer.abort().expect("aborted");
        scene.begin_with("a");
        scene.commit().expect("committed");
        assert_eq!(scene.values(), ["a"], "{says:?}");
    }
}
