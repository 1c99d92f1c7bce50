//! A task: one topology in one place, from the moment the place is ours until it is not.

use crate::condemned::{Condemned, Verdict};
use crate::context::Context;
use crate::dead_letter;
use crate::delayed::{self, DelayedId, Pending};
use crate::effect::row::secret_key;
use crate::effect::{self, Answer, proof};
use crate::ending::Endings;
use crate::position::{self, Position};
use crate::process_error::ProcessError;
use crate::processor::{ATTEMPTS_MAX, Processor};
use crate::queries::Shown;
use crate::record_collector::RecordCollector;
use crate::restore::Restore;
use crate::status::LostInput;
use crate::task_state::State;
use crate::topology::Topology;
use crate::{changelog, codec};
use holdfast_ports::log::{Fetcher, LogError, Slot, Start};
use holdfast_ports::record::{Record, Topic, TopicPartition};
use holdfast_ports::store::{Batch, Store, StoreError, TaskId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A source of a task and where it is being read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) partition: TopicPartition,
    pub(crate) slot: Option<Slot>,
    /// Results of effects have it to themselves: they do not wait behind requests.
    is_results: bool,
}

impl Source {
    /// Reads it from `start` on.
    pub(crate) fn read(&self, fetcher: &mut dyn Fetcher, start: Start) -> Result<Slot, LogError> {
        if self.is_results {
            fetcher.assign_ahead(&self.partition, start)
        } else {
            fetcher.assign(&self.partition, start)
        }
    }
}

/// What processing one record came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// The processor took it.
    Processed,
    /// It brought the result of an effect that had ended before, and nothing was decided.
    RepeatedResult,
    /// Its offset had been decided before.
    KnownDuplicate,
    /// It went to the dead letters, for this class of reason.
    Buried(&'static str),
}

/// How far effects of a task may be performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effects {
    /// Not at all.
    Closed,
    /// Not before results up to offset `end` are decided and committed: the owners before us appended them.
    Catching {
        /// Where the results topic ended when the task began to run.
        end: i64,
        /// The last of them are decided in the commit that is under way.
        in_commit: bool,
    },
    /// From the next step on.
    CaughtUp,
    /// As they come.
    Open,
    /// Nothing is begun any more since then, in µs.
    Draining(u64),
}

pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) topology: Topology,
    pub(crate) state: State,
    pub(crate) store: Box<dyn Store>,
    pub(crate) changelog: TopicPartition,
    pub(crate) sources: Vec<Source>,
    pub(crate) restore: Option<Restore>,
    pub(crate) shown: Option<Arc<Shown>>,
    pub(crate) effects: Effects,
    /// What results of its effects are proved with, as its state says; and what it becomes when that says nothing.
    pub(crate) secret: Option<proof::Secret>,
    pub(crate) new_secret: proof::Secret,
    pub(crate) app: Arc<str>,
    /// Where it stands, uncommitted work included.
    pub(crate) position: Position,
    /// Where its last commit left it.
    pub(crate) committed: Position,
    pub(crate) delayed: Pending,
    pub(crate) ending: Endings,
    /// Has done something since the last commit was begun.
    pub(crate) dirty: bool,
    /// Records decided since the last commit was begun.
    records: usize,
    /// Rows that have ended, deleted by the commit that is under way.
    ended_rows: u64,
    /// Bytes that it will write with the next commit, as far as the open transaction counts them.
    counted_bytes: usize,
    /// Has a part in the commit that is under way.
    pub(crate) committing: bool,
    pub(crate) last_append_ms: Option<i64>,
    /// By number of the source and offset.
    pub(crate) condemned: Condemned<(usize, i64)>,
    pub(crate) condemned_delayed: Condemned<DelayedId>,
    /// Why it is halted.
    pub(crate) lost: Option<LostInput>,
    processor: Box<dyn Processor>,
    scratch: Vec<u8>,
    /// Classes of the records decided earlier that the record in hand has given up.
    pub(crate) given_up: Vec<String>,
    places: u32,
}

