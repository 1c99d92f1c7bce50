//! What is done about a setback: roll back, replace the writer, reopen a store.

use super::effects::close_effects_of;
use super::{BACKOFF_MAX_US, BACKOFF_MIN_US, Feeds, Next, StepError, StreamThread, WAIT_MAX_US};
use crate::setback::{Refusal, Setback};
use crate::task_state::State;
use crate::transaction::Origin;
use holdfast_ports::log::Start;
use holdfast_ports::store::{StoreError, TaskId};
use std::time::Duration;

impl StreamThread {
    pub(super) fn react(&mut self, setback: Setback) -> Result<Next, StepError> {
        // What is done about it must not happen beside a commit; and when that fails too, it was the first to.
        let setback = match self.settle() {
            Ok(()) => setback,
            Err(first) => {
                tracing::warn!(%setback, "beside a commit that failed");
                first
            }
        };
        self.metrics.setbacks.with_label_values(&[setback.reaction()]).inc();
        if let Setback::Stale(why) = &setback {
            return self.regroup(why);
        }
        tracing::warn!(reaction = setback.reaction(), %setback, "setback");
        self.status.update(|s| s.trouble = Some(setback.to_string()));
        let fenced = matches!(setback, Setback::Fenced(_));
        let recovered = match setback {
            Setback::Fatal(why) => return Err(self.end(why)),
            Setback::Retry(_) => self.roll_back(),
            Setback::Refused(refusals) => {
                // Before the slots are given up.
                self.condemn(refusals);
                self.roll_back_or_restore()
            }
            Setback::Unnamed { among, .. } => {
                self.narrow(among);
                self.roll_back_or_restore()
            }
            Setback::Unknown(_) | Setback::Stale(_) => {
                self.drop_writer();
                Ok(())
            }
            Setback::Fenced(_) => {
                // Another worker may perform them already.
                self.close_effects();
                self.drop_writer();
                self.unconfirmed = true;
                // Beside those that were given and not yet claimed: the group says that once.
                self.unclaimed.retain(|place| !self.places.contains(place));
                self.unclaimed.extend(&self.places);
                self.membership_due_us = 0;
                Ok(())
            }
            Setback::Store(id, error) => {
                // The failed one first: it cannot be rolled back.
                self.reopen(&id, &error).and_then(|()| self.roll_back())
            }
        };
        self.backoff_us = (self.backoff_us * 2).clamp(BACKOFF_MIN_US, BACKOFF_MAX_US);
        // Who has been fenced may be a zombie that does not know it yet: the group gets the time to say so before anything is claimed again.
        let pause_us = if fenced { BACKOFF_MAX_US } else { self.backoff_us };
        self.paused_until_us = self.clock.monotonic_us() + pause_us;
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

    /// After a transaction that was not committed, whose writer may be over.
    fn roll_back_or_restore(&mut self) -> Result<(), Setback> {
        if self.writer.is_some() {
            return self.roll_back();
        }
        self.drop_writer();
        Ok(())
    }

    /// These go to the dead letters when they come again.
    fn condemn(&mut self, refusals: Vec<Refusal>) {
        for Refusal { of, why } in refusals {
            match of {
                Origin::Record(slot, offset) => {
                    if let Some(Feeds::Source(task, source)) = self.feeds.get(&slot) {
                        self.tasks[*task].condemned.add((*source, offset), why);
                    }
                }
                Origin::Delayed(id, message) => {
                    if let Some(task) = self.tasks.iter_mut().find(|task| task.id == id) {
                        task.condemned_delayed.add(message, why);
                    }
                }
            }
        }
    }

    /// A rebalance that others have caused is no trouble: what is open is done again in the generation to come, by the same writer.
    fn regroup(&mut self, why: &str) -> Result<Next, StepError> {
        tracing::info!(why, "the group has moved on, waiting to hear of it");
        if let Err(setback) = self.roll_back() {
            return self.react(setback);
        }
        self.regrouping = Some((self.generation.clone(), self.clock.monotonic_us() + BACKOFF_MAX_US));
        self.membership_due_us = 0;
        self.status.update(|s| s.regrouping = true);
        Ok(Next::Wait(Duration::from_micros(self.config.membership_interval_us)))
    }

    /// Whether the generation that was refused is still the one we know. Not for ever: should the refusal have been a mistake, trying again shows it.
    pub(super) fn is_regrouping(&mut self, now_us: u64) -> bool {
        let waits =
            matches!(&self.regrouping, Some((refused, until_us)) if refused.is(&self.generation) && now_us < *until_us);
        if !waits && self.regrouping.take().is_some() {
            self.status.update(|s| s.regrouping = false);
        }
        waits
    }

    pub(super) fn end(&self, why: String) -> StepError {
        self.status.update(|s| s.ended = Some(why.clone()));
        StepError(why)
    }

    /// Drops the writer: whatever it did may or may not be in the log. Every task that has begun to work goes back to the log for the truth.
    pub(super) fn drop_writer(&mut self) {
        self.writer = None;
        self.transaction.forget();
        for task in &mut self.tasks {
            task.forget();
            task.stop_reading(&mut *self.fetcher);
            if task.state == State::Running {
                task.become_state(State::Restoring);
            }
        }
        self.index_feeds();
        self.show_places();
    }

    /// Nothing was committed: tasks go back to their last commit and read on from there.
    pub(super) fn roll_back(&mut self) -> Result<(), Setback> {
        self.transaction.forget();
        for index in 0..self.tasks.len() {
            let task = &mut self.tasks[index];
            if task.state != State::Running || !(task.dirty || task.committing) {
                continue;
            }
            task.load().map_err(|e| Setback::Store(task.id.clone(), e))?;
            for source in &mut task.sources {
                if let Some(slot) = source.slot.take() {
                    self.fetcher.unassign(slot);
                }
                let next = task.position.next_offset(&source.partition.topic);
                source.slot = Some(source.read(&mut *self.fetcher, next.map_or(Start::Earliest, Start::At))?);
            }
        }
        self.index_feeds();
        Ok(())
    }

    /// A store that gave up is closed, opened again and restored; one that is corrupt is emptied first.
    pub(super) fn reopen(&mut self, id: &TaskId, error: &StoreError) -> Result<(), Setback> {
        if let StoreError::Locked(why) | StoreError::Fatal(why) = error {
            return Err(Setback::Fatal(why.clone()));
        }
        let Some(index) = self.tasks.iter().position(|task| task.id == *id) else {
            // It failed while it was being opened.
            self.open_later(id.place);
            return Ok(());
        };
        let mut task = self.tasks.remove(index);
        task.stop_reading(&mut *self.fetcher);
        close_effects_of(&mut task, &*self.performer);
        if let Some(shown) = &task.shown {
            self.queries.hide(shown);
        }
        let topology = task.topology.clone();
        drop(task);
        if matches!(error, StoreError::Corrupt(_)) {
            self.stores.destroy(id).map_err(|error| Setback::Fatal(error.to_string()))?;
        }
        match self.open_task(&topology, id.place) {
            Ok(task) => {
                self.tasks.insert(index, task);
                self.index_feeds();
                self.show_places();
            }
            Err(Setback::Store(..)) => self.open_later(id.place),
            Err(setback) => return Err(setback),
        }
        Ok(())
    }

    /// Everything in `place` is closed, to be claimed and opened again.
    fn open_later(&mut self, place: u32) {
        self.close_tasks(&[place], false);
        self.unclaimed.push(place);
        self.show_places();
    }
}
