//! The history of a seed: one event after another, each drawn from the same stream.

use super::audit::{Audit, History, HouseAudit};
use super::fault::{FaultCounts, FaultKind};
use super::outside::Outside;
use super::worker::{Stepped, Worker};
use super::workload::{Workload, World};
use super::{APP, Failure, Options, Report, Simulation};
use crate::clock::SimClock;
use crate::memory_log::{Fault, MemoryLog, Taken};
use crate::rng::Rng;
use holdfast_engine::runtime::Next;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Log, TopicSpec};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

/// How far a wall clock may be from the log's at the start, in ms either way.
const SKEW_MS: u64 = 5_000;
/// How long who is asked for a place may take to give it up, in the time of a history.
const PATIENCE: Duration = Duration::from_millis(150);

pub(super) struct Run<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) options: &'a Options,
    seed: u64,
    pub(super) log: MemoryLog,
    pub(super) log_clock: SimClock,
    pub(super) workers: Vec<Worker>,
    rng: Rng,
    workload_rng: Rng,
    pub(super) workload: Box<dyn Workload>,
    pub(super) audits: Vec<Box<dyn Audit>>,
    appended: u64,
    on_top: u64,
    /// How far the clock of a worker has ever been behind the log's.
    pub(super) behind_ms: i64,
    pub(super) event: u64,
    seen_changes: u64,
    faults: FaultCounts,
    pub(super) forgotten: Taken,
    pub(super) outside: Outside,
    pub(super) outside_rng: Rng,
    trace: String,
}

/// An event that went wrong in the wrong way.
pub(super) type Wrong = String;

impl<'a> Run<'a> {
    pub(super) fn new(simulation: &'a Simulation, seed: u64) -> Self {
        let options = &simulation.options;
        let log_clock = SimClock::default();
        let log = MemoryLog::new(Arc::new(log_clock.clone()));
        log.set_patience(PATIENCE);
        let mut rng = Rng::fork(seed, "schedule");
        let workers = (0..options.workers)
            .map(|number| {
                let clock = SimClock::default();
                clock.jump_ms(signed(rng.below(2 * SKEW_MS), SKEW_MS));
                Worker::new(number, rng.chance(60), clock, options.disk)
            })
            .collect();
        let mut audits: Vec<Box<dyn Audit>> = vec![Box::new(HouseAudit::new(&simulation.topologies))];
        audits.extend(simulation.audits.iter().map(|make| make()));
        Self {
            simulation,
            options,
            seed,
            log,
            log_clock,
            workers,
            rng,
            workload_rng: Rng::fork(seed, "workload"),
            workload: (simulation.workload)(),
            audits,
            appended: 0,
            on_top: 0,
            behind_ms: 0,
            event: 0,
            seen_changes: 0,
            faults: FaultCounts::default(),
            forgotten: Taken::default(),
            outside: Outside::default(),
            outside_rng: Rng::fork(seed, "outside"),
            trace: String::new(),
        }
    }

    /// Topics of all topologies, each once.
    pub(super) fn topics(&self) -> Vec<TopicSpec> {
        let of = |t: &holdfast_engine::prelude::Topology| t.topics(APP, self.options.places, None);
        let specs = self.simulation.topologies.iter().flat_map(of);
        let by_name: BTreeMap<String, TopicSpec> = specs.map(|spec| (spec.name.clone(), spec)).collect();
        by_name.into_values().collect()
    }

    pub(super) fn finish(mut self) -> Result<Report, Box<Failure>> {
        let outcome = self.go();
        let faults = std::mem::take(&mut self.faults);
        let mut hasher = rustc_hash::FxHasher::default();
        hasher.write(self.trace.as_bytes());
        hasher.write_u64(self.log.digest());
        match outcome {
            Ok(()) => Ok(Report {
                seed: self.seed,
                digest: hasher.finish(),
                commits: self.log.commits(),
                records: self.appended,
                faults,
                forgotten: self.forgotten,
                calls: self.outside.counts(),
                trace: self.trace,
            }),
            Err(what) => Err(Box::new(Failure {
                seed: self.seed,
                options: self.options.clone(),
                event: self.event,
                what,
                trace: self.trace,
            })),
        }
    }

    fn go(&mut self) -> Result<(), Wrong> {
        self.log.create_topics(&self.topics()).map_err(|error| error.to_string())?;
        for number in 0..self.workers.len() {
            self.start(number)?;
        }
        while self.event < self.options.steps {
            self.event += 1;
            self.outside.at(self.event);
            self.wake()?;
            self.happen()?;
            self.ask_audits()?;
        }
        self.quiet()
    }

