//! The placement topic as operators may leave it: it takes no records for a while, or has grown.

mod brokers;

use brokers::brokers;
use holdfast_ports::clock::Clock as _;
use holdfast_ports::log::{Log as _, LogError};
use holdfast_ports::membership::{Change, Claimed, Member, Membership, Owner};
use holdfast_ports::placement;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use std::collections::BTreeSet;
use std::time::Duration;

const DEADLINE_US: u64 = 30_000_000;

fn until(what: &str, mut predicate: impl FnMut() -> bool) {
    let until_us = brokers().clock.monotonic_us() + DEADLINE_US;
    while !predicate() {
        assert!(brokers().clock.monotonic_us() < until_us, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// An operator.
struct Operator {
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Operator {
    fn new() -> Self {
        let mut addresses = String::new();
        brokers().connect_with(|kafka| addresses.clone_from(&kafka.brokers));
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", addresses);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Self { admin: config.create().expect("an admin"), runtime }
    }

    /// Creates the topic. A record is taken when so many replicas have it; there is one.
    fn create(&self, topic: &str, partitions: i32, replicas_min: &str) {
        let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
            .set("cleanup.policy", "compact")
            .set("min.insync.replicas", replicas_min);
        let created = self.runtime.block_on(self.admin.create_topics([&topic], &AdminOptions::new()));
        created.expect("answered").into_iter().for_each(|topic| drop(topic.expect("created")));
    }

    fn require(&self, topic: &str, replicas_min: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic))
            .set("cleanup.policy", "compact")
            .set("min.insync.replicas", replicas_min);
        let changed = self.runtime.block_on(self.admin.alter_configs([&change], &AdminOptions::new()));
        changed.expect("answered").into_iter().for_each(|topic| drop(topic.expect("changed")));
    }

    fn grow(&self, topic: &str, partitions: usize) {
        let grown = NewPartitions::new(topic, partitions);
        let grown = self.runtime.block_on(self.admin.create_partitions([&grown], &AdminOptions::new()));
        grown.expect("answered").into_iter().for_each(|topic| drop(topic.expect("grown")));
    }
}

/// Joins, and polls until it was given `places` places.
fn join(app: &str, places: u32) -> Box<dyn Membership> {
    let log = brokers().connect_with(|_| ());
    let mut member = log.membership(&Member { app: app.to_owned(), worker: None, places }).expect("joined");
    let mut given = BTreeSet::new();
    until("all places", || {
        for change in member.poll().expect("polled") {
            let Change::Assigned(places) = change else { panic!("{change:?}") };
            given.extend(places);
        }
        given.len() == places as usize
    });
    member
}

/// For a while the brokers acknowledge nothing in this topic, and everything elsewhere: who decides must hear so at once and go on, and have it done later.
#[test]
fn nobody_waits_for_a_placement_topic_that_takes_no_records() {
    let (operator, app) = (Operator::new(), brokers().fresh("app"));
    let topic = placement::topic(&app);
    operator.create(&topic, 2, "2");
    let mut member = join(&app, 2);
    let owner = Owner::new("http://a", brokers().fresh("writer"));
    for _ in 0..50 {
        for place in 0..2 {
            assert_eq!(member.claim(place, &owner).expect("no error"), Claimed::Pending);
        }
        assert_eq!(member.poll().expect("polled"), []);
    }
    operator.require(&topic, "1");
    for place in 0..2 {
        until("the claim", || {
            let _ = member.poll().expect("polled");
            member.claim(place, &owner).expect("no error") == Claimed::Ours
        });
    }
    assert_eq!(member.owners(), [Some(owner.clone()), Some(owner.clone())]);

    operator.require(&topic, "2");
    // The brokers take the setting over some time after they have said so.
    member.release(&[0]).expect("it will be");
    operator.require(&topic, "1");
    until("the release", || {
        let _ = member.poll().expect("polled");
        member.owners()[0].is_none()
    });
    assert_eq!(member.owners()[1], Some(owner));
}

/// It cannot shrink again, and what lies in its new partitions is no place.
#[test]
fn a_placement_topic_that_has_grown_is_refused_by_name() {
    let (operator, app) = (Operator::new(), brokers().fresh("app"));
    let topic = placement::topic(&app);
    let mut member = join(&app, 2);
    let refused = |error: LogError| {
        let LogError::Fatal(why) = &error else { panic!("{error:?}") };
        assert!(why.contains(&topic) && why.contains("PARTITIONS"), "{why}");
    };
    operator.grow(&topic, 4);
    let log = brokers().connect_with(|_| ());
    // Another one that knows the new count, so that the group hands out all four. Then it goes.
    let mut other = log.membership(&Member { app: app.clone(), worker: None, places: 4 }).expect("joined");
    until("the other one has a place", || {
        for change in member.poll().expect("polled") {
            if let Change::Revoked(places) = change {
                member.release(&places).expect("released");
            }
        }
        !other.poll().expect("polled").is_empty()
    });
    other.leave().expect("left");
    drop(other);
    until("the first is given what is no place", || match member.poll() {
        Ok(_) => false,
        Err(error) => {
            refused(error);
            true
        }
    });
    let joined = log.membership(&Member { app, worker: None, places: 2 });
    refused(joined.err().expect("the start says the same"));
}
