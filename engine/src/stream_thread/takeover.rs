//! Places given to us in which another one still works. His state is built up here beside him; then he is asked to give the place up, and all that is left
//! to restore is the tail of what he did meanwhile. One place after the other, so that each stands still for its own tail alone.
//!
//! ```text
//!  we    assigned ── warming, lap by lap ── ask ───────── claim ── the tail ── running
//!  he    running ──────────────────────────── commit ── release
//!                                             └── nobody decides ──┘
//! ```

use super::StreamThread;
use super::restores::is_young;
use crate::setback::Setback;
use crate::task::Task;
use crate::task_state::State;
use holdfast_ports::log::End;
use holdfast_ports::membership::Claimed;

/// How soon it is looked again whether a place that was asked for is free, in µs.
pub(super) const LOOK_US: u64 = 2_000;

/// A place that its last owner holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) place: u32,
    /// When its owner was asked to give it up.
    asked_us: Option<u64>,
}

impl StreamThread {
    /// Claims what is ours to claim; warms up for the first of those places that somebody holds.
    pub(super) fn claim_places(&mut self, now_ms: i64) -> Result<(), Setback> {
        self.awaits_claims = false;
        for place in self.unclaimed.clone().into_iter().rev() {
            match self.membership.claim(place, &self.config.owner)? {
                Claimed::Ours => self.begin_work(place)?,
                Claimed::Held => self.wait_for(place)?,
                Claimed::Pending => self.wait_for_claim(place),
            }
        }
        if let Some(place) = self.held.first().map(|held| held.place)
            // Whoever waits for a place that is being restored comes first.
            && self.all_ours_run()
        {
            self.warm_up(place, now_ms)?;
        }
        if self.is_awaited() {
            self.membership_due_us = 0;
        }
        Ok(())
    }

    /// Whether a place that was asked for may be free, or a claim in the log, at any moment.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaits_claims || self.held.iter().any(|held| held.asked_us.is_some())
    }

    /// The claim is on its way. Other places are decided meanwhile; in this one nothing is begun.
    fn wait_for_claim(&mut self, place: u32) {
        self.awaits_claims = true;
        // One that is at work had a claim before, and was given back to us by the group.
        let is_at_work = self.tasks.iter().any(|task| task.id.place == place && task.state == State::Running);
        if !is_at_work {
            self.places.retain(|ours| *ours != place);
        }
    }

    fn begin_work(&mut self, place: u32) -> Result<(), Setback> {
        self.unclaimed.retain(|unclaimed| *unclaimed != place);
        if let Some(at) = self.held.iter().position(|held| held.place == place) {
            let asked_us = self.held.remove(at).asked_us;
            let now_us = self.clock.monotonic_us();
            let waited_ms = asked_us.map(|asked_us| now_us.saturating_sub(asked_us) / 1_000);
            tracing::info!(place, waited_ms, "taken over");
        }
        if self.works_in(place) {
            return Ok(());
        }
        self.places.push(place);
        self.places.sort_unstable();
        // A lap that has not ended knows the end of a time when others wrote: the restore asks for its own.
        for task in self.tasks.iter_mut().filter(|task| task.id.place == place) {
            task.stop_reading(&mut *self.fetcher);
        }
        while self.open_next(place)? {}
        Ok(())
    }

    /// Whether `place` is ours and claimed. A task of any other place is being warmed up.
    pub(super) fn works_in(&self, place: u32) -> bool {
        self.places.contains(&place)
    }

    /// True when every task runs but those that are being warmed up, and those that will not run: other places need not wait for them.
    pub(super) fn all_ours_run(&self) -> bool {
        let is_up = |task: &Task| matches!(task.state, State::Running | State::Halted);
        self.tasks.iter().all(|task| is_up(task) || !self.works_in(task.id.place))
    }

    fn wait_for(&mut self, place: u32) -> Result<(), Setback> {
        // Ours before we were fenced, and given to somebody else since.
        if self.tasks.iter().any(|task| task.id.place == place && task.state == State::Running) {
            return Err(Setback::Fenced(format!("another one works in place {place}")));
        }
        self.places.retain(|ours| *ours != place);
        if self.held.iter().all(|held| held.place != place) {
            tracing::info!(place, "its owner still works there");
            self.held.push(Held { place, asked_us: None });
        }
        Ok(())
    }

    /// Laps through the changelogs of `place`, each shorter than the one before, until what is left is short enough to ask for the place.
    fn warm_up(&mut self, place: u32, now_ms: i64) -> Result<(), Setback> {
        if self.held.iter().any(|held| held.place == place && held.asked_us.is_some()) {
            return Ok(());
        }
        // One in a step: it takes the disk a while, and other places are at work here.
        if self.open_next(place)? {
            return Ok(());
        }
        if self.tasks.iter().any(|task| task.id.place == place && task.restore.is_some()) {
            return Ok(());
        }
        let mut is_warm = true;
        for index in 0..self.tasks.len() {
            if self.tasks[index].id.place == place && self.tail(index, now_ms)? > self.config.tail_max {
                is_warm = false;
                self.begin_restore(index, now_ms)?;
            }
        }
        if is_warm {
            self.membership.ask(place, &self.config.owner)?;
            let now_us = self.clock.monotonic_us();
            for held in self.held.iter_mut().filter(|held| held.place == place) {
                held.asked_us = Some(now_us);
            }
        }
        Ok(())
    }

    /// Offsets of its changelog that the store of task `index` lacks.
    fn tail(&mut self, index: usize, now_ms: i64) -> Result<i64, Setback> {
        let Task { store, changelog, .. } = &self.tasks[index];
        let end = self.fetcher.end(changelog, End::Written)?;
        let level = store.changelog_next().filter(|_| is_young(&**store, now_ms, self.config.store_age_max_ms));
        Ok(end - level.unwrap_or(0))
    }
}
