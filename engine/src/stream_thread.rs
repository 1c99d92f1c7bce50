//! The heartbeat. Everything the engine ever does is reachable from [`StreamThread::step`].

use crate::commit::{ChangedKeys, Committer, Transaction};
use crate::config::StreamConfig;
use crate::context::Outbox;
use crate::effect::{self, Performer};
use crate::metrics::EngineMetrics;
use crate::queries::Queries;
use crate::restore::Restore;
use crate::setback::Setback;
use crate::status::{Snapshot, Status, TaskStatus};
use crate::task::{Decided, State, Task};
use crate::topology::{DELETE_RETENTION_MS, Topology};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, Log, LogError, Slot, Start, WriteError, Writer};
use holdfast_ports::membership::{Change, Generation, Membership};
use holdfast_ports::store::{StoreError, Stores, TaskId};
use rustc_hash::FxHashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// A step is never further away than this, so that a stop is noticed.
const WAIT_MAX_US: u64 = 100_000;
/// First pause after a setback; it doubles up to [`BACKOFF_MAX_US`].
const BACKOFF_MIN_US: u64 = 20_000;
const BACKOFF_MAX_US: u64 = 1_000_000;
/// How often positions are copied into the status, and a running store is noted to be fresh.
const STATUS_INTERVAL_US: u64 = 100_000;
const FRESH_INTERVAL_US: u64 = 60_000_000;

/// What a stream thread is made of.
pub struct Parts {
    /// Its settings.
    pub config: StreamConfig,
    /// What it runs in each of its places.
    pub topologies: Vec<Topology>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Where its tasks keep their state.
    pub stores: Arc<dyn Stores>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where its committed views are shown.
    pub queries: Arc<Queries>,
    /// Where its state is shown.
    pub status: Status,
    /// What it counts.
    pub metrics: Arc<EngineMetrics>,
    /// Who performs effects.
    pub performer: Box<dyn Performer>,
}

/// What the caller should do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Step again at once: there is more.
    Now,
    /// Nothing to do for this long, unless a record arrives: [`StreamThread::wait`].
    Wait(Duration),
}

/// The stream thread cannot go on. Everything that can be ridden out never becomes one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StepError(pub String);

/// Whose records arrive under a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feeds {
    /// Source number `.1` of the task.
    Source(usize, usize),
    /// The restore of the task.
    Restore(usize),
}

/// A set of tasks that commit together.
pub struct StreamThread {
    config: StreamConfig,
    topologies: Vec<Topology>,
    log: Arc<dyn Log>,
    stores: Arc<dyn Stores>,
    clock: Arc<dyn Clock>,
    queries: Arc<Queries>,
    status: Status,
    metrics: Arc<EngineMetrics>,
    performer: Box<dyn Performer>,

    membership: Box<dyn Membership>,
    generation: Generation,
    /// Places that are ours but not yet claimed.
    unclaimed: Vec<u32>,
    places: Vec<u32>,
    fetcher: Box<dyn Fetcher>,
    /// `None` between a setback and the next attempt.
    writer: Option<Box<dyn Writer>>,
    /// In order of task id: order is behaviour.
    tasks: Vec<Task>,
    feeds: FxHashMap<Slot, Feeds>,
    transaction: Transaction,
    outbox: Outbox,
    changed: ChangedKeys,
    /// The group has to confirm us before anything is claimed again.
    unconfirmed: bool,
    membership_due_us: u64,
    status_due_us: u64,
    fresh_due_us: u64,
    backoff_us: u64,
    paused_until_us: u64,
}

