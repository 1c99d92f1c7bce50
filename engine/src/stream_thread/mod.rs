//! The heartbeat. Everything the engine ever does is reachable from [`StreamThread::step`].

mod commits;
mod effects;
mod places;
mod records;
mod restores;
mod setbacks;
mod showing;
mod takeover;

use crate::commit::Assistant;
use crate::config::StreamConfig;
use crate::effect::Performer;
use crate::metrics::EngineMetrics;
use crate::queries::Queries;
use crate::setback::Setback;
use crate::status::Status;
use crate::task::Task;
use crate::task_state::State;
use crate::topology::Topology;
use crate::transaction::Transaction;
use commits::Beside;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Fetcher, Log, LogError, Slot, Writer};
use holdfast_ports::membership::{Change, Generation, Membership};
use holdfast_ports::store::Stores;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use takeover::Held;

/// A step is never further away than this, so that a stop is noticed.
const WAIT_MAX_US: u64 = 100_000;
/// First pause after a setback; it doubles up to [`BACKOFF_MAX_US`].
const BACKOFF_MIN_US: u64 = 20_000;
const BACKOFF_MAX_US: u64 = 1_000_000;
/// What falls due so soon is taken along by the commit before it: deadlines of one sale stand a millisecond apart, and each commit keeps the next waiting.
const COMPANY_MS: i64 = 2;
/// While a commit is under way, a step that finds fewer records than this is followed by a pause, and no pause is longer than this, in µs.
const FEW_BESIDE: usize = 100;
const LOOK_BESIDE_US: u64 = 1_000;
/// How often positions are copied into the status.
const STATUS_INTERVAL_US: u64 = 100_000;

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
    /// Who carries large commits out beside the thread; without one it carries out all of them itself.
    pub assistant: Option<Box<dyn Assistant>>,
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

/// The log could not be joined. When it says [`LogError::Retry`], the parts may be given to [`StreamThread::join`] again.
#[derive(thiserror::Error)]
#[error("{error}")]
pub struct NotJoined {
    /// Why.
    pub error: LogError,
    /// What was to be joined.
    pub parts: Box<Parts>,
}

