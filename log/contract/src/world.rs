//! One examination: a log, fresh names, and waiting without sleeping.

use crate::deadline::Deadline;
use crate::harness::Harness;
use crate::reader::Reader;
use holdfast_ports::log::{AppendError, Appender, Cleanup, Log, TopicSpec, Writer};
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner};
use holdfast_ports::placement;
use holdfast_ports::record::{Appended, NewRecord, Topic, TopicPartition};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// An acknowledgement may take longer: a client may look for a missing topic for half a minute before it gives up.
const ACK_DEADLINE: Duration = Duration::from_secs(90);

/// Retention that no examination lives to see.
pub(crate) const WEEK_MS: i64 = 7 * 24 * 3600 * 1000;

/// One examination.
pub(crate) struct World<'h> {
    pub(crate) harness: &'h dyn Harness,
    pub(crate) log: Arc<dyn Log>,
}

impl<'h> World<'h> {
    pub(crate) fn new(harness: &'h dyn Harness) -> Self {
        Self { harness, log: harness.open() }
    }

    /// Drops the log and opens it again. Everything else that the examination took from it must be gone by now.
    pub(crate) fn restarted(self) -> Self {
        let harness = self.harness;
        drop(self);
        Self { harness, log: harness.restart() }
    }

    /// A new, empty topic.
    pub(crate) fn topic(&self, stem: &str) -> Topic {
        let name = self.harness.fresh(stem);
        self.log.create_topics(&[self.spec(&name)]).expect("topic created");
        Topic::from(name)
    }

    /// How topics of the examination are.
    pub(crate) fn spec(&self, name: &str) -> TopicSpec {
        TopicSpec {
            name: name.to_owned(),
            partitions: self.harness.partitions(),
            replication: None,
            cleanup: Cleanup::Delete { retention_ms: WEEK_MS },
        }
    }

    pub(crate) fn appender(&self) -> Arc<dyn Appender> {
        self.log.appender().expect("an appender")
    }

    pub(crate) fn reader(&self) -> Reader<'h> {
        Reader::new(self.harness, self.log.fetcher().expect("a fetcher"))
    }

    pub(crate) fn writer(&self, id: &str) -> Box<dyn Writer> {
        self.log.writer(id).expect("a writer")
    }

    /// A writer that nobody else has the name of.
    pub(crate) fn any_writer(&self) -> Box<dyn Writer> {
        self.writer(&self.harness.fresh("writer"))
    }

    /// Appends and waits for the acknowledgement.
    pub(crate) fn append(&self, topic: &str, partition: u32, value: &[u8]) -> Appended {
        append(&*self.appender(), &record(topic, partition, value)).expect("acknowledged")
    }

    /// Appends so many records and waits until all are acknowledged.
    pub(crate) fn append_many(&self, topic: &str, partition: u32, count: usize) {
        let appender = self.appender();
        let (answer, answered) = mpsc::channel();
        for i in 0..count {
            let answer = answer.clone();
            let value = i.to_string();
            let done = move |result: Result<Appended, AppendError>| {
                let _ = answer.send(result.map(drop));
            };
            appender.append(record(topic, partition, value.as_bytes()), Box::new(done));
        }
        for _ in 0..count {
            answered.recv_timeout(ACK_DEADLINE).expect("an answer to the append").expect("acknowledged");
        }
    }

    /// A name for an app whose placement topic exists.
    pub(crate) fn app(&self) -> String {
        let app = self.harness.fresh("app");
        let placement = TopicSpec {
            cleanup: Cleanup::Compact { delete_retention_ms: WEEK_MS },
            ..self.spec(&placement::topic(&app))
        };
        self.log.create_topics(&[placement]).expect("placement topic created");
        app
    }

    /// Joins `app` without waiting for places.
    pub(crate) fn join(&self, app: &str) -> Box<dyn Membership> {
        let member = Member { app: app.to_owned(), worker: None, places: self.harness.partitions() };
        self.log.membership(&member).expect("a membership")
    }

    /// Joins `app` as its only member and waits until all places are given.
    pub(crate) fn join_alone(&self, app: &str) -> Box<dyn Membership> {
        let mut member = self.join(app);
        self.until_assigned_all(&mut *member);
        member
    }

    /// Waits until `member` was given all places, whatever it had before.
    pub(crate) fn until_assigned_all(&self, member: &mut dyn Membership) {
        let mut mine = std::collections::BTreeSet::new();
        self.until("all places assigned", || {
            for change in member.poll().expect("poll") {
                if let Change::Assigned(places) = change {
                    mine.extend(places);
                }
            }
            mine.len() == self.harness.partitions() as usize
        });
    }

    /// What comes of claiming a place, once the log has answered.
    pub(crate) fn claim(&self, member: &mut dyn Membership, place: u32, owner: &Owner) -> Claimed {
        let mut claimed = Claimed::Pending;
        self.until("an answer to a claim", || {
            claimed = member.claim(place, owner).expect("claimed");
            claimed != Claimed::Pending
        });
        claimed
    }

    /// A generation that is good for commits as long as the membership lives.
    pub(crate) fn generation(&self) -> (Box<dyn Membership>, Generation) {
        let member = self.join_alone(&self.app());
        let generation = member.generation();
        (member, generation)
    }

    /// Looks at `predicate` until it holds.
    pub(crate) fn until(&self, what: &str, mut predicate: impl FnMut() -> bool) {
        let deadline = Deadline::new(self.harness);
        while !predicate() {
            deadline.check(what);
            self.harness.pause();
        }
    }

    /// All partitions of `topic`.
    pub(crate) fn all_of(&self, topic: &Topic) -> Vec<TopicPartition> {
        (0..self.harness.partitions()).map(|p| TopicPartition::new(topic.clone(), p)).collect()
    }
}

/// A record with a value and nothing else.
pub(crate) fn record<'a>(topic: &'a str, partition: u32, value: &'a [u8]) -> NewRecord<'a> {
    NewRecord { topic, partition, key: None, value: Some(value), headers: &[] }
}

/// Appends and waits for the answer.
pub(crate) fn append(appender: &dyn Appender, record: &NewRecord<'_>) -> Result<Appended, AppendError> {
    let (answer, answered) = mpsc::sync_channel(2);
    appender.append(*record, Box::new(move |result| answer.send(result).expect("the examination waits")));
    let result = answered.recv_timeout(ACK_DEADLINE).expect("an answer to the append");
    // The closure is gone with its only call: a second answer is impossible, and a lost one shows above.
    assert!(answered.recv().is_err(), "the append was answered once");
    result
}
