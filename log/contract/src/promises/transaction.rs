//! L-17 … L-25: transactions.

use crate::harness::{Harness, OpenTransaction};
use crate::reader::assert_in_order;
use crate::world::{World, record};
use holdfast_ports::log::{End, Start, Which, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{Topic, TopicPartition};
use std::collections::BTreeMap;

/// Writes `values` to partition `partition` of `topic` in one transaction.
fn transact(writer: &mut dyn Writer, generation: &Generation, topic: &Topic, partition: u32, values: &[&str]) -> i64 {
    writer.begin().expect("begun");
    for value in values {
        writer.send(&record(topic, partition, value.as_bytes())).expect("sent");
    }
    writer.commit(&[], generation).expect("committed")[0].1
}

/// L-17: a transaction over several topics and partitions is invisible before its commit and wholly visible after it.
pub fn l17_a_transaction_is_visible_after_its_commit_only(log: &dyn Harness) {
    let world = World::new(log);
    let topics = [world.topic("l17a"), world.topic("l17b")];
    let sources: Vec<_> = topics.iter().flat_map(|topic| world.all_of(topic)).collect();
    let (_member, generation) = world.generation();
    let mut reader = world.reader();
    let slots: Vec<_> = sources.iter().map(|source| reader.assign(source, Start::Earliest)).collect();
    let mut writer = world.any_writer();
    writer.begin().expect("begun");
    for source in &sources {
        writer.send(&record(&source.topic, source.partition, b"in the transaction")).expect("sent");
    }
    // Where open records hold offsets, wait until they really lie in the log: only then their absence proves something.
    if log.ways().open_transaction == OpenTransaction::HoldsOffsets {
        for source in &sources {
            world.until("open records in the log", || reader.end(source, End::Written) > 0);
        }
    }
    for (slot, source) in slots.iter().zip(&sources) {
        reader.read_to_end(*slot, source, End::Stable);
    }
    assert_eq!(reader.fetch(1000).expect("fetched"), 0);
    assert!(reader.seen.is_empty(), "nothing of an open transaction: {:?}", reader.seen);

    writer.commit(&[], &generation).expect("committed");
    reader.read(sources.len());
    for slot in slots {
        assert_eq!(reader.texts_of(slot), ["in the transaction"]);
    }
}

/// L-18: nothing of an aborted transaction is ever seen; the position passes it.
pub fn l18_an_aborted_transaction_is_never_seen(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l18");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    let mut writer = world.any_writer();
    for round in 0..3 {
        writer.begin().expect("begun");
        for i in 0..5 {
            writer.send(&record(&topic, 0, format!("aborted {round} {i}").as_bytes())).expect("sent");
        }
        if log.ways().open_transaction == OpenTransaction::HoldsOffsets {
            let stable = reader.end(&source, End::Stable);
            world.until("open records in the log", || reader.end(&source, End::Written) > stable);
        }
        writer.abort().expect("aborted");
        reader.read_to_end(slot, &source, End::Written);
    }
    assert!(reader.seen.is_empty(), "{:?}", reader.texts());
    transact(&mut *writer, &generation, &topic, 0, &["committed"]);
    world.append(&topic, 0, b"appended");
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["committed", "appended"]);
}

/// L-19: commit names exactly the partitions written, each with the offset after its last record.
pub fn l19_commit_returns_the_offset_after_the_last_record(log: &dyn Harness) {
    let world = World::new(log);
    let (one, two) = (world.topic("l19a"), world.topic("l19b"));
    let (_member, generation) = world.generation();
    let mut writer = world.any_writer();
    let mut reader = world.reader();
    let sources = [TopicPartition::new(one.clone(), 0), TopicPartition::new(two.clone(), 1)];
    let slots = sources.clone().map(|source| reader.assign(&source, Start::Earliest));
    for round in 1..=3 {
        world.append(&one, 0, b"between");
        writer.begin().expect("begun");
        for (source, count) in sources.iter().zip([3, 1]) {
            for _ in 0..count {
                writer.send(&record(&source.topic, source.partition, b"x")).expect("sent");
            }
        }
        let ends: BTreeMap<_, _> = writer.commit(&[], &generation).expect("committed").into_iter().collect();
        assert_eq!(ends.keys().cloned().collect::<Vec<_>>(), sources);
        reader.read(round * 5);
        for (source, slot) in sources.iter().zip(slots) {
            let last = reader.of(slot).last().expect("records of both").offset;
            assert_eq!(ends[source], last + 1, "{source}");
        }
    }
}

/// L-20: the records of a transaction lie in the order in which they were sent.
pub fn l20_a_transaction_keeps_its_order(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l20");
    let (_member, generation) = world.generation();
    let mut writer = world.any_writer();
    let mut reader = world.reader();
    let slots: Vec<_> = world.all_of(&topic).iter().map(|source| reader.assign(source, Start::Earliest)).collect();
    writer.begin().expect("begun");
    for i in 0..300_u32 {
        writer.send(&record(&topic, i % log.partitions(), i.to_string().as_bytes())).expect("sent");
    }
    writer.commit(&[], &generation).expect("committed");
    reader.read(300);
    for (p, slot) in (0..).zip(slots) {
        let expected: Vec<_> = (0..300_u32).filter(|i| i % log.partitions() == p).map(|i| i.to_string()).collect();
        assert_eq!(reader.texts_of(slot), expected);
        assert_in_order(reader.of(slot));
    }
}

