//! What the contract does not ask of every log: static members, and generations that change without a place changing hands.

mod brokers;

use brokers::brokers;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Cleanup, Log, Start, TopicSpec, WriteError};
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner};
use holdfast_ports::placement::{self, CLAIM_KEY, Claim};
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::Duration;

const DEADLINE_US: u64 = 30_000_000;

fn member(app: &str, worker: Option<&str>, places: u32) -> Member {
    Member { app: app.to_owned(), worker: worker.map(str::to_owned), places }
}

fn until(what: &str, mut predicate: impl FnMut() -> bool) {
    let until_us = brokers().clock.monotonic_us() + DEADLINE_US;
    while !predicate() {
        assert!(brokers().clock.monotonic_us() < until_us, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Serves `member`: takes what is given, gives what is asked back. True when something changed.
fn serve(member: &mut dyn Membership, mine: &mut BTreeSet<u32>) -> bool {
    let changes = member.poll().expect("polled");
    for change in &changes {
        match change {
            Change::Assigned(given) => mine.extend(given),
            Change::Revoked(wanted) => {
                member.release(wanted).expect("released");
                mine.retain(|place| !wanted.contains(place));
            }
            Change::Lost(gone) => mine.retain(|place| !gone.contains(place)),
        }
    }
    !changes.is_empty()
}

#[test]
fn a_static_member_that_restarts_has_its_places_back_and_disturbs_nobody() {
    let log = brokers().connect_with(|_| ());
    let app = brokers().fresh("app");
    let mut stays = log.membership(&member(&app, Some("stays"), 4)).expect("joined");
    let mut restarts = log.membership(&member(&app, Some("restarts"), 4)).expect("joined");
    let (mut of_stays, mut of_restarts) = (BTreeSet::new(), BTreeSet::new());
    until("two places each", || {
        serve(&mut *stays, &mut of_stays);
        serve(&mut *restarts, &mut of_restarts);
        (of_stays.len(), of_restarts.len()) == (2, 2)
    });

    restarts.leave().expect("left");
    drop(restarts);
    let mut again = log.membership(&member(&app, Some("restarts"), 4)).expect("joined again");
    let mut of_again = BTreeSet::new();
    until("its places", || {
        assert!(!serve(&mut *stays, &mut of_stays), "the other member is left alone");
        serve(&mut *again, &mut of_again);
        of_again == of_restarts
    });
}

/// For librdkafka a member whose name another has taken is dead for good; a worker is not: when the name is free again, it has its places.
#[test]
fn a_member_whose_name_was_taken_joins_again() {
    let log = brokers().connect_with(|_| ());
    let app = brokers().fresh("app");
    let (mut of_robbed, mut of_robber) = (BTreeSet::new(), BTreeSet::new());
    let mut robbed = log.membership(&member(&app, Some("name"), 4)).expect("joined");
    until("all places", || {
        serve(&mut *robbed, &mut of_robbed);
        of_robbed.len() == 4
    });
    let mut robber = log.membership(&member(&app, Some("name"), 4)).expect("joined");
    until("the robber has them", || {
        serve(&mut *robber, &mut of_robber);
        of_robber.len() == 4
    });
    until("the robbed hears of it", || {
        serve(&mut *robbed, &mut of_robbed);
        of_robbed.is_empty()
    });
    robber.leave().expect("left");
    until("they are back", || {
        serve(&mut *robbed, &mut of_robbed);
        of_robbed.len() == 4
    });
}

#[test]
fn a_generation_is_renewed_by_a_rebalance_that_moves_nothing() {
    let log = brokers().connect_with(|_| ());
    let app = brokers().fresh("app");
    let topic = brokers().fresh("generation");
    let cleanup = Cleanup::Delete { retention_ms: 3_600_000 };
    log.create_topics(&[TopicSpec { name: topic.clone(), partitions: 1, replication: None, cleanup }])
        .expect("created");
    let mut first = log.membership(&member(&app, None, 1)).expect("joined");
    let mut of_first = BTreeSet::new();
    until("the only place", || {
        serve(&mut *first, &mut of_first);
        of_first.len() == 1
    });
    let old = first.generation();

    let mut second = log.membership(&member(&app, None, 1)).expect("joined");
    let mut of_second = BTreeSet::new();
    let mut writer = log.writer(&brokers().fresh("writer")).expect("a writer");
    let mut commit = |generation: &Generation| {
        writer.begin()?;
        let committed = writer.commit(&[(TopicPartition::new(topic.as_str(), 0), 1)], generation);
        if committed.is_err() {
            writer.abort().expect("aborted: the writer is as good as before");
        }
        committed.map(drop)
    };
    let mut stale = |generation: &Generation| match commit(generation) {
        Ok(()) => false,
        Err(WriteError::Stale(_)) => true,
        Err(other) => panic!("{other}"),
    };
    until("the old generation to be over", || {
        serve(&mut *first, &mut of_first);
        serve(&mut *second, &mut of_second);
        stale(&old)
    });
    until("the new one to be good", || {
        serve(&mut *first, &mut of_first);
        serve(&mut *second, &mut of_second);
        // Whoever has the place; the assignor need not leave it where it was.
        !stale(&if of_first.is_empty() { second.generation() } else { first.generation() })
    });
}

/// The topic of claims is compacted: of two claims only the later one stays, be it one that does not count.
#[test]
fn a_claim_is_said_again_behind_a_release_that_came_too_late() {
    let log = brokers().connect_with(|_| ());
    let app = brokers().fresh("app");
    let owner = Owner::new("http://a", brokers().fresh("writer"));
    let mut works = log.membership(&member(&app, None, 1)).expect("joined");
    let mut places = BTreeSet::new();
    until("the only place", || {
        serve(&mut *works, &mut places);
        !places.is_empty()
    });
    until("the claim", || works.claim(0, &owner).expect("claimed") == Claimed::Ours);

    let topic = placement::topic(&app);
    let slept = Claim::of(&Owner::new("http://z", "zombie")).released();
    let value = serde_json::to_vec(&slept).unwrap();
    let record = NewRecord { topic: &topic, partition: 0, key: Some(CLAIM_KEY), value: Some(&value), headers: &[] };
    let (sender, appended) = mpsc::channel();
    let appender = log.appender().expect("an appender");
    appender.append(record, Box::new(move |result| sender.send(result).unwrap()));
    let late = appended.recv().unwrap().expect("appended").offset;

    let mut fetcher = log.fetcher().expect("a fetcher");
    fetcher.assign(&TopicPartition::new(topic.as_str(), 0), Start::At(late + 1)).expect("assigned");
    let mut said: Vec<Claim> = Vec::new();
    until("the claim again", || {
        serve(&mut *works, &mut places);
        fetcher
            .fetch(usize::MAX, &mut |_, record| {
                said.push(serde_json::from_slice(record.value.unwrap()).unwrap());
                ControlFlow::Continue(())
            })
            .expect("fetched");
        !said.is_empty()
    });
    assert_eq!(said, [Claim::of(&owner).again()]);
    assert_eq!(works.owners(), [Some(owner)]);
}
