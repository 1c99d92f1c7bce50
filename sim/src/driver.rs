//! Drives one worker's stream thread by hand: pipe records in, let it settle, read what came out, crash it, lose its disk.

use crate::assistant::Assistant;
use crate::clock::SimClock;
use crate::memory_log::{MemoryLog, Stored};
use crate::pulled::Pulled;
use holdfast_engine::inspect::{EngineMetrics, Queries, Status, TaskState, TaskStatus};
use holdfast_engine::prelude::Topology;
use holdfast_engine::runtime::{CommitConfig, Effect, Next, OnLostInput, Parts, StepError, StreamConfig, StreamThread};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_ports::membership::{Member, Owner};
use holdfast_ports::place::place_of;
use holdfast_ports::record::{Appended, NewRecord};
use holdfast_state::{RocksStores, StateConfig};
use parking_lot::Mutex;
use std::sync::Arc;

const APP: &str = "sim";
/// Steps after which a driver that has not settled is going round in circles.
const STEPS_MAX: usize = 100_000;

/// A committed record, as [`TestDriver::read`] returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    /// Its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: i64,
    /// The record.
    pub record: Stored,
}

impl Out {
    /// The value as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.record.value.as_deref().unwrap_or_default()).into_owned()
    }

    /// The key as text.
    #[must_use]
    pub fn key(&self) -> String {
        String::from_utf8_lossy(self.record.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.record.headers.iter().rev().find(|(key, _)| key == name)?;
        Some(String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned())
    }
}

/// A directory that outlives a simulated crash and nothing else: in memory where the machine has that, since hundreds of them are opened.
pub(crate) fn memory_disk() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory can be made")
}

/// One worker on a simulated log.
pub struct TestDriver {
    /// First, so that it is dropped before its disk is.
    thread: Option<StreamThread>,
    topologies: Vec<Topology>,
    places: u32,
    commit: CommitConfig,
    on_lost_input: OnLostInput,
    /// How often a commit beside the worker is looked for in vain; `None`: it commits by itself.
    beside: Option<u64>,
    clock: SimClock,
    log: MemoryLog,
    disk: tempfile::TempDir,
    queries: Arc<Queries>,
    status: Status,
    effects: Pulled,
    metrics: Option<Arc<EngineMetrics>>,
}

impl TestDriver {
    /// A worker that runs `topology` in `places` places on an empty log and an empty disk.
    ///
    /// # Panics
    /// When the temporary directory cannot be made.
    #[must_use]
    pub fn new(topology: &Topology, places: u32) -> Self {
        Self::of(std::slice::from_ref(topology), places)
    }

    /// [`TestDriver::new`] with several topologies that talk to each other.
    ///
    /// # Panics
    /// When the temporary directory cannot be made.
    #[must_use]
    pub fn of(topologies: &[Topology], places: u32) -> Self {
        let clock = SimClock::default();
        let log = MemoryLog::new(Arc::new(clock.clone()));
        for topology in topologies {
            log.create_topics(&topology.topics(APP, places, None)).expect("the simulated log takes any topic");
        }
        let disk = memory_disk();
        let mut driver = Self {
            topologies: topologies.to_vec(),
            places,
            commit: CommitConfig::EMBEDDED,
            on_lost_input: OnLostInput::Stop,
            beside: None,
            clock,
            log,
            disk,
            queries: Arc::default(),
            status: Status::default(),
            effects: Pulled::default(),
            metrics: None,
            thread: None,
        };
        driver.start();
        driver
    }

    /// The simulated log, to look into and to inject faults.
    #[must_use]
    pub fn log(&self) -> &MemoryLog {
        &self.log
    }

    /// The simulated clock.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// The committed views.
    #[must_use]
    pub fn queries(&self) -> &Arc<Queries> {
        &self.queries
    }

    /// What the worker says of itself.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What the worker has counted since it was started last.
    ///
    /// # Panics
    /// When it was never started.
    #[must_use]
    pub fn metrics(&self) -> &EngineMetrics {
        self.metrics.as_ref().expect("the worker was started")
    }

    /// Takes the effects that have been handed over so far.
    #[must_use]
    pub fn take_effects(&self) -> Vec<Effect> {
        std::iter::from_fn(|| self.effects.take()).collect()
    }