impl Task {
    pub(crate) fn new(
        id: TaskId,
        topology: &Topology,
        store: Box<dyn Store>,
        (app, places): (&str, u32),
        new_secret: proof::Secret,
    ) -> Result<Self, StoreError> {
        let sources = topology
            .sources()
            .iter()
            .map(|topic| Source {
                partition: TopicPartition::new(topic.clone(), id.place),
                slot: None,
                is_results: topology.is_results_source(topic),
            })
            .collect();
        let mut task = Self {
            changelog: TopicPartition::new(changelog::topic(app, topology.name()), id.place),
            id,
            topology: topology.clone(),
            state: State::Created,
            store,
            sources,
            restore: None,
            shown: None,
            effects: Effects::Closed,
            secret: None,
            new_secret,
            app: app.into(),
            position: Position::default(),
            committed: Position::default(),
            delayed: Pending::none(),
            ending: Endings::default(),
            dirty: false,
            records: 0,
            ended_rows: 0,
            counted_bytes: 0,
            committing: false,
            last_append_ms: None,
            condemned: Condemned::default(),
            condemned_delayed: Condemned::default(),
            lost: None,
            processor: topology.make_processor(),
            scratch: Vec::new(),
            given_up: Vec::new(),
            places,
        };
        task.load()?;
        Ok(task)
    }

    /// Gives up whatever is being read for it: its sources and its restore.
    pub(crate) fn stop_reading(&mut self, fetcher: &mut dyn Fetcher) {
        let sources = self.sources.iter_mut().filter_map(|source| source.slot.take());
        for slot in sources.chain(self.restore.take().map(|restore| restore.slot)) {
            fetcher.unassign(slot);
        }
    }

    /// Moves on in life.
    pub(crate) fn become_state(&mut self, next: State) {
        debug_assert!(self.state.may_become(next), "{}: {:?} cannot become {next:?}", self.id, self.state);
        self.state = next;
    }

    /// Takes position and delayed messages from the committed store: after a restore or a roll-back. A new processor, too: the old one may
    /// remember things that were never committed.
    pub(crate) fn load(&mut self) -> Result<(), StoreError> {
        self.forget();
        let mut row = Ok(Position::default());
        self.store.get(position::STORE.id, position::KEY, &mut |bytes| row = codec::decode(bytes))?;
        self.committed = row.map_err(|e| StoreError::Corrupt(format!("position of {}: {e}", self.id)))?;
        self.position = self.committed.clone();
        self.delayed = Pending::load(&*self.store)?;
        self.ending = Endings::load(self.topology.endings(), &*self.store, &self.position)?;
        self.secret = None;
        if self.topology.has_effects() {
            let secret = &mut self.secret;
            self.store.get(effect::STORE.id, &secret_key(), &mut |bytes| *secret = bytes.try_into().ok())?;
        }
        self.processor = self.topology.make_processor();
        Ok(())
    }

    /// Nothing of what it has done is to be committed any more.
    pub(crate) fn forget(&mut self) {
        if let Effects::Catching { in_commit, .. } = &mut self.effects {
            *in_commit = false;
        }
        self.store.rollback();
        self.ending.forget();
        self.dirty = false;
        self.records = 0;
        self.ended_rows = 0;
        self.counted_bytes = 0;
        self.committing = false;
    }

    /// Closes what it has done since the last commit, to be committed.
    pub(crate) fn seal(&mut self) -> Result<Arc<dyn Batch>, StoreError> {
        let records = std::mem::take(&mut self.records);
        self.ended_rows = self.ending.seal(&mut *self.store, &self.position, records)?;
        self.write_position()?;
        let batch = self.store.seal()?;
        self.dirty = false;
        self.counted_bytes = 0;
        self.committing = true;
        Ok(batch)
    }

