//! A worker whose group is led by the test: it gives and takes places and moves on to other generations when the test says so.

use holdfast_engine::inspect::{EngineMetrics, Queries, Status, TaskState};
use holdfast_engine::runtime::{CommitConfig, Next, Parts, Performer, StreamConfig, StreamThread};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Appender, Fetcher, Health, Log, LogError, TopicReport, TopicSpec, WriteError, Writer};
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner};
use holdfast_ports::place::place_of;
use holdfast_ports::record::{NewRecord, TopicPartition};
use holdfast_ports::store::{Stores, TaskId};
use holdfast_sim::NoEffects;
use holdfast_sim::clock::SimClock;
use holdfast_sim::memory_log::MemoryLog;
use holdfast_state::{RocksStores, StateConfig};
use parking_lot::Mutex;
use prometheus::core::Collector;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

const APP: &str = "led";
const STEPS_MAX: usize = 20_000;

/// What the test knows and says.
#[derive(Default)]
struct Lead {
    /// Told at the next poll.
    changes: Vec<Change>,
    /// The generation that commits are held against.
    generation: u64,
    /// The news of the last generation has not reached the member.
    is_late: bool,
    /// Answers to the next questions whether the generation counts.
    confirmations: VecDeque<Result<(), LogError>>,
    released: Vec<u32>,
    /// More places are promised to the member than it was given.
    owes_places: bool,
    /// Places in which somebody else still works.
    held: BTreeSet<u32>,
    /// Places whose claims the log does not answer.
    unanswered: BTreeSet<u32>,
    /// Places the member works in until somebody asks for them.
    yielded: Vec<u32>,
    /// What comes of its next attempts to renounce them.
    renouncements: VecDeque<Result<(), LogError>>,
    /// Places the member has asked for.
    wished: Vec<u32>,
    claimed: Vec<u32>,
    writers_made: usize,
    /// What the simulated log takes commits with.
    passes: Option<Generation>,
    /// Attempts to join that come too early.
    refusals: usize,
}

#[derive(Clone)]
struct LedLog {
    log: MemoryLog,
    lead: Arc<Mutex<Lead>>,
}

impl Log for LedLog {
    fn kind(&self) -> &'static str {
        self.log.kind()
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        self.log.create_topics(specs)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        self.log.check_topics(specs)
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError> {
        self.log.partitions(topic)
    }

    fn appender(&self) -> Result<Arc<dyn Appender>, LogError> {
        self.log.appender()
    }

    fn fetcher(&self) -> Result<Box<dyn Fetcher>, LogError> {
        self.log.fetcher()
    }

    fn writer(&self, id: &str) -> Result<Box<dyn Writer>, LogError> {
        self.lead.lock().writers_made += 1;
        Ok(Box::new(LedWriter { writer: self.log.writer(id)?, lead: self.lead.clone() }))
    }

    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError> {
        let left = self.lead.lock().refusals.checked_sub(1);
        if let Some(left) = left {
            self.lead.lock().refusals = left;
            return Err(LogError::Retry("the topic has no leader yet".to_owned()));
        }
        let mut member = self.log.membership(member)?;
        // To the simulated log it is the only member and owns everything: who owns what is for the test to say.
        member.poll()?;
        self.lead.lock().passes = Some(member.generation());
        Ok(Box::new(LedMember { member, lead: self.lead.clone(), shown: Arc::default() }))
    }

    fn mirror(&self, group: &str, positions: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.log.mirror(group, positions)
    }

    fn mirrored(&self, group: &str, sources: &[TopicPartition]) -> Result<Vec<Option<i64>>, LogError> {
        self.log.mirrored(group, sources)
    }

    fn health(&self) -> Health {
        self.log.health()
    }
}

struct LedWriter {
    writer: Box<dyn Writer>,
    lead: Arc<Mutex<Lead>>,
}

impl Writer for LedWriter {
    fn begin(&mut self) -> Result<(), WriteError> {
        self.writer.begin()
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        self.writer.send(record)
    }

    fn commit(
        &mut self,
        positions: &[(TopicPartition, i64)],
        generation: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        let lead = self.lead.lock();
        if generation.0.downcast_ref::<u64>() != Some(&lead.generation) {
            return Err(WriteError::Stale("the generation is over".to_owned()));
        }
        self.writer.commit(positions, lead.passes.as_ref().unwrap_or(generation))
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        self.writer.abort()
    }
}

struct LedMember {
    /// Keeps the claims.
    member: Box<dyn Membership>,
    lead: Arc<Mutex<Lead>>,
    /// What was heard of last.
    shown: Arc<u64>,
}

