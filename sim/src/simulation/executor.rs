//! The executor of effects of a simulated worker: pulls a few at a time, makes calls that take a while, and loses all it knows with its machine.
//!
//! ```text
//!  pull ── under way ── the outside takes it (or not) ── result in the log
//!             └── each arrow is an event of the history, and anything may happen in between
//! ```

use super::outside::{Answer, CREDIT, Outside};
use crate::clock::SimClock;
use crate::rng::Rng;
use holdfast_engine::runtime::{Effect, EffectId, Lane, TaskEffects};
use holdfast_ports::clock::Clock;
use holdfast_ports::record::TopicPartition;
use holdfast_ports::store::TaskId;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long a place that is to be given up waits for calls that are under way, in µs.
pub(super) const DRAIN_US: u64 = 30_000;
/// Events within which a worker that was told that it had lost places has done something about it.
const LOST_EVENTS: u64 = 100;

/// Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Executor {
    state: Arc<Mutex<State>>,
    outside: Outside,
    clock: SimClock,
}

#[derive(Default)]
struct State {
    open: BTreeMap<TaskId, Open>,
    under_way: Vec<UnderWay>,
    /// Turns that this worker has begun, by partition of the results.
    turns: BTreeMap<TopicPartition, u64>,
    /// Calls of a place that were cut off before it had been waited for long enough: in which event.
    cut: Vec<(u32, u64)>,
    /// The event in which the worker was told last that it had lost places.
    lost_in: Option<u64>,
}

struct Open {
    effects: TaskEffects,
    turn: u64,
    last: BTreeMap<Lane, EffectId>,
    /// Lanes in which more may wait.
    lanes: BTreeSet<Lane>,
    draining_since_us: Option<u64>,
}

struct UnderWay {
    effect: Effect,
    turn: u64,
    to: TopicPartition,
    /// The value of its result, once the call has ended.
    value: Option<Vec<u8>>,
}

impl Executor {
    pub(super) fn new(outside: &Outside, clock: &SimClock) -> Self {
        Self { outside: outside.clone(), clock: clock.clone(), state: Arc::default() }
    }

    /// The worker asks where results end.
    pub(super) fn begin_turn(&self, results: &TopicPartition) {
        let turn = self.outside.begin_turn(results);
        self.state.lock().turns.insert(results.clone(), turn);
    }

    pub(super) fn open(&self, effects: TaskEffects) {
        let mut state = self.state.lock();
        let turn = state.turns.get(effects.results()).copied().unwrap_or(0);
        // A store that cannot be read shows in the step.
        let lanes = effects.lanes().unwrap_or_default().into_iter().collect();
        let task = effects.task().clone();
        if state
            .open
            .insert(task.clone(), Open { effects, turn, last: BTreeMap::new(), lanes, draining_since_us: None })
            .is_some()
        {
            self.outside.complain(format!("effects of {task} were opened twice"));
        }
    }

    pub(super) fn committed(&self, task: &TaskId, lanes: &[Lane]) {
        if let Some(open) = self.state.lock().open.get_mut(task) {
            open.lanes.extend(lanes.iter().cloned());
        }
    }

    pub(super) fn drain(&self, task: &TaskId) -> bool {
        let now_us = self.clock.monotonic_us();
        let mut state = self.state.lock();
        if let Some(open) = state.open.get_mut(task) {
            open.draining_since_us.get_or_insert(now_us);
        }
        !state.under_way.iter().any(|call| call.effect.task == *task)
    }

    pub(super) fn close(&self, task: &TaskId) {
        let now_us = self.clock.monotonic_us();
        let mut state = self.state.lock();
        let Some(open) = state.open.remove(task) else { return };
        let (cut, kept) = std::mem::take(&mut state.under_way).into_iter().partition(|call| call.effect.task == *task);
        state.under_way = kept;
        let is_early = open.draining_since_us.is_none_or(|since_us| now_us - since_us < DRAIN_US);
        if is_early && !Vec::is_empty(&cut) {
            state.cut.push((task.place, self.outside.event()));
        }
        self.leave(cut);
    }

    /// The worker is told that it has lost places.
    pub(super) fn lost(&self) {
        self.state.lock().lost_in = Some(self.outside.event());
    }

    /// The worker gives these places up in good order.
    pub(super) fn released(&self, places: &[u32]) {
        let event = self.outside.event();
        let state = self.state.lock();
        // What was given up before it was lost is not waited for, be it that a setback came in between.
        if state.lost_in.is_some_and(|lost_in| event - lost_in < LOST_EVENTS) {
            return;
        }
        if let Some((place, _)) = state.cut.iter().find(|(place, at)| places.contains(place) && *at == event) {
            self.outside.complain(format!("place {place} was given up while calls were under way"));
        }
    }

    /// The worker's memory is gone.
    pub(super) fn forget(&self) {
        let state = std::mem::take(&mut *self.state.lock());
        self.leave(state.under_way);
    }

    fn leave(&self, cut: Vec<UnderWay>) {
        for UnderWay { effect, turn, to, value } in cut {
            if let Some(value) = value {
                self.outside.leave_on_the_wire(Answer { effect, turn, to, value });
            }
        }
    }

    /// Pulls one effect and begins its call; false when there is none, or enough are under way.
    pub(super) fn begin(&self, rng: &mut Rng) -> bool {
        let mut state = self.state.lock();
        let State { open, under_way, .. } = &mut *state;
        if under_way.len() >= CREDIT {
            return false;
        }
        let waiting: Vec<(TaskId, Lane)> = open
            .iter()
            .filter(|(_, open)| open.draining_since_us.is_none())
            .flat_map(|(task, open)| open.lanes.iter().map(|lane| (task.clone(), lane.clone())))
            .collect();
        let first = usize::try_from(rng.below(waiting.len() as u64)).unwrap_or(0);
        for (task, lane) in waiting.iter().cycle().skip(first).take(waiting.len()) {
            let Some(open) = open.get_mut(task) else { continue };
            let Ok(effects) = open.effects.pull(lane, open.last.get(lane).copied(), 1) else { continue };
            let Some(effect) = effects.into_iter().next() else {
                open.lanes.remove(lane);
                continue;
            };
            open.last.insert(lane.clone(), effect.id);
            under_way.push(UnderWay { effect, turn: open.turn, to: open.effects.results().clone(), value: None });
            return true;
        }
        false
    }

    /// A call that has not ended: its effect, and in which turn it was pulled.
    pub(super) fn next_call(&self, rng: &mut Rng) -> Option<(Effect, u64, TopicPartition)> {
        let state = self.state.lock();
        let calls: Vec<&UnderWay> = state.under_way.iter().filter(|call| call.value.is_none()).collect();
        rng.pick(&calls).map(|call| (call.effect.clone(), call.turn, call.to.clone()))
    }

    /// A call has ended, and this is the value of its result.
    pub(super) fn end_call(&self, effect: &Effect, value: Vec<u8>) {
        let mut state = self.state.lock();
        if let Some(call) = state.under_way.iter_mut().find(|call| call.effect == *effect) {
            call.value = Some(value);
        }
    }

    /// A result that is to be told.
    pub(super) fn next_answer(&self, rng: &mut Rng) -> Option<Answer> {
        let mut state = self.state.lock();
        let ended: Vec<usize> = (0..state.under_way.len()).filter(|at| state.under_way[*at].value.is_some()).collect();
        let at = *rng.pick(&ended)?;
        let UnderWay { effect, turn, to, value } = state.under_way.remove(at);
        Some(Answer { effect, turn, to, value: value? })
    }
}
