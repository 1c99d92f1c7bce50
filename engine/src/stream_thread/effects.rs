//! When effects of a task may be performed: from the moment at which all results of earlier owners are decided, until its place is given up.
//!
//! ```text
//!           runs                results are in a commit        committed            to be given up
//!  Closed ───────► Catching up ─────────────────────────► … ──────────────► Open ───────────────► Draining
//!    ▲                                                                       │                        │
//!    └──────────── given up, lost, fenced, halted, store reopened ───────────┴────────────────────────┘
//! ```
//! An earlier owner appends results for as long as it holds the place, and what is under way when it gives the place up is waited for. So every
//! effect that was performed and whose result was appended before the claim is known to have ended, once the results topic is decided and committed
//! up to where it ended when the task began to run. What is performed again is what a crash separated from its result.
//!
//! A setback that has cost neither the place nor the store closes nothing: what is under way goes on.

use super::StreamThread;
use crate::effect::{Performer, TaskEffects};
use crate::queries::TaskView;
use crate::setback::Setback;
use crate::task::{Effects, Source, Task};
use crate::task_state::State;
use holdfast_ports::log::{End, Fetcher};
use holdfast_ports::membership::Change;

impl StreamThread {
    /// A task begins to run: asks where its results end now.
    pub(super) fn catch_up_with_results(&mut self, index: usize) -> Result<(), Setback> {
        let task = &self.tasks[index];
        let Some(results) = results_of(task) else { return Ok(()) };
        match task.effects {
            Effects::Closed => {
                let end = self.fetcher.end(&results.partition, End::Written)?;
                self.tasks[index].effects = Effects::Catching { end, in_commit: false };
            }
            // The commit of which nobody knew what became of it may have added some.
            Effects::Open => {
                if let Some(effects) = self.effects_of(task) {
                    let lanes = effects.lanes().map_err(|error| Setback::Retry(error.to_string()))?;
                    self.performer.committed(&task.id, &lanes);
                }
            }
            Effects::Catching { .. } | Effects::CaughtUp | Effects::Draining(_) => {}
        }
        Ok(())
    }

    /// Opens the effects of tasks that have caught up.
    pub(super) fn open_effects(&mut self) {
        if self.is_stopping {
            return;
        }
        for index in 0..self.tasks.len() {
            let task = &self.tasks[index];
            let is_caught_up = match task.effects {
                Effects::CaughtUp => true,
                Effects::Catching { .. } => !task.dirty && !task.committing && has_read_results(task, &*self.fetcher),
                Effects::Closed | Effects::Open | Effects::Draining(_) => false,
            };
            if is_caught_up
                && task.state == State::Running
                && let Some(effects) = self.effects_of(task)
            {
                self.performer.open(effects);
                self.tasks[index].effects = Effects::Open;
            }
        }
    }

    fn effects_of(&self, task: &Task) -> Option<TaskEffects> {
        let (results, shown) = results_of(task).zip(task.shown.as_ref())?;
        let view = TaskView(shown.clone());
        Some(TaskEffects::new(
            &self.config.member.app,
            &task.id,
            view,
            results.partition.clone(),
            task.proving_secret(),
        ))
    }

    /// To be called before [`StreamThread::close`], again and again: begins no more effects. True once none is under way, or some have been for longer
    /// than `effect_drain_us`. Until then the caller goes on with steps, so that their results are decided.
    pub fn drain(&mut self) -> bool {
        self.is_stopping = true;
        let places: Vec<u32> = self.tasks.iter().map(|task| task.id.place).collect();
        self.effects_are_drained(&places)
    }

    /// Whether nothing of these places is under way outside any more, or has been for too long. Nothing new is begun from the first call on.
    pub(super) fn effects_are_drained(&mut self, places: &[u32]) -> bool {
        // Another worker performs them already: what is waited for is lost.
        if self.pending.iter().any(|change| matches!(change, Change::Lost(_))) {
            return true;
        }
        let now_us = self.clock.monotonic_us();
        let mut drained = true;
        for task in self.tasks.iter_mut().filter(|task| places.contains(&task.id.place)) {
            let since_us = match task.effects {
                Effects::Closed => continue,
                Effects::Catching { .. } | Effects::CaughtUp => {
                    // Nor may it be opened while another task of the place is waited for.
                    task.effects = Effects::Closed;
                    continue;
                }
                Effects::Open => now_us,
                Effects::Draining(since_us) => since_us,
            };
            task.effects = Effects::Draining(since_us);
            let waited_us = now_us.saturating_sub(since_us);
            drained &= self.performer.drain(&task.id) || waited_us >= self.config.effect_drain_us;
        }
        drained
    }

    /// Forgets all effects: another worker may perform them next.
    pub(super) fn close_effects(&mut self) {
        for task in &mut self.tasks {
            close_effects_of(task, &*self.performer);
        }
    }
}

/// Forgets the effects of `task`.
pub(super) fn close_effects_of(task: &mut Task, performer: &dyn Performer) {
    if matches!(task.effects, Effects::Open | Effects::Draining(_)) {
        performer.close(&task.id);
    }
    task.effects = Effects::Closed;
}

/// What `task` has done is about to be committed: with it the last of the results that it has to catch up with, if they have been read.
pub(super) fn note_results(task: &mut Task, fetcher: &dyn Fetcher) {
    let has_read = has_read_results(task, fetcher);
    if let Effects::Catching { in_commit, .. } = &mut task.effects {
        *in_commit = has_read;
    }
}

fn has_read_results(task: &Task, fetcher: &dyn Fetcher) -> bool {
    let Effects::Catching { end, .. } = task.effects else { return false };
    results_of(task).and_then(|results| results.slot).is_some_and(|slot| fetcher.position(slot) >= end)
}

/// The source through which results of its effects come.
fn results_of(task: &Task) -> Option<&Source> {
    if !task.topology.has_effects() {
        return None;
    }
    task.sources.iter().find(|source| source.partition.topic == *task.topology.results())
}
