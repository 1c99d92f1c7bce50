//! A simulated worker: a machine, its disk, its clock, and the stream thread while it runs.

use super::APP;
use super::disk::{Disk, DiskKind};
use super::executor::DRAIN_US;
use super::forgetting::Drift;
use super::machine::{Machine, MachineLog};
use super::machine_stores::MachineStores;
use super::mutant::Mutant;
use super::outside::Outside;
use crate::assistant::Assistant;
use crate::clock::SimClock;
use crate::memory_log::MemoryLog;
use crate::rng::Rng;
use holdfast_engine::inspect::{EngineMetrics, Queries, Status};
use holdfast_engine::prelude::Topology;
use holdfast_engine::runtime::{CommitConfig, Next, Parts, StreamConfig, StreamThread};
use holdfast_ports::clock::Clock;
use holdfast_ports::membership::{Member, Owner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// After so long a store may have missed tombstones, in ms: a week in the time of a history.
pub(super) const STORE_AGE_MAX_MS: i64 = 1_500;
/// So few that most places are warmed up in several laps.
const TAIL_MAX: i64 = 3;
/// Steps that a worker may make, at most, until it learns what became of a commit beside it.
const LOOKS_MAX: u64 = 5;

pub(super) struct Worker {
    pub(super) number: usize,
    /// It comes back under the same name, so that its places wait for it.
    pub(super) is_static: bool,
    incarnation: u64,
    pub(super) machine: Machine,
    pub(super) disk: Disk,
    pub(super) clock: SimClock,
    pub(super) drift: Drift,
    /// Dropped before the disk is.
    pub(super) thread: Option<StreamThread>,
    pub(super) queries: Arc<Queries>,
    pub(super) status: Status,
    /// Not stepped before this event, started not before this one, cut off until this one.
    pub(super) asleep_until: u64,
    /// No time passes for it while it is asleep.
    pub(super) is_suspended: bool,
    pub(super) down_until: u64,
    pub(super) cut_off_until: u64,
    /// It is to stop, as soon as nothing is under way outside.
    pub(super) is_stopping: bool,
}

/// What a step came to.
pub(super) enum Stepped {
    Next(Next),
    /// The power has failed meanwhile.
    Off,
    /// It must not: the worker has given up, or panicked.
    Ended(String),
}

impl Worker {
    pub(super) fn new(number: usize, is_static: bool, clock: SimClock, disk: DiskKind) -> Self {
        Self {
            number,
            is_static,
            incarnation: 0,
            machine: Machine::default(),
            disk: Disk::new(disk),
            clock,
            drift: Drift::default(),
            thread: None,
            queries: Arc::default(),
            status: Status::default(),
            asleep_until: 0,
            is_suspended: false,
            down_until: 0,
            cut_off_until: 0,
            is_stopping: false,
        }
    }

    /// Its name in the group.
    pub(super) fn name(&self) -> String {
        if self.is_static { format!("w{}", self.number) } else { format!("w{}.{}", self.number, self.incarnation) }
    }

    /// Whether it does anything now.
    pub(super) fn is_awake(&self, event: u64) -> bool {
        self.is_up() && self.asleep_until <= event
    }

    pub(super) fn is_up(&self) -> bool {
        self.thread.is_some()
    }

    pub(super) fn start(
        &mut self,
        log: &MemoryLog,
        topologies: &[Topology],
        places: u32,
        mutant: Option<Mutant>,
        outside: &Outside,
        mut rng: Rng,
    ) -> Result<(), String> {
        self.incarnation += 1;
        self.is_stopping = false;
        self.machine = Machine::new(mutant, outside, &self.clock);
        self.status = Status::default();
        self.queries = Arc::default();
        let name = self.name();
        let member = Member { app: APP.to_owned(), worker: Some(name.clone()), places };
        let owner = Owner::new(format!("{name}:0"), format!("{APP}-{name}-0"));
        let metrics = EngineMetrics::register(&prometheus::Registry::new()).map_err(|e| e.to_string())?;
        let parts = Parts {
            config: StreamConfig {
                // Small enough that the limits are met.
                fetch_records_max: 7,
                delayed_records_max: 3,
                store_age_max_ms: STORE_AGE_MAX_MS,
                tail_max: TAIL_MAX,
                effect_drain_us: DRAIN_US,
                ..StreamConfig::new(
                    member,
                    owner,
                    CommitConfig {
                        records_max: 12,
                        bytes_max: 1 << 20,
                        interval_max_us: 20_000,
                        spacing_min_us: 1_000,
                        rest_percent: 100,
                        few_records: 3,
                        // Half of them commit beside themselves.
                        beside_records_min: if rng.chance(50) { 1 } else { usize::MAX },
                    },
                )
            },
            topologies: topologies.to_vec(),
            log: Arc::new(MachineLog { machine: self.machine.clone(), log: log.clone() }),
            stores: Arc::new(MachineStores {
                machine: self.machine.clone(),
                clock: self.clock.clone(),
                inner: self.disk.stores(),
            }),
            clock: Arc::new(self.clock.clone()),
            queries: self.queries.clone(),
            status: self.status.clone(),
            metrics,
            performer: Box::new(self.machine.clone()),
            assistant: Some(Box::new(Assistant::new(move || rng.below(LOOKS_MAX + 1)))),
        };
        self.thread = Some(StreamThread::join(parts).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Whether it is to stop and may, since nothing is under way outside.
    pub(super) fn may_stop(&mut self) -> bool {
        self.is_stopping && self.thread.as_mut().is_some_and(StreamThread::drain)
    }

    pub(super) fn step(&mut self) -> Stepped {
        let Some(thread) = &mut self.thread else { return Stepped::Off };
        let now_ms = self.clock.now_ms();
        let outcome = catch_unwind(AssertUnwindSafe(|| thread.step(now_ms)));
        match outcome {
            _ if self.machine.is_off() => Stepped::Off,
            Ok(Ok(next)) => Stepped::Next(next),
            Ok(Err(error)) => Stepped::Ended(error.to_string()),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Stepped::Ended(format!("the engine panicked: {}", text.unwrap_or_default()))
            }
        }
    }

    /// The power fails, if it has not yet: nothing that is in memory is left.
    pub(super) fn drop_thread(&mut self) {
        self.machine.switch_off();
        self.thread = None;
        self.machine.executor.forget();
    }
}