    /// What was sealed is committed: up to `position`, and in the store up to `changelog_next`. Returns how many rows it has ended.
    pub(crate) fn settle(&mut self, changelog_next: i64, position: Position) -> u64 {
        self.store.settle(changelog_next);
        let sources = &self.sources;
        self.condemned.forget(|(source, offset)| {
            position.next_offset(&sources[*source].partition.topic).is_some_and(|next| *offset < next)
        });
        // With nothing uncommitted in the store it tells which messages are sent or taken back.
        if !self.dirty && !self.condemned_delayed.is_empty() {
            let store = &*self.store;
            self.condemned_delayed
                .forget(|id| matches!(store.get(delayed::STORE.id, &id.to_bytes(), &mut |_| {}), Ok(false)));
        }
        self.committed = position;
        self.committing = false;
        if let Effects::Catching { in_commit: true, .. } = self.effects {
            self.effects = Effects::CaughtUp;
        }
        std::mem::take(&mut self.ended_rows)
    }

    /// Decides one record of source number `source`; its outputs come behind what is in `collector`.
    pub(crate) fn decide(
        &mut self,
        source: usize,
        record: &Record<'_>,
        collector: &mut RecordCollector,
    ) -> Result<Decided, StoreError> {
        collector.mark();
        let topic = self.sources[source].partition.topic.clone();
        if self.position.next_offset(&topic).is_some_and(|next| record.offset < next) {
            return Ok(Decided::KnownDuplicate);
        }
        self.dirty = true;
        self.records += 1;
        self.last_append_ms = Some(record.append_ms);
        self.position.now_ms = self.position.now_ms.max(record.append_ms);
        self.ending.advance(self.position.now_ms);
        let sequence = self.position.sequence;
        self.ensure_secret()?;
        let answer = self.answer(&topic, record)?;
        if answer == Answer::Repeated {
            self.position.advance(&topic, record.offset + 1);
            return Ok(Decided::RepeatedResult);
        }
        let condemned = self.condemned.of(&(source, record.offset)).cloned();
        let refused = |verdict: &Verdict| ProcessError::fail(dead_letter::OUTPUT_REFUSED, verdict.why.clone());
        let forged = || ProcessError::refuse(effect::FORGED_RESULT, "no executor of this app wrote it");
        let mut failure = condemned.as_ref().map(refused).or_else(|| (answer == Answer::Forged).then(forged));
        let mut attempts = 0;
        while failure.is_none() {
            attempts += 1;
            self.mark();
            match self.attempt(&topic, record, collector, &answer) {
                Ok(()) => break,
                Err(ProcessError::Store(error)) => return Err(error),
                Err(error) => {
                    self.undo(collector, sequence);
                    if matches!(error, ProcessError::Refuse { .. }) || attempts >= ATTEMPTS_MAX {
                        failure = Some(error);
                    }
                }
            }
        }
        self.position.advance(&topic, record.offset + 1);
        let Some(why) = failure else { return Ok(Decided::Processed) };
        self.bury(&topic, record, collector, (attempts, &answer), condemned.as_ref(), &why)?;
        Ok(Decided::Buried(why.class()))
    }

    /// Bytes written to its stores since this was asked last, to be counted once.
    pub(crate) fn take_stored_bytes(&mut self) -> u64 {
        let bytes = self.store.overlay_bytes() + self.ending.bytes();
        let before = std::mem::replace(&mut self.counted_bytes, bytes);
        bytes.saturating_sub(before) as u64
    }

    fn attempt(
        &mut self,
        topic: &Topic,
        record: &Record<'_>,
        collector: &mut RecordCollector,
        answer: &Answer,
    ) -> Result<(), ProcessError> {
        self.end_effect(answer)?;
        self.call(topic, record, collector, |processor, ctx| processor.process(ctx, record))
    }

