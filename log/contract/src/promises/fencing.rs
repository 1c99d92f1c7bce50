//! L-26 … L-28: fencing of writers.

use crate::harness::Harness;
use crate::world::{World, record};
use holdfast_ports::log::{End, Start, WriteError};
use holdfast_ports::record::TopicPartition;

/// L-26: a new writer of a name ends what the earlier one left open and fences it: the earlier one can neither commit nor begin again.
pub fn l26_a_new_writer_fences_the_old_one_of_its_name(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l26");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    let name = log.fresh("fenced");

    let mut old = world.writer(&name);
    old.begin().expect("begun");
    old.send(&record(&topic, 0, b"committed by the old one")).expect("sent");
    old.commit(&[], &generation).expect("committed");
    old.begin().expect("begun");
    old.send(&record(&topic, 0, b"left open")).expect("sent");

    let mut new = world.writer(&name);
    let answer = old.send(&record(&topic, 0, b"too late")).and_then(|()| old.commit(&[], &generation));
    assert!(matches!(answer, Err(WriteError::Fenced(_))), "{answer:?}");
    let again = old
        .begin()
        .and_then(|()| old.send(&record(&topic, 0, b"too late")))
        .and_then(|()| old.commit(&[], &generation));
    assert!(matches!(again, Err(WriteError::Fenced(_))), "{again:?}");

    new.begin().expect("begun");
    new.send(&record(&topic, 0, b"committed by the new one")).expect("sent");
    new.commit(&[], &generation).expect("committed");
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["committed by the old one", "committed by the new one"]);
}

/// L-27: what a writer left open when it was dropped is over once a new writer of its name exists, and is never seen.
pub fn l27_a_dropped_writer_leaves_nothing_behind(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l27");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    let name = log.fresh("dropped");
    let mut old = world.writer(&name);
    old.begin().expect("begun");
    old.send(&record(&topic, 0, b"left open")).expect("sent");
    drop(old);

    let mut new = world.writer(&name);
    world.append(&topic, 0, b"appended");
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["appended"]);
    new.begin().expect("begun");
    new.send(&record(&topic, 0, b"sent")).expect("sent");
    new.commit(&[], &generation).expect("committed");
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["appended", "sent"]);
}

/// L-28: once a writer was fenced, a reader at `End::Written` taken after that has seen all that the fenced writer ever committed.
pub fn l28_after_fencing_the_end_is_final(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l28");
    let source = TopicPartition::new(topic.clone(), 0);
    let (_member, generation) = world.generation();
    for round in 0..5 {
        let name = log.fresh("racing");
        let mut old = world.writer(&name);
        let committed = std::thread::scope(|scope| {
            let racing = scope.spawn(|| {
                let mut committed = 0;
                for i in 0..1_000_000 {
                    let value = format!("{round} {i}");
                    let answer = old
                        .begin()
                        .and_then(|()| old.send(&record(&topic, 0, value.as_bytes())))
                        .and_then(|()| old.commit(&[], &generation));
                    match answer {
                        Ok(_) => committed += 1,
                        Err(WriteError::Fenced(_)) => return (committed, false),
                        // The answer got lost in the fencing: the last one may be there or not.
                        Err(WriteError::Unknown(_)) => return (committed, true),
                        Err(other) => panic!("neither committed nor fenced: {other}"),
                    }
                }
                panic!("never fenced");
            });
            // Let it commit a few before it is fenced in the middle of its work.
            let mut looker = world.reader();
            let before = looker.end(&source, End::Stable);
            world.until("a few commits", || looker.end(&source, End::Stable) > before + 3);
            let _successor = world.writer(&name);
            let mut reader = world.reader();
            let slot = reader.assign(&source, Start::Earliest);
            reader.read_to_end(slot, &source, End::Written);
            let seen = reader.texts().iter().filter(|text| text.starts_with(&format!("{round} "))).count();
            let (committed, in_doubt) = racing.join().expect("the racing writer did not fail");
            assert!(seen == committed || in_doubt && seen == committed + 1, "seen {seen} of {committed}");
            reader.read_to_end(slot, &source, End::Written);
            reader.texts().iter().filter(|text| text.starts_with(&format!("{round} "))).count() - seen
        });
        assert_eq!(committed, 0, "nothing appears after the fencing");
    }
}
