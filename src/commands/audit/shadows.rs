//! I-19: each inbox decided again by the shop's own code on an empty store, with the settings that its state says it was decided with.

use super::Question;
use super::findings::Findings;
use super::invariant::Invariant;
use crate::commands::replay::in_force::{Span, changes};
use crate::commands::replay::{self, Outcome};
use crate::worker::RunError;
use holdfast_engine::Topology;
use holdfast_engine::ports::log::Log;
use indicatif::ProgressBar;

/// Replays every topology that decides.
pub(super) fn compare(
    log: &dyn Log,
    question: &Question,
    progress: &ProgressBar,
    findings: &mut Findings,
) -> Result<(), RunError> {
    for topology in question.topologies.iter().filter(|topology| topology.is_deciding()) {
        if log.partitions(topology.inbox()).map_err(|e| crate::reading::failed(topology.inbox(), &e))?.is_none() {
            continue;
        }
        progress.set_message(format!("deciding {} again", topology.name()));
        let replay::Again { outcome, settings } = replay::again(log, topology, &question.app)?;
        for (place, spans) in settings {
            in_force(topology, place, &spans, question, findings);
        }
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

/// Says which settings have changed. Who says what HOLD_MS was means nothing else.
fn in_force(topology: &Topology, place: u32, spans: &[Span], question: &Question, findings: &mut Findings) {
    let at = |offset: i64| format!("{}-{place} offset {offset}", topology.inbox());
    for (from, changed) in changes(spans) {
        findings.note(Invariant::Replayed, format!("from {} on decided with {changed}", at(from)));
    }
    if question.held_ms.is_empty() {
        return;
    }
    for span in spans.iter().filter(|span| !question.held_ms.contains(&span.settings.hold_ms)) {
        let what = format!("from here on HOLD_MS was {}, which nobody has named", span.settings.hold_ms);
        findings.breach(Invariant::Replayed, at(span.from), what);
    }
}
