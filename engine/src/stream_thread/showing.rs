//! What the thread shows of itself.

use super::{STATUS_INTERVAL_US, StreamThread};
use crate::status::{Snapshot, TaskStatus};
use crate::task::{Source, Task};
use crate::task_state::State;

impl StreamThread {
    pub(super) fn show_places(&mut self) {
        self.status_due_us = 0;
        for task in &self.tasks {
            for state in State::ALL {
                self.metrics
                    .task_state
                    .with_label_values(&[&*task.id.topology, &*task.id.place.to_string(), state.name()])
                    .set(i64::from(task.state == state));
            }
        }
    }

    /// Ends what is shown of tasks that are given up: their next owner shows them, and a place shown twice looks served when its
    /// new owner has died.
    pub(super) fn hide_places(&self, given_up: &[Task]) {
        for task in given_up {
            let (topology, place) = (&*task.id.topology, task.id.place.to_string());
            for state in State::ALL {
                // What was never shown cannot be ended, and need not be.
                drop(self.metrics.task_state.remove_label_values(&[topology, &place, state.name()]));
            }
            drop(self.metrics.restore_remaining.remove_label_values(&[topology, &place]));
        }
    }

    pub(super) fn show_status(&mut self, now_ms: i64) {
        let now_us = self.clock.monotonic_us();
        if now_us < self.status_due_us {
            return;
        }
        self.status_due_us = now_us + STATUS_INTERVAL_US;
        let tasks = self.tasks.iter().map(|task| (task.id.clone(), self.status_of(task, now_us))).collect();
        let owners = self.membership.owners();
        let held: Vec<u32> = self.held.iter().map(|held| held.place).collect();
        let unclaimed = self.unclaimed.iter().copied().filter(|place| !held.contains(place)).collect();
        let places = self.places.clone();
        let (joined, regrouping) = (self.membership.has_joined(), self.regrouping.is_some());
        let places_total = self.config.member.places;
        let mut seen = Snapshot {
            places,
            places_total,
            tasks,
            joined,
            settled: self.settled,
            unclaimed,
            held,
            owners,
            regrouping,
            trouble: None,
            ended: None,
        };
        self.settled |= seen.is_ready();
        seen.settled = self.settled;
        self.status.update(|s| {
            seen.trouble = s.trouble.take();
            *s = seen;
        });
        if now_us >= self.fresh_due_us {
            self.fresh_due_us = now_us + self.config.fresh_interval_us();
            for task in self.tasks.iter_mut().filter(|task| task.state == State::Running) {
                if let Err(error) = task.store.set_fresh(now_ms) {
                    tracing::warn!(task = %task.id, %error, "freshness not noted");
                }
            }
        }
    }

    /// Offset of `source` below which everything is decided and committed. The reader's position when nothing is open: it is past transaction
    /// markers, which nobody decides and which would be shown as lag for ever.
    pub(super) fn reached(&self, task: &Task, source: &Source) -> i64 {
        let decided = task.committed.next_offset(&source.partition.topic).unwrap_or(0);
        match source.slot {
            Some(slot) if !task.dirty && !task.committing => decided.max(self.fetcher.position(slot)),
            _ => decided,
        }
    }

    pub(super) fn status_of(&self, task: &Task, now_us: u64) -> TaskStatus {
        TaskStatus {
            state: task.state,
            positions: task
                .sources
                .iter()
                .map(|source| (source.partition.clone(), self.reached(task, source)))
                .collect(),
            last_append_ms: task.last_append_ms,
            next_due_ms: task.delayed.next_due_ms(),
            restore: task.restore.as_ref().map(|restore| restore.progress(self.fetcher.position(restore.slot), now_us)),
            lost: task.lost.clone(),
        }
    }
}
