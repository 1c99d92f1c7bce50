//! Topics whose `max.message.bytes` is less than a batch has by itself: records go in smaller ones, and nothing but what is too large alone is refused.

mod brokers;

use brokers::brokers;
use holdfast_log_kafka::KafkaLog;
use holdfast_ports::clock::Clock as _;
use holdfast_ports::log::{AppendError, Appender, Cleanup, Log as _, Start, TopicSpec, Which, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const BATCH_BYTES_MAX: usize = 10_000;
/// Together 600 KB: a batch is full with less.
const RECORDS: usize = 2_000;
const DEADLINE_US: u64 = 30_000_000;

/// A topic of one partition that takes [`BATCH_BYTES_MAX`] at once.
fn narrow_topic() -> String {
    let mut addresses = String::new();
    brokers().connect_with(|config| addresses.clone_from(&config.brokers));
    let name = brokers().fresh("narrow");
    let bytes = BATCH_BYTES_MAX.to_string();
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1)).set("max.message.bytes", &bytes);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", addresses);
    let admin: AdminClient<DefaultClientContext> = config.create().expect("an admin");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let created = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).expect("answered");
    created.into_iter().for_each(|topic| drop(topic.expect("created")));
    name
}

/// Bytes that no compression makes less.
fn noise(seed: usize, bytes: usize) -> Vec<u8> {
    let mut state = seed as u64;
    let mut byte = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56) as u8
    };
    (0..bytes).map(|_| byte()).collect()
}

fn values() -> Vec<Vec<u8>> {
    (0..RECORDS).map(|nth| noise(nth, 300)).collect()
}

fn record<'a>(topic: &'a str, value: &'a [u8]) -> NewRecord<'a> {
    NewRecord { topic, partition: 0, key: Some(b"key"), value: Some(value), headers: &[("n", b"v")] }
}

/// A log that goes through librdkafka, as with TLS, SASL or older brokers.
fn through_librdkafka() -> Arc<KafkaLog> {
    brokers().connect_with(|config| config.speaks_directly = false)
}

/// Has the log look at its topics, as a worker does at its start.
fn describe(log: &KafkaLog, topic: &str) {
    let cleanup = Cleanup::Delete { retention_ms: 3_600_000 };
    log.check_topics(&[TopicSpec { name: topic.to_owned(), partitions: 1, replication: None, cleanup }])
        .expect("looked at");
}

fn transact(
    writer: &mut dyn Writer,
    topic: &str,
    values: &[Vec<u8>],
) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
    writer.begin().expect("begun");
    let sent = values.iter().try_for_each(|value| writer.send(&record(topic, value)));
    sent.and_then(|()| writer.commit(&[], &Generation(Arc::new(()))))
}

/// What the engine does about a transaction whose fate is not known, and about a writer that cannot abort: another
/// writer of the same name.
fn transact_with_new_writers(
    log: &KafkaLog,
    writer: &mut Box<dyn Writer>,
    (name, topic): (&str, &str),
    values: &[Vec<u8>],
) -> (usize, Result<Vec<(TopicPartition, i64)>, WriteError>) {
    for attempt in 0..20 {
        match transact(&mut **writer, topic, values) {
            Err(WriteError::Unknown(why)) => {
                eprintln!("attempt {attempt}: {why}");
                *writer = log.writer(name).expect("a writer");
            }
            known => {
                if known.is_err() && writer.abort().is_err() {
                    *writer = log.writer(name).expect("a writer");
                }
                return (attempt, known);
            }
        }
    }
    panic!("twenty writers, and batches are still too large");
}

/// Appends one after the other without waiting; the answers by number.
fn append_all(appender: &dyn Appender, topic: &str, values: &[&[u8]]) -> Vec<Result<i64, AppendError>> {
    let (sender, answers) = mpsc::channel();
    for (nth, value) in values.iter().enumerate() {
        let sender = sender.clone();
        appender.append(record(topic, value), Box::new(move |answer| sender.send((nth, answer)).expect("waited for")));
    }
    let mut answers: Vec<_> =
        values.iter().map(|_| answers.recv_timeout(Duration::from_micros(DEADLINE_US)).expect("an answer")).collect();
    answers.sort_by_key(|(nth, _)| *nth);
    answers.into_iter().map(|(_, answer)| answer.map(|appended| appended.offset)).collect()
}

