//! L-1 … L-8: appending.

use crate::harness::Harness;
use crate::reader::assert_in_order;
use crate::world::{World, append, record};
use holdfast_ports::log::{AppendError, Start};
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::collections::BTreeSet;
use std::sync::mpsc;

/// L-1: from the acknowledged offset on the record is read with its key, value and headers.
pub fn l1_an_acknowledged_append_is_readable_at_its_offset(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l1");
    let sent = NewRecord {
        topic: &topic,
        partition: 1,
        key: Some(b"user-7"),
        value: Some(b"{\"seat\":\"A1\"}"),
        headers: &[("request-id", b"r-1"), ("empty", b""), ("request-id", b"r-2")],
    };
    world.append(&topic, 1, b"an earlier one");
    let appended = append(&*world.appender(), &sent).expect("acknowledged");

    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 1), Start::At(appended.offset));
    let seen = &reader.read(1)[0];
    assert_eq!(seen.offset, appended.offset);
    assert_eq!(seen.key.as_deref(), sent.key);
    assert_eq!(seen.value.as_deref(), sent.value);
    let expected = [("request-id", "r-1"), ("empty", ""), ("request-id", "r-2")];
    let expected = expected.map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec())));
    assert_eq!(seen.headers, expected);
}

/// L-2: the acknowledged append time is the one that is read, and it lies between before and after.
pub fn l2_the_append_time_is_when_the_log_took_it(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l2");
    let slack = log.clock_slack_ms();
    let before = log.clock().now_ms();
    let appended = world.append(&topic, 0, b"now");
    let after = log.clock().now_ms();
    assert!(
        before - slack <= appended.append_ms && appended.append_ms <= after + slack,
        "{before} {appended:?} {after}"
    );

    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic, 0), Start::Earliest);
    assert_eq!(reader.read(1)[0].append_ms, appended.append_ms);
}

/// L-3: no key and an empty key, no value (a tombstone) and an empty value are told apart.
pub fn l3_missing_and_empty_are_told_apart(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l3");
    let appender = world.appender();
    let empty: &[u8] = b"";
    let cases = [(None, Some(empty)), (Some(empty), None), (None, None), (Some(empty), Some(empty))];
    for (key, value) in cases {
        append(&*appender, &NewRecord { topic: &topic, partition: 0, key, value, headers: &[] }).expect("acknowledged");
    }
    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    let seen: Vec<_> = reader.read(4).iter().map(|seen| (seen.key.as_deref(), seen.value.as_deref())).collect();
    assert_eq!(seen, cases);
}

/// L-4: a value of 1,000,000 bytes is taken, appended as well as in a transaction.
pub fn l4_a_value_of_a_megabyte_is_taken(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l4");
    let (_member, generation) = world.generation();
    let large: Vec<u8> = (0..1_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    world.append(&topic, 0, &large);
    let mut writer = world.any_writer();
    writer.begin().expect("begun");
    writer.send(&record(&topic, 0, &large)).expect("sent");
    writer.commit(&[], &generation).expect("committed");

    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    for seen in reader.read(2) {
        assert_eq!(seen.value.as_deref(), Some(&large[..]));
    }
}

/// L-5: a value of 11 MB is refused at once, and the appender goes on working.
pub fn l5_a_record_too_large_is_refused(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l5");
    let appender = world.appender();
    let huge = vec![7; 11 << 20];
    let answer = append(&*appender, &record(&topic, 0, &huge));
    assert!(matches!(answer, Err(AppendError::Refused(_))), "{answer:?}");
    append(&*appender, &record(&topic, 0, b"fits")).expect("acknowledged");

    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    assert_eq!(reader.read(1)[0].text(), "fits");
}

/// L-6: an append to a topic or partition that does not exist is refused, and creates neither.
pub fn l6_an_append_to_nowhere_is_refused(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l6");
    let missing = log.fresh("l6-missing");
    let appender = world.appender();
    let answer = append(&*appender, &record(&topic, log.partitions(), b"x"));
    assert!(matches!(answer, Err(AppendError::Refused(_))), "{answer:?}");
    let answer = append(&*appender, &record(&missing, 0, b"x"));
    assert!(matches!(answer, Err(AppendError::Refused(_))), "{answer:?}");
    assert_eq!(world.log.partitions(&missing).expect("asked"), None);
}

/// L-7: appends of 16 threads are acknowledged exactly once, with offsets that are unique, dense and in each thread's order.
pub fn l7_concurrent_appends_are_acknowledged_exactly_once(log: &dyn Harness) {
    const THREADS: usize = 16;
    const EACH: usize = 25;
    let world = World::new(log);
    let topic = world.topic("l7");
    let appender = world.appender();
    let mut acknowledged = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (appender, topic) = (&appender, &topic);
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    for i in 0..EACH {
                        let value = format!("{thread}-{i}");
                        let appended = append(&**appender, &record(topic, 0, value.as_bytes())).expect("acknowledged");
                        assert!(mine.last().is_none_or(|&(last, _)| last < appended.offset), "a thread's own order");
                        mine.push((appended.offset, value));
                    }
                    mine
                })
            })
            .collect();
        for thread in threads {
            acknowledged.extend(thread.join().expect("no thread failed"));
        }
    });
    acknowledged.sort();
    let offsets: BTreeSet<i64> = acknowledged.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets.len(), THREADS * EACH, "offsets are unique");
    let first = acknowledged[0].0;
    assert!(
        offsets.iter().zip(first..).all(|(offset, expected)| *offset == expected),
        "offsets are dense: {offsets:?}"
    );

    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    let seen: Vec<_> = reader.read(THREADS * EACH).iter().map(|seen| (seen.offset, seen.text())).collect();
    assert_eq!(seen, acknowledged);
}

/// L-8: appends that one thread makes without waiting keep their order within a partition.
pub fn l8_appends_without_waiting_keep_their_order(log: &dyn Harness) {
    const COUNT: usize = 2000;
    let world = World::new(log);
    let topic = world.topic("l8");
    let appender = world.appender();
    let (answer, answers) = mpsc::channel();
    for i in 0..COUNT {
        let answer = answer.clone();
        let value = i.to_string();
        appender.append(
            record(&topic, 0, value.as_bytes()),
            Box::new(move |result| answer.send((i, result)).expect("the examination waits")),
        );
    }
    drop(answer);
    let mut acknowledged: Vec<_> =
        answers.iter().map(|(i, result)| (result.expect("acknowledged").offset, i.to_string())).collect();
    acknowledged.sort();

    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    let seen = reader.read(COUNT);
    assert_in_order(seen);
    let expected: Vec<_> = (0..COUNT).map(|i| i.to_string()).collect();
    assert_eq!(seen.iter().map(crate::reader::Seen::text).collect::<Vec<_>>(), expected);
    assert_eq!(seen.iter().map(|seen| (seen.offset, seen.text())).collect::<Vec<_>>(), acknowledged);
}
