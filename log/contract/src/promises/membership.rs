//! L-29 … L-36, L-44 … L-46: positions, generations and membership.

use crate::harness::{Harness, SecondMember};
use crate::world::{World, record};
use holdfast_ports::log::{End, LogError, Start, WriteError};
use holdfast_ports::membership::{Change, Claimed, Membership, Owner};
use holdfast_ports::record::TopicPartition;
use std::collections::BTreeSet;

fn owner(endpoint: &str, writer: &str) -> Owner {
    Owner::new(endpoint, writer)
}

/// L-29: positions are committed with the transaction under the app's group, or not at all.
pub fn l29_positions_are_committed_with_the_transaction(log: &dyn Harness) {
    let world = World::new(log);
    let (inbox, output) = (world.topic("l29-in"), world.topic("l29-out"));
    let sources = world.all_of(&inbox);
    let app = world.app();
    let member = world.join_alone(&app);
    let mut writer = world.any_writer();
    assert_eq!(world.log.mirrored(&app, &sources).expect("asked"), vec![None; sources.len()]);

    writer.begin().expect("begun");
    writer.send(&record(&output, 0, b"x")).expect("sent");
    writer.commit(&[(sources[0].clone(), 7), (sources[1].clone(), 3)], &member.generation()).expect("committed");
    let shown = world.log.mirrored(&app, &sources).expect("asked");
    assert_eq!(shown[..2], [Some(7), Some(3)]);
    assert!(shown[2..].iter().all(Option::is_none));

    writer.begin().expect("begun");
    writer.send(&record(&output, 0, b"aborted")).expect("sent");
    writer.abort().expect("aborted");
    assert_eq!(world.log.mirrored(&app, &sources).expect("asked"), shown);

    // Positions alone are a transaction too: an inbox may be read without any output.
    writer.begin().expect("begun");
    writer.commit(&[(sources[0].clone(), 8)], &member.generation()).expect("committed");
    assert_eq!(world.log.mirrored(&app, &sources).expect("asked")[0], Some(8));
}

/// L-30: a generation that is over is refused as Stale and nothing of that transaction is seen; after an abort the same writer goes on, and the
/// generation that followed is good.
pub fn l30_a_stale_generation_is_refused(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l30");
    let source = TopicPartition::new(topic.clone(), 0);
    let app = world.app();
    let mut first = world.join_alone(&app);
    let stale = first.generation();
    let mut second = world.join(&app);
    take_some(&world, &mut *first, &mut *second);

    let mut writer = world.any_writer();
    writer.begin().expect("begun");
    writer.send(&record(&topic, 0, b"of a zombie")).expect("sent");
    let answer = writer.commit(&[(source.clone(), 1)], &stale);
    assert!(matches!(answer, Err(WriteError::Stale(_))), "{answer:?}");
    writer.abort().expect("aborted");

    writer.begin().expect("begun");
    writer.send(&record(&topic, 0, b"of the living")).expect("sent");
    writer.commit(&[(source.clone(), 2)], &second.generation()).expect("committed");
    assert_eq!(world.log.mirrored(&app, std::slice::from_ref(&source)).expect("asked"), [Some(2)]);
    // The zombie's records may hold readers back until its transaction times out: only what is seen counts.
    let mut reader = world.reader();
    reader.assign(&source, Start::Earliest);
    reader.read_until("the committed record", |reader| !reader.seen.is_empty());
    assert_eq!(reader.texts(), ["of the living"]);
}

/// Lets `second` come by at least one place, `first` giving up what is asked of it. Returns what each has.
fn take_some<'a>(
    world: &World<'_>,
    first: &'a mut dyn Membership,
    second: &'a mut dyn Membership,
) -> [BTreeSet<u32>; 2] {
    let all: BTreeSet<u32> = (0..world.harness.partitions()).collect();
    let count = all.len();
    let mut members = [first, second];
    let mut places = [all, BTreeSet::new()];
    world.until("a place for the second member", || {
        for (member, mine) in members.iter_mut().zip(&mut places) {
            for change in member.poll().expect("poll") {
                match change {
                    Change::Assigned(given) => mine.extend(given),
                    Change::Revoked(wanted) => {
                        member.release(&wanted).expect("released");
                        mine.retain(|place| !wanted.contains(place));
                    }
                    Change::Lost(gone) => mine.retain(|place| !gone.contains(place)),
                }
            }
        }
        assert!(places[0].is_disjoint(&places[1]), "no place has two owners: {places:?}");
        !places[1].is_empty() && places[0].len() + places[1].len() == count
    });
    places
}

/// L-31: the only member of an app is given every place, once.
pub fn l31_a_member_alone_gets_every_place(log: &dyn Harness) {
    let world = World::new(log);
    let mut member = world.join(&world.app());
    let mut given = Vec::new();
    world.until("all places", || {
        for change in member.poll().expect("poll") {
            match change {
                Change::Assigned(places) => given.extend(places),
                other => panic!("nobody else is there: {other:?}"),
            }
        }
        given.len() >= log.partitions() as usize
    });
    given.sort_unstable();
    assert_eq!(given, (0..log.partitions()).collect::<Vec<_>>());
    assert_eq!(member.poll().expect("poll"), []);
}

