//! L-41 … L-43: what is still there when the log is opened again.

use crate::harness::Harness;
use crate::world::{World, record};
use holdfast_ports::log::{End, Start, TopicState};
use holdfast_ports::membership::{Claimed, Owner};
use holdfast_ports::record::TopicPartition;

/// L-41: topics, acknowledged appends and committed transactions outlive the log that took them, at their offsets; the next record comes after them.
pub fn l41_records_outlive_a_restart(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l41");
    let source = TopicPartition::new(topic.clone(), 0);
    let first = world.append(&topic, 0, b"appended");
    let end = {
        let (_member, generation) = world.generation();
        let mut writer = world.any_writer();
        writer.begin().expect("begun");
        writer.send(&record(&topic, 0, b"committed")).expect("sent");
        writer.commit(&[], &generation).expect("committed")[0].1
    };
    let world = world.restarted();
    assert_eq!(world.log.check_topics(&[world.spec(&topic)]).expect("checked")[0].state, TopicState::Ok);
    let next = world.append(&topic, 0, b"after the restart");
    assert!(next.offset >= end, "{next:?} after {end}");
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["appended", "committed", "after the restart"]);
    assert_eq!(reader.seen[0].offset, first.offset);
    assert_eq!(reader.seen[0].append_ms, first.append_ms);
    assert_eq!(reader.seen[1].offset, end - 1);
    assert!(reader.seen.is_sorted_by_key(|seen| seen.append_ms), "append times do not go back in a healthy partition");
}

/// L-42: committed positions, mirrors and claims outlive it.
pub fn l42_positions_and_claims_outlive_a_restart(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l42");
    let sources = [TopicPartition::new(topic.clone(), 0)];
    let app = world.app();
    let group = log.fresh("l42-group");
    let me = Owner::new("http://me", log.fresh("writer"));
    {
        let mut member = world.join_alone(&app);
        assert_eq!(world.claim(&mut *member, 1, &me), Claimed::Ours);
        let mut writer = world.any_writer();
        writer.begin().expect("begun");
        writer.commit(&[(sources[0].clone(), 17)], &member.generation()).expect("committed");
        world.log.mirror(&group, &[(sources[0].clone(), 16)]).expect("mirrored");
        member.leave().expect("left");
    }
    let world = world.restarted();
    assert_eq!(world.log.mirrored(&app, &sources).expect("asked"), [Some(17)]);
    assert_eq!(world.log.mirrored(&group, &sources).expect("asked"), [Some(16)]);
    let mut member = world.join_alone(&app);
    world.until("the claim shown", || {
        let _ = member.poll().expect("poll");
        member.owners()[1].as_ref() == Some(&me)
    });
    assert_eq!(member.owners()[0], None);
}

/// L-43: what was open when the log went is not there when it comes back and a new writer of that name exists.
pub fn l43_an_open_transaction_does_not_outlive_a_restart(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l43");
    let source = TopicPartition::new(topic.clone(), 0);
    let name = log.fresh("gone");
    {
        let mut writer = world.writer(&name);
        writer.begin().expect("begun");
        writer.send(&record(&topic, 0, b"left open")).expect("sent");
    }
    let world = world.restarted();
    let _writer = world.writer(&name);
    world.append(&topic, 0, b"after the restart");
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["after the restart"]);
}
