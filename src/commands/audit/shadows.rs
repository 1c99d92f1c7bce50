//! I-19: each inbox decided again by the shop's own code on an empty store.

use super::Question;
use super::findings::Findings;
use super::held::{Armed, Held};
use super::invariant::Invariant;
use crate::commands::replay::{self, Outcome};
use crate::worker::RunError;
use holdfast_engine::Topology;
use holdfast_engine::ports::log::Log;
use holdfast_topologies::reservation;
use indicatif::ProgressBar;

/// Replays every topology that decides.
pub(super) fn compare(
    log: &dyn Log,
    question: &Question,
    armed: &Armed,
    progress: &ProgressBar,
    findings: &mut Findings,
) -> Result<(), RunError> {
    for topology in question.topologies.iter().filter(|topology| topology.is_deciding()) {
        if log.partitions(topology.inbox()).map_err(|e| crate::reading::failed(topology.inbox(), &e))?.is_none() {
            continue;
        }
        progress.set_message(format!("deciding {} again", topology.name()));
        let topology = in_force(log, question, topology, armed, findings)?;
        match replay::again(log, &topology, &question.app)? {
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

/// The topology with the settings that were in force when it decided.
fn in_force(
    log: &dyn Log,
    question: &Question,
    topology: &Topology,
    armed: &Armed,
    findings: &mut Findings,
) -> Result<Topology, RunError> {
    if **topology.name() != *reservation::NAME {
        return Ok(topology.clone());
    }
    let held = Held::read(log, question, armed, findings)?;
    if held.is_one(question.hold_ms) { Ok(topology.clone()) } else { held.topology(topology) }
}