/// L-32: a second member either shares the places with the first or takes them all, as the log's [`crate::Capabilities`] say; no place has two owners.
pub fn l32_no_place_has_two_owners(log: &dyn Harness) {
    let world = World::new(log);
    let app = world.app();
    let mut first = world.join_alone(&app);
    let mut second = world.join(&app);
    let places = take_some(&world, &mut *first, &mut *second);
    match log.ways().second_member {
        SecondMember::Shares => assert!(!places[0].is_empty(), "{places:?}"),
        SecondMember::Replaces => assert!(places[0].is_empty(), "{places:?}"),
    }
}

/// L-33: a claim is what `owners` shows for its place, until it is released.
pub fn l33_claims_are_shown_until_released(log: &dyn Harness) {
    let world = World::new(log);
    let mut member = world.join_alone(&world.app());
    assert_eq!(member.owners(), vec![None; log.partitions() as usize]);
    let me = owner("http://10.0.0.7:8080", &log.fresh("writer"));
    for place in 0..log.partitions() {
        assert_eq!(world.claim(&mut *member, place, &me), Claimed::Ours);
    }
    world.until("all claims shown", || member.owners() == vec![Some(me.clone()); log.partitions() as usize]);
    member.release(&[1]).expect("released");
    world.until("the release shown", || {
        let _ = member.poll().expect("poll");
        member.owners()[1].is_none()
    });
    assert_eq!(member.owners()[0], Some(me.clone()));
    assert_eq!(world.claim(&mut *member, 1, &me), Claimed::Ours);
    world.until("the new claim shown", || member.owners()[1].as_ref() == Some(&me));
}

/// L-34: a claim fences the writer of the claim before it, if that was not released.
pub fn l34_a_claim_fences_the_writer_before_it(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l34");
    let source = TopicPartition::new(topic.clone(), 0);
    let app = world.app();
    let (dead_name, new_name) = (log.fresh("dead"), log.fresh("new"));
    let mut dead = world.join_alone(&app);
    let mut dead_writer = world.writer(&dead_name);
    assert_eq!(world.claim(&mut *dead, 0, &owner("http://dead", &dead_name)), Claimed::Ours);
    dead_writer.begin().expect("begun");
    dead_writer.send(&record(&topic, 0, b"of the dead")).expect("sent");
    // It leaves without releasing, like one that died, only faster.
    dead.leave().expect("left");

    let mut next = world.join_alone(&app);
    world.until("the old claim shown", || {
        let _ = next.poll().expect("poll");
        next.owners()[0] == Some(owner("http://dead", &dead_name))
    });
    assert_eq!(world.claim(&mut *next, 0, &owner("http://new", &new_name)), Claimed::Ours);
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    let answer = dead_writer.commit(&[], &next.generation());
    assert!(matches!(answer, Err(WriteError::Fenced(_))), "{answer:?}");
    world.append(&topic, 0, b"after");
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["after"]);
}

/// L-35: a claim after a release, or over a claim with the same writer, fences nobody.
pub fn l35_a_claim_in_good_order_fences_nobody(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l35");
    let source = TopicPartition::new(topic.clone(), 0);
    let mut member = world.join_alone(&world.app());
    let (first_name, second_name) = (log.fresh("first"), log.fresh("second"));
    let mut first = world.writer(&first_name);
    first.begin().expect("begun");
    first.send(&record(&topic, 0, b"kept")).expect("sent");
    assert_eq!(world.claim(&mut *member, 0, &owner("http://first", &first_name)), Claimed::Ours);
    assert_eq!(world.claim(&mut *member, 0, &owner("http://first", &first_name)), Claimed::Ours);
    member.release(&[0]).expect("released");
    assert_eq!(world.claim(&mut *member, 0, &owner("http://second", &second_name)), Claimed::Ours);
    first.commit(&[], &member.generation()).expect("not fenced");
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["kept"]);
}

/// L-36: who leaves makes room at once, and its generation is over.
pub fn l36_leaving_makes_room(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l36");
    let app = world.app();
    let mut first = world.join_alone(&app);
    let over = first.generation();
    first.leave().expect("left");
    drop(first);
    let second = world.join_alone(&app);
    let mut writer = world.any_writer();
    writer.begin().expect("begun");
    writer.send(&record(&topic, 0, b"x")).expect("sent");
    let answer = writer.commit(&[(TopicPartition::new(topic.clone(), 0), 1)], &over);
    assert!(matches!(answer, Err(WriteError::Stale(_))), "{answer:?}");
    writer.abort().expect("aborted");
    writer.begin().expect("begun");
    writer.commit(&[(TopicPartition::new(topic, 0), 1)], &second.generation()).expect("committed");
}