    /// One event. What is drawn does not depend on what is left out, so that leaving something out changes as little as possible.
    fn happen(&mut self) -> Result<(), Wrong> {
        let what = self.rng.below(1_000);
        let who = usize::try_from(self.rng.below(self.workers.len() as u64)).unwrap_or(0);
        let (size, more) = (self.rng.next_u64(), self.rng.next_u64());
        match what {
            0..600 => {
                self.step(who)?;
            }
            600..720 => self.work(),
            720..900 => self.pass_time(size, more),
            900..915 => {
                let delivered = self.log.deliver();
                self.note(format_args!("deliver {delivered}"));
            }
            915..930 => self.perform_some(who),
            930..945 => {
                self.workers[who].disk.flush();
                self.note(format_args!("flush w{who}"));
            }
            _ => {
                let kind = Rng::new(size).pick(FaultKind::ALL).copied().unwrap_or(FaultKind::Crash);
                if self.options.faults.contains(&kind)
                    && self.options.window.contains(&self.event)
                    && self.inject(kind, who, more)?
                {
                    self.faults.count(kind);
                    self.note(format_args!("fault {kind} w{who}"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn step(&mut self, who: usize) -> Result<Option<Next>, Wrong> {
        let worker = &mut self.workers[who];
        if !worker.is_awake(self.event) {
            return Ok(None);
        }
        if worker.may_stop() {
            self.stop(who);
            return Ok(None);
        }
        match worker.step() {
            Stepped::Next(next) => {
                self.note(format_args!("w{who} {next:?}"));
                Ok(Some(next))
            }
            Stepped::Off => {
                self.note(format_args!("w{who} goes dark in the middle of a step"));
                self.crash(who);
                Ok(None)
            }
            Stepped::Ended(why) => Err(format!("worker w{who} ended: {why}")),
        }
    }

    fn work(&mut self) {
        let before = self.appended;
        let mut workload = std::mem::replace(&mut self.workload, Box::new(|_: &mut World<'_>| {}));
        workload.act(&mut self.world());
        self.workload = workload;
        self.note(format_args!("workload {}", self.appended - before));
    }

    /// The workload puts right what is left to it; false when nothing was.
    pub(super) fn close(&mut self) -> bool {
        let before = self.on_top;
        let mut workload = std::mem::replace(&mut self.workload, Box::new(|_: &mut World<'_>| {}));
        workload.close(&mut self.world());
        self.workload = workload;
        self.note(format_args!("close {}", self.on_top - before));
        self.on_top > before
    }

    pub(super) fn world(&mut self) -> World<'_> {
        let passes = |worker: &&Worker| !worker.is_suspended || worker.asleep_until <= self.event;
        World {
            log: &self.log,
            clock: &self.log_clock,
            worker_clocks: self.workers.iter().filter(passes).map(|worker| worker.clock.clone()).collect(),
            rng: &mut self.workload_rng,
            places: self.options.places,
            appended: &mut self.appended,
            on_top: &mut self.on_top,
            records_max: self.options.records_max,
        }
    }

    /// Mostly a moment, now and then a while.
    fn pass_time(&mut self, size: u64, more: u64) {
        let us = match size % 100 {
            0..75 => more % 3_000,
            75..97 => more % 40_000,
            _ => more % 1_500_000,
        };
        self.advance(us);
        self.note(format_args!("time {us} us"));
    }

    pub(super) fn advance(&mut self, us: u64) {
        self.log_clock.advance_us(us);
        for worker in &self.workers {
            if !worker.is_suspended || worker.asleep_until <= self.event {
                worker.clock.advance_us(us);
            }
        }
    }

    /// Whoever was down, asleep or cut off for long enough is so no more.
    fn wake(&mut self) -> Result<(), Wrong> {
        for who in 0..self.workers.len() {
            let worker = &mut self.workers[who];
            if worker.cut_off_until == self.event {
                worker.machine.cut_off(false);
            }
            if !worker.is_up() && worker.down_until <= self.event {
                self.start(who)?;
            }
        }
        Ok(())
    }

    pub(super) fn start(&mut self, who: usize) -> Result<(), Wrong> {
        let before = self.workers[who].name();
        let Options { places, mutant, .. } = *self.options;
        let rng = Rng::fork(self.seed, &format!("worker {who} from {}", self.event));
        self.workers[who].start(&self.log, &self.simulation.topologies, places, mutant, &self.outside, rng)?;
        let now = self.workers[who].name();
        // A name that does not come back is missed sooner or later.
        if before != now && self.rng.chance(60) {
            self.log.expire_member(APP, &before);
        }
        self.note(format_args!("{now} starts"));
        Ok(())
    }

    pub(super) fn crash(&mut self, who: usize) {
        let worker = &mut self.workers[who];
        worker.drop_thread();
        worker.disk.crash(&mut self.rng);
        worker.down_until = self.event + self.rng.between(3, 120);
        if self.rng.chance(30) {
            worker.disk.keep_copy();
        }
    }

    /// Lets something go wrong; false when it could not, as things are.
    fn inject(&mut self, kind: FaultKind, who: usize, size: u64) -> Result<bool, Wrong> {
        let until = self.event + 10 + size % 150;
        let is_up = self.workers[who].is_up();
        match kind {
            FaultKind::Crash | FaultKind::Wipe | FaultKind::OldDisk => {
                if is_up {
                    self.crash(who);
                }
                match kind {
                    FaultKind::Wipe => self.workers[who].disk.wipe(),
                    FaultKind::OldDisk => self.workers[who].disk.put_copy_back(),
                    _ => return Ok(is_up),
                }
            }
            FaultKind::Fuse if is_up => self.workers[who].machine.light_fuse(size % 60),
            FaultKind::Stop if is_up => self.workers[who].is_stopping = true,
            FaultKind::DiskWrite if is_up => self.workers[who].disk.spoil(size, false),
            FaultKind::DiskCorrupt if is_up => self.workers[who].disk.spoil(size, true),
            FaultKind::CommitRetry => self.log.inject(Fault::Retry),
            FaultKind::LostRequest => self.log.inject(Fault::LostRequest),
            FaultKind::LostAnswer => self.log.inject(Fault::LostAnswer),
            FaultKind::LateRequest => self.log.inject(Fault::LateRequest),
            FaultKind::LateMarkers => self.log.inject(Fault::LateMarkers),
            FaultKind::Fenced => self.log.inject(Fault::Fenced),
            FaultKind::Suspend if !self.may_set_back() => return Ok(false),
            FaultKind::Zombie | FaultKind::Suspend if is_up => {
                self.workers[who].asleep_until = until;
                self.workers[who].is_suspended = kind == FaultKind::Suspend;
                self.log.expire_member(APP, &self.workers[who].name());
            }
            FaultKind::Expiry => {
                let Some(member) = Rng::new(size).pick(&self.log.members(APP)).cloned() else { return Ok(false) };
                self.log.expire_member(APP, &member);
            }
            FaultKind::Move => {
                let place = u32::try_from(size % u64::from(self.options.places)).unwrap_or(0);
                self.log.move_place(APP, place, &self.workers[who].name());
            }
            FaultKind::Outage if is_up => {
                self.workers[who].cut_off_until = until;
                self.workers[who].machine.cut_off(true);
            }
            FaultKind::ClockJump => {
                let by_ms = signed(size % 20_000, 10_000);
                self.workers[who].clock.jump_ms(if self.may_set_back() { by_ms } else { by_ms.abs() });
            }
            // Mostly as when a leader changes, now and then as when somebody sets it.
            FaultKind::LogClock if size.is_multiple_of(4) => self.log_clock.jump_ms(signed(size % 10_000, 5_000)),
            FaultKind::LogClock => self.log_clock.jump_ms(signed(size % 200, 100)),
            FaultKind::Compaction => return Ok(self.compact(size)),
            FaultKind::Retention => return Ok(self.retire(size)),
            FaultKind::GroupReset => return Ok(self.reset_group(size)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// As on SIGTERM. What it could not finish, a restart repeats.
    fn stop(&mut self, who: usize) {
        let worker = &mut self.workers[who];
        let Some(thread) = worker.thread.take() else { return };
        let outcome = thread.close();
        let was_off = worker.machine.is_off();
        worker.drop_thread();
        worker.down_until = self.event + self.rng.between(3, 60);
        if was_off {
            worker.disk.crash(&mut self.rng);
        } else if !worker.is_static {
            self.log.expire_member(APP, &worker.name());
        }
        self.note(format_args!("w{who} stops {}", outcome.is_ok()));
    }

    /// After every commit that somebody can see.
    pub(super) fn ask_audits(&mut self) -> Result<(), Wrong> {
        self.outside.wrong()?;
        self.watch_clocks();
        let log_ms = self.log_clock.now_ms();
        let behind_ms = self.workers.iter().map(|worker| log_ms - worker.clock.now_ms()).max().unwrap_or_default();
        self.behind_ms = self.behind_ms.max(behind_ms);
        let changes = self.log.changes();
        if std::mem::replace(&mut self.seen_changes, changes) == changes {
            return Ok(());
        }
        self.note(format_args!("commit {changes}"));
        let history = History { log: &self.log, places: self.options.places, behind_ms: self.behind_ms };
        for audit in &mut self.audits {
            audit.committed(&history)?;
        }
        Ok(())
    }

    pub(super) fn note(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.trace, "{} {} {what}", self.event, self.log_clock.now_ms());
    }
}

fn signed(value: u64, middle: u64) -> i64 {
    value.cast_signed() - middle.cast_signed()
}
