//! What has been found: for each invariant what was counted, the first thing against it, and why it may not apply.

use crate::invariant::Invariant;
use std::fmt::Display;

/// A counter-example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Topic, partition and offset, or the store and key.
    pub at: String,
    /// What is wrong there, with the ids.
    pub what: String,
}

/// What is known of one invariant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finding {
    /// What was looked at, in the order of first mention.
    pub(crate) counts: Vec<(&'static str, u64)>,
    /// Worth knowing, whatever the verdict.
    pub(crate) notes: Vec<String>,
    /// Why nothing can be said.
    pub(crate) not_applicable: Option<String>,
    pub(crate) first: Option<Breach>,
    pub(crate) breaches: u64,
}

/// The notebook of an audit.
#[derive(Debug, Default)]
pub struct Findings {
    /// In the order of [`Invariant::ALL`]: something is counted for almost every record.
    found: [Finding; Invariant::ALL.len()],
}

impl Findings {
    fn of(&mut self, invariant: Invariant) -> &mut Finding {
        &mut self.found[invariant as usize]
    }

    /// `n` more of `what` were looked at and are right.
    pub(crate) fn count(&mut self, invariant: Invariant, what: &'static str, n: u64) {
        let counts = &mut self.of(invariant).counts;
        // The same place in the source counts with the same text.
        match counts.iter_mut().find(|(name, _)| std::ptr::eq(*name, what) || *name == what) {
            Some((_, count)) => *count += n,
            None => counts.push((what, n)),
        }
    }

    /// `what` at `at` is against `invariant`.
    pub(crate) fn breach(&mut self, invariant: Invariant, at: impl Display, what: impl Display) {
        let finding = self.of(invariant);
        finding.breaches += 1;
        finding.first.get_or_insert_with(|| Breach { at: at.to_string(), what: what.to_string() });
    }

    /// Nothing can be said of `invariant`; the first reason stays.
    pub(crate) fn not_applicable(&mut self, invariant: Invariant, why: impl Display) {
        self.of(invariant).not_applicable.get_or_insert_with(|| why.to_string());
    }

    /// Something that a reader of the verdict should know.
    pub(crate) fn note(&mut self, invariant: Invariant, note: impl Display) {
        self.of(invariant).notes.push(note.to_string());
    }

    /// What somebody else has found is found after what is here.
    pub(crate) fn add(&mut self, others: Self) {
        for (finding, other) in self.found.iter_mut().zip(others.found) {
            for (what, n) in other.counts {
                match finding.counts.iter_mut().find(|(known, _)| *known == what) {
                    Some((_, count)) => *count += n,
                    None => finding.counts.push((what, n)),
                }
            }
            finding.notes.extend(other.notes);
            finding.not_applicable = finding.not_applicable.take().or(other.not_applicable);
            finding.first = finding.first.take().or(other.first);
            finding.breaches += other.breaches;
        }
    }

    /// What is known of `invariant`.
    pub(crate) fn take(&mut self, invariant: Invariant) -> Finding {
        std::mem::take(self.of(invariant))
    }
}
