//! L-9 … L-16: reading.

use crate::deadline::Deadline;
use crate::harness::Harness;
use crate::reader::{Seen, assert_in_order};
use crate::world::World;
use holdfast_ports::log::{End, LogError, Start};
use holdfast_ports::record::{Topic, TopicPartition};
use std::ops::ControlFlow;
use std::time::Duration;

/// Appends `0`, `1`, … `count - 1` to partition 0.
fn numbers(world: &World<'_>, topic: &Topic, count: usize) -> Vec<i64> {
    (0..count).map(|i| world.append(topic, 0, i.to_string().as_bytes()).offset).collect()
}

/// `from`, `from + 1`, … `to - 1` as text.
fn texts(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|i| i.to_string()).collect()
}

/// L-9: reading from Earliest hands over every record of the partition in offset order.
pub fn l9_earliest_reads_everything_in_order(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l9");
    numbers(&world, &topic, 50);
    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    assert_in_order(reader.read(50));
    assert_eq!(reader.texts(), texts(0, 50));
}

/// L-10: reading from an offset starts with it; from the end, with the next record to come.
pub fn l10_reading_starts_at_the_offset_asked_for(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l10");
    let offsets = numbers(&world, &topic, 10);
    let source = TopicPartition::new(topic.clone(), 0);

    let mut reader = world.reader();
    reader.assign(&source, Start::At(offsets[6]));
    assert_eq!(reader.read(4)[0].offset, offsets[6]);
    assert_eq!(reader.texts(), texts(6, 10));

    let mut reader = world.reader();
    let end = reader.end(&source, End::Stable);
    reader.assign(&source, Start::At(end));
    let next = world.append(&topic, 0, b"next");
    assert_eq!(reader.read(1)[0].offset, next.offset);
    assert_eq!(reader.texts(), ["next"]);
}

/// L-11: a start beyond the end is OutOfRange with the slot's name and what the log holds; that slot stays idle, the others go on.
pub fn l11_a_start_beyond_the_end_is_out_of_range(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l11");
    numbers(&world, &topic, 3);
    let source = TopicPartition::new(topic.clone(), 0);
    let mut reader = world.reader();
    let end = reader.end(&source, End::Written);
    let bad = reader.assign(&source, Start::At(end + 1000));
    match reader.read_until_error() {
        LogError::OutOfRange { slot, earliest, latest } => {
            assert_eq!((slot, earliest, latest), (bad, 0, end));
        }
        other => panic!("not out of range: {other}"),
    }
    assert!(reader.seen.is_empty());

    let good = reader.assign(&TopicPartition::new(topic.clone(), 1), Start::Earliest);
    world.append(&topic, 1, b"fine");
    reader.read(1);
    assert_eq!(reader.texts_of(good), ["fine"]);

    // The way out: give the slot up and start where the log says that records are.
    reader.unassign(bad);
    let again = reader.assign(&source, Start::Earliest);
    reader.read(4);
    assert_eq!(reader.texts_of(again), texts(0, 3));
}

/// L-12: a fetch ends after `records_max` records or after a `Break`, and the next one goes on with the next record.
pub fn l12_a_fetch_ends_when_asked_and_nothing_is_lost(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l12");
    numbers(&world, &topic, 40);
    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    let deadline = Deadline::new(log);
    let mut turn = 0;
    while reader.seen.len() < 40 {
        deadline.check("40 records in small fetches");
        turn += 1;
        let before = reader.seen.len();
        let count = if turn % 2 == 0 {
            reader.fetch(3).expect("fetched")
        } else {
            reader.fetch_until(1000, |_| ControlFlow::Break(())).expect("fetched")
        };
        assert!(count <= if turn % 2 == 0 { 3 } else { 1 }, "{count} records");
        assert_eq!(reader.fetch(0).expect("fetched"), 0);
        if reader.seen.len() == before {
            reader.wait(Duration::from_millis(100));
        }
    }
    assert_eq!(reader.texts(), texts(0, 40));
}

/// L-13: several partitions and topics are read together, each in order under its own slot, and no slot is given twice.
pub fn l13_each_partition_has_a_slot_of_its_own(log: &dyn Harness) {
    let world = World::new(log);
    let topics = [world.topic("l13a"), world.topic("l13b")];
    let mut reader = world.reader();
    let mut slots = Vec::new();
    for topic in &topics {
        for source in world.all_of(topic) {
            slots.push((reader.assign(&source, Start::Earliest), source));
        }
    }
    for i in 0..10 {
        for (_, source) in &slots {
            world.append(&source.topic, source.partition, format!("{source} {i}").as_bytes());
        }
    }
    reader.read(slots.len() * 10);
    for (slot, source) in &slots {
        let expected: Vec<_> = (0..10).map(|i| format!("{source} {i}")).collect();
        assert_eq!(reader.texts_of(*slot), expected);
        assert_in_order(reader.of(*slot));
    }
    let (first, source) = &slots[0];
    reader.unassign(*first);
    let again = reader.assign(source, Start::Earliest);
    assert!(slots.iter().all(|(slot, _)| *slot != again), "{again:?} was given before");
}

