//! Commits: made by the stream thread itself while hardly anything is to be done; beside it while there is, so that it decides on.
//!
//! ```text
//!  stream thread   decide ── seal ── decide on ──────────── settle ── seal ── …
//!                              │                              ▲
//!  assistant                   └── log ── stores ── waiters ──┘
//! ```
//!
//! What is decided meanwhile stands on what is not committed yet. Should that fail, both are rolled back; and whatever must not happen beside a commit waits
//! for it first: a place that is given up, what is done about a setback, the end.

use super::StreamThread;
use super::effects::note_results;
use crate::commit::{Commit, EffectChanges, Outcome, Part};
use crate::config::CommitConfig;
use crate::metrics::What;
use crate::setback::Setback;
use crate::transaction::Sealed;
use std::time::Duration;

/// How long a commit is waited for at a time. It ends by itself: the log gives up.
const LOOK: Duration = Duration::from_millis(100);

/// The commit beside the stream thread.
#[derive(Default)]
pub(super) enum Beside {
    /// There is none.
    #[default]
    Nothing,
    /// The assistant has it in hand.
    UnderWay,
    /// This has become of it, and the stream thread has not taken note yet.
    Known(Box<Outcome>),
}

impl StreamThread {
    /// When a commit is due now.
    pub(super) fn commit_config(&self) -> CommitConfig {
        let commit = self.config.commit;
        CommitConfig {
            records_max: self.narrowed.map_or(commit.records_max, |most| most.min(commit.records_max)),
            ..commit
        }
    }

    /// A transaction with one of so many records cannot be committed, and the log does not say with which.
    pub(super) fn narrow(&mut self, among: usize) {
        self.narrowed = Some((among / 2).max(1));
    }

    /// A transaction was committed: what is looked for was not in it, or has gone to the dead letters.
    fn widen(&mut self) {
        self.narrowed = self.narrowed.map(|most| most * 2).filter(|most| *most < self.config.commit.records_max);
    }

    /// Commits what is open, here or beside us.
    pub(super) fn commit(&mut self) -> Result<(), Setback> {
        // One after the other: the next stands on the last.
        self.settle()?;
        let parts = self.seal_tasks()?;
        let Some(writer) = self.writer.take() else {
            return Err(Setback::Unknown("no writer".to_owned()));
        };
        let Sealed { sent, records, only } = self.transaction.seal();
        let commit = Commit {
            writer,
            generation: self.generation.clone(),
            sent,
            records,
            only,
            parts,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        };
        match &mut self.assistant {
            Some(assistant) if records >= self.config.commit.beside_records_min => {
                assistant.take(commit);
                self.beside = Beside::UnderWay;
                Ok(())
            }
            _ => self.note(commit.carry_out(), false),
        }
    }

    fn seal_tasks(&mut self) -> Result<Vec<Part>, Setback> {
        let sealed = self.tasks.iter_mut().filter(|task| task.dirty).map(|task| {
            note_results(task, &*self.fetcher);
            let batch = task.seal().map_err(|error| Setback::Store(task.id.clone(), error))?;
            Ok(Part {
                id: task.id.clone(),
                changelog: task.changelog.clone(),
                batch,
                position: task.position.clone(),
                sources: task.sources.iter().map(|source| source.partition.clone()).collect(),
                shown: task.shown.clone(),
                has_effects: task.topology.has_effects(),
            })
        });
        sealed.collect()
    }

    /// Commits what is open, and waits for it.
    pub(super) fn commit_all(&mut self) -> Result<(), Setback> {
        self.settle()?;
        if self.transaction.is_open() {
            self.commit()?;
        }
        self.settle()
    }

    /// Waits for the commit that is under way.
    pub(super) fn settle(&mut self) -> Result<(), Setback> {
        while self.is_committing() {
            self.wait_for_commit(LOOK);
            self.look_after_commit()?;
        }
        Ok(())
    }

    /// Waits until it is known what became of the commit under way, at most so long.
    pub(super) fn wait_for_commit(&mut self, at_most: Duration) {
        if let (Beside::UnderWay, Some(assistant)) = (&self.beside, &mut self.assistant)
            && let Some(outcome) = assistant.outcome(at_most)
        {
            self.beside = Beside::Known(Box::new(outcome));
        }
    }

    /// Takes note of what became of the commit under way, if that is known.
    pub(super) fn look_after_commit(&mut self) -> Result<(), Setback> {
        self.wait_for_commit(Duration::ZERO);
        match std::mem::take(&mut self.beside) {
            Beside::Known(outcome) => self.note(*outcome, true),
            other => {
                self.beside = other;
                Ok(())
            }
        }
    }

    fn note(&mut self, outcome: Outcome, beside: bool) -> Result<(), Setback> {
        let Outcome { writer, sent, took, committed, effects } = outcome;
        self.writer = writer;
        self.transaction.committed(took, beside, sent);
        let mut failure = None;
        let committed = committed?;
        self.widen();
        for done in committed {
            let Some(task) = self.tasks.iter_mut().find(|task| task.id == done.id) else { continue };
            match done.entered {
                Ok(changelog_next) => {
                    let ended_rows = task.settle(changelog_next, done.position);
                    if ended_rows > 0 {
                        let labels = [&*task.id.topology, &*task.id.place.to_string()];
                        self.metrics.ended_rows.with_label_values(&labels).inc_by(ended_rows);
                    }
                }
                Err(error) => {
                    failure.get_or_insert(Setback::Store(done.id, error));
                }
            }
        }
        for EffectChanges { task, lanes, asked, ended } in effects {
            self.metrics.count_effects(&task, What::Asked, asked);
            self.metrics.count_effects(&task, What::Ended, ended);
            if !lanes.is_empty() {
                self.performer.committed(&task, &lanes);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