    fn bury(
        &mut self,
        topic: &Topic,
        record: &Record<'_>,
        collector: &mut RecordCollector,
        (attempts, answer): (u32, &Answer),
        condemned: Option<&Verdict>,
        why: &ProcessError,
    ) -> Result<(), StoreError> {
        let sequence = self.position.sequence;
        self.mark();
        if !condemned.is_some_and(Verdict::without_outcome) {
            match self.call(topic, record, collector, |processor, ctx| processor.on_dead_letter(ctx, record, why)) {
                Ok(()) => {}
                Err(ProcessError::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::warn!(task = %self.id, offset = record.offset, %error, "giving a record up failed too");
                    self.undo(collector, sequence);
                }
            }
        }
        self.end_effect(answer)?;
        let failed = dead_letter::Failed {
            source: topic,
            place: self.id.place,
            now_ms: self.position.now_ms,
            attempts: condemned.map_or(attempts, Verdict::attempts),
        };
        let without_value = Record { value: None, ..*record };
        let letter = if condemned.is_some_and(Verdict::without_value) { &without_value } else { record };
        dead_letter::bury(collector, self.topology.dead_letters(), &failed, letter, why);
        tracing::warn!(task = %self.id, offset = record.offset, attempts = failed.attempts, why = %why, "record sent to the dead letters");
        Ok(())
    }

    /// Sends delayed messages that are due at `now_ms`, at most so many and none after that with which the collector has come to so many bytes; those that the log
    /// refuses to the dead letters.
    pub(crate) fn send_due(
        &mut self,
        collector: &mut RecordCollector,
        now_ms: i64,
        (messages_max, bytes_max): (usize, u64),
    ) -> Result<delayed::Sent, StoreError> {
        let due = delayed::Due {
            now_ms,
            messages_max,
            bytes_max,
            task: &self.id,
            condemned: &self.condemned_delayed,
            dead_letters: self.topology.dead_letters(),
        };
        self.delayed.send_due(&mut *self.store, collector, &due)
    }

    fn mark(&mut self) {
        self.store.mark();
        self.ending.mark();
        self.given_up.clear();
    }

    fn undo(&mut self, collector: &mut RecordCollector, sequence: u64) {
        self.store.undo();
        self.ending.undo();
        collector.undo();
        self.given_up.clear();
        self.position.sequence = sequence;
    }

    fn call(
        &mut self,
        topic: &Topic,
        record: &Record<'_>,
        collector: &mut RecordCollector,
        run: impl FnOnce(&mut dyn Processor, &mut Context<'_>) -> Result<(), ProcessError>,
    ) -> Result<(), ProcessError> {
        let now_ms = self.position.now_ms;
        let processor = &mut *self.processor;
        let mut ctx = Context {
            store: &mut *self.store,
            collector,
            position: &mut self.position,
            delayed: &mut self.delayed,
            ending: &mut self.ending,
            sinks: self.topology.handles(),
            has_effects: self.topology.has_effects(),
            dead_letters: self.topology.dead_letters(),
            source: topic,
            offset: record.offset,
            append_ms: record.append_ms,
            now_ms,
            place: self.id.place,
            places: self.places,
            scratch: &mut self.scratch,
            given_up: &mut self.given_up,
        };
        // What the processor wrote is undone and a new attempt starts from the store, so nothing half-done survives the panic.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(processor, &mut ctx)));
        match outcome {
            Ok(result) => result,
            Err(panic) => {
                self.processor = self.topology.make_processor();
                Err(ProcessError::fail("Panic", panic_text(&*panic)))
            }
        }
    }

    /// Writes the position row: the last write before a commit.
    pub(crate) fn write_position(&mut self) -> Result<(), StoreError> {
        self.scratch.clear();
        codec::encode(&self.position, &mut self.scratch).map_err(|e| StoreError::Fatal(e.to_string()))?;
        self.store.put(position::STORE.id, position::KEY, &self.scratch)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}