impl StreamThread {
    /// Joins the group.
    ///
    /// # Errors
    /// When the log cannot be joined at all: wrong settings, missing rights.
    pub fn join(parts: Parts) -> Result<Self, StepError> {
        let fatal = |error: LogError| StepError(error.to_string());
        let membership = parts.log.membership(&parts.config.member).map_err(fatal)?;
        let fetcher = parts.log.fetcher().map_err(fatal)?;
        parts.status.update(|s| s.places_total = parts.config.member.places);
        Ok(Self {
            generation: membership.generation(),
            membership,
            fetcher,
            config: parts.config,
            topologies: parts.topologies,
            log: parts.log,
            stores: parts.stores,
            clock: parts.clock,
            queries: parts.queries,
            status: parts.status,
            metrics: parts.metrics,
            performer: parts.performer,
            unclaimed: Vec::new(),
            places: Vec::new(),
            writer: None,
            tasks: Vec::new(),
            feeds: FxHashMap::default(),
            transaction: Transaction::default(),
            outbox: Outbox::default(),
            changed: ChangedKeys::default(),
            unconfirmed: false,
            membership_due_us: 0,
            status_due_us: 0,
            fresh_due_us: 0,
            backoff_us: 0,
            paused_until_us: 0,
        })
    }

    /// Does what there is to do now, without waiting:
    ///
    /// 1. places: what the group gave and took; a writer; claims; restores begun
    /// 2. records: each goes to its task, or into its restore
    /// 3. delayed messages that are due at `now_ms`
    /// 4. restores that have arrived
    /// 5. a commit, when one is due
    ///
    /// A setback rolls back what is not committed and is tried again after a pause; it is shown in the status.
    ///
    /// # Errors
    /// [`StepError`] when going on makes no sense: wrong settings, a log that has lost what was committed, a disk that is gone.
    pub fn step(&mut self, now_ms: i64) -> Result<Next, StepError> {
        let now_us = self.clock.monotonic_us();
        if now_us < self.paused_until_us {
            return Ok(Next::Wait(Duration::from_micros((self.paused_until_us - now_us).min(WAIT_MAX_US))));
        }
        match self.try_step(now_ms, now_us) {
            Ok(next) => {
                // A while without another one, not the first step that works: a failing commit comes after many of those.
                if self.backoff_us > 0 && now_us > self.paused_until_us + BACKOFF_MAX_US && self.is_settled() {
                    self.backoff_us = 0;
                    self.status.update(|s| s.trouble = None);
                }
                Ok(next)
            }
            Err(setback) => self.react(setback),
        }
    }

    /// Waits until a record may be there, at most `at_most`. An error shows again in the next step, which reacts to it.
    pub fn wait(&mut self, at_most: Duration) {
        if let Err(error) = self.fetcher.wait(at_most) {
            tracing::debug!(%error, "waiting for records");
        }
    }

    /// Finishes: commits what is done, closes the stores, releases the places, leaves the group.
    ///
    /// # Errors
    /// When something could not be finished; nothing is lost by it, a restart repeats the rest.
    pub fn close(mut self) -> Result<(), StepError> {
        let outcome = if self.transaction.is_open() { self.commit() } else { Ok(()) };
        if outcome.is_err()
            && let Some(writer) = &mut self.writer
        {
            // Without the abort, readers would wait for the transaction's timeout.
            let _ = writer.abort();
        }
        let places = std::mem::take(&mut self.places);
        self.close_tasks(&places, outcome.is_ok());
        let released = self.membership.release(&places).and_then(|()| self.membership.leave());
        self.status.update(|s| {
            s.places.clear();
            s.tasks.clear();
            s.ended = Some("stopped".to_owned());
        });
        outcome.map_err(|setback| StepError(setback.to_string()))?;
        released.map_err(|error| StepError(error.to_string()))
    }

    /// True when every task runs and nothing waits to be claimed.
    fn is_settled(&self) -> bool {
        self.writer.is_some() && self.unclaimed.is_empty() && self.tasks.iter().all(|task| task.state == State::Running)
    }

