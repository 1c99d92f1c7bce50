//! A topic that is not there, or not any more, costs no record: the transaction is done again until somebody has created it.

mod brokers;

use brokers::brokers;
use holdfast_ports::log::{Cleanup, Log as _, TopicSpec, WriteError};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::sync::Arc;

fn waits_for_its_topic(speaks_directly: bool) {
    let log = brokers().connect_with(|config| config.speaks_directly = speaks_directly);
    let (topic, nobody) = (brokers().fresh("late"), Generation(Arc::new(())));
    let mut writer = log.writer(&brokers().fresh("writer")).expect("a writer");
    let record = NewRecord { topic: &topic, partition: 0, key: None, value: Some(b"x"), headers: &[] };
    writer.begin().expect("begun");
    let missing = writer.send(&record);
    assert!(matches!(missing, Err(WriteError::Retry(_))), "{missing:?}");
    writer.abort().expect("aborted");

    let cleanup = Cleanup::Delete { retention_ms: 3_600_000 };
    log.create_topics(&[TopicSpec { name: topic.clone(), partitions: 1, replication: None, cleanup }])
        .expect("created");
    writer.begin().expect("begun again");
    writer.send(&record).expect("sent");
    let outside = writer.send(&NewRecord { partition: 1, ..record });
    assert!(matches!(outside, Err(WriteError::Refused { .. })), "a partition it does not have: {outside:?}");
    writer.abort().expect("aborted");
    writer.begin().expect("begun a third time");
    writer.send(&record).expect("sent");
    let ends = writer.commit(&[], &nobody).expect("committed");
    assert_eq!(ends.iter().map(|(source, _)| source).collect::<Vec<_>>(), [&TopicPartition::new(&*topic, 0)]);
}

#[test]
fn a_transaction_waits_for_its_topic() {
    waits_for_its_topic(true);
}

#[test]
fn a_transaction_of_librdkafkas_waits_for_its_topic() {
    waits_for_its_topic(false);
}
