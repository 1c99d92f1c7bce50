//! Appends whose batch the broker took, and about which it said something else.

use super::clock::SetClock;
use super::cluster::{Cluster, Fate};
use crate::config::KafkaConfig;
use crate::health::Pulse;
use crate::wire::WireAppender;
use holdfast_ports::log::{AppendError, Appender as _};
use holdfast_ports::record::{Appended, NewRecord};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ApiKey;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What a leader may say after it has appended a batch, because it leads no more or its followers are missing.
const AFTER_THE_APPEND: [ResponseError; 5] = [
    ResponseError::NotLeaderOrFollower,
    ResponseError::UnknownTopicOrPartition,
    ResponseError::KafkaStorageError,
    ResponseError::NotEnoughReplicasAfterAppend,
    ResponseError::RequestTimedOut,
];

struct Scene {
    cluster: Cluster,
    clock: Arc<SetClock>,
    config: KafkaConfig,
    appender: WireAppender,
}

type Answer = Receiver<Result<Appended, AppendError>>;

impl Scene {
    /// Two brokers, of which the first leads, and time that stands still.
    fn new() -> Self {
        let cluster = Cluster::start(2);
        let clock = Arc::new(SetClock::default());
        let config = KafkaConfig::new(cluster.brokers(), "test", Arc::clone(&clock) as _);
        let appender = WireAppender::open(&config, &Arc::new(Pulse::default())).expect("an appender");
        Self { cluster, clock, config, appender }
    }

    fn append(&self, value: &str) -> Answer {
        let (sender, answer) = channel();
        let record = NewRecord { topic: "t", partition: 0, key: None, value: Some(value.as_bytes()), headers: &[] };
        self.appender.append(record, Box::new(move |result| drop(sender.send(result))));
        answer
    }

    fn values(&self) -> Vec<String> {
        self.cluster.values("t").into_iter().map(|value| String::from_utf8(value).expect("text")).collect()
    }

    /// Appends `value` to a leader that answers so and leads no more. Returns when the batch waits for another leader.
    fn append_to_the_last_leader(&self, value: &str, fate: Fate) -> Answer {
        self.cluster.next(ApiKey::Produce, &[fate.and_ends_leadership()]);
        let produced = self.cluster.seen(ApiKey::Produce);
        let answer = self.append(value);
        self.cluster.wait_for(ApiKey::Produce, produced + 1);
        self.wait_for_questions();
        answer
    }

    /// Returns when the appender has asked who leads, in vain: what was sent has come back.
    fn wait_for_questions(&self) {
        let asked = self.cluster.seen(ApiKey::Metadata);
        self.cluster.wait_for(ApiKey::Metadata, asked + 2);
    }

    /// So late that what waits is given up.
    fn expire(&self) {
        self.clock.pass_ms(self.config.append_timeout_ms + 1);
    }
}

fn heard(answer: &Answer) -> Result<Appended, AppendError> {
    answer.recv_timeout(Duration::from_secs(30)).expect("an answer")
}

fn offset(answer: &Answer) -> i64 {
    heard(answer).expect("appended").offset
}

#[test]
fn a_batch_that_a_leader_took_before_it_moved_is_sent_again_as_it_was() {
    for says in AFTER_THE_APPEND {
        let scene = Scene::new();
        let first = scene.append_to_the_last_leader("a", Fate::done_but(says));
        // It would fit into the batch that waits.
        let second = scene.append("b");
        scene.cluster.lead(2);
        assert_eq!((offset(&first), offset(&second)), (0, 1), "{says:?}");
        assert_eq!(scene.values(), ["a", "b"], "{says:?}");
    }
}

#[test]
fn a_batch_that_only_the_old_leader_had_is_appended_by_the_new_one() {
    for says in AFTER_THE_APPEND {
        let scene = Scene::new();
        let first = scene.append_to_the_last_leader("a", Fate::done_but(says));
        let second = scene.append("b");
        scene.cluster.lose_last_batch("t");
        scene.cluster.lead(2);
        assert_eq!((offset(&first), offset(&second)), (0, 1), "{says:?}");
        assert_eq!(scene.values(), ["a", "b"], "{says:?}");
    }
}