    /// Appends a record where its key lives (place 0 without a key). Returns where it landed.
    ///
    /// # Panics
    /// When the log refuses it.
    pub fn pipe(&mut self, topic: &str, key: Option<&str>, value: &str) -> Appended {
        let partition = key.map_or(0, |key| place_of(key.as_bytes(), self.places));
        self.append(&NewRecord {
            topic,
            partition,
            key: key.map(str::as_bytes),
            value: Some(value.as_bytes()),
            headers: &[],
        })
    }

    /// Appends exactly this record.
    ///
    /// # Panics
    /// When the log refuses it.
    pub fn append(&mut self, record: &NewRecord<'_>) -> Appended {
        let appender = self.log.appender().expect("the simulated log has an appender");
        let landed = Arc::new(Mutex::new(None));
        let here = landed.clone();
        appender.append(*record, Box::new(move |result| *here.lock() = Some(result)));
        let result = landed.lock().take();
        result.expect("the simulated log answers at once").expect("the simulated log takes the record")
    }

    /// Appends a record that was read once more: to `topic`, in the partition it was in, with its headers.
    ///
    /// # Panics
    /// When the log refuses it.
    pub fn append_again(&mut self, topic: &str, out: &Out) -> Appended {
        let Stored { key, value, headers, .. } = &out.record;
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default())).collect();
        let (partition, key, value) = (out.partition, key.as_deref(), value.as_deref());
        self.append(&NewRecord { topic, partition, key, value, headers: &headers })
    }

    /// Steps until nothing is left to do at this time of the clock.
    ///
    /// # Panics
    /// When the worker ends, or goes round in circles.
    pub fn settle(&mut self) {
        self.try_settle().expect("the worker goes on");
    }

    /// [`TestDriver::settle`] for a worker that may end.
    ///
    /// # Errors
    /// What ended it.
    ///
    /// # Panics
    /// When it goes round in circles.
    pub fn try_settle(&mut self) -> Result<(), StepError> {
        let Some(thread) = &mut self.thread else { return Ok(()) };
        let mut quiet = 0;
        for _ in 0..STEPS_MAX {
            match thread.step(self.clock.now_ms())? {
                Next::Now => quiet = 0,
                // Pauses and commit spacing pass, deadlines of delayed messages do not come nearer by it than a few ms.
                Next::Wait(at_most) => {
                    let snapshot = self.status.snapshot();
                    let is_up = |task: &TaskStatus| matches!(task.state, TaskState::Running | TaskState::Halted);
                    let has_halted = snapshot.tasks.values().any(|task| task.state == TaskState::Halted);
                    let settled = (snapshot.is_ready() || has_halted && snapshot.tasks.values().all(is_up))
                        && !snapshot.regrouping
                        && snapshot.trouble.is_none()
                        && !thread.is_committing();
                    quiet = if settled { quiet + 1 } else { 0 };
                    if quiet > 2 {
                        return Ok(());
                    }
                    let us = u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX);
                    self.clock.advance_us(if settled { us.min(1_000) } else { us });
                }
            }
        }
        panic!("the worker does not settle: {:?}", self.status.snapshot());
    }

    /// Time passes, and the worker does what falls due.
    pub fn advance_ms(&mut self, ms: u64) {
        self.clock.advance_us(ms * 1000);
        self.settle();
    }

    /// All committed records of `topic`, by partition and offset.
    #[must_use]
    pub fn read(&self, topic: &str) -> Vec<Out> {
        let of = |partition| {
            self.log.committed(topic, partition).into_iter().map(move |(offset, record)| Out {
                partition,
                offset,
                record,
            })
        };
        (0..self.places).flat_map(of).collect()
    }

    /// One step and no more: to crash in the middle of something.
    ///
    /// # Panics
    /// When the worker ends.
    pub fn step(&mut self) -> Next {
        let now_ms = self.clock.now_ms();
        self.thread.as_mut().expect("the worker runs").step(now_ms).expect("the worker goes on")
    }

    /// The worker is gone without a word: nothing is committed, closed or released.
    pub fn crash(&mut self) {
        self.thread = None;
    }

    /// The worker stops as it does on SIGTERM.
    ///
    /// # Panics
    /// When it cannot finish.
    pub fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.close().expect("the worker can finish");
        }
    }

    /// Its disk is emptied. Only while it does not run.
    ///
    /// # Panics
    /// When it runs, or the directory cannot be made anew.
    pub fn wipe_disk(&mut self) {
        drop(self.change_disk(None));
    }

    /// Puts another disk in, an empty one unless it is given one that was there before, and hands over the one that was in. Only while it does not run.
    ///
    /// # Panics
    /// When it runs, or the directory cannot be made.
    #[must_use]
    pub fn change_disk(&mut self, disk: Option<tempfile::TempDir>) -> tempfile::TempDir {
        assert!(self.thread.is_none(), "a disk is changed while the worker is down");
        std::mem::replace(&mut self.disk, disk.unwrap_or_else(memory_disk))
    }

    /// What its stores have on disk is overwritten with something else. Only while it does not run.
    ///
    /// # Panics
    /// When it runs, or the disk cannot be written.
    pub fn spoil_disk(&mut self) {
        assert!(self.thread.is_none(), "a disk is spoiled while the worker is down");
        let mut folders = vec![self.disk.path().join(APP)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the disk is there").flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                if path.is_dir() {
                    folders.push(path);
                } else if ["MANIFEST-", "CURRENT"].iter().any(|part| name.to_string_lossy().starts_with(part)) {
                    std::fs::write(path, b"neither RocksDB's nor anybody's").expect("the disk can be written");
                }
            }
        }
    }

    /// Starts the worker on its disk.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn start(&mut self) {
        assert!(self.thread.is_none(), "it runs already");
        self.status = Status::default();
        self.queries = Arc::default();
        let member = Member { app: APP.to_owned(), worker: Some("one".to_owned()), places: self.places };
        let owner = Owner::new("sim:0", format!("{APP}-one-0"));
        let stores =
            RocksStores::open(StateConfig::new(self.disk.path().join(APP))).expect("the state directory opens");
        let metrics =
            EngineMetrics::register(&prometheus::Registry::new()).expect("a fresh registry takes the metrics");
        self.metrics = Some(metrics.clone());
        let parts = Parts {
            config: StreamConfig { on_lost_input: self.on_lost_input, ..StreamConfig::new(member, owner, self.commit) },
            topologies: self.topologies.clone(),
            log: Arc::new(self.log.clone()),
            stores: Arc::new(stores),
            clock: Arc::new(self.clock.clone()),
            queries: self.queries.clone(),
            status: self.status.clone(),
            metrics,
            performer: Box::new(self.effects.clone()),
            assistant: self.beside.map(|looks| Box::new(Assistant::new(move || looks)) as _),
        };
        self.thread = Some(StreamThread::join(parts).expect("the simulated log can be joined"));
    }

    /// From now on it commits like this instead of like a worker on the embedded log. It is restarted for it.
    pub fn commit_as(&mut self, commit: CommitConfig) {
        self.commit = commit;
        self.restart();
    }

    /// From its next start on it runs `topology` instead of the one of the same name: another version, or other settings.
    pub fn deploy(&mut self, topology: &Topology) {
        for running in self.topologies.iter_mut().filter(|running| running.name() == topology.name()) {
            *running = topology.clone();
        }
    }

    /// From its next start on it does this about records that were deleted before they were decided.
    pub fn on_lost_input(&mut self, reaction: OnLostInput) {
        self.on_lost_input = reaction;
    }

    /// From now on every commit is carried out beside the worker, which steps so many times before it is. It is restarted for it.
    pub fn commit_beside(&mut self, steps: u64) {
        self.beside = Some(steps);
        self.commit_as(CommitConfig { beside_records_min: 1, ..self.commit });
    }

    /// Whether a commit is under way beside it.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.thread.as_ref().expect("the worker runs").is_committing()
    }

    /// Crash and start again, on the same disk.
    pub fn restart(&mut self) {
        self.crash();
        self.start();
        self.settle();
    }

    /// Crash, and start again on an empty disk.
    pub fn lose_disk(&mut self) {
        self.crash();
        self.wipe_disk();
        self.start();
        self.settle();
    }
}
