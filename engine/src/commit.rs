//! All or nothing: outputs, changelog, positions and group offsets are one log transaction; only after it is committed does the batch enter the
//! stores, each with the changelog offset it stands for.
//!
//! The changelog is written here, at the end, from the batches: the last write of each key, once. A policy row that a thousand requests of one
//! commit have changed costs one changelog record.
//!
//! Everything a commit needs is in it, so it makes no difference which thread carries it out: the one that decided, or an [`Assistant`] beside it.
//! The log hears of a transaction for the first time here, and it is ended here, one way or the other.

use crate::changelog;
use crate::effect::row::EffectKey;
use crate::effect::{self, Lane};
use crate::key::Key;
use crate::metrics::EngineMetrics;
use crate::position::Position;
use crate::queries::Shown;
use crate::setback::{Refusal, Setback};
use crate::transaction::{Origin, Sent, Span};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Which, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use holdfast_ports::store::{Batch, StoreError, TaskId};
use std::sync::Arc;
use std::time::Duration;

/// Carries commits out while the stream thread decides on.
pub trait Assistant: Send {
    /// Takes a commit in hand; there is never more than one.
    fn take(&mut self, commit: Commit);

    /// What became of it, once that is known; waits for it, but no longer than this.
    fn outcome(&mut self, at_most: Duration) -> Option<Outcome>;
}

/// A commit that is ready to be carried out.
pub struct Commit {
    pub(crate) writer: Box<dyn Writer>,
    pub(crate) generation: Generation,
    pub(crate) sent: Sent,
    pub(crate) records: usize,
    /// The record or delayed message in it, when there is no other.
    pub(crate) only: Option<Origin>,
    pub(crate) parts: Vec<Part>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<EngineMetrics>,
}

/// The part of one task.
pub(crate) struct Part {
    pub(crate) id: TaskId,
    pub(crate) changelog: TopicPartition,
    pub(crate) batch: Arc<dyn Batch>,
    /// Where the task stands after it.
    pub(crate) position: Position,
    pub(crate) sources: Vec<TopicPartition>,
    pub(crate) shown: Option<Arc<Shown>>,
    pub(crate) has_effects: bool,
}

/// What became of a commit.
pub struct Outcome {
    /// `None`: it must not be used again.
    pub(crate) writer: Option<Box<dyn Writer>>,
    pub(crate) sent: Sent,
    pub(crate) took: Span,
    /// Nothing was committed when it is an error, but for [`Setback::Unknown`], [`Setback::Fenced`] and [`Setback::Fatal`].
    pub(crate) committed: Result<Vec<Committed>, Setback>,
    /// What it has changed about effects, of each task for which it has.
    pub(crate) effects: Vec<EffectChanges>,
}

/// What a commit has changed about the effects of a task.
pub(crate) struct EffectChanges {
    pub(crate) task: TaskId,
    /// Lanes with new ones.
    pub(crate) lanes: Vec<Lane>,
    pub(crate) asked: u64,
    pub(crate) ended: u64,
}

/// What is true of a task since the log said so.
pub(crate) struct Committed {
    pub(crate) id: TaskId,
    pub(crate) position: Position,
    /// The changelog offset its store stands for now, or why the store does not have it.
    pub(crate) entered: Result<i64, StoreError>,
}

impl Outcome {
    /// Nobody will ever know: whoever had it in hand is gone.
    #[must_use]
    pub fn lost(why: &str) -> Self {
        Self {
            writer: None,
            sent: Sent::default(),
            took: Span { began_us: 0, ended_us: 0 },
            committed: Err(Setback::Fatal(why.to_owned())),
            effects: Vec::new(),
        }
    }
}

impl Commit {
    /// Carries it out. Returns when it is known what has become of it, at the latest when the log has given up.
    #[must_use]
    pub fn carry_out(mut self) -> Outcome {
        let began_us = self.clock.monotonic_us();
        let mut effects = Vec::new();
        let ends = self.write(&mut effects);
        let ended_us = self.clock.monotonic_us();
        let committed = ends.and_then(|ends| self.enter(&ends));
        let (writer, committed) = match committed {
            Ok(committed) => (Some(self.writer), Ok(committed)),
            Err(setback) => {
                effects.clear();
                let (writer, setback) = give_up(self.writer, named(setback, self.only, self.records));
                (writer, Err(setback))
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "for a histogram")]
        if committed.is_ok() {
            self.metrics.commit_seconds.observe(self.clock.monotonic_us().saturating_sub(began_us) as f64 / 1e6);
            self.metrics.commit_records.observe(self.records as f64);
        }
        Outcome { writer, sent: self.sent, took: Span { began_us, ended_us }, committed, effects }
    }

    /// Everything that has to become true, into the log. Returns where each partition ends.
    fn write(&mut self, effects: &mut Vec<EffectChanges>) -> Result<Vec<(TopicPartition, i64)>, Setback> {
        let Self { writer, sent, parts, .. } = self;
        writer.begin()?;
        // All that are refused, and not one in each attempt.
        let mut refusals = Vec::new();
        sent.collector.each(|nth, output| match writer.send(output) {
            Ok(()) => Ok(()),
            Err(WriteError::Refused { which: Which::This, why }) => {
                refusals.push(refusal(sent, nth, why)?);
                Ok(())
            }
            Err(error) => Err(traced(sent, error)),
        })?;
        if !refusals.is_empty() {
            return Err(Setback::Refused(refusals));
        }
        let mut changes = 0;
        for part in &*parts {
            changes += part.write_changelog(&mut **writer, sent, effects)?;
        }
        self.metrics.outputs.inc_by(sent.collector.len() as u64 + changes);
        let positions: Vec<_> = parts.iter().flat_map(Part::positions).collect();
        let log_began_us = self.clock.monotonic_us();
        let ends = writer.commit(&positions, &self.generation).map_err(|error| traced(sent, error))?;
        #[expect(clippy::cast_precision_loss, reason = "for a histogram")]
        let log_seconds = self.clock.monotonic_us().saturating_sub(log_began_us) as f64 / 1e6;
        self.metrics.log_commit_seconds.observe(log_seconds);
        Ok(ends)
    }