fn read(log: &KafkaLog, topic: &str, count: usize) -> Vec<Vec<u8>> {
    let mut fetcher = log.fetcher().expect("a fetcher");
    fetcher.assign(&TopicPartition::new(topic, 0), Start::Earliest).expect("assigned");
    let mut read = Vec::new();
    let until_us = brokers().clock.monotonic_us() + DEADLINE_US;
    while read.len() < count {
        assert!(brokers().clock.monotonic_us() < until_us, "{} of {count} records", read.len());
        fetcher.wait(Duration::from_millis(100)).expect("waited");
        fetcher
            .fetch(usize::MAX, &mut |_, record| {
                read.push(record.value.expect("a value").to_vec());
                ControlFlow::Continue(())
            })
            .expect("fetched");
    }
    read
}

#[test]
fn appends_go_in_batches_that_the_topic_takes() {
    let log = brokers().connect_with(|_| ());
    let topic = narrow_topic();
    let (sender, answers) = mpsc::channel();
    let appender = log.appender().expect("an appender");
    let mut values = values();
    let too_large = RECORDS / 3;
    values[too_large] = noise(0, BATCH_BYTES_MAX);
    for (nth, value) in values.iter().enumerate() {
        let sender = sender.clone();
        appender.append(record(&topic, value), Box::new(move |answer| sender.send((nth, answer)).unwrap()));
    }
    let mut answers: Vec<_> =
        values.iter().map(|_| answers.recv_timeout(Duration::from_micros(DEADLINE_US)).expect("an answer")).collect();
    answers.sort_by_key(|(nth, _)| *nth);
    let (_, refused) = answers.remove(too_large);
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
    values.remove(too_large);
    for (offset, (nth, answer)) in (0..).zip(answers) {
        assert_eq!(answer.unwrap_or_else(|error| panic!("record {nth}: {error}")).offset, offset);
    }
    assert!(read(&log, &topic, values.len()) == values, "in the order in which they were appended");
}

#[test]
fn transactions_go_in_batches_that_the_topic_takes() {
    let log: Arc<KafkaLog> = brokers().connect_with(|_| ());
    let (topic, values, nobody) = (narrow_topic(), values(), Generation(Arc::new(())));
    let mut writer = log.writer(&brokers().fresh("writer")).expect("a writer");
    let mut transact = |values: &[Vec<u8>]| {
        writer.begin().expect("begun");
        values.iter().for_each(|value| writer.send(&record(&topic, value)).expect("sent"));
        let committed = writer.commit(&[], &nobody);
        if committed.is_err() {
            writer.abort().expect("aborted");
        }
        committed
    };
    let (first, second) = values.split_at(RECORDS / 2);
    let end = transact(first).expect("committed")[0].1;
    assert_eq!(end, i64::try_from(first.len()).unwrap());

    let too_large = transact(&[noise(1, 300), noise(2, BATCH_BYTES_MAX), noise(3, 300)]);
    let which = match too_large {
        Err(WriteError::Refused { which, .. }) => which,
        other => panic!("{other:?}"),
    };
    assert_eq!(which, Which::Earlier { to: TopicPartition::new(&*topic, 0), after: 1 });

    transact(second).expect("committed");
    assert!(read(&log, &topic, values.len()) == values, "in the order in which they were sent, and nothing else");
}

