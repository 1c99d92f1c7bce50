//! What a stream thread is doing, for health, `lag` and humans. Written by the thread, read by everybody.

use crate::restore_progress::RestoreProgress;
use crate::task_state::State;
use holdfast_ports::membership::Owner;
use holdfast_ports::record::TopicPartition;
use holdfast_ports::store::TaskId;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A snapshot of everything a worker's stream thread is doing.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Places owned by this worker.
    pub places: Vec<u32>,
    /// Number of places of the app.
    pub places_total: u32,
    /// Each task.
    pub tasks: BTreeMap<TaskId, TaskStatus>,
    /// Whether the group has taken this worker in and given it its share of the places, be it none.
    pub joined: bool,
    /// Whether all that this worker was given has run at some moment. Since then it has state of its own to work on, and a place that it warms up for beside
    /// its owner is no reason to ask elsewhere.
    pub settled: bool,
    /// Places given to this worker that it has not claimed yet.
    pub unclaimed: Vec<u32>,
    /// Places given to this worker in which their last owner still works: it asks for them when it is warm.
    pub held: Vec<u32>,
    /// The claim of each place, `None` where nobody claims it. Index = place.
    pub owners: Vec<Option<Owner>>,
    /// Commits wait for news of a generation that the group has moved on to.
    pub regrouping: bool,
    /// Why the thread is not making progress, if it is not: the last error it rides out.
    pub trouble: Option<String>,
    /// Set when the thread has ended for good.
    pub ended: Option<String>,
}

impl Snapshot {
    /// True when this worker is a member of the group and all that it was given runs. That may be nothing: then it has others to ask. Once it was so,
    /// places in which another one still works do not count.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ended.is_none()
            && self.joined
            && self.unclaimed.is_empty()
            && (self.settled || self.held.is_empty())
            && self.hindrances().next().is_none()
    }

    /// The tasks that keep this worker from being ready.
    pub fn hindrances(&self) -> impl Iterator<Item = (&TaskId, &TaskStatus)> {
        self.tasks.iter().filter(|(id, task)| task.state != State::Running && !(self.settled && self.is_held(id.place)))
    }

    /// Whether the last owner of `place`, which was given to this worker, still works there.
    #[must_use]
    pub fn is_held(&self, place: u32) -> bool {
        self.held.contains(&place)
    }
}

/// What one task is doing.
#[derive(Debug, Clone)]
pub struct TaskStatus {
    /// Its state.
    pub state: State,
    /// Next offset of each source to be decided.
    pub positions: Vec<(TopicPartition, i64)>,
    /// Append time of the last record decided, in ms since the epoch.
    pub last_append_ms: Option<i64>,
    /// Due time of the earliest delayed message, in ms since the epoch.
    pub next_due_ms: Option<i64>,
    /// Restore so far.
    pub restore: Option<RestoreProgress>,
    /// Why it is halted, if it is.
    pub lost: Option<LostInput>,
}

/// Offsets of an inbox that retention deleted before their records were decided. Some of them may have been markers of transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostInput {
    /// The partition of the inbox.
    pub source: TopicPartition,
    /// The first of them.
    pub from: i64,
    /// The first offset that is still there.
    pub to: i64,
}

impl std::fmt::Display for LostInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, from, to } = self;
        write!(
            f,
            "retention deleted offsets {from} to {} of topic {}, partition {}, before they were decided",
            to - 1,
            source.topic,
            source.partition
        )
    }
}

/// The place where the thread writes and others read.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<RwLock<Snapshot>>);

impl Status {
    /// A copy of what is known now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.read().clone()
    }

    /// Whether the worker is ready: see [`Snapshot::is_ready`]. Cheaper than a copy.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.read().is_ready()
    }

    /// Whether this worker owns `place`, running or not. Cheaper than a copy.
    #[must_use]
    pub fn owns(&self, place: u32) -> bool {
        let snapshot = self.0.read();
        snapshot.places.contains(&place) || snapshot.unclaimed.contains(&place)
    }

    /// Who claims `place`. Cheaper than a copy.
    #[must_use]
    pub fn owner_of(&self, place: u32) -> Option<Owner> {
        self.0.read().owners.get(place as usize).cloned().flatten()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.0.write());
    }
}