impl Membership for LedMember {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        let mut lead = self.lead.lock();
        if lead.is_late {
            return Ok(Vec::new());
        }
        if *self.shown != lead.generation {
            self.shown = Arc::new(lead.generation);
        }
        Ok(std::mem::take(&mut lead.changes))
    }

    fn generation(&self) -> Generation {
        Generation(self.shown.clone())
    }

    fn has_joined(&self) -> bool {
        !self.lead.lock().owes_places
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        self.lead.lock().confirmations.pop_front().unwrap_or(Ok(()))
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<Claimed, LogError> {
        let mut lead = self.lead.lock();
        if lead.held.contains(&place) {
            return Ok(Claimed::Held);
        }
        if lead.unanswered.contains(&place) {
            return Ok(Claimed::Pending);
        }
        lead.claimed.push(place);
        self.member.claim(place, owner)
    }

    fn ask(&mut self, place: u32, _: &Owner) -> Result<(), LogError> {
        self.lead.lock().wished.push(place);
        Ok(())
    }

    fn renounce(&mut self) -> Result<Vec<u32>, LogError> {
        let mut lead = self.lead.lock();
        lead.renouncements.pop_front().unwrap_or(Ok(()))?;
        Ok(std::mem::take(&mut lead.yielded))
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        self.lead.lock().released.extend(places);
        self.member.release(places)
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        self.member.owners()
    }

    fn leave(&mut self) -> Result<(), LogError> {
        self.member.leave()
    }
}

/// One worker, and the test in the lead of its group.
pub(crate) struct Led {
    thread: StreamThread,
    log: LedLog,
    clock: SimClock,
    places: u32,
    status: Status,
    metrics: Arc<EngineMetrics>,
    stores: Arc<dyn Stores>,
    _disk: tempfile::TempDir,
}

impl Led {
    /// A worker that has joined and owns nothing yet.
    pub(crate) fn joined(places: u32) -> Self {
        Self::performing(places, Box::new(NoEffects))
    }

    /// The same, with `performer` for its effects.
    pub(crate) fn performing(places: u32, performer: Box<dyn Performer>) -> Self {
        let clock = SimClock::default();
        let memory = MemoryLog::new(Arc::new(clock.clone()));
        let topology = crate::tally::topology();
        memory.create_topics(&topology.topics(APP, places, None)).unwrap();
        let log = LedLog { log: memory, lead: Arc::new(Mutex::new(Lead { refusals: 1, ..Lead::default() })) };
        let disk = tempfile::tempdir().unwrap();
        let (status, metrics) = (Status::default(), EngineMetrics::register(&prometheus::Registry::new()).unwrap());
        let member = Member { app: APP.to_owned(), worker: None, places };
        let owner = Owner::new("led:0", "led-0");
        let stores: Arc<dyn Stores> = Arc::new(RocksStores::open(StateConfig::new(disk.path().join(APP))).unwrap());
        let parts = Parts {
            config: StreamConfig {
                tail_max: 3,
                fetch_records_max: 5,
                ..StreamConfig::new(member, owner, CommitConfig::EMBEDDED)
            },
            topologies: vec![topology],
            log: Arc::new(log.clone()),
            stores: stores.clone(),
            clock: Arc::new(clock.clone()),
            queries: Arc::new(Queries::default()),
            status: status.clone(),
            metrics: metrics.clone(),
            performer,
            assistant: None,
        };
        // The first attempt comes too early: nothing is lost by it.
        let refused = StreamThread::join(parts).err().unwrap();
        assert!(matches!(&refused.error, LogError::Retry(_)), "{refused}");
        log.lead.lock().writers_made = 0;
        let thread = StreamThread::join(*refused.parts).unwrap();
        Self { thread, log, clock, places, status, metrics, stores, _disk: disk }
    }