/// Among records that are small enough the one that is not is named, and nothing but that is refused.
fn names_the_record(log: &KafkaLog, writer: &mut Box<dyn Writer>, (name, topic): (&str, &str)) {
    let values = [noise(1, 300), noise(2, BATCH_BYTES_MAX), noise(3, 300)];
    let (_, answer) = transact_with_new_writers(log, writer, (name, topic), &values);
    let Err(WriteError::Refused { which, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(which, Which::Earlier { to: TopicPartition::new(topic, 0), after: 1 });
    // Two of them: the first, and then the other.
    let values = [noise(1, 300), noise(2, BATCH_BYTES_MAX), noise(3, BATCH_BYTES_MAX)];
    let (_, answer) = transact_with_new_writers(log, writer, (name, topic), &values);
    let Err(WriteError::Refused { which: Which::Earlier { after, .. }, .. }) = answer else { panic!("{answer:?}") };
    assert!([1, 2].contains(&after), "{after}");
}

#[test]
fn transactions_of_librdkafkas_go_in_batches_that_a_topic_takes_as_it_says() {
    let (log, topic, values) = (through_librdkafka(), narrow_topic(), values());
    describe(&log, &topic);
    let name = brokers().fresh("writer");
    let mut writer = log.writer(&name).expect("a writer");
    let (first, second) = values.split_at(RECORDS / 2);
    transact(&mut *writer, &topic, first).expect("committed at once");
    names_the_record(&log, &mut writer, (&name, &topic));
    transact(&mut *writer, &topic, second).expect("committed at once");
    assert!(read(&log, &topic, values.len()) == values, "in the order in which they were sent, and nothing else");
}

#[test]
fn transactions_of_librdkafkas_find_out_what_a_topic_takes_that_does_not_say() {
    let (log, topic, values) = (through_librdkafka(), narrow_topic(), values());
    let name = brokers().fresh("writer");
    let mut writer = log.writer(&name).expect("a writer");
    let (first, second) = values.split_at(RECORDS / 2);
    let (writers, committed) = transact_with_new_writers(&log, &mut writer, (&name, &topic), first);
    committed.expect("committed");
    assert!(writers > 0, "the first batches were too large");
    names_the_record(&log, &mut writer, (&name, &topic));
    transact(&mut *writer, &topic, second).expect("committed: smaller batches stay");
    assert!(read(&log, &topic, values.len()) == values, "in the order in which they were sent, and nothing else");
}

#[test]
fn appends_of_librdkafkas_go_in_batches_that_a_topic_takes_as_it_says() {
    let (log, topic, mut values) = (through_librdkafka(), narrow_topic(), values());
    describe(&log, &topic);
    let appender = log.appender().expect("an appender");
    // The producer that was made before the topics were looked at is replaced meanwhile.
    let too_large = noise(0, BATCH_BYTES_MAX);
    let until_us = brokers().clock.monotonic_us() + DEADLINE_US;
    let mut taken = vec![];
    loop {
        assert!(brokers().clock.monotonic_us() < until_us, "the producer is not replaced");
        let mut batch: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        batch.insert(RECORDS / 3, &too_large);
        let mut answers = append_all(&*appender, &topic, &batch);
        let large = answers.remove(RECORDS / 3);
        assert!(!matches!(large, Ok(_) | Err(AppendError::Unknown(_))), "{large:?}");
        assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(AppendError::Unavailable(_)))), "{answers:?}");
        taken.extend(values.iter().zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(value, _)| value.clone()));
        if answers.iter().all(Result::is_ok) && matches!(large, Err(AppendError::Refused(_))) {
            break;
        }
    }
    let mut read = read(&log, &topic, taken.len());
    for records in [&mut read, &mut taken, &mut values] {
        records.sort();
    }
    assert!(read == taken, "what was acknowledged is there, once, and nothing else");
}

#[test]
fn appends_of_librdkafkas_find_out_what_a_topic_takes_that_does_not_say() {
    let (log, topic, values) = (through_librdkafka(), narrow_topic(), values());
    let appender = log.appender().expect("an appender");
    let too_large = noise(0, BATCH_BYTES_MAX);
    let mut left: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    left.insert(RECORDS / 3, &too_large);
    let until_us = brokers().clock.monotonic_us() + DEADLINE_US;
    // As clients do that are told to come again.
    while !left.is_empty() {
        assert!(brokers().clock.monotonic_us() < until_us, "{} records are still unavailable", left.len());
        let answers = append_all(&*appender, &topic, &left);
        let mut again = Vec::new();
        for (value, answer) in left.into_iter().zip(answers) {
            match answer {
                Ok(_) => assert!(value != too_large),
                Err(AppendError::Unavailable(_)) => again.push(value),
                Err(AppendError::Refused(why)) => assert!(value == too_large, "{why}"),
                Err(AppendError::Unknown(why) | AppendError::Denied(why)) => panic!("{why}"),
            }
        }
        left = again;
    }
    let (mut read, mut values) = (read(&log, &topic, values.len()), values);
    read.sort();
    values.sort();
    assert!(read == values, "each once, and nothing else");
}
