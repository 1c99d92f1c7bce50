//! The same brokers, and the appender that goes through librdkafka.

use super::cluster::{Cluster, Fate};
use crate::appender::KafkaAppender;
use crate::config::KafkaConfig;
use crate::health::Pulse;
use holdfast_log_contract::SystemClock;
use holdfast_ports::log::{AppendError, Appender as _};
use holdfast_ports::record::{Appended, NewRecord};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ApiKey;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

fn open(cluster: &Cluster) -> KafkaAppender {
    let mut config = KafkaConfig::new(cluster.brokers(), "test", Arc::new(SystemClock::new()));
    // As short as it may be and still be long enough to be sent.
    config.append_timeout_ms = 2_000;
    KafkaAppender::open(&config, &Arc::default(), &Arc::new(Pulse::default())).expect("an appender")
}

fn append(appender: &KafkaAppender, value: &str) -> Receiver<Result<Appended, AppendError>> {
    let (sender, answer) = channel();
    let record = NewRecord { topic: "t", partition: 0, key: None, value: Some(value.as_bytes()), headers: &[] };
    appender.append(record, Box::new(move |result| drop(sender.send(result))));
    answer
}

fn heard(answer: &Receiver<Result<Appended, AppendError>>) -> Result<Appended, AppendError> {
    answer.recv_timeout(Duration::from_secs(30)).expect("an answer")
}

#[test]
fn what_a_leader_took_before_it_moved_and_then_expires_is_unknown() {
    for says in [
        ResponseError::NotLeaderOrFollower,
        ResponseError::UnknownTopicOrPartition,
        ResponseError::KafkaStorageError,
        ResponseError::NotEnoughReplicasAfterAppend,
        ResponseError::RequestTimedOut,
        ResponseError::UnknownServerError,
    ] {
        let cluster = Cluster::start(2);
        let appender = open(&cluster);
        cluster.next(ApiKey::Produce, &[Fate::done_but(says).and_ends_leadership()]);
        let answer = heard(&append(&appender, "a"));
        assert!(matches!(answer, Err(AppendError::Unknown(_))), "{says:?}: {answer:?}");
        assert_eq!(cluster.values("t"), [b"a"], "{says:?}");
    }
}

#[test]
fn what_was_never_sent_or_was_refused_is_not_in_the_log() {
    let cluster = Cluster::start(2);
    let appender = open(&cluster);
    cluster.lead(-1);
    let answer = heard(&append(&appender, "a"));
    assert!(matches!(answer, Err(AppendError::Unavailable(_))), "{answer:?}");
    cluster.lead(2);
    cluster.next(ApiKey::Produce, &[Fate::refused(ResponseError::MessageTooLarge)]);
    let answer = heard(&append(&appender, "b"));
    assert!(matches!(answer, Err(AppendError::Refused(_))), "{answer:?}");
    assert_eq!(heard(&append(&appender, "c")).expect("appended").offset, 0);
    assert_eq!(cluster.values("t"), [b"c"]);
}
