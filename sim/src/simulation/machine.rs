//! The machine a simulated worker runs on: everything it does to the log and to its disk passes through here, so that the power can fail at any of
//! these calls and the network can be gone. From the moment the power is off, nothing the worker still does has an effect.

use super::executor::Executor;
use super::mutant::Mutant;
use super::outside::Outside;
use crate::clock::SimClock;
use crate::memory_log::MemoryLog;
use holdfast_engine::runtime::{Lane, Performer, TaskEffects};
use holdfast_ports::log::{
    Appender, End, Fetcher, Health, Log, LogError, Slot, Start, TopicReport, TopicSpec, WriteError, Writer,
};
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner};
use holdfast_ports::record::{NewRecord, Record, TopicPartition};
use holdfast_ports::store::TaskId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::machine_stores::SharedStore;

const OFF: &str = "the power is off";
const OUT: &str = "the network is out";

/// What can happen to a machine.
#[derive(Debug, Default)]
struct Power {
    /// So many calls until the power fails.
    fuse: Option<u64>,
    is_off: bool,
    is_cut_off: bool,
}

/// A machine. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Machine {
    power: Arc<Mutex<Power>>,
    pub(super) mutant: Option<Mutant>,
    /// Open stores, for mistakes that need them.
    pub(super) stores: Arc<Mutex<BTreeMap<TaskId, SharedStore>>>,
    /// What performs effects. It lives in memory.
    pub(super) executor: Executor,
}

impl Machine {
    pub(super) fn new(mutant: Option<Mutant>, outside: &Outside, clock: &SimClock) -> Self {
        Self { mutant, executor: Executor::new(outside, clock), ..Self::default() }
    }

    /// The power fails at the `calls`-th call from now.
    pub(super) fn light_fuse(&self, calls: u64) {
        self.power.lock().fuse = Some(calls);
    }

    pub(super) fn put_fuse_out(&self) {
        self.power.lock().fuse = None;
    }

    pub(super) fn switch_off(&self) {
        self.power.lock().is_off = true;
    }

    pub(super) fn is_off(&self) -> bool {
        self.power.lock().is_off
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.power.lock().is_cut_off
    }

    pub(super) fn cut_off(&self, is_cut_off: bool) {
        self.power.lock().is_cut_off = is_cut_off;
    }

    /// A call is about to be made, or has just been made: is the power still on?
    pub(super) fn is_on_at_next_call(&self) -> bool {
        let mut power = self.power.lock();
        match power.fuse {
            Some(0) => power.is_off = true,
            Some(left) => power.fuse = Some(left - 1),
            None => {}
        }
        !power.is_off
    }

    fn ask_log(&self) -> Result<(), LogError> {
        if !self.is_on_at_next_call() {
            return Err(LogError::Fatal(OFF.to_owned()));
        }
        if self.power.lock().is_cut_off { Err(LogError::Retry(OUT.to_owned())) } else { Ok(()) }
    }

    fn ask_writer(&self) -> Result<(), WriteError> {
        if !self.is_on_at_next_call() {
            return Err(WriteError::Fatal(OFF.to_owned()));
        }
        if self.power.lock().is_cut_off { Err(WriteError::Retry(OUT.to_owned())) } else { Ok(()) }
    }

    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }
}

impl Performer for Machine {
    fn open(&self, effects: TaskEffects) {
        if !self.is_off() {
            self.executor.open(effects);
        }
    }

    fn committed(&self, task: &TaskId, lanes: &[Lane]) {
        if !self.is_off() {
            self.executor.committed(task, lanes);
        }
    }

    fn drain(&self, task: &TaskId) -> bool {
        self.executor.drain(task) || self.is(Mutant::NoDrain)
    }

    fn close(&self, task: &TaskId) {
        self.executor.close(task);
    }
}

/// The log as this machine reaches it.
pub(super) struct MachineLog {
    pub(super) machine: Machine,
    pub(super) log: MemoryLog,
}

impl Log for MachineLog {
    fn kind(&self) -> &'static str {
        self.log.kind()
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        self.machine.ask_log()?;
        self.log.create_topics(specs)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        self.machine.ask_log()?;
        self.log.check_topics(specs)
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError> {
        self.machine.ask_log()?;
        self.log.partitions(topic)
    }

    fn appender(&self) -> Result<Arc<dyn Appender>, LogError> {
        self.log.appender()
    }

    fn fetcher(&self) -> Result<Box<dyn Fetcher>, LogError> {
        Ok(Box::new(MachineFetcher { machine: self.machine.clone(), inner: self.log.fetcher()? }))
    }

    fn writer(&self, id: &str) -> Result<Box<dyn Writer>, LogError> {
        self.machine.ask_log()?;
        let inner = self.log.writer(id)?;
        Ok(Box::new(MachineWriter { machine: self.machine.clone(), log: self.log.clone(), inner }))
    }

    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError> {
        let inner = self.log.member(member);
        Ok(Box::new(MachineMembership { machine: self.machine.clone(), inner }))
    }