    fn try_step(&mut self, now_ms: i64, now_us: u64) -> Result<Next, Setback> {
        if now_us >= self.membership_due_us {
            self.membership_due_us = now_us + self.config.membership_interval_us;
            self.follow_group()?;
        }
        self.prepare(now_ms)?;
        let fetched = self.fetch()?;
        let more_due = self.send_due(now_ms)?;
        self.finish_restores(now_ms)?;
        let drained = fetched == 0 && !more_due;
        let mut wait_us = self.idle_us(now_ms);
        if self.transaction.is_open() {
            let due_in_us = self.transaction.due_in_us(&self.config.commit, drained, self.clock.monotonic_us());
            if due_in_us == 0 {
                self.commit()?;
            } else {
                wait_us = wait_us.min(due_in_us);
            }
        }
        self.show_status(now_ms);
        Ok(if drained { Next::Wait(Duration::from_micros(wait_us)) } else { Next::Now })
    }

    /// How long nothing has to be done if no record arrives.
    fn idle_us(&self, now_ms: i64) -> u64 {
        let running = self.tasks.iter().filter(|task| task.state == State::Running);
        let due_ms = running.filter_map(|task| task.delayed.next_due_ms()).min();
        let due_us = due_ms.map_or(WAIT_MAX_US, |due| u64::try_from(due - now_ms).unwrap_or(0).saturating_mul(1000));
        // Not shorter than a millisecond: librdkafka takes whole ones, and less would spin.
        due_us.min(self.config.membership_interval_us.max(1_000)).clamp(1_000, WAIT_MAX_US)
    }

    // ---- places -----------------------------------------------------------------------------------------------------------------------

    fn follow_group(&mut self) -> Result<(), Setback> {
        for change in self.membership.poll()? {
            tracing::info!(?change, "places");
            match change {
                Change::Assigned(places) => self.unclaimed.extend(places),
                Change::Revoked(places) => {
                    if self.transaction.is_open() {
                        self.commit()?;
                    }
                    self.close_tasks(&places, true);
                    self.membership.release(&places)?;
                }
                Change::Lost(places) => {
                    if self.transaction.is_open() {
                        self.abort();
                        self.roll_back()?;
                    }
                    self.close_tasks(&places, false);
                }
            }
        }
        self.generation = self.membership.generation();
        Ok(())
    }

    /// A writer, claims, tasks, restores: whatever is missing before records can be decided.
    fn prepare(&mut self, now_ms: i64) -> Result<(), Setback> {
        if self.writer.is_none() {
            // Making it ends what an earlier writer of this name left open, so a restore that begins after it sees the truth.
            self.writer = Some(self.log.writer(&self.config.owner.writer)?);
        }
        if self.unconfirmed {
            self.membership.confirm()?;
            self.unconfirmed = false;
        }
        while let Some(place) = self.unclaimed.last().copied() {
            self.membership.claim(place, &self.config.owner)?;
            self.unclaimed.pop();
            if !self.places.contains(&place) {
                self.places.push(place);
                self.places.sort_unstable();
                self.open_tasks(place)?;
            }
        }
        for index in 0..self.tasks.len() {
            let task = &self.tasks[index];
            let begun = task.state == State::Restoring && task.restore.is_some();
            if task.state != State::Running && !begun {
                self.begin_restore(index, now_ms)?;
            }
        }
        Ok(())
    }

    fn open_tasks(&mut self, place: u32) -> Result<(), Setback> {
        for topology in &self.topologies {
            let id = TaskId { topology: topology.name().clone(), place };
            let store = self.stores.open(&id, &topology.all_stores()).map_err(|error| Setback::Fatal(error.to_string()))?;
            let member = &self.config.member;
            let task = Task::new(id.clone(), topology, store, &member.app, member.places).map_err(|e| Setback::Store(id, e))?;
            self.tasks.push(task);
        }
        self.tasks.sort_by(|a, b| a.id.cmp(&b.id));
        self.index_feeds();
        self.show_places();
        Ok(())
    }

