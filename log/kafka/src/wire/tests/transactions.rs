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

    /// Calls `with` while the broker loses every EndTxn from the second on, until it is given up.
    fn until_it_is_given_up<T: Send>(&mut self, first: Fate, with: impl FnOnce(&mut WireProducer) -> T + Send) -> T {
        let Self { cluster, clock, config, producer } = self;
        let mut fates = vec![Fate::lost(); 10_000];
        fates[0] = first;
        cluster.next(ApiKey::EndTxn, &fates);
        let asked = cluster.seen(ApiKey::EndTxn);
        thread::scope(|scope| {
            let given_up = scope.spawn(|| with(producer));
            cluster.wait_for(ApiKey::EndTxn, asked + 3);
            clock.pass_ms(config.commit_timeout_ms + 1);
            given_up.join().expect("given up")
        })
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

#[test]
fn an_end_whose_answer_is_lost_is_asked_for_again() {
    for fates in [[Fate::unanswered(), Fate::unanswered()], [Fate::lost(), Fate::unanswered()], [Fate::lost(); 2]] {
        let mut scene = Scene::new();
        scene.begin_with("a");
        scene.cluster.next(ApiKey::EndTxn, &fates);
        let ends = scene.commit().expect("committed");
        assert_eq!(ends, [(TopicPartition::new("t", 0), 1)], "{fates:?}");
        assert_eq!(scene.cluster.seen(ApiKey::EndTxn), 3, "{fates:?}");

        // The same producer goes on, in the epoch in which the coordinator expects it.
        scene.begin_with("aborted");
        scene.cluster.next(ApiKey::EndTxn, &fates);
        scene.producer.abort().expect("aborted");
        assert_eq!(scene.cluster.seen(ApiKey::EndTxn), 6, "{fates:?}");

        scene.begin_with("b");
        scene.commit().expect("committed");
        assert_eq!(scene.values(), ["a", "b"], "{fates:?}");
    }
}

#[test]
fn a_commit_that_is_never_answered_is_unknown_and_cannot_be_aborted() {
    for (first, is_committed) in [(Fate::unanswered(), true), (Fate::lost(), false)] {
        let mut scene = Scene::new();
        scene.begin_with("a");
        let unknown = scene.until_it_is_given_up(first, commit);
        assert!(matches!(unknown, Err(WriteError::Unknown(_))), "{unknown:?}");
        // An abort that succeeded would say that nothing was committed.
        let abort = scene.producer.abort();
        assert!(matches!(abort, Err(WriteError::Unknown(_))), "{abort:?}");
        assert!(matches!(scene.producer.begin(), Err(WriteError::Unknown(_))));
        assert_eq!(scene.values().len(), usize::from(is_committed));
    }
}

#[test]
fn an_abort_that_is_never_answered_ends_the_producer() {
    let mut scene = Scene::new();
    scene.begin_with("a");
    let unknown = scene.until_it_is_given_up(Fate::unanswered(), |producer| producer.abort());
    assert!(matches!(unknown, Err(WriteError::Unknown(_))), "{unknown:?}");
    assert!(matches!(scene.producer.begin(), Err(WriteError::Unknown(_))));
    assert!(scene.values().is_empty());
}

/// What is said about a repeated request need not be true of the first one: the transaction may have been committed.
#[test]
fn what_a_repeated_commit_is_told_never_means_that_nothing_was_committed() {
    for says in [
        ResponseError::ProducerFenced,
        ResponseError::InvalidProducerEpoch,
        ResponseError::InvalidTxnState,
        ResponseError::InvalidProducerIdMapping,
        ResponseError::UnknownServerError,
    ] {
        let mut scene = Scene::new();
        scene.begin_with("a");
        scene.cluster.next(ApiKey::EndTxn, &[Fate::unanswered(), Fate::refused(says)]);
        let error = scene.commit().expect_err("not answered");
        assert!(matches!(error, WriteError::Unknown(_) | WriteError::Fenced(_)), "{says:?}: {error:?}");
        assert!(scene.producer.abort().is_err(), "{says:?}");
        assert_eq!(scene.values(), ["a"], "{says:?}");
    }
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
