//! The member of the app's group: what the group gives and takes, collected while the consumer is polled.

use crate::config::KafkaConfig;
use crate::context::{client_config, log};
use crate::courier::Held;
use crate::ffi::{Code, GroupMetadata};
use crate::reaction;
use holdfast_ports::log::LogError;
use holdfast_ports::membership::{Change, Generation, Member};
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// Events served in one poll. A rebalance is one or two; the rest are log lines.
const TURNS: usize = 4;
/// How long the group's word is waited for.
const CONFIRM_MAX: Duration = Duration::from_secs(3);

/// The consumer that is a member. It reads nothing: its partitions are paused, and stand for places.
pub(crate) struct Group {
    consumer: Arc<BaseConsumer<Watch>>,
    watch: Arc<Book>,
    topic: Arc<str>,
}

/// Asks the group whether a member belongs to it.
pub(crate) struct Confirmer {
    consumer: Arc<BaseConsumer<Watch>>,
    topic: Arc<str>,
}

/// What the rebalance callback writes down.
#[derive(Default)]
struct Book {
    notes: Mutex<Notes>,
    /// Being closed: what is taken is given at once.
    closing: AtomicBool,
}

#[derive(Default)]
struct Notes {
    changes: Vec<Change>,
    owned: BTreeSet<u32>,
    /// Asked back by the group, and not given back yet.
    wanted: BTreeSet<u32>,
    /// What `wanted` was at first: the group is answered once, for all.
    asked: Vec<u32>,
    proof: Option<Generation>,
}

struct Watch {
    book: Arc<Book>,
    topic: Arc<str>,
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "membership");
    }
}

impl ConsumerContext for Watch {
    /// Runs within a poll. Until `incremental_assign` or `incremental_unassign` is called, the member cannot go on to another generation: that is
    /// why a revocation is only answered by [`Group::give_back`], after our commit.
    fn rebalance(&self, member: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let mut notes = self.book.notes.lock();
        // Taken here and before the answer, so that the proof is never fresher than the changes handed out with it: with a fresher one a task whose
        // place is already somebody else's could commit. Not a member (below 0) is no proof at all: a broker takes positions from "nobody".
        if let Some(proof) = GroupMetadata::of(member).filter(|proof| proof.generation_id() >= 0) {
            notes.proof = Some(Generation(Arc::new(Held::Some(proof))));
        }
        let places: Vec<u32> =
            list.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect();
        let assigned = matches!(event, RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
        let answered = if assigned {
            // Where it would start reading does not matter, except that an explicit offset saves asking for committed ones.
            let placed = list.set_all_offsets(Offset::End);
            notes.owned.extend(&places);
            if !places.is_empty() {
                notes.changes.push(Change::Assigned(places));
            }
            placed.and_then(|()| member.incremental_assign(list)).and_then(|()| member.pause(list))
        } else if self.book.closing.load(Ordering::Acquire) {
            member.incremental_unassign(list)
        } else if member.assignment_lost() {
            notes.lose(&places);
            member.incremental_unassign(list)
        } else {
            notes.wanted = places.iter().copied().collect();
            notes.asked.clone_from(&places);
            notes.changes.push(Change::Revoked(places));
            Ok(())
        };
        if let Err(error) = answered {
            tracing::warn!(%error, topic = &*self.topic, assigned, "answer to a rebalance");
        }
    }
}

impl Notes {
    fn lose(&mut self, places: &[u32]) {
        let lost: Vec<u32> = places.iter().copied().filter(|place| self.owned.remove(place)).collect();
        if !lost.is_empty() {
            self.changes.push(Change::Lost(lost));
        }
    }
}

impl Group {
    pub(crate) fn join(config: &KafkaConfig, member: &Member, topic: &str) -> Result<Self, LogError> {
        let book = Arc::new(Book::default());
        let topic: Arc<str> = topic.into();
        let watch = Watch { book: Arc::clone(&book), topic: Arc::clone(&topic) };
        let ask = |error: KafkaError| reaction::of_client(format_args!("joining group {}", member.app), &error);
        let consumer: BaseConsumer<Watch> = client_config(&config.member(&member.app, member.worker.as_deref()))
            .create_with_context(watch)
            .map_err(ask)?;
        consumer.subscribe(&[&topic]).map_err(ask)?;
        Ok(Self { consumer: Arc::new(consumer), watch: book, topic })
    }

    /// Serves what has happened and hands the changes over.
    pub(crate) fn poll(&self) -> Result<Vec<Change>, LogError> {
        let mut trouble = None;
        for _ in 0..TURNS {
            if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
                trouble = self.judge(&error).or(trouble);
            }
        }
        let mut notes = self.watch.notes.lock();
        if !notes.asked.is_empty() && self.consumer.assignment_lost() {
            // Thrown out while the group waited for our answer: no further callback comes before it.
            let all: Vec<u32> = notes.owned.iter().copied().collect();
            notes.lose(&all);
            let asked = std::mem::take(&mut notes.asked);
            notes.wanted.clear();
            drop(notes);
            self.answer(&asked)?;
            notes = self.watch.notes.lock();
        }
        if self.death().is_some() {
            // What it still holds counts for nobody, its proof least of all.
            let all: Vec<u32> = notes.owned.iter().copied().collect();
            notes.lose(&all);
            notes.wanted.clear();
            notes.proof = None;
            return Ok(std::mem::take(&mut notes.changes));
        }
        let changes = std::mem::take(&mut notes.changes);
        match trouble {
            Some(error) if changes.is_empty() => Err(error),
            _ => Ok(changes),
        }
    }