    fn mirror(&self, group: &str, positions: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.machine.ask_log()?;
        self.log.mirror(group, positions)
    }

    fn mirrored(&self, group: &str, sources: &[TopicPartition]) -> Result<Vec<Option<i64>>, LogError> {
        self.machine.ask_log()?;
        self.log.mirrored(group, sources)
    }

    fn health(&self) -> Health {
        self.log.health()
    }
}

struct MachineFetcher {
    machine: Machine,
    inner: Box<dyn Fetcher>,
}

impl Fetcher for MachineFetcher {
    fn assign(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError> {
        // Known to the client alone: a network that is out shows in the fetch.
        self.inner.assign(source, start)
    }

    fn assign_ahead(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError> {
        self.inner.assign_ahead(source, start)
    }

    fn unassign(&mut self, slot: Slot) {
        self.inner.unassign(slot);
    }

    fn fetch(
        &mut self,
        records_max: usize,
        each: &mut dyn FnMut(Slot, &Record<'_>) -> ControlFlow<()>,
    ) -> Result<usize, LogError> {
        self.machine.ask_log()?;
        match self.inner.fetch(records_max, each) {
            Err(LogError::OutOfRange { slot, latest, .. }) if self.machine.is(Mutant::SkipToLatest) => {
                Err(LogError::OutOfRange { slot, earliest: latest, latest })
            }
            fetched => fetched,
        }
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), LogError> {
        self.inner.wait(timeout)
    }

    fn position(&self, slot: Slot) -> i64 {
        self.inner.position(slot)
    }

    fn end(&mut self, source: &TopicPartition, end: End) -> Result<i64, LogError> {
        self.machine.ask_log()?;
        // Every other end is that of a changelog.
        if !source.topic.ends_with("-changelog") {
            self.machine.executor.begin_turn(source);
            if self.machine.is(Mutant::OpenEarly) {
                return Ok(0);
            }
        }
        self.inner.end(source, if self.machine.is(Mutant::RestoreToStable) { End::Stable } else { end })
    }
}

struct MachineWriter {
    machine: Machine,
    log: MemoryLog,
    inner: Box<dyn Writer>,
}

impl Writer for MachineWriter {
    fn begin(&mut self) -> Result<(), WriteError> {
        self.machine.ask_writer()?;
        self.inner.begin()
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        self.machine.ask_writer()?;
        self.inner.send(record)
    }

    fn commit(
        &mut self,
        positions: &[(TopicPartition, i64)],
        generation: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        match self.machine.ask_writer() {
            Err(WriteError::Retry(why)) => return Err(WriteError::Unknown(why)),
            other => other?,
        }
        if self.machine.is(Mutant::StoreFirst) {
            self.machine.commit_stores(&self.log);
        }
        let unproven = MemoryLog::unproven();
        let generation = if self.machine.is(Mutant::NoFence) { &unproven } else { generation };
        let outcome = self.inner.commit(positions, generation);
        if !self.machine.is_on_at_next_call() {
            return Err(WriteError::Fatal(OFF.to_owned()));
        }
        match outcome {
            Err(WriteError::Unknown(why)) if self.machine.is(Mutant::ReuseWriter) => Err(WriteError::Retry(why)),
            other => other,
        }
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        self.machine.ask_writer()?;
        self.inner.abort()
    }
}

struct MachineMembership {
    machine: Machine,
    inner: crate::memory_log::MemoryMembership,
}

impl Membership for MachineMembership {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        self.machine.ask_log()?;
        let changes = self.inner.poll()?;
        if changes.iter().any(|change| matches!(change, Change::Lost(_))) {
            self.machine.executor.lost();
        }
        Ok(changes)
    }

    fn generation(&self) -> Generation {
        self.inner.generation()
    }

    fn has_joined(&self) -> bool {
        self.inner.has_joined()
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        self.machine.ask_log()?;
        if self.machine.is(Mutant::NoFence) { Ok(()) } else { self.inner.confirm() }
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<Claimed, LogError> {
        self.machine.ask_log()?;
        self.inner.claim_as(place, owner, !self.machine.is(Mutant::NoFence))
    }

    fn ask(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
        self.machine.ask_log()?;
        self.inner.ask(place, owner)
    }

    fn renounce(&mut self) -> Result<Vec<u32>, LogError> {
        self.machine.ask_log()?;
        if self.machine.is(Mutant::KeepYielded) { Ok(Vec::new()) } else { self.inner.renounce() }
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        self.machine.ask_log()?;
        self.machine.executor.released(places);
        self.inner.release(places)
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        self.inner.owners()
    }

    fn leave(&mut self) -> Result<(), LogError> {
        self.machine.ask_log()?;
        self.inner.leave()
    }
}
