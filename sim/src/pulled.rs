//! Effects as a simulated executor holds them: pulled as soon as they are committed, forgotten when their task is closed, and lost with the memory of
//! their worker.

use holdfast_engine::runtime::{Effect, EffectId, Lane, Performer, TaskEffects};
use holdfast_ports::store::TaskId;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Effects pulled at one time from one lane.
const PULL_MAX: usize = 64;

/// Pulls effects and leaves it to the caller to perform them. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulled(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<TaskId, Open>,
    waiting: VecDeque<Effect>,
}

#[derive(Debug)]
struct Open {
    effects: TaskEffects,
    last: BTreeMap<Lane, EffectId>,
}

impl Pulled {
    /// The one that was pulled first, and is neither performed nor forgotten.
    pub(crate) fn take(&self) -> Option<Effect> {
        self.0.lock().waiting.pop_front()
    }
}

impl State {
    fn pull(&mut self, task: &TaskId, lanes: &[Lane]) {
        let Some(open) = self.open.get_mut(task) else { return };
        for lane in lanes {
            // A store that cannot be read shows in the step.
            while let Ok(effects) = open.effects.pull(lane, open.last.get(lane).copied(), PULL_MAX) {
                let Some(last) = effects.last() else { break };
                open.last.insert(lane.clone(), last.id);
                self.waiting.extend(effects);
            }
        }
    }

    fn forget(&mut self, task: &TaskId) {
        self.waiting.retain(|effect| effect.task != *task);
    }
}

impl Performer for Pulled {
    fn open(&self, effects: TaskEffects) {
        let mut state = self.0.lock();
        let (task, lanes) = (effects.task().clone(), effects.lanes().unwrap_or_default());
        state.open.insert(task.clone(), Open { effects, last: BTreeMap::new() });
        state.pull(&task, &lanes);
    }

    fn committed(&self, task: &TaskId, lanes: &[Lane]) {
        self.0.lock().pull(task, lanes);
    }

    fn drain(&self, task: &TaskId) -> bool {
        // Performing takes no time here: what waits was not begun.
        let mut state = self.0.lock();
        state.open.remove(task);
        state.forget(task);
        true
    }

    fn close(&self, task: &TaskId) {
        self.drain(task);
    }
}

/// Pulls nothing until it is asked to: for those who measure what asking for effects costs. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct OnDemand(Arc<Mutex<BTreeMap<TaskId, Open>>>);

impl OnDemand {
    /// The effects that were asked for since this was called last.
    ///
    /// # Panics
    /// When a store cannot be read.
    pub(crate) fn take(&self) -> Vec<Effect> {
        let mut taken = Vec::new();
        for open in self.0.lock().values_mut() {
            for lane in open.effects.lanes().expect("the store can be read") {
                let after = open.last.get(&lane).copied();
                let effects = open.effects.pull(&lane, after, usize::MAX).expect("the store can be read");
                open.last.extend(effects.last().map(|last| (lane, last.id)));
                taken.extend(effects);
            }
        }
        taken
    }
}

impl Performer for OnDemand {
    fn open(&self, effects: TaskEffects) {
        self.0.lock().insert(effects.task().clone(), Open { effects, last: BTreeMap::new() });
    }

    fn committed(&self, _: &TaskId, _: &[Lane]) {}

    fn drain(&self, _: &TaskId) -> bool {
        true
    }

    fn close(&self, task: &TaskId) {
        self.0.lock().remove(task);
    }
}

/// For workers whose topologies ask for none.
#[derive(Debug, Clone, Copy)]
pub struct NoEffects;

impl Performer for NoEffects {
    fn open(&self, _: TaskEffects) {}

    fn committed(&self, _: &TaskId, _: &[Lane]) {}

    fn drain(&self, _: &TaskId) -> bool {
        true
    }

    fn close(&self, _: &TaskId) {}
}