/// L-14: after `unassign` no record of that slot arrives, and the others go on.
pub fn l14_nothing_arrives_after_unassign(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l14");
    let mut reader = world.reader();
    let stopped = reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    let kept = reader.assign(&TopicPartition::new(topic.clone(), 1), Start::Earliest);
    numbers(&world, &topic, 20);
    // Some are handed over and others may lie ready when the slot is given up.
    reader.read_until("a first record", |reader| {
        let _ = reader.fetch(1).expect("fetched");
        !reader.seen.is_empty()
    });
    reader.unassign(stopped);
    let before = reader.of(stopped).len();
    numbers(&world, &topic, 5);
    for i in 0..5 {
        world.append(&topic, 1, format!("kept {i}").as_bytes());
    }
    reader.read_until("the other partition", |reader| reader.of(kept).len() == 5);
    assert_eq!(reader.of(stopped).len(), before);
}

/// L-15: `wait` ends when a record comes, read ahead of others or not, and after its timeout when none does.
pub fn l15_wait_ends_with_a_record_or_its_timeout(log: &dyn Harness) {
    let world = World::new(log);
    let (topic, urgent) = (world.topic("l15"), world.topic("l15ahead"));
    let mut reader = world.reader();
    let slot = reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    let ahead = reader.assign_ahead(&TopicPartition::new(urgent.clone(), 0), Start::Earliest);
    assert_eq!(reader.fetch(10).expect("fetched"), 0);
    reader.wait(Duration::from_millis(20));

    for (topic, slot) in [(&topic, slot), (&urgent, ahead), (&topic, slot)] {
        let before = reader.of(slot).len();
        std::thread::scope(|scope| {
            let world = &world;
            let appending = scope.spawn(move || world.append(topic, 0, b"wake up"));
            let deadline = Deadline::new(log);
            while reader.fetch(10).expect("fetched") == 0 {
                // The wait is longer than the deadline: a log that only times out fails here.
                reader.wait(Duration::from_secs(120));
                deadline.check("a wait that ends with the record");
            }
            appending.join().expect("appended");
        });
        assert_eq!(reader.of(slot).len(), before + 1);
    }
}

/// L-16: the position is the offset of the next record: at the end once all is read, and at the end of an empty partition without any.
pub fn l16_the_position_tells_that_all_was_read(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l16");
    let offsets = numbers(&world, &topic, 5);
    let (full, empty) = (TopicPartition::new(topic.clone(), 0), TopicPartition::new(topic.clone(), 1));
    let mut reader = world.reader();
    assert_eq!(reader.end(&empty, End::Written), 0);
    assert_eq!(reader.end(&empty, End::Stable), 0);
    assert_eq!(reader.end(&full, End::Written), offsets[4] + 1);
    assert_eq!(reader.end(&full, End::Stable), offsets[4] + 1);

    let slot = reader.assign(&full, Start::At(offsets[1]));
    assert_eq!(reader.position(slot), offsets[1]);
    reader.read_until("two records", |reader| {
        let left = 2 - reader.seen.len();
        let _ = reader.fetch(left).expect("fetched");
        reader.seen.len() == 2
    });
    assert_eq!(reader.position(slot), offsets[3]);
    reader.read_to_end(slot, &full, End::Written);
    assert_eq!(reader.seen.last().map(Seen::text).as_deref(), Some("4"));
    assert_eq!(reader.position(slot), offsets[4] + 1);

    let slot = reader.assign(&empty, Start::Earliest);
    reader.read_to_end(slot, &empty, End::Written);
    assert_eq!(reader.position(slot), 0);
}

/// L-48: what is read ahead of others comes soon, however much is ready elsewhere; of one fetch it comes first, and takes up half of it at most.
pub fn l48_what_is_read_ahead_does_not_wait_for_others(log: &dyn Harness) {
    const BACKLOG: usize = 12_000;
    /// Records of the backlog that are read before the one that overtakes it, at most. One comes with each acknowledged append.
    const PASSED_MAX: usize = 500;
    let world = World::new(log);
    let (busy, quiet, work) = (world.topic("l48busy"), world.topic("l48quiet"), world.topic("l48work"));
    world.append_many(&busy, 0, BACKLOG);
    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(busy.clone(), 0), Start::Earliest);
    let ahead = reader.assign_ahead(&TopicPartition::new(quiet.clone(), 0), Start::Earliest);
    // As much as the log likes to read before it is asked for.
    reader.read_until("half of the backlog", |reader| reader.seen.len() >= BACKLOG / 2);
    assert!(reader.of(ahead).is_empty());

    world.append(&quiet, 0, b"urgent");
    let before = reader.seen.len();
    let deadline = Deadline::new(log);
    while reader.of(ahead).is_empty() {
        deadline.check("a record that overtakes the backlog");
        assert!(reader.seen.len() < before + PASSED_MAX, "it waits for the backlog");
        assert_eq!(reader.fetch(1).expect("fetched"), 1, "there is a backlog");
        world.append(&work, 0, b"what is done with a record takes a while");
    }

    world.append_many(&quiet, 0, 300);
    let mut turns = 0;
    while reader.of(ahead).len() < 301 {
        deadline.check("many that overtake it");
        let from = reader.seen.len();
        if reader.fetch(10).expect("fetched") == 0 {
            reader.wait(Duration::from_millis(100));
        }
        let fetched: Vec<bool> = reader.seen[from..].iter().map(|seen| seen.slot == ahead).collect();
        assert!(fetched.is_sorted_by_key(|is_ahead| !is_ahead), "they come first: {fetched:?}");
        let first = fetched.iter().filter(|is_ahead| **is_ahead).count();
        assert!(first <= 5, "half of a fetch is left to others: {fetched:?}");
        turns += usize::from(first == 5);
    }
    assert!(turns > 0, "they lie ready beside each other");
    assert_in_order(reader.of(ahead));
    reader.read_until("all", |reader| reader.seen.len() == BACKLOG + 301);
}
