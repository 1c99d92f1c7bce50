//! When effects of a task may be performed: from the moment on at which all results of earlier owners are decided, until its place is to be given up.
//!
//! An earlier owner appends results for as long as it holds the place, and what is under way when it gives the place up is waited for. So what was
//! performed and told before the claim is known to be, once the results topic has been decided up to where it ended at the claim.

use super::StreamThread;
use crate::effect::{Performer, TaskEffects};
use crate::queries::TaskView;
use crate::setback::Setback;
use crate::task::{Effects, Source, Task};
use crate::task_state::State;
use holdfast_ports::log::End;

impl StreamThread {
    /// A task begins to run: asks where its results end now.
    pub(super) fn catch_up_with_results(&mut self, index: usize) -> Result<(), Setback> {
        let task = &mut self.tasks[index];
        // After a setback that has cost us neither the place nor the store, what is under way goes on.
        if task.effects == Effects::Closed
            && let Some(results) = results_of(task)
        {
            let end = self.fetcher.end(&results.partition, End::Written)?;
            task.effects = Effects::Catching(end);
        }
        Ok(())
    }

    /// Opens the effects of tasks that have caught up.
    pub(super) fn open_effects(&mut self) {
        for index in 0..self.tasks.len() {
            let task = &self.tasks[index];
            let Effects::Catching(end) = task.effects else { continue };
            let (Some(results), Some(shown)) = (results_of(task), &task.shown) else { continue };
            if task.state != State::Running || self.reached(task, results) < end {
                continue;
            }
            let view = TaskView(shown.clone());
            let member = &self.config.member;
            // Without one nothing has ever been asked for; the first record brings it, and the next step comes here again.
            if let Some(secret) = task.secret.filter(|_| !task.dirty && !task.committing) {
                let effects = TaskEffects::new(&member.app, &task.id, view, results.partition.clone(), secret);
                self.performer.open(effects);
                self.tasks[index].effects = Effects::Open;
            }
        }
    }

    /// Whether nothing of these places is under way outside any more, or has been for too long. Nothing new is begun from the first call on.
    pub(super) fn effects_are_drained(&mut self, places: &[u32]) -> bool {
        let now_us = self.clock.monotonic_us();
        let mut drained = true;
        for task in self.tasks.iter_mut().filter(|task| places.contains(&task.id.place)) {
            let since_us = match task.effects {
                Effects::Closed | Effects::Catching(_) => continue,
                Effects::Open => now_us,
                Effects::Draining(since_us) => since_us,
            };
            task.effects = Effects::Draining(since_us);
            let waited_us = now_us.saturating_sub(since_us);
            drained &= self.performer.drain(&task.id) || waited_us >= self.config.effect_drain_us;
        }
        drained
    }

    /// Forgets all effects of tasks of these places: another worker may perform them next.
    pub(super) fn close_effects(&mut self, is_over: impl Fn(&Task) -> bool) {
        for task in self.tasks.iter_mut().filter(|task| is_over(task)) {
            close_effects_of(task, &*self.performer);
        }
    }
}

/// Forgets the effects of `task`.
pub(super) fn close_effects_of(task: &mut Task, performer: &dyn Performer) {
    if !matches!(task.effects, Effects::Closed | Effects::Catching(_)) {
        performer.close(&task.id);
    }
    task.effects = Effects::Closed;
}

/// The source through which results of its effects come.
fn results_of(task: &Task) -> Option<&Source> {
    if !task.topology.has_effects() {
        return None;
    }
    task.sources.iter().find(|source| source.partition.topic == *task.topology.results())
}
