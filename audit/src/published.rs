//! I-32: each record fits what is published of the records of its topic. What others write may be anything: then it lies among the dead letters.

use crate::findings::Findings;
use crate::invariant::Invariant;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_model::published::{self, Topic};
use std::collections::BTreeSet;

/// Records that do not fit and are remembered until all dead letters are known. More are a breach of their own: no shop buries so many.
const MISFITS_MAX: usize = 1_000_000;

/// Looks at the values of records, of each partition once.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// Whether it is asked for: values are read for nothing else.
    is_asked: bool,
    seen: BTreeSet<TopicPartition>,
    /// The topic in hand, if its records are to be looked at.
    topic: Option<&'static Topic>,
    misfits: Vec<Misfit>,
    left_out: u64,
}

/// A record as it is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) source: &'a TopicPartition,
    pub(crate) offset: i64,
    pub(crate) value: Option<&'a [u8]>,
    /// A task wrote it.
    pub(crate) is_by_a_task: bool,
    /// It stands for a record that was given up elsewhere, and is buried there.
    pub(crate) is_given_up: bool,
}

/// A record that does not fit.
#[derive(Debug)]
struct Misfit {
    source: TopicPartition,
    offset: i64,
    why: String,
}

impl Published {
    pub(crate) fn new(is_asked: bool) -> Self {
        Self { is_asked, ..Self::default() }
    }

    /// Another partition is read.
    pub(crate) fn begin(&mut self, source: &TopicPartition, findings: &mut Findings) {
        self.topic = None;
        if self.is_asked && self.seen.insert(source.clone()) {
            self.topic = published::topic(&source.topic);
            if self.topic.is_none() {
                findings.breach(Invariant::Published, source, "nothing is published of the records of this topic");
            }
        }
    }

    /// Whether `source` has been looked at, or need not be.
    pub(crate) fn has_seen(&self, source: &TopicPartition) -> bool {
        !self.is_asked || self.seen.contains(source)
    }

    /// Looks at a record that is decided, or that a task has written.
    pub(crate) fn look(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let Some(topic) = self.topic.filter(|_| !seen.is_given_up) else { return };
        let Seen { source, offset, .. } = *seen;
        match topic.check(seen.value) {
            Ok(_) => findings.count(Invariant::Published, "records as published", 1),
            // What a task writes is never nonsense, even if whoever reads it buries it.
            Err(misfit) if seen.is_by_a_task => {
                findings.breach(Invariant::Published, format!("{source} offset {offset}"), misfit);
            }
            Err(_) if self.misfits.len() >= MISFITS_MAX => self.left_out += 1,
            Err(misfit) => {
                self.misfits.push(Misfit { source: source.clone(), offset, why: misfit.to_string() });
            }
        }
    }

    /// All dead letters are known, and `is_buried` says whether a record is among them: what does not fit has to be.
    pub(crate) fn settle(&mut self, is_buried: &dyn Fn(&TopicPartition, i64) -> bool, findings: &mut Findings) {
        for Misfit { source, offset, why } in self.misfits.drain(..) {
            if is_buried(&source, offset) {
                findings.count(Invariant::Published, "records of no published kind, buried", 1);
            } else {
                findings.breach(Invariant::Published, format!("{source} offset {offset}"), why);
            }
        }
        if self.left_out > 0 {
            let what = format!("{} more records do not fit, beside {MISFITS_MAX} that were compared", self.left_out);
            findings.breach(Invariant::Published, "the log", what);
        }
    }
}