    /// Why this consumer will never be a member again. For librdkafka that is final; whoever still wants to be one makes another.
    pub(crate) fn death(&self) -> Option<String> {
        self.consumer.client().fatal_error().map(|(_, why)| why)
    }

    /// Only what cannot be ridden out is an error of the membership.
    fn judge(&self, error: &KafkaError) -> Option<LogError> {
        let code = error.rdkafka_error_code()?;
        match code {
            Code::FencedInstanceId | Code::UnreleasedInstanceId => {
                Some(LogError::Fenced(format!("another process is the same member of the group: {error}")))
            }
            code if reaction::forbids(code) => Some(LogError::Fatal(format!("{}: {error}", self.topic))),
            _ => None,
        }
    }

    /// Asks for it what the coordinator says, from any thread.
    pub(crate) fn confirmer(&self) -> Confirmer {
        Confirmer { consumer: Arc::clone(&self.consumer), topic: Arc::clone(&self.topic) }
    }

    pub(crate) fn generation(&self) -> Generation {
        let nobody = || Generation(Arc::new(Held::None));
        self.watch.notes.lock().proof.clone().unwrap_or_else(nobody)
    }

    pub(crate) fn owns(&self, place: u32) -> bool {
        self.watch.notes.lock().owned.contains(&place)
    }

    pub(crate) fn owned(&self) -> Vec<u32> {
        self.watch.notes.lock().owned.iter().copied().collect()
    }

    /// Gives places back that the group has asked for. It is answered when the last of them is given.
    pub(crate) fn give_back(&self, places: &[u32]) -> Result<(), LogError> {
        let asked = {
            let mut notes = self.watch.notes.lock();
            for place in places {
                if notes.wanted.remove(place) {
                    notes.owned.remove(place);
                }
            }
            if !notes.wanted.is_empty() || notes.asked.is_empty() {
                return Ok(());
            }
            std::mem::take(&mut notes.asked)
        };
        self.answer(&asked)
    }

    fn answer(&self, places: &[u32]) -> Result<(), LogError> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for place in places {
            list.add_partition(&self.topic, crate::cluster::partition_number(*place)?);
        }
        let answered = self.consumer.incremental_unassign(&list);
        answered.map_err(|error| LogError::Retry(format!("giving places back: {error}")))
    }
}

impl Confirmer {
    /// Asks the coordinator whether `proof` counts. It holds a commit of offsets against its list of members, so that is the question: a commit of an
    /// offset that nobody reads by.
    pub(crate) fn confirm(&self, proof: &Generation) -> Result<(), LogError> {
        let shown = proof.0.downcast_ref::<Held>().and_then(Option::as_ref).map(GroupMetadata::generation_id);
        let known = GroupMetadata::of(&self.consumer).map(|held| held.generation_id()).filter(|id| *id >= 0);
        match (shown, known) {
            (Some(shown), Some(known)) if shown == known => {}
            (Some(_), Some(_)) => {
                return Err(LogError::Retry("the group has moved on to another generation".to_owned()));
            }
            _ => return Err(LogError::Fenced("not a member of the group".to_owned())),
        }
        let what = "asking the group whether we belong to it";
        let mut list = TopicPartitionList::with_capacity(1);
        let listed = list.add_partition_offset(&self.topic, 0, Offset::Offset(0));
        listed.map_err(|error| reaction::of_client(what, &error))?;
        // The call has no limit of its own while the coordinator is away, so it is made beside us; its thread ends with it.
        let (consumer, (tell, told)) = (Arc::clone(&self.consumer), sync_channel(1));
        let asking = thread::Builder::new().name("kafka-confirm".to_owned()).spawn(move || {
            let answer = consumer.commit(&list, CommitMode::Sync);
            drop(consumer);
            // Nobody waits any more.
            drop(tell.try_send(answer));
        });
        asking.map_err(|error| LogError::Retry(format!("{what}: no thread: {error}")))?;
        match told.recv_timeout(CONFIRM_MAX) {
            Ok(answer) => answer.map_err(|error| reaction::of_client(what, &error)),
            Err(_) => Err(LogError::Retry(format!("{what}: no answer within {} s", CONFIRM_MAX.as_secs()))),
        }
    }
}

impl Drop for Group {
    /// Closing the consumer leaves the group at once, unless it is a static member.
    fn drop(&mut self) {
        self.watch.closing.store(true, Ordering::Release);
        let asked = std::mem::take(&mut self.watch.notes.lock().asked);
        if !asked.is_empty()
            && let Err(error) = self.answer(&asked)
        {
            tracing::debug!(%error, "leaving");
        }
    }
}
