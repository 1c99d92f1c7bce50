//! The cut: how far each partition is read, and what of it has to be complete, while everything goes on being written.
//!
//! ```text
//!   1. stable ends of all topics      FIRM     what stands before them was committed by now, so its cause is decided in 2
//!   2. settled ends of the changelogs          their position rows say how far each inbox is DECIDED
//!   3. settled ends of all topics     END      so they hold every output of what is decided in 2, and perhaps of later decisions
//! ```
//! A commit holds outputs, changelog and position, all or nothing. So of a record that is decided in 2 every answer stands before END, or is missing; a
//! fact before FIRM has its cause among what is decided in 2, or has none. What lies between is under way: neither right nor wrong.

use crate::rebuilt::Rebuilt;
use holdfast_engine::inspect::changelog;
use holdfast_engine::inspect::ports::log::{End, Fetcher, Log};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::Topology;
use holdfast_tools::Failure;
use holdfast_tools::reading;
use std::collections::{BTreeMap, BTreeSet};

/// How far one partition counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// First offset that is still there.
    pub(crate) begins: i64,
    /// What stands before it has its cause among what is decided.
    pub(crate) firm: i64,
    /// Where reading ends.
    pub(crate) end: i64,
}

/// The ends of everything.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// Number of places.
    pub(crate) places: u32,
    spans: BTreeMap<TopicPartition, Span>,
    /// First offset that is not decided, by inbox partition. None for a place without a changelog.
    decided: BTreeMap<TopicPartition, i64>,
    /// Append time of the first record still there, of partitions that have been read and do not begin at 0.
    forgotten_before_ms: BTreeMap<TopicPartition, i64>,
    /// Everything counts as decided: for logs without changelogs.
    all_decided: bool,
}

/// By topology and place.
pub(crate) type States = BTreeMap<(String, u32), Rebuilt>;

/// A changelog partition.
pub(crate) struct Changelog<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) source: TopicPartition,
    /// Where reading ends.
    pub(crate) end: i64,
}

/// Brings changelogs into stores, in their order.
pub(crate) type Rebuild<'a> = dyn FnMut(&[Changelog<'_>]) -> Result<Vec<Rebuilt>, Failure> + 'a;

impl Cut {
    /// Takes the cut.
    pub(crate) fn take(
        log: &dyn Log,
        fetcher: &mut dyn Fetcher,
        topologies: &[Topology],
        app: &str,
        all_decided: bool,
        rebuild: &mut Rebuild<'_>,
    ) -> Result<(Self, States), Failure> {
        let mut cut = Self { all_decided, ..Self::default() };
        let topics: BTreeSet<_> =
            topologies.iter().flat_map(|t| t.sources().iter().chain(t.sinks()).chain([t.dead_letters()])).collect();
        for topic in topics {
            let partitions = log.partitions(topic).map_err(|e| reading::failed(topic, &e))?.unwrap_or(0);
            cut.places = cut.places.max(partitions);
            for partition in 0..partitions {
                let source = TopicPartition::new(topic.clone(), partition);
                let firm = reading::end(fetcher, &source, End::Stable)?;
                cut.spans.insert(source, Span { begins: 0, firm, end: firm });
            }
        }
        let mut changelogs = Vec::new();
        for topology in topologies {
            let topic = changelog::topic(app, topology.name());
            let partitions = log.partitions(&topic).map_err(|e| reading::failed(&topic, &e))?.unwrap_or(0);
            for place in 0..partitions {
                let source = TopicPartition::new(topic.as_str(), place);
                changelogs.push(Changelog { topology, end: reading::settled_end(fetcher, &source)?, source });
            }
        }
        for (source, span) in &mut cut.spans {
            span.end = reading::settled_end(fetcher, source)?;
            span.begins = reading::earliest(fetcher, source)?;
        }
        let mut states = States::new();
        for (Changelog { topology, source, .. }, rebuilt) in changelogs.iter().zip(rebuild(&changelogs)?) {
            for inbox in topology.sources() {
                let next = rebuilt.position().next_offset(inbox).unwrap_or(0);
                cut.decided.insert(TopicPartition::new(inbox.clone(), source.partition), next);
            }
            states.insert((topology.name().to_string(), source.partition), rebuilt);
        }
        Ok((cut, states))
    }

    /// How far `source` counts; nothing for a partition that does not exist.
    pub(crate) fn span(&self, source: &TopicPartition) -> Span {
        self.spans.get(source).copied().unwrap_or(Span { begins: 0, firm: 0, end: 0 })
    }

    /// How many records of `source` there may be.
    pub(crate) fn records(&self, source: &TopicPartition) -> i64 {
        let span = self.span(source);
        span.end.saturating_sub(span.begins)
    }

    /// Everything that is read.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&TopicPartition, &Span)> {
        self.spans.iter()
    }

    /// First offset of an inbox partition that is not decided.
    pub(crate) fn decided(&self, inbox: &TopicPartition) -> i64 {
        let end = self.span(inbox).end;
        if self.all_decided { end } else { self.decided.get(inbox).copied().unwrap_or(0).min(end) }
    }

    /// Whether `source` is an inbox.
    pub(crate) fn is_inbox(&self, source: &TopicPartition) -> bool {
        self.all_decided || self.decided.contains_key(source)
    }

    /// First partition of `topic` whose beginning is gone.
    pub(crate) fn beheaded(&self, topic: &str) -> Option<(&TopicPartition, i64)> {
        self.spans
            .iter()
            .find(|(source, span)| *source.topic == *topic && span.begins > 0)
            .map(|(s, span)| (s, span.begins))
    }

    /// The first record still in `source` was appended at `append_ms`, and there were others before it.
    pub(crate) fn note_beginning(&mut self, source: &TopicPartition, append_ms: i64) {
        self.forgotten_before_ms.insert(source.clone(), append_ms);
    }

    /// Whether an output of a record appended at `cause_ms` may have been deleted from a partition of `topic` by retention.
    pub(crate) fn may_be_forgotten(&self, topic: &str, cause_ms: i64) -> bool {
        self.spans
            .iter()
            .filter(|(source, span)| *source.topic == *topic && span.begins > 0)
            .any(|(source, _)| self.forgotten_before_ms.get(source).is_none_or(|first_ms| cause_ms <= *first_ms))
    }
}
