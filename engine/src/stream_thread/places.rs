//! Places: what the group gave and took, claims, tasks opened and closed.

use super::effects::close_effects_of;
use super::{Feeds, StreamThread};
use crate::setback::Setback;
use crate::task::Task;
use crate::task_state::State;
use crate::topology::Topology;
use holdfast_ports::membership::Change;
use holdfast_ports::store::{StoreError, TaskId};

impl StreamThread {
    pub(super) fn follow_group(&mut self) -> Result<(), Setback> {
        let polled = self.membership.poll().map(|changes| {
            for change in &changes {
                tracing::info!(?change, "places");
            }
            self.pending.extend(changes);
        });
        // Places in which effects are under way and that are to be given up: what was changed about others is followed meanwhile.
        let mut draining: Vec<u32> = Vec::new();
        let mut at = 0;
        while let Some(change) = self.pending.get(at).cloned() {
            self.take_generation();
            let is_next = !places_of(&change).iter().any(|place| draining.contains(place));
            // It stays there until it is done: a setback on the way must lose neither it nor those behind it.
            if is_next && self.follow(&change)? {
                self.pending.remove(at);
            } else {
                draining.extend(places_of(&change));
                at += 1;
            }
        }
        self.take_generation();
        Ok(polled?)
    }

    /// Once for each change, and again after a setback on the way, or when it returns false: effects are under way in a place that is to be given up.
    fn follow(&mut self, change: &Change) -> Result<bool, Setback> {
        match change {
            Change::Assigned(places) => {
                let news = places.iter().filter(|place| !self.unclaimed.contains(place)).copied();
                self.unclaimed.extend(news.collect::<Vec<_>>());
                self.show_places();
            }
            Change::Revoked(places) => {
                if !self.effects_are_drained(places) {
                    return Ok(false);
                }
                self.commit_all()?;
                // Somebody waits for the place, and nobody for our disk: it is written down afterwards.
                let closing = self.take_tasks(places);
                let released = self.membership.release(places);
                Self::close_stores(closing, true);
                released?;
            }
            Change::Lost(places) => {
                self.settle()?;
                self.roll_back()?;
                self.close_tasks(places, false);
            }
        }
        Ok(true)
    }

    /// The group holds commits against its latest generation as soon as that exists, the last commit before a place is given back among them: the place
    /// is ours until then. With something lost still at work here it would be a lie.
    fn take_generation(&mut self) {
        if !self.pending.iter().any(|change| matches!(change, Change::Lost(_))) {
            self.generation = self.membership.generation();
        }
    }

    /// A writer, claims, tasks, restores: whatever is missing before records can be decided.
    pub(super) fn prepare(&mut self, now_ms: i64) -> Result<(), Setback> {
        if self.writer.is_none() && !self.is_committing() {
            // Making it ends what an earlier writer of this name left open, so a restore that begins after it sees the truth.
            self.writer = Some(self.log.writer(&self.config.owner.writer)?);
            self.is_new = true;
        }
        if self.is_new {
            let renounced = self.membership.renounce()?;
            self.close_tasks(&renounced, true);
            self.is_new = false;
        }
        if self.unconfirmed {
            self.membership.confirm()?;
            self.unconfirmed = false;
        }
        self.claim_places(now_ms)?;
        for index in 0..self.tasks.len() {
            let task = &self.tasks[index];
            let begun = task.state == State::Restoring && task.restore.is_some();
            let is_up = matches!(task.state, State::Running | State::Halted);
            if self.works_in(task.id.place) && !is_up && !begun {
                self.begin_restore(index, now_ms)?;
            }
        }
        Ok(())
    }

    /// Opens a task of `place` that is not open yet. False: all are.
    pub(super) fn open_next(&mut self, place: u32) -> Result<bool, Setback> {
        let is_open = |name: &str| self.tasks.iter().any(|task| task.id.place == place && &*task.id.topology == name);
        let Some(topology) = self.topologies.iter().find(|topology| !is_open(topology.name())) else {
            return Ok(false);
        };
        let task = self.open_task(topology, place)?;
        self.tasks.push(task);
        self.tasks.sort_by(|a, b| a.id.cmp(&b.id));
        self.index_feeds();
        self.show_places();
        Ok(true)
    }

    /// A task on what its disk holds; on nothing when that cannot be read, since the changelog brings it back.
    pub(super) fn open_task(&self, topology: &Topology, place: u32) -> Result<Task, Setback> {
        let id = TaskId { topology: topology.name().clone(), place };
        let member = &self.config.member;
        let open = || {
            let store = self.stores.open(&id, &topology.all_stores())?;
            Task::new(id.clone(), topology, store, (&member.app, member.places), self.config.effect_secret)
        };
        let opened = match open() {
            Err(StoreError::Corrupt(why)) => {
                tracing::warn!(task = %id, why, "store is corrupt, starting from an empty one");
                self.stores.destroy(&id).and_then(|()| open())
            }
            opened => opened,
        };
        opened.map_err(|error| match error {
            StoreError::Poisoned(_) | StoreError::Closed => Setback::Store(id.clone(), error),
            // One that is corrupt as soon as it is made is a disk that cannot be worked with.
            StoreError::Corrupt(_) | StoreError::Locked(_) | StoreError::Fatal(_) => Setback::Fatal(error.to_string()),
        })
    }

    /// Closes the tasks of `places`. Clean: everything they did is committed, so their stores are flushed.
    pub(super) fn close_tasks(&mut self, places: &[u32], clean: bool) {
        let closing = self.take_tasks(places);
        Self::close_stores(closing, clean);
    }

    /// Ends the work in `places`: what is returned is neither fed nor shown any more, and is to be closed.
    pub(super) fn take_tasks(&mut self, places: &[u32]) -> Vec<Task> {
        let (mut closing, staying): (Vec<Task>, Vec<Task>) =
            std::mem::take(&mut self.tasks).into_iter().partition(|task| places.contains(&task.id.place));
        self.tasks = staying;
        for task in &mut closing {
            task.stop_reading(&mut *self.fetcher);
            close_effects_of(task, &*self.performer);
            if let Some(shown) = task.shown.take() {
                self.queries.hide(&shown);
            }
            task.forget();
        }
        self.places.retain(|place| !places.contains(place));
        self.unclaimed.retain(|place| !places.contains(place));
        self.held.retain(|held| !places.contains(&held.place));
        self.index_feeds();
        self.hide_places(&closing);
        self.show_places();
        closing
    }

    pub(super) fn close_stores(closing: Vec<Task>, clean: bool) {
        for mut task in closing {
            if clean && let Err(error) = task.store.flush() {
                tracing::warn!(task = %task.id, %error, "store not flushed, the restart restores its tail");
            }
            task.become_state(State::Closed);
            tracing::info!(task = %task.id, clean, "task closed");
        }
    }

    pub(super) fn index_feeds(&mut self) {
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
}

fn places_of(change: &Change) -> &[u32] {
    match change {
        Change::Assigned(places) | Change::Revoked(places) | Change::Lost(places) => places,
    }
}
