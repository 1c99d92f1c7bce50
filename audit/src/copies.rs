//! Records that came to the wrong place and are sent on, once.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::reader::Entry;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// What was sent on, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// Where each stood that had to be sent on, by where it entered the log.
    sent: BTreeMap<String, String>,
    /// Copies by where their original entered: how many, the first of them, and whether its cause must be there.
    came: FxHashMap<String, (u32, String, bool)>,
}

impl Copies {
    /// Notes a record if it is a copy.
    pub(crate) fn look(&mut self, entry: &Entry<'_>) {
        if let Some(origin) = entry.heads.forwarded.filter(|_| !entry.heads.origin.is_redriven()) {
            let origin = String::from_utf8_lossy(origin).into_owned();
            self.came.entry(origin).or_insert_with(|| (0, entry.to_string(), entry.is_firm)).0 += 1;
        }
    }

    /// A record has been passed whose place is another.
    pub(crate) fn must_have(&mut self, entry: &Entry<'_>) {
        // What an operator put back keeps the headers of its first way, and so does its copy.
        if !entry.heads.origin.is_redriven() {
            self.sent.insert(entry.entered(), entry.to_string());
        }
    }

    /// Compares both sides.
    pub(crate) fn settle(&mut self, findings: &mut Findings) {
        for (origin, at) in &self.sent {
            match self.came.remove(origin).map_or(0, |(n, ..)| n) {
                1 => findings.count(Invariant::NoGap, "records sent on", 1),
                n => findings.breach(Invariant::NoGap, at, format!("it belongs elsewhere, and was sent on {n} times")),
            }
        }
        for (origin, (_, at, is_firm)) in &self.came {
            if *is_firm {
                findings.breach(Invariant::NoGap, at, format!("a copy of {origin}, which needed none"));
            }
        }
    }
}