    /// From here on it is true: whatever fails now is repaired by a restore, never by a retry. One store that fails does not keep the others from it.
    fn enter(&self, ends: &[(TopicPartition, i64)]) -> Result<Vec<Committed>, Setback> {
        let mut all = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let end = ends.iter().find(|(partition, _)| *partition == part.changelog).map(|(_, next)| *next);
            let next = end.ok_or_else(|| {
                Setback::Fatal(format!("log committed {} without telling where {} ends", part.id, part.changelog))
            })?;
            let entered = part.batch.commit(next).map(|()| next);
            if entered.is_ok()
                && let Some(shown) = &part.shown
            {
                shown.committed(&part.position);
                shown.changed(&*part.batch);
            }
            all.push(Committed { id: part.id.clone(), position: part.position.clone(), entered });
        }
        Ok(all)
    }
}

/// What is refused among so many records is the only one's fault, when there is no other.
fn named(setback: Setback, only: Option<Origin>, records: usize) -> Setback {
    match (setback, only) {
        (Setback::Unnamed { why, .. }, Some(of)) => Setback::Refused(vec![Refusal { of, why }]),
        (Setback::Unnamed { why, .. }, None) if records == 0 => {
            Setback::Fatal(format!("the log refuses a record of the engine's own: {why}"))
        }
        (Setback::Unnamed { why, .. }, None) => Setback::Unnamed { why, among: records },
        (setback, _) => setback,
    }
}

/// Output number `nth` is refused: the fault of what sent it.
fn refusal(sent: &Sent, nth: usize, why: String) -> Result<Refusal, Setback> {
    match sent.origin(nth) {
        Some(of) => Ok(Refusal { of: of.clone(), why }),
        None => Err(WriteError::refused(why).into()),
    }
}

/// What to do about an error that may be about something that was sent before.
fn traced(sent: &Sent, error: WriteError) -> Setback {
    let WriteError::Refused { which: Which::Earlier { to, after }, why } = error else { return error.into() };
    // A changelog's record is of no single output: it is found like one that the log does not name.
    let Some(nth) = sent.collector.nth_to(&to, after) else { return WriteError::refused(why).into() };
    match refusal(sent, nth, why) {
        Ok(refusal) => Setback::Refused(vec![refusal]),
        Err(setback) => setback,
    }
}

/// Ends what `setback` has left open, so that no reader has to wait for the transaction's timeout.
fn give_up(mut writer: Box<dyn Writer>, setback: Setback) -> (Option<Box<dyn Writer>>, Setback) {
    if matches!(setback, Setback::Unknown(_) | Setback::Fenced(_)) {
        return (None, setback);
    }
    match writer.abort() {
        Ok(()) => (Some(writer), setback),
        Err(error) => {
            tracing::warn!(%setback, %error, "a transaction was not committed, and its writer cannot be used again");
            // What these say is still true. Their tasks are restored, as without a writer they always are.
            let says_more = matches!(setback, Setback::Fatal(_) | Setback::Refused(_) | Setback::Unnamed { .. });
            (None, if says_more { setback } else { Setback::Unknown(format!("abort failed: {error}")) })
        }
    }
}

impl Part {
    fn positions(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.sources
            .iter()
            .filter_map(|source| self.position.next_offset(&source.topic).map(|next| (source.clone(), next)))
    }

    fn write_changelog(
        &self,
        writer: &mut dyn Writer,
        outputs: &Sent,
        effects: &mut Vec<EffectChanges>,
    ) -> Result<u64, Setback> {
        let mut key = Vec::new();
        let mut changed = EffectChanges { task: self.id.clone(), lanes: Vec::new(), asked: 0, ended: 0 };
        let mut outcome: Result<u64, Setback> = Ok(0);
        self.batch.changes(&mut |write| {
            let Ok(sent) = &mut outcome else { return };
            *sent += 1;
            changelog::encode_key(&write, &mut key);
            if self.has_effects
                && write.store == effect::STORE.id
                && let Some(EffectKey { lane, .. }) = EffectKey::decode(write.key).filter(|key| !key.is_secret())
            {
                match write.value {
                    Some(_) => {
                        changed.asked += 1;
                        if !changed.lanes.contains(&lane) {
                            changed.lanes.push(lane);
                        }
                    }
                    None => changed.ended += 1,
                }
            }
            let record = NewRecord {
                topic: &self.changelog.topic,
                partition: self.changelog.partition,
                key: Some(&key),
                value: write.value,
                headers: &[],
            };
            if let Err(error) = writer.send(&record) {
                outcome = Err(traced(outputs, error));
            }
        });
        if changed.asked + changed.ended > 0 {
            effects.push(changed);
        }
        outcome
    }
}