    /// Closes the tasks of `places`. Clean: everything they did is committed, so their stores are flushed.
    fn close_tasks(&mut self, places: &[u32], clean: bool) {
        let (closing, staying): (Vec<Task>, Vec<Task>) =
            std::mem::take(&mut self.tasks).into_iter().partition(|task| places.contains(&task.id.place));
        self.tasks = staying;
        for mut task in closing {
            for slot in task.sources.iter().filter_map(|s| s.slot).chain(task.restore.as_ref().map(|r| r.slot)) {
                self.fetcher.unassign(slot);
            }
            if let Some(shown) = task.shown.take() {
                self.queries.hide(&shown);
            }
            task.store.rollback();
            if clean && let Err(error) = task.store.flush() {
                tracing::warn!(task = %task.id, %error, "store not flushed, the restart restores its tail");
            }
            task.become_state(State::Closed);
            tracing::info!(task = %task.id, clean, "task closed");
        }
        self.places.retain(|place| !places.contains(place));
        self.unclaimed.retain(|place| !places.contains(place));
        self.index_feeds();
        self.show_places();
    }

    fn index_feeds(&mut self) {
        self.feeds.clear();
        for (index, task) in self.tasks.iter().enumerate() {
            for (number, source) in task.sources.iter().enumerate() {
                if let Some(slot) = source.slot {
                    self.feeds.insert(slot, Feeds::Source(index, number));
                }
            }
            if let Some(restore) = &task.restore {
                self.feeds.insert(restore.slot, Feeds::Restore(index));
            }
        }
    }

    // ---- restore ----------------------------------------------------------------------------------------------------------------------

    fn begin_restore(&mut self, index: usize, now_ms: i64) -> Result<(), Setback> {
        let task = &mut self.tasks[index];
        let failed = |id: &TaskId, error| Setback::Store(id.clone(), error);
        for source in &mut task.sources {
            if let Some(slot) = source.slot.take() {
                self.fetcher.unassign(slot);
            }
        }
        if task.store.fresh_ms().is_some_and(|fresh| now_ms - fresh > DELETE_RETENTION_MS) {
            tracing::warn!(task = %task.id, "local store is older than the changelog keeps tombstones: rebuilding it");
            task.store.clear().map_err(|e| failed(&task.id, e))?;
        }
        let end = self.fetcher.end(&task.changelog, End::Written)?;
        let next = task.store.changelog_next();
        if let Some(next) = next.filter(|next| *next > end) {
            return Err(Setback::Fatal(format!(
                "local store of {} stands at changelog offset {next}, but {} ends at {end}: the topic was deleted or the broker lost committed \
                 records. If that was meant, delete the state directory of this task and start again",
                task.id, task.changelog
            )));
        }
        let slot = self.fetcher.assign(&task.changelog, next.map_or(Start::Earliest, Start::At))?;
        task.restore = Some(Restore::new(slot, end, self.clock.monotonic_us()));
        task.become_state(State::Restoring);
        tracing::info!(task = %task.id, from = next, end, "restoring");
        self.index_feeds();
        Ok(())
    }

    fn finish_restores(&mut self, now_ms: i64) -> Result<(), Setback> {
        for index in 0..self.tasks.len() {
            let task = &mut self.tasks[index];
            let Some(restore) = &mut task.restore else { continue };
            let position = self.fetcher.position(restore.slot);
            let labels = [&*task.id.topology, &*task.id.place.to_string()];
            let progress = restore.progress(position, self.clock.monotonic_us());
            self.metrics.restore_remaining.with_label_values(&labels).set(progress.remaining.cast_signed());
            if position < restore.end {
                continue;
            }
            let failed = |id: &TaskId, error| Setback::Store(id.clone(), error);
            restore.apply(&mut *task.store).map_err(|e| failed(&task.id, e))?;
            self.metrics.restored_records.with_label_values(&labels[..1]).inc_by(progress.records);
            self.metrics.restored_bytes.with_label_values(&labels[..1]).inc_by(progress.bytes);
            self.fetcher.unassign(restore.slot);
            task.restore = None;
            // Also when nothing was there to apply: the store is level with the changelog up to here.
            task.store.restore(&[], position.max(task.store.changelog_next().unwrap_or(0))).map_err(|e| failed(&task.id, e))?;
            task.store.set_fresh(now_ms).map_err(|e| failed(&task.id, e))?;
            self.run_task(index)?;
            let task = &self.tasks[index];
            tracing::info!(
                task = %task.id, records = progress.records, mb_per_s = progress.mb_per_s(), elapsed_ms = progress.elapsed_ms, "running"
            );
        }
        Ok(())
    }