impl fmt::Debug for NotJoined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotJoined").field("error", &self.error).finish_non_exhaustive()
    }
}

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
    assistant: Option<Box<dyn Assistant>>,

    membership: Box<dyn Membership>,
    generation: Generation,
    /// What the group gave and took and is not done yet, in order.
    pending: VecDeque<Change>,
    /// Places that are ours but not yet claimed.
    unclaimed: Vec<u32>,
    places: Vec<u32>,
    /// Those of the unclaimed in which somebody still works.
    held: Vec<Held>,
    /// Claims are on their way.
    awaits_claims: bool,
    fetcher: Box<dyn Fetcher>,
    /// `None` between a setback and the next attempt, and while a commit is under way.
    writer: Option<Box<dyn Writer>>,
    /// The writer is another than the one that what is ours was yielded with.
    is_new: bool,
    /// In order of task id: order is behaviour.
    tasks: Vec<Task>,
    feeds: FxHashMap<Slot, Feeds>,
    /// What is open.
    transaction: Transaction,
    beside: Beside,
    /// Most records in a transaction while one that the log refuses without naming it is looked for.
    narrowed: Option<usize>,
    /// The group has to confirm us before anything is claimed again.
    unconfirmed: bool,
    /// All that was given to us has run at some moment.
    settled: bool,
    /// No effect is begun any more.
    is_stopping: bool,
    /// A generation that was refused, and until when another one is waited for.
    regrouping: Option<(Generation, u64)>,
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
    /// When the log cannot be joined: now, as when a topic that has just been made has no leader yet, or at all, as with wrong settings.
    pub fn join(parts: Parts) -> Result<Self, NotJoined> {
        // Before joining: it takes up to a second, in which a place that others have given up for us would be nobody's. Without one the first step makes
        // it, and says what is in the way.
        let writer = parts.log.writer(&parts.config.owner.writer).ok();
        let joined = parts.log.membership(&parts.config.member).and_then(|joined| Ok((joined, parts.log.fetcher()?)));
        let (membership, fetcher) = match joined {
            Ok(joined) => joined,
            Err(error) => return Err(NotJoined { error, parts: Box::new(parts) }),
        };
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
            assistant: parts.assistant,
            pending: VecDeque::new(),
            unclaimed: Vec::new(),
            places: Vec::new(),
            held: Vec::new(),
            awaits_claims: false,
            writer,
            is_new: false,
            tasks: Vec::new(),
            feeds: FxHashMap::default(),
            transaction: Transaction::default(),
            beside: Beside::default(),
            narrowed: None,
            unconfirmed: false,
            settled: false,
            is_stopping: false,
            regrouping: None,
            membership_due_us: 0,
            status_due_us: 0,
            fresh_due_us: 0,
            backoff_us: 0,
            paused_until_us: 0,
        })
    }

    /// Does what there is to do now, without waiting:
    ///
    /// 1. the commit under way: what became of it
    /// 2. places: what the group gave and took; a writer; claims; restores begun
    /// 3. records: each goes to its task, or into its restore
    /// 4. delayed messages that are due at `now_ms`
    /// 5. restores that have arrived
    /// 6. a commit, when one is due
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

    /// Waits until a record may be there, or it is known what became of the commit under way; at most `at_most`. An error shows again in the next step,
    /// which reacts to it.
    pub fn wait(&mut self, at_most: Duration) {
        if self.is_committing() {
            self.wait_for_commit(at_most);
        } else if let Err(error) = self.fetcher.wait(at_most) {
            tracing::debug!(%error, "waiting for records");
        }
    }

    /// Whether a commit is under way beside it.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        !matches!(self.beside, Beside::Nothing)
    }

    /// Finishes, after [`StreamThread::drain`]: commits what is done, closes the stores, releases the places, leaves the group.
    ///
    /// # Errors
    /// When something could not be finished; nothing is lost by it, a restart repeats the rest.
    pub fn close(mut self) -> Result<(), StepError> {
        let outcome = self.commit_all();
        let places = self.places.clone();
        let open: Vec<u32> = self.tasks.iter().map(|task| task.id.place).collect();
        let closing = self.take_tasks(&open);
        // Others wait for the places, and nobody for our disk.
        let released = self.membership.release(&places).and_then(|()| self.membership.leave());
        Self::close_stores(closing, outcome.is_ok());
        self.status.update(|s| {
            s.places.clear();
            s.tasks.clear();
            s.ended = Some("stopped".to_owned());
        });
        match outcome {
            // Two stop at the same time: whoever comes next decides what was open.
            Err(Setback::Stale(why)) => tracing::info!(why, "the group has moved on during the stop"),
            outcome => outcome.map_err(|setback| StepError(setback.to_string()))?,
        }
        released.map_err(|error| StepError(error.to_string()))
    }

    /// True when every task of our places runs and nothing waits to be claimed, but for what others hold.
    fn is_settled(&self) -> bool {
        (self.writer.is_some() || self.is_committing())
            && self.unclaimed.len() == self.held.len()
            && self.all_ours_run()
    }

    fn try_step(&mut self, now_ms: i64, now_us: u64) -> Result<Next, Setback> {
        self.look_after_commit()?;
        if now_us >= self.membership_due_us || !self.pending.is_empty() {
            self.membership_due_us = now_us + self.config.membership_interval_us;
            self.follow_group()?;
        }
        if self.is_regrouping(now_us) {
            return Ok(Next::Wait(Duration::from_micros(self.config.membership_interval_us)));
        }
        self.prepare(now_ms)?;
        self.open_effects();
        let fetched = self.fetch()?;
        if self.transaction.is_heavy(&self.config.commit) {
            // What is due goes into the next one, which has room: large records that keep coming must not keep it waiting.
            self.commit()?;
        }
        let more_due = self.send_due(now_ms)?;
        self.finish_restores(now_ms)?;
        let drained = fetched < self.config.commit.few_records && !more_due;
        let due_ms = self.next_due_ms();
        let mut wait_us = self.idle_us(due_ms, now_ms);
        if self.transaction.is_open() {
            let commit = &self.commit_config();
            let company = due_ms.is_some_and(|due_ms| due_ms > now_ms && due_ms - now_ms <= COMPANY_MS);
            let due_in_us = self.transaction.due_in_us(commit, drained, company, self.clock.monotonic_us());
            if due_in_us > 0 {
                wait_us = wait_us.min(due_in_us);
            } else if !self.is_committing() || self.transaction.is_full(commit) {
                self.commit()?;
            }
        }
        self.show_status(now_ms);
        if self.is_committing() {
            // A few records at a time would keep a core busy that the commit needs.
            let few = fetched < FEW_BESIDE && !more_due;
            return Ok(if few { Next::Wait(Duration::from_micros(wait_us.min(LOOK_BESIDE_US))) } else { Next::Now });
        }
        let is_idle = fetched == 0 && !more_due;
        Ok(if is_idle { Next::Wait(Duration::from_micros(wait_us)) } else { Next::Now })
    }

    /// When the next delayed message is due.
    fn next_due_ms(&self) -> Option<i64> {
        let running = self.tasks.iter().filter(|task| task.state == State::Running);
        running.filter_map(|task| task.delayed.next_due_ms()).min()
    }

    /// How long nothing has to be done if no record arrives and the next delayed message is due at `due_ms`.
    fn idle_us(&self, due_ms: Option<i64>, now_ms: i64) -> u64 {
        if self.is_awaited() {
            return takeover::LOOK_US;
        }
        let due_us = due_ms.map_or(WAIT_MAX_US, |due| u64::try_from(due - now_ms).unwrap_or(0).saturating_mul(1000));
        // Not shorter than a millisecond: librdkafka takes whole ones, and less would spin.
        due_us.min(self.config.membership_interval_us.max(1_000)).clamp(1_000, WAIT_MAX_US)
    }
}