    /// The group moves on to its next generation with these changes; the member hears of both at its next poll.
    pub(crate) fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        let mut lead = self.log.lead.lock();
        lead.generation += 1;
        lead.changes.extend(changes);
    }

    /// Whether news of the group reach the member later than they count for commits.
    pub(crate) fn news_are_late(&self, late: bool) {
        self.log.lead.lock().is_late = late;
    }

    /// What the group says when it is asked next whether the member's generation counts; yes after that.
    pub(crate) fn will_confirm(&self, answers: impl IntoIterator<Item = Result<(), LogError>>) {
        self.log.lead.lock().confirmations.extend(answers);
    }

    /// Places claimed, each time they were.
    pub(crate) fn claimed(&self) -> Vec<u32> {
        self.log.lead.lock().claimed.clone()
    }

    /// Answers that the group will still give.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.log.lead.lock().confirmations.len()
    }

    pub(crate) fn log(&self) -> &MemoryLog {
        &self.log.log
    }

    pub(crate) fn released(&self) -> Vec<u32> {
        self.log.lead.lock().released.clone()
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// Places at work, as the worker says.
    pub(crate) fn places(&self) -> Vec<u32> {
        self.status.snapshot().places
    }

    pub(crate) fn writers_made(&self) -> usize {
        self.log.lead.lock().writers_made
    }

    /// Changelog records restored so far.
    pub(crate) fn restored(&self) -> u64 {
        self.metrics.restored_records.with_label_values(&["tally"]).get()
    }

    /// Places that its metrics show the state of a task of, or what is left to restore.
    pub(crate) fn measured(&self) -> BTreeSet<String> {
        let families = [self.metrics.task_state.collect(), self.metrics.restore_remaining.collect()];
        let labels = families.iter().flatten().flat_map(|family| family.get_metric()).flat_map(|one| one.get_label());
        labels.filter(|label| label.name() == "place").map(|label| label.value().to_owned()).collect()
    }

    pub(crate) fn setbacks(&self, reaction: &str) -> u64 {
        self.metrics.setbacks.with_label_values(&[reaction]).get()
    }

    /// Appends a record to the inbox of `place`.
    pub(crate) fn say(&self, place: u32, value: &str) {
        let record = NewRecord {
            topic: crate::tally::IN,
            partition: place,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        };
        self.log().appender().unwrap().append(record, Box::new(|done| assert!(done.is_ok())));
    }

    /// Whether nothing is under way outside any more, for a stop.
    pub(crate) fn drain(&mut self) -> bool {
        self.thread.drain()
    }

    /// What its clock shows, in ms.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Appends `count WORD` where the word lives.
    pub(crate) fn count(&self, word: &str) {
        let value = format!("count {word}");
        let record = NewRecord {
            topic: crate::tally::IN,
            partition: place_of(word.as_bytes(), self.places),
            key: Some(word.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        self.log().appender().unwrap().append(record, Box::new(|done| assert!(done.is_ok())));
    }

    /// A word that lives in `place`.
    pub(crate) fn word_of(&self, place: u32) -> String {
        (0..).map(|n| format!("w{n}")).find(|word| place_of(word.as_bytes(), self.places) == place).unwrap()
    }

    /// Whether the group has still to give the member what others have to give up first.
    pub(crate) fn owe_places(&self, owes: bool) {
        self.log.lead.lock().owes_places = owes;
    }

    /// Others work in these places, and in no other.
    pub(crate) fn hold(&self, places: impl IntoIterator<Item = u32>) {
        self.log.lead.lock().held = places.into_iter().collect();
    }

    /// The log does not answer claims of these places, and of no other.
    pub(crate) fn leave_unanswered(&self, places: impl IntoIterator<Item = u32>) {
        self.log.lead.lock().unanswered = places.into_iter().collect();
    }

    /// The worker has these places until somebody asks for them; this comes of its attempts to renounce them.
    pub(crate) fn yield_up(
        &self,
        places: impl IntoIterator<Item = u32>,
        outcomes: impl IntoIterator<Item = Result<(), LogError>>,
    ) {
        let mut lead = self.log.lead.lock();
        lead.yielded.extend(places);
        lead.renouncements.extend(outcomes);
    }

    /// Places it has asked for.
    pub(crate) fn wished(&self) -> Vec<u32> {
        self.log.lead.lock().wished.clone()
    }

    /// The disk of a place that is not at work is wiped.
    pub(crate) fn forget_state(&self, place: u32) {
        let id = TaskId { topology: "tally".into(), place };
        self.stores.destroy(&id).unwrap();
    }

    /// Where the task of `place` is in its life, as the worker says.
    pub(crate) fn state_of(&self, place: u32) -> Option<TaskState> {
        self.status.snapshot().tasks.iter().find(|(id, _)| id.place == place).map(|(_, seen)| seen.state)
    }

    pub(crate) fn step(&mut self) -> Next {
        let next = self.thread.step(self.clock.now_ms()).unwrap();
        if let Next::Wait(at_most) = next {
            self.clock.advance_us(u64::try_from(at_most.as_micros()).unwrap());
        }
        next
    }

    /// Stops as on SIGTERM. Returns what is committed then.
    pub(crate) fn stop(self) -> Vec<String> {
        let Self { thread, log, places, .. } = self;
        thread.close().unwrap();
        out(&log.log, places)
    }

    /// Time passes, and nothing else.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.clock.advance_us(ms * 1_000);
    }

    /// Steps until `done`.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..STEPS_MAX {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!("not within {STEPS_MAX} steps: {what}: {:?}", self.status.snapshot());
    }

    /// Committed values of the tally's output, sorted.
    pub(crate) fn out(&self) -> Vec<String> {
        out(self.log(), self.places)
    }
}

fn out(log: &MemoryLog, places: u32) -> Vec<String> {
    let of = |place| log.committed(crate::tally::OUT, place);
    let mut values: Vec<String> =
        (0..places).flat_map(of).map(|(_, stored)| String::from_utf8(stored.value.unwrap()).unwrap()).collect();
    values.sort();
    values
}
