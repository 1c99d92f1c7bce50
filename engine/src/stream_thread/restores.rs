//! Restores begun and finished: the way from an open store to a running task.
//!
//! A store that has missed a tombstone keeps a row that nobody has any more, for ever. So one that was level with its changelog too long ago is
//! emptied, and so is one whose restore has taken too long, however often it was interrupted: for a store that is built from nothing, its beginning
//! counts.

use super::StreamThread;
use crate::restore::Restore;
use crate::setback::Setback;
use crate::task_state::State;
use holdfast_ports::log::{End, Start};
use holdfast_ports::store::{Store, TaskId};

impl StreamThread {
    pub(super) fn begin_restore(&mut self, index: usize, now_ms: i64) -> Result<(), Setback> {
        let task = &mut self.tasks[index];
        let failed = |id: &TaskId, error| Setback::Store(id.clone(), error);
        for source in &mut task.sources {
            if let Some(slot) = source.slot.take() {
                self.fetcher.unassign(slot);
            }
        }
        if task.store.changelog_next().is_some() && !is_young(&*task.store, now_ms, self.config.store_age_max_ms) {
            tracing::warn!(task = %task.id, "local store is older than the changelog keeps tombstones: rebuilding it");
            task.store.clear().map_err(|e| failed(&task.id, e))?;
        }
        if task.store.changelog_next().is_none() {
            task.store.set_fresh(now_ms).map_err(|e| failed(&task.id, e))?;
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
        task.restore = Some(Restore::new(slot, end, self.clock.monotonic_us(), now_ms));
        let ours = self.places.contains(&task.id.place);
        task.become_state(if ours { State::Restoring } else { State::Warming });
        tracing::info!(task = %task.id, from = next, end, ours, "restoring");
        self.index_feeds();
        self.show_places();
        Ok(())
    }

    pub(super) fn finish_restores(&mut self, now_ms: i64) -> Result<(), Setback> {
        for index in 0..self.tasks.len() {
            let task = &mut self.tasks[index];
            let Some(restore) = &mut task.restore else { continue };
            let position = self.fetcher.position(restore.slot);
            let labels = [&*task.id.topology, &*task.id.place.to_string()];
            let now_us = self.clock.monotonic_us();
            restore.see(position, now_us);
            let progress = restore.progress(position, now_us);
            self.metrics.restore_remaining.with_label_values(&labels).set(progress.remaining.cast_signed());
            if position < restore.end {
                continue;
            }
            let failed = |id: &TaskId, error| Setback::Store(id.clone(), error);
            if !is_young(&*task.store, now_ms, self.config.store_age_max_ms) {
                tracing::warn!(task = %task.id, "the restore took longer than the changelog keeps tombstones: beginning again");
                self.fetcher.unassign(restore.slot);
                task.restore = None;
                task.store.clear().map_err(|e| failed(&task.id, e))?;
                self.index_feeds();
                continue;
            }
            restore.apply(&mut *task.store).map_err(|e| failed(&task.id, e))?;
            self.metrics.restored_records.with_label_values(&labels[..1]).inc_by(progress.records);
            self.metrics.restored_bytes.with_label_values(&labels[..1]).inc_by(progress.bytes);
            let began_ms = restore.began_ms;
            self.fetcher.unassign(restore.slot);
            task.restore = None;
            // Also when nothing was there to apply: the store is level with the changelog up to here.
            task.store
                .restore(&[], position.max(task.store.changelog_next().unwrap_or(0)))
                .map_err(|e| failed(&task.id, e))?;
            // Nobody else has written since we claimed the place; beside its owner, whoever is level was so when he asked for the end.
            let ours = self.places.contains(&task.id.place);
            task.store.set_fresh(if ours { now_ms } else { began_ms }).map_err(|e| failed(&task.id, e))?;
            if ours {
                self.run_task(index)?;
            } else {
                self.index_feeds();
                self.show_places();
            }
            let task = &self.tasks[index];
            tracing::info!(
                task = %task.id, records = progress.records, mb_per_s = progress.mb_per_s(), elapsed_ms = progress.elapsed_ms, "{}", task.state.name()
            );
        }
        Ok(())
    }

    /// The store is level with its changelog: read on where the position says.
    pub(super) fn run_task(&mut self, index: usize) -> Result<(), Setback> {
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
            source.slot = Some(source.read(&mut *self.fetcher, from)?);
        }
        task.become_state(State::Running);
        let view = task.store.view();
        let inbox = task.topology.inbox();
        match &task.shown {
            Some(shown) => shown.committed(&task.committed),
            None => task.shown = Some(self.queries.show(&task.id, view.clone(), inbox, &task.committed)),
        }
        self.catch_up_with_results(index)?;
        self.index_feeds();
        self.show_places();
        Ok(())
    }
}

/// Whether `store` cannot have missed a tombstone, being level with its changelog at most `age_max_ms` ago. A time far ahead says nothing: some clock was
/// wrong.
pub(super) fn is_young(store: &dyn Store, now_ms: i64, age_max_ms: i64) -> bool {
    store.fresh_ms().is_some_and(|fresh_ms| now_ms.saturating_sub(fresh_ms).saturating_abs() <= age_max_ms)
}
