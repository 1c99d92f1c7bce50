//! I-19: each inbox decided again by the shop's own code on an empty store, with the settings that its state says it was decided with.
//!
//! That code is what is audited, so this room does not know it: the caller brings it along, as [`Replays`].

use crate::Question;
use crate::findings::Findings;
use crate::invariant::Invariant;
use holdfast_engine::inspect::ports::log::Log;
use holdfast_engine::prelude::Topology;
use holdfast_tools::Failure;
use indicatif::ProgressBar;

/// Decides inboxes again.
pub trait Replays {
    /// Decides all places of `topology` in the app `app` again.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn again(&self, log: &dyn Log, topology: &Topology, app: &str) -> Result<Again, Failure>;
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// How it ended.
    pub outcome: Outcome,
    /// With which settings each place was decided, in order.
    pub settings: Vec<InForce>,
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is the same: so many records, outputs and rows.
    Same {
        /// Decided again.
        records: u64,
        /// Compared.
        outputs: u64,
        /// Of state, compared.
        rows: u64,
    },
    /// Something is not.
    Different {
        /// Where first.
        at: String,
        /// What was expected, what was found.
        what: String,
    },
    /// Not everything could be decided again.
    NotProven {
        /// Why.
        why: String,
    },
}

/// Settings that a place was decided with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Which place.
    pub place: u32,
    /// Offset of the first record that was decided with them.
    pub from: i64,
    /// How long a seat was held, in ms; `None` for a feature that holds none.
    pub hold_ms: Option<i64>,
    /// How they differ from those before; none = they are the first.
    pub changed: Option<String>,
}

/// Replays every topology that decides.
pub(crate) fn compare(
    log: &dyn Log,
    question: &Question,
    replays: &dyn Replays,
    progress: &ProgressBar,
    findings: &mut Findings,
) -> Result<(), Failure> {
    for topology in question.topologies.iter().filter(|topology| topology.is_deciding()) {
        // Another topology may write into the inbox of one that has never run here: then its other topics are missing.
        let topics = [topology.inbox(), topology.dead_letters()];
        let are_there = topics.into_iter().map(|topic| {
            log.partitions(topic).map(|found| found.is_some()).map_err(|e| holdfast_tools::reading::failed(topic, &e))
        });
        if !are_there.collect::<Result<Vec<_>, _>>()?.into_iter().all(|is_there| is_there) {
            continue;
        }
        progress.set_message(format!("deciding {} again", topology.name()));
        let Again { outcome, settings } = replays.again(log, topology, &question.app)?;
        in_force(topology, &settings, question, findings);
        match outcome {
            Outcome::Same { records, outputs, rows } => {
                findings.count(Invariant::Replayed, "records", records);
                findings.count(Invariant::Replayed, "outputs", outputs);
                findings.count(Invariant::Replayed, "rows", rows);
            }
            Outcome::Different { at, what } => findings.breach(Invariant::Replayed, at, what),
            Outcome::NotProven { why } => findings.not_applicable(Invariant::Replayed, why),
        }
    }
    Ok(())
}

/// Says which settings have changed. An operator that says what HOLD_MS was means nothing else.
fn in_force(topology: &Topology, settings: &[InForce], question: &Question, findings: &mut Findings) {
    for InForce { place, from, hold_ms, changed } in settings {
        let at = format!("{}-{place} offset {from}", topology.inbox());
        if let Some(changed) = changed {
            findings.note(Invariant::Replayed, format!("from {at} on decided with {changed}"));
        }
        if let Some(hold_ms) = hold_ms
            && !question.held_ms.is_empty()
            && !question.held_ms.contains(hold_ms)
        {
            let what = format!("from here on HOLD_MS was {hold_ms}, which nobody has named");
            findings.breach(Invariant::Replayed, at, what);
        }
    }
}