#[test]
fn a_batch_that_may_be_in_the_log_and_is_given_up_is_unknown_and_ends_its_epoch() {
    for says in AFTER_THE_APPEND {
        let scene = Scene::new();
        let given_up = scene.append_to_the_last_leader("a", Fate::done_but(says));
        scene.expire();
        let answer = heard(&given_up);
        assert!(matches!(answer, Err(AppendError::Unknown(_))), "{says:?}: {answer:?}");
        // As many records, with the same sequence numbers were they of the same epoch.
        let next = scene.append("b");
        scene.cluster.lead(2);
        assert_eq!(offset(&next), 1, "{says:?}");
        assert_eq!(scene.values(), ["a", "b"], "{says:?}");
    }
}

#[test]
fn errors_that_say_nothing_about_the_append_are_unknown_and_end_the_epoch() {
    for says in [ResponseError::UnknownServerError, ResponseError::DuplicateSequenceNumber, ResponseError::Unknown(999)]
    {
        let scene = Scene::new();
        scene.cluster.next(ApiKey::Produce, &[Fate::done_but(says)]);
        let answer = heard(&scene.append("a"));
        assert!(matches!(answer, Err(AppendError::Unknown(_))), "{says:?}: {answer:?}");
        assert_eq!(offset(&scene.append("b")), 1, "{says:?}");
        assert_eq!(scene.values(), ["a", "b"], "{says:?}");
    }
}

#[test]
fn a_new_leader_that_knows_other_numbers_leaves_a_batch_unknown_that_the_old_one_took() {
    for says in [
        ResponseError::OutOfOrderSequenceNumber,
        ResponseError::DuplicateSequenceNumber,
        ResponseError::UnknownProducerId,
        ResponseError::InvalidProducerEpoch,
    ] {
        let scene = Scene::new();
        let first = scene.append_to_the_last_leader("a", Fate::done_but(ResponseError::NotLeaderOrFollower));
        scene.cluster.next(ApiKey::Produce, &[Fate::refused(says)]);
        scene.cluster.lead(2);
        let answer = heard(&first);
        assert!(matches!(answer, Err(AppendError::Unknown(_))), "{says:?}: {answer:?}");
        assert_eq!(offset(&scene.append("b")), 1, "{says:?}");
        assert_eq!(scene.values(), ["a", "b"], "{says:?}");
    }
}

#[test]
fn what_a_broker_refuses_before_it_appends_is_not_in_the_log() {
    // Others may join the batch.
    let scene = Scene::new();
    let first = scene.append_to_the_last_leader("a", Fate::refused(ResponseError::NotEnoughReplicas));
    let second = scene.append("b");
    scene.cluster.lead(2);
    assert_eq!((offset(&first), offset(&second)), (0, 1));
    assert_eq!(scene.cluster.seen(ApiKey::Produce), 2, "both in one batch");

    let given_up = scene.append_to_the_last_leader("c", Fate::refused(ResponseError::NotEnoughReplicas));
    scene.expire();
    let answer = heard(&given_up);
    assert!(matches!(answer, Err(AppendError::Unavailable(_))), "{answer:?}");
    scene.cluster.lead(1);

    for (says, is_refused) in [
        (ResponseError::MessageTooLarge, true),
        (ResponseError::RecordListTooLarge, true),
        (ResponseError::InvalidRecord, true),
        (ResponseError::InvalidTimestamp, true),
        (ResponseError::CorruptMessage, false),
        (ResponseError::InvalidRequiredAcks, false),
    ] {
        scene.cluster.next(ApiKey::Produce, &[Fate::refused(says)]);
        let answer = heard(&scene.append("d"));
        let as_expected = match answer {
            Err(AppendError::Refused(_)) => is_refused,
            Err(AppendError::Unavailable(_)) => !is_refused,
            _ => false,
        };
        assert!(as_expected, "{says:?}: {answer:?}");
    }
    scene.cluster.next(ApiKey::Produce, &[Fate::refused(ResponseError::TopicAuthorizationFailed)]);
    let answer = heard(&scene.append("d"));
    assert!(matches!(answer, Err(AppendError::Denied(_))), "{answer:?}");
    assert_eq!(offset(&scene.append("e")), 2);
    assert_eq!(scene.values(), ["a", "b", "e"]);
}

#[test]
fn an_append_whose_answer_is_lost_is_in_the_log_once() {
    let scene = Scene::new();
    scene.cluster.next(ApiKey::Produce, &[Fate::unanswered(), Fate::lost(), Fate::unanswered()]);
    let first = scene.append("a");
    assert_eq!(offset(&first), 0);
    assert_eq!(offset(&scene.append("b")), 1);
    assert_eq!(scene.values(), ["a", "b"]);
}