    /// The store is level with its changelog: read on where the position says.
    fn run_task(&mut self, index: usize) -> Result<(), Setback> {
        let task = &mut self.tasks[index];
        let failed = |id: &TaskId, error| Setback::Store(id.clone(), error);
        task.load().map_err(|e| failed(&task.id, e))?;
        let partitions: Vec<_> = task.sources.iter().map(|source| source.partition.clone()).collect();
        let mirrored = self.log.mirrored(task.topology.group(), &partitions)?;
        for (source, mirrored) in task.sources.iter_mut().zip(mirrored) {
            let next = task.position.next_offset(&source.partition.topic);
            // A mirror below the truth means that an operator has reset the group: the records are read again, and known as decided.
            let from = match (next, mirrored) {
                (Some(next), Some(mirrored)) if mirrored < next => Start::At(mirrored),
                (Some(next), _) => Start::At(next),
                (None, _) => Start::Earliest,
            };
            source.slot = Some(self.fetcher.assign(&source.partition, from)?);
        }
        task.become_state(State::Running);
        let view = task.store.view();
        let inbox = task.topology.inbox();
        match &task.shown {
            Some(shown) => shown.committed(&task.committed),
            None => task.shown = Some(self.queries.show(&task.id, view.clone(), inbox, &task.committed)),
        }
        if task.topology.has_effects() {
            for effect in effect::pending(&task.id, &*view).map_err(|e| failed(&task.id, e))? {
                self.performer.perform(effect);
            }
        }
        self.index_feeds();
        self.show_places();
        Ok(())
    }

    // ---- records ----------------------------------------------------------------------------------------------------------------------

