//! Records fetched and decided, delayed messages sent.

use super::effects::close_effects_of;
use super::{Feeds, StreamThread};
use crate::config::OnLostInput;
use crate::dead_letter;
use crate::effect::FORGED_RESULT;
use crate::metrics::What;
use crate::setback::Setback;
use crate::status::LostInput;
use crate::task::Decided;
use crate::task_state::State;
use holdfast_ports::log::{LogError, Slot, Start};
use std::ops::ControlFlow;

impl StreamThread {
    pub(super) fn fetch(&mut self) -> Result<usize, Setback> {
        let records_max = self.commit_config().records_max;
        let Self { fetcher, tasks, transaction, feeds, metrics, clock, .. } = self;
        let commit = &self.config.commit;
        let room = records_max.saturating_sub(transaction.records).max(1);
        let mut setback = None;
        let mut decided: Vec<usize> = vec![0; tasks.len()];
        let fetched = fetcher.fetch(self.config.fetch_records_max.min(room), &mut |slot, record| {
            let taken = match feeds.get(&slot) {
                // A record that was on its way when its slot was given up.
                None => Ok(()),
                Some(Feeds::Restore(index)) => {
                    let task = &mut tasks[*index];
                    match &mut task.restore {
                        Some(restore) => {
                            restore.take(record, &mut *task.store).map_err(|e| Setback::Store(task.id.clone(), e))
                        }
                        None => Ok(()),
                    }
                }
                Some(Feeds::Source(index, source)) => {
                    let task = &mut tasks[*index];
                    let decision = task.decide(*source, record, &mut transaction.sent.collector);
                    decision.map_err(|e| Setback::Store(task.id.clone(), e)).map(|decision| {
                        match decision {
                            Decided::KnownDuplicate => {
                                metrics.known_duplicates.with_label_values(&[&*task.id.topology]).inc();
                                return;
                            }
                            Decided::RepeatedResult => metrics.count_effects(&task.id, What::Repeated, 1),
                            Decided::Buried(class) => {
                                metrics.dead_letters.with_label_values(&[&*task.id.topology, class]).inc();
                                if class == FORGED_RESULT {
                                    metrics.count_effects(&task.id, What::Forged, 1);
                                }
                            }
                            Decided::Processed => {}
                        }
                        for class in task.given_up.drain(..) {
                            metrics.dead_letters.with_label_values(&[&*task.id.topology, &*class]).inc();
                        }
                        transaction.ensure(|| clock.monotonic_us());
                        transaction.took(slot, record.offset, task.take_stored_bytes());
                        decided[*index] += 1;
                    })
                }
            };
            match taken {
                // What is left is there for the next transaction.
                Ok(()) if transaction.is_heavy(commit) => ControlFlow::Break(()),
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    setback = Some(why);
                    ControlFlow::Break(())
                }
            }
        });
        for (task, decided) in tasks.iter().zip(decided).filter(|(_, decided)| *decided > 0) {
            metrics.records.with_label_values(&[&*task.id.topology]).inc_by(decided as u64);
        }
        if let Some(setback) = setback {
            return Err(setback);
        }
        match fetched {
            Ok(fetched) => Ok(fetched),
            Err(LogError::OutOfRange { slot, earliest, latest }) => self.out_of_range(slot, earliest, latest),
            Err(error) => Err(error.into()),
        }
    }

    /// A partition does not hold what we asked for.
    pub(super) fn out_of_range(&mut self, slot: Slot, earliest: i64, latest: i64) -> Result<usize, Setback> {
        match self.feeds.get(&slot).copied() {
            None => Ok(0),
            Some(Feeds::Restore(index)) => {
                let task = &mut self.tasks[index];
                tracing::warn!(task = %task.id, earliest, "the changelog has moved past the local store: rebuilding it");
                self.fetcher.unassign(slot);
                task.restore = None;
                task.store.clear().map_err(|e| Setback::Store(task.id.clone(), e))?;
                Ok(1)
            }
            Some(Feeds::Source(index, number)) => {
                let task = &self.tasks[index];
                let source = &task.sources[number];
                let asked = task.position.next_offset(&source.partition.topic).unwrap_or(0);
                if asked > latest {
                    return Err(Setback::Fatal(format!(
                        "{} has decided {} up to {asked}, but the topic ends at {latest}: it was deleted, or the broker lost committed records",
                        task.id, source.partition
                    )));
                }
                // A group that was reset below it loses nothing.
                let reached = self.decided_to(index, number, asked)?;
                if reached < earliest {
                    let lost = LostInput { source: source.partition.clone(), from: reached, to: earliest };
                    if self.lose(index, lost)? == OnLostInput::Stop {
                        return Ok(1);
                    }
                }
                self.fetcher.unassign(slot);
                let source = &mut self.tasks[index].sources[number];
                source.slot = Some(source.read(&mut *self.fetcher, Start::At(asked.max(earliest)))?);
                self.index_feeds();
                Ok(1)
            }
        }
    }

    /// The offset up to which it is known that nothing undecided is left. Beyond the position, which is `position`, there may have been markers of transactions
    /// and nothing else: then a reader was seen past them, now or once a second by the mirror.
    fn decided_to(&self, index: usize, number: usize, position: i64) -> Result<i64, Setback> {
        let task = &self.tasks[index];
        let source = &task.sources[number];
        let mirrored = self.log.mirrored(task.topology.group(), std::slice::from_ref(&source.partition))?;
        let mirrored = mirrored.first().copied().flatten().unwrap_or(0);
        Ok(position.max(self.reached(task, source)).max(mirrored))
    }

    /// Records were deleted before they were decided. Says so, and does what the settings say.
    fn lose(&mut self, index: usize, lost: LostInput) -> Result<OnLostInput, Setback> {
        if self.config.on_lost_input == OnLostInput::Stop {
            // What it decided before stands; a halted task has nothing that could be rolled back.
            self.commit_all()?;
        }
        let task = &mut self.tasks[index];
        let offsets = u64::try_from(lost.to - lost.from).unwrap_or(0);
        let labels = [&*task.id.topology, &*task.id.place.to_string()];
        self.metrics.lost_input_offsets.with_label_values(&labels).inc_by(offsets);
        match self.config.on_lost_input {
            OnLostInput::Continue => {
                tracing::error!(task = %task.id, "{lost}; going on with offset {}, as ON_LOST_INPUT=continue says", lost.to);
            }
            OnLostInput::Stop => {
                tracing::error!(task = %task.id, "{lost}; the task is halted. To go on without them, start with ON_LOST_INPUT=continue");
                task.lost = Some(lost);
                task.stop_reading(&mut *self.fetcher);
                close_effects_of(task, &*self.performer);
                task.become_state(State::Halted);
                if let Some(shown) = task.shown.take() {
                    self.queries.hide(&shown);
                }
                self.index_feeds();
                self.show_places();
            }
        }
        Ok(self.config.on_lost_input)
    }

    /// Sends delayed messages that are due; true when there may be more.
    pub(super) fn send_due(&mut self, now_ms: i64) -> Result<bool, Setback> {
        let narrowed = self.narrowed;
        let Self { tasks, transaction, metrics, clock, .. } = self;
        let mut more = false;
        for task in tasks.iter_mut().filter(|task| task.state == State::Running) {
            if task.delayed.next_due_ms().is_none_or(|due| due > now_ms) {
                continue;
            }
            let room = narrowed.map_or(usize::MAX, |most| most.saturating_sub(transaction.records));
            let messages_max = self.config.delayed_records_max.min(room);
            if messages_max == 0 || transaction.is_heavy(&self.config.commit) {
                return Ok(true);
            }
            let bytes_left = self.config.commit.bytes_max.saturating_sub(transaction.bytes());
            let bytes_max = transaction.sent.collector.bytes() + bytes_left;
            let sent = task
                .send_due(&mut transaction.sent.collector, now_ms, (messages_max, bytes_max))
                .map_err(|e| Setback::Store(task.id.clone(), e))?;
            if sent.ids.is_empty() {
                continue;
            }
            task.dirty = true;
            transaction.ensure(|| clock.monotonic_us());
            let stored_bytes = task.take_stored_bytes();
            transaction.took_due(&task.id, &sent.ids, stored_bytes);
            let sent_on = (sent.ids.len() - sent.refused) as u64;
            metrics.delayed_sent.with_label_values(&[&*task.id.topology]).inc_by(sent_on);
            if sent.refused > 0 {
                let of = [&*task.id.topology, dead_letter::OUTPUT_REFUSED];
                metrics.dead_letters.with_label_values(&of).inc_by(sent.refused as u64);
            }
            #[expect(clippy::cast_precision_loss, reason = "for a histogram")]
            let lateness = sent.lateness_max_ms as f64 / 1e3;
            metrics.delayed_lateness_seconds.with_label_values(&[&*task.id.topology]).observe(lateness);
            more |= sent.is_cut;
        }
        Ok(more)
    }
}