/// L-44: the group confirms a member whose generation counts, again and again, and no other.
pub fn l44_the_group_confirms_its_members(log: &dyn Harness) {
    let world = World::new(log);
    let app = world.app();
    let mut first = world.join_alone(&app);
    assert!(first.has_joined());
    first.confirm().expect("confirmed");
    let mut second = world.join(&app);
    let places = take_some(&world, &mut *first, &mut *second);
    world.until("the group has settled", || {
        let _ = (first.poll().expect("poll"), second.poll().expect("poll"));
        second.confirm().is_ok()
    });
    if !places[0].is_empty() {
        world.until("the first, too", || {
            let _ = (first.poll().expect("poll"), second.poll().expect("poll"));
            first.confirm().is_ok()
        });
    }
    second.leave().expect("left");
    let answer = second.confirm();
    assert!(matches!(answer, Err(LogError::Fenced(_))), "{answer:?}");
}

/// L-45: where members share, whoever works in a place that the group has given away goes on until the next owner asks for it; the place is held until
/// it was released, and nobody is fenced. Elsewhere the next owner has it at once.
pub fn l45_a_place_is_held_until_it_was_asked_for(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l45");
    let source = TopicPartition::new(topic.clone(), 0);
    let app = world.app();
    let (first_name, second_name) = (log.fresh("first"), log.fresh("second"));
    let (he, we) = (owner("http://first", &first_name), owner("http://second", &second_name));
    let mut first = world.join_alone(&app);
    for place in 0..log.partitions() {
        assert_eq!(world.claim(&mut *first, place, &he), Claimed::Ours);
    }
    let mut writer = world.writer(&first_name);
    let mut second = world.join(&app);
    let mut told = Vec::new();
    let mut given = Vec::new();
    world.until("a place for the second member", || {
        told.extend(first.poll().expect("poll"));
        for change in second.poll().expect("poll") {
            match change {
                Change::Assigned(places) => given.extend(places),
                other => panic!("{other:?}"),
            }
        }
        !given.is_empty()
    });
    let place = given[0];
    if log.ways().second_member == SecondMember::Replaces {
        assert_eq!(world.claim(&mut *second, place, &we), Claimed::Ours);
        return;
    }
    assert_eq!(told, [], "nobody has asked yet");
    assert_eq!(world.claim(&mut *second, place, &we), Claimed::Held);
    assert_eq!(second.owners()[place as usize], Some(he.clone()));
    // He goes on, in the generation in which the place is not his any more.
    world.until("a commit of the first", || {
        assert_eq!(first.poll().expect("poll"), []);
        writer.begin().expect("begun");
        writer.send(&record(&topic, 0, b"goes on")).expect("sent");
        match writer.commit(&[(source.clone(), 1)], &first.generation()) {
            Ok(_) => return true,
            Err(WriteError::Stale(_)) => writer.abort().expect("aborted"),
            Err(error) => panic!("{error}"),
        }
        false
    });
    second.ask(place, &we).expect("asked");
    let mut wanted = Vec::new();
    world.until("the wish", || {
        for change in first.poll().expect("poll") {
            match change {
                Change::Revoked(places) => wanted.extend(places),
                other => panic!("{other:?}"),
            }
        }
        !wanted.is_empty()
    });
    assert_eq!(wanted, [place]);
    assert_eq!(world.claim(&mut *second, place, &we), Claimed::Held, "not released yet");
    first.release(&wanted).expect("released");
    world.until("the place", || {
        assert_eq!(second.poll().expect("poll"), []);
        world.claim(&mut *second, place, &we) == Claimed::Ours
    });
    world.until("the new claim shown", || {
        let _ = first.poll().expect("poll");
        first.owners()[place as usize].as_ref() == Some(&we)
    });
    // Its other places are still his, and so is his writer.
    writer.begin().expect("begun");
    writer.send(&record(&topic, 0, b"goes on elsewhere")).expect("sent");
    writer.commit(&[(source.clone(), 2)], &first.generation()).expect("not fenced");
    let mut reader = world.reader();
    let slot = reader.assign(&source, Start::Earliest);
    reader.read_to_end(slot, &source, End::Written);
    assert_eq!(reader.texts(), ["goes on", "goes on elsewhere"]);
}

/// L-46: a member has joined once it was given its share: not while others have still to give places up for it. Then it has, for good.
pub fn l46_who_has_joined_has_its_share(log: &dyn Harness) {
    let world = World::new(log);
    let app = world.app();
    let he = owner("http://first", &log.fresh("first"));
    let mut first = world.join_alone(&app);
    assert!(first.has_joined());
    for place in 0..log.partitions() {
        assert_eq!(world.claim(&mut *first, place, &he), Claimed::Ours);
    }
    let mut second = world.join(&app);
    let mut given = Vec::new();
    world.until("the second member's share", || {
        let _ = first.poll().expect("poll");
        for change in second.poll().expect("poll") {
            match change {
                Change::Assigned(places) => given.extend(places),
                other => panic!("{other:?}"),
            }
        }
        assert!(!second.has_joined() || !given.is_empty(), "nothing was given to it yet");
        second.has_joined()
    });
    second.leave().expect("left");
    assert!(first.has_joined() && second.has_joined());
}