    fn fetch(&mut self) -> Result<usize, Setback> {
        let Self { fetcher, tasks, writer, transaction, outbox, feeds, metrics, clock, .. } = self;
        let Some(writer) = writer else { return Ok(0) };
        let room = self.config.commit.records_max.saturating_sub(transaction.records).max(1);
        let mut setback = None;
        let mut decided: Vec<usize> = vec![0; tasks.len()];
        let fetched = fetcher.fetch(self.config.fetch_records_max.min(room), &mut |slot, record| {
            let taken = match feeds.get(&slot) {
                // A record that was on its way when its slot was given up.
                None => Ok(()),
                Some(Feeds::Restore(index)) => {
                    let task = &mut tasks[*index];
                    match &mut task.restore {
                        Some(restore) => restore.take(record, &mut *task.store).map_err(|e| Setback::Store(task.id.clone(), e)),
                        None => Ok(()),
                    }
                }
                Some(Feeds::Source(index, source)) => {
                    let task = &mut tasks[*index];
                    let decision = task.decide(*source, record, outbox).map_err(|e| Setback::Store(task.id.clone(), e));
                    decision.and_then(|decision| {
                        match decision {
                            Decided::KnownDuplicate => {
                                metrics.known_duplicates.with_label_values(&[&*task.id.topology]).inc();
                                return Ok(());
                            }
                            Decided::Buried(class) => metrics.dead_letters.with_label_values(&[&*task.id.topology, class]).inc(),
                            Decided::Processed => {}
                        }
                        transaction.ensure(&mut **writer, clock.monotonic_us())?;
                        transaction.records += 1;
                        decided[*index] += 1;
                        let mut outputs = 0;
                        let sent = outbox.drain(|output| {
                            outputs += 1;
                            writer.send(output)
                        });
                        metrics.outputs.inc_by(outputs);
                        match sent {
                            Ok(bytes) => transaction.bytes += bytes,
                            Err(WriteError::Refused(why)) => {
                                return Err(Setback::Refused { task: *index, source: *source, offset: record.offset, why });
                            }
                            Err(error) => return Err(error.into()),
                        }
                        Ok(())
                    })
                }
            };
            match taken {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    setback = Some(why);
                    ControlFlow::Break(())
                }
            }
        });
        for (task, decided) in tasks.iter().zip(decided).filter(|(_, decided)| *decided > 0) {
            metrics.records.with_label_values(&[&*task.id.topology]).inc_by(decided as u64);
        }
        if let Some(setback) = setback {
            return Err(setback);
        }
        match fetched {
            Ok(fetched) => Ok(fetched),
            Err(LogError::OutOfRange { slot, earliest, latest }) => self.out_of_range(slot, earliest, latest),
            Err(error) => Err(error.into()),
        }
    }

    /// A partition does not hold what we asked for.
    fn out_of_range(&mut self, slot: Slot, earliest: i64, latest: i64) -> Result<usize, Setback> {
        match self.feeds.get(&slot).copied() {
            None => Ok(0),
            Some(Feeds::Restore(index)) => {
                let task = &mut self.tasks[index];
                tracing::warn!(task = %task.id, earliest, "the changelog has moved past the local store: rebuilding it");
                self.fetcher.unassign(slot);
                task.restore = None;
                task.store.clear().map_err(|e| Setback::Store(task.id.clone(), e))?;
                Ok(1)
            }
            Some(Feeds::Source(index, number)) => {
                let task = &mut self.tasks[index];
                let source = &mut task.sources[number];
                let asked = task.position.next_offset(&source.partition.topic).unwrap_or(0);
                if asked > latest {
                    return Err(Setback::Fatal(format!(
                        "{} has decided {} up to {asked}, but the topic ends at {latest}: it was deleted, or the broker lost committed records",
                        task.id, source.partition
                    )));
                }
                // What retention took before we came cannot be decided any more. (A group that was reset below it loses nothing.)
                if asked < earliest {
                    tracing::error!(task = %task.id, from = asked, to = earliest, "records were deleted by retention before they were decided");
                }
                self.fetcher.unassign(slot);
                source.slot = Some(self.fetcher.assign(&source.partition, Start::At(asked.max(earliest)))?);
                self.index_feeds();
                Ok(1)
            }
        }
    }

    /// Sends delayed messages that are due; true when there may be more.
    fn send_due(&mut self, now_ms: i64) -> Result<bool, Setback> {
        let Self { tasks, writer, transaction, outbox, metrics, clock, .. } = self;
        let Some(writer) = writer else { return Ok(false) };
        let mut more = false;
        for task in tasks.iter_mut().filter(|task| task.state == State::Running) {
            if task.delayed.next_due_ms().is_none_or(|due| due > now_ms) {
                continue;
            }
            outbox.clear();
            let sent = task
                .delayed
                .send_due(&mut *task.store, outbox, now_ms, self.config.delayed_records_max)
                .map_err(|e| Setback::Store(task.id.clone(), e))?;
            if sent.messages == 0 {
                continue;
            }
            task.dirty = true;
            transaction.ensure(&mut **writer, clock.monotonic_us())?;
            transaction.records += sent.messages;
            transaction.bytes += outbox.drain(|output| writer.send(output))?;
            metrics.outputs.inc_by(sent.messages as u64);
            metrics.delayed_sent.with_label_values(&[&*task.id.topology]).inc_by(sent.messages as u64);
            #[expect(clippy::cast_precision_loss, reason = "for a histogram")]
            let lateness = sent.lateness_max_ms as f64 / 1e3;
            metrics.delayed_lateness_seconds.with_label_values(&[&*task.id.topology]).observe(lateness);
            more |= sent.messages >= self.config.delayed_records_max;
        }
        Ok(more)
    }

    fn commit(&mut self) -> Result<(), Setback> {
        let Some(writer) = &mut self.writer else {
            return Err(Setback::Unknown("no writer".to_owned()));
        };
        let mut committer = Committer {
            writer: &mut **writer,
            generation: &self.generation,
            clock: &*self.clock,
            metrics: &self.metrics,
            performer: &*self.performer,
            changed: &mut self.changed,
        };
        committer.commit(&mut self.tasks, &mut self.transaction)
    }

    // ---- setbacks ---------------------------------------------------------------------------------------------------------------------

    fn react(&mut self, setback: Setback) -> Result<Next, StepError> {
        self.metrics.setbacks.with_label_values(&[setback.reaction()]).inc();
        tracing::warn!(reaction = setback.reaction(), %setback, "setback");
        self.status.update(|s| s.trouble = Some(setback.to_string()));
        let recovered = match setback {
            Setback::Fatal(why) => {
                self.abort();
                return Err(self.end(why));
            }
            Setback::Retry(_) => {
                self.abort();
                self.roll_back()
            }
            Setback::Refused { task, source, offset, why } => {
                self.abort();
                let rolled_back = self.roll_back();
                if let Some(task) = self.tasks.get_mut(task) {
                    task.condemn(source, offset, why);
                }
                rolled_back
            }
            Setback::Unknown(_) => {
                self.drop_writer();
                Ok(())
            }
            Setback::Fenced(_) => {
                self.drop_writer();
                self.unconfirmed = true;
                self.unclaimed.clone_from(&self.places);
                self.membership_due_us = 0;
                Ok(())
            }
            Setback::Store(id, error) => {
                self.abort();
                // The failed one first: it cannot be rolled back.
                self.reopen(&id, &error).and_then(|()| self.roll_back())
            }
        };
        self.backoff_us = (self.backoff_us * 2).clamp(BACKOFF_MIN_US, BACKOFF_MAX_US);
        self.paused_until_us = self.clock.monotonic_us() + self.backoff_us;
        match recovered {
            Ok(()) => Ok(Next::Wait(Duration::from_micros(self.backoff_us.min(WAIT_MAX_US)))),
            Err(Setback::Fatal(why)) => Err(self.end(why)),
            Err(again) => {
                // The way back failed as well: forget everything uncommitted and take the long way.
                tracing::warn!(%again, "recovery failed, restoring");
                self.drop_writer();
                Ok(Next::Wait(Duration::from_micros(self.backoff_us.min(WAIT_MAX_US))))
            }
        }
    }

    fn end(&self, why: String) -> StepError {
        self.status.update(|s| s.ended = Some(why.clone()));
        StepError(why)
    }

    /// Gives the open transaction up; a writer that cannot even abort is dropped.
    fn abort(&mut self) {
        if self.transaction.is_open()
            && let Some(writer) = &mut self.writer
            && let Err(error) = writer.abort()
        {
            tracing::warn!(%error, "abort failed, replacing the writer");
            self.drop_writer();
        }
        self.transaction.ended();
    }

    /// Drops the writer: whatever it did may or may not be in the log. Every task that has begun to work goes back to the log for the truth.
    fn drop_writer(&mut self) {
        self.writer = None;
        self.transaction.ended();
        for task in &mut self.tasks {
            task.store.rollback();
            task.dirty = false;
            for source in &mut task.sources {
                if let Some(slot) = source.slot.take() {
                    self.fetcher.unassign(slot);
                }
            }
            if let Some(restore) = task.restore.take() {
                self.fetcher.unassign(restore.slot);
            }
            if task.state == State::Running {
                task.become_state(State::Restoring);
            }
        }
        self.index_feeds();
        self.show_places();
    }

    /// Nothing was committed: tasks go back to their last commit and read on from there.
    fn roll_back(&mut self) -> Result<(), Setback> {
        for index in 0..self.tasks.len() {
            let task = &mut self.tasks[index];
            if task.state != State::Running || !task.dirty {
                continue;
            }
            task.load().map_err(|e| Setback::Store(task.id.clone(), e))?;
            for source in &mut task.sources {
                if let Some(slot) = source.slot.take() {
                    self.fetcher.unassign(slot);
                }
                let next = task.position.next_offset(&source.partition.topic);
                source.slot = Some(self.fetcher.assign(&source.partition, next.map_or(Start::Earliest, Start::At))?);
            }
        }
        self.index_feeds();
        Ok(())
    }

    /// A store that gave up is closed, opened again and restored; one that is corrupt is emptied first.
    fn reopen(&mut self, id: &TaskId, error: &StoreError) -> Result<(), Setback> {
        if let StoreError::Locked(why) | StoreError::Fatal(why) = error {
            return Err(Setback::Fatal(why.clone()));
        }
        let Some(index) = self.tasks.iter().position(|task| task.id == *id) else {
            // It failed while it was being opened.
            let place = id.place;
            self.places.retain(|p| *p != place);
            self.close_tasks(&[place], false);
            self.unclaimed.push(place);
            return Ok(());
        };
        let task = self.tasks.remove(index);
        for slot in task.sources.iter().filter_map(|s| s.slot).chain(task.restore.as_ref().map(|r| r.slot)) {
            self.fetcher.unassign(slot);
        }
        if let Some(shown) = &task.shown {
            self.queries.hide(shown);
        }
        let topology = task.topology.clone();
        drop(task);
        let fatal = |error: StoreError| Setback::Fatal(error.to_string());
        let mut store = self.stores.open(id, &topology.all_stores()).map_err(fatal)?;
        if matches!(error, StoreError::Corrupt(_)) {
            store.clear().map_err(fatal)?;
        }
        let member = &self.config.member;
        let task = Task::new(id.clone(), &topology, store, &member.app, member.places).map_err(fatal)?;
        self.tasks.insert(index, task);
        self.index_feeds();
        self.show_places();
        Ok(())
    }

    // ---- status -----------------------------------------------------------------------------------------------------------------------

    fn show_places(&mut self) {
        self.status_due_us = 0;
        for task in &self.tasks {
            for state in State::ALL {
                self.metrics
                    .task_state
                    .with_label_values(&[&*task.id.topology, &*task.id.place.to_string(), state.name()])
                    .set(i64::from(task.state == state));
            }
        }
    }

    fn show_status(&mut self, now_ms: i64) {
        let now_us = self.clock.monotonic_us();
        if now_us < self.status_due_us {
            return;
        }
        self.status_due_us = now_us + STATUS_INTERVAL_US;
        let tasks = self.tasks.iter().map(|task| (task.id.clone(), self.status_of(task, now_us))).collect();
        let owners = self.membership.owners();
        let places = self.places.clone();
        let places_total = self.config.member.places;
        self.status.update(|s| {
            *s = Snapshot { places, places_total, tasks, owners, trouble: s.trouble.take(), ended: None };
        });
        if now_us >= self.fresh_due_us {
            self.fresh_due_us = now_us + FRESH_INTERVAL_US;
            for task in self.tasks.iter_mut().filter(|task| task.state == State::Running) {
                if let Err(error) = task.store.set_fresh(now_ms) {
                    tracing::warn!(task = %task.id, %error, "freshness not noted");
                }
            }
        }
    }

    fn status_of(&self, task: &Task, now_us: u64) -> TaskStatus {
        TaskStatus {
            state: task.state,
            positions: task
                .sources
                .iter()
                .map(|source| (source.partition.clone(), task.committed.next_offset(&source.partition.topic).unwrap_or(0)))
                .collect(),
            last_append_ms: task.last_append_ms,
            next_due_ms: task.delayed.next_due_ms(),
            restore: task.restore.as_ref().map(|restore| restore.progress(self.fetcher.position(restore.slot), now_us)),
        }
    }
}