/// L-21: who takes `End::Written` while a transaction is open and reads up to it has seen that transaction's outcome. (Records that hold offsets hold
/// the reader back until the outcome stands. In a log where they hold none, an open transaction that was begun by a writer fenced before can no
/// longer commit: L-28.)
pub fn l21_no_reader_passes_an_open_transaction(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l21");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    world.append(&topic, 0, b"before");
    let mut writer = world.any_writer();
    writer.begin().expect("begun");
    writer.send(&record(&topic, 0, b"in doubt")).expect("sent");

    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    match log.ways().open_transaction {
        OpenTransaction::HoldsOffsets => {
            world.until("open records in the log", || {
                reader.end(&source, End::Written) > reader.end(&source, End::Stable)
            });
            world.append(&topic, 0, b"after");
            let written = reader.end(&source, End::Written);
            let stable = reader.read_to_end(slot, &source, End::Stable);
            for _ in 0..5 {
                reader.wait(std::time::Duration::from_millis(20));
                assert_eq!(reader.fetch(1000).expect("fetched"), 0);
            }
            assert!(reader.position(slot) <= stable && stable < written, "held back at {stable}, written {written}");
            assert_eq!(reader.texts(), ["before"]);
            writer.commit(&[], &generation).expect("committed");
            reader.read_until("the position passes", |reader| reader.position(slot) >= written);
            assert_eq!(reader.texts(), ["before", "in doubt", "after"]);
        }
        OpenTransaction::HoldsNothing => {
            world.append(&topic, 0, b"after");
            assert_eq!(reader.end(&source, End::Written), reader.end(&source, End::Stable));
            reader.read_to_end(slot, &source, End::Written);
            assert_eq!(reader.texts(), ["before", "after"]);
            writer.commit(&[], &generation).expect("committed");
            reader.read_to_end(slot, &source, End::Written);
            assert_eq!(reader.texts(), ["before", "after", "in doubt"]);
        }
    }
}

/// L-22: a writer does one transaction after another, aborted and empty ones among them.
pub fn l22_a_writer_goes_from_transaction_to_transaction(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l22");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    let mut writer = world.any_writer();
    let mut expected = Vec::new();
    for i in 0..12 {
        match i % 4 {
            0 => {
                writer.begin().expect("begun");
                assert_eq!(writer.commit(&[], &generation).expect("committed"), []);
            }
            1 => {
                writer.begin().expect("begun");
                writer.abort().expect("aborted");
            }
            2 => {
                writer.begin().expect("begun");
                writer.send(&record(&topic, 0, b"aborted")).expect("sent");
                writer.abort().expect("aborted");
            }
            _ => {
                transact(&mut *writer, &generation, &topic, 0, &[&i.to_string()]);
                expected.push(i.to_string());
            }
        }
    }
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), expected);
}

/// L-23: a record that can never be written makes the transaction fail with Refused, which names it; after an abort the writer goes on.
pub fn l23_a_refused_record_spoils_only_its_transaction(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l23");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    let mut writer = world.any_writer();
    let huge = vec![7; 11 << 20];
    writer.begin().expect("begun");
    writer.send(&record(&topic, 0, b"with it")).expect("sent");
    let answer = match writer.send(&record(&topic, 0, &huge)) {
        Ok(()) => writer.commit(&[], &generation).map(|_| ()),
        refused => refused,
    };
    let is_named = |which: &Which| *which == Which::This || *which == Which::Earlier { to: source.clone(), after: 1 };
    assert!(matches!(&answer, Err(WriteError::Refused { which, .. }) if is_named(which)), "{answer:?}");
    writer.abort().expect("aborted");
    transact(&mut *writer, &generation, &topic, 0, &["after it"]);

    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["after it"]);
}

/// L-24: appends and transactions on one partition lie between each other in offset order, and none is lost.
pub fn l24_appends_and_transactions_interleave(log: &dyn Harness) {
    const ROUNDS: usize = 15;
    let world = World::new(log);
    let topic = world.topic("l24");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    let mut writer = world.any_writer();
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    std::thread::scope(|scope| {
        let (world, topic) = (&world, &topic);
        scope.spawn(move || {
            for i in 0..ROUNDS * 2 {
                world.append(topic, 0, format!("appended {i}").as_bytes());
            }
        });
        for i in 0..ROUNDS {
            transact(
                &mut *writer,
                &generation,
                topic,
                0,
                &[&format!("sent {}", 2 * i), &format!("sent {}", 2 * i + 1)],
            );
        }
    });
    reader.read_to_end(slot, &source, End::Written);
    assert_in_order(&reader.seen);
    for kind in ["appended", "sent"] {
        let seen: Vec<_> = reader.texts().into_iter().filter(|text| text.starts_with(kind)).collect();
        let expected: Vec<_> = (0..ROUNDS * 2).map(|i| format!("{kind} {i}")).collect();
        assert_eq!(seen, expected);
    }
    assert_eq!(reader.seen.len(), ROUNDS * 4);
}

/// L-25: writers of different names commit beside each other.
pub fn l25_writers_of_different_names_work_beside_each_other(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l25");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    let mut writers = [world.any_writer(), world.any_writer()];
    for (i, writer) in writers.iter_mut().enumerate() {
        writer.begin().expect("begun");
        writer.send(&record(&topic, 0, i.to_string().as_bytes())).expect("sent");
    }
    for writer in &mut writers {
        writer.commit(&[], &generation).expect("committed");
    }
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    let mut seen = reader.texts();
    seen.sort();
    assert_eq!(seen, ["0", "1"]);
}

/// L-47: a program that is no member of a group commits transactions without positions.
pub fn l47_a_program_that_is_no_member_commits(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l47");
    let mut reader = world.reader();
    reader.assign(&TopicPartition::new(topic.clone(), 0), Start::Earliest);
    let mut writer = world.any_writer();
    let end = transact(&mut *writer, &Generation::none(), &topic, 0, &["a", "b"]);
    reader.read(2);
    assert_eq!(reader.texts(), ["a", "b"]);
    assert!(end >= 2, "{end}");
}
