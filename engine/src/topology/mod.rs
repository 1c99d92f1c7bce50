//! What a topology reads, keeps and sends: a sentence that is checked before anything runs.
//!
//! The prelude has an example.

mod builder;

pub use builder::{Builder, InvalidTopology};

use crate::ending::Ending;
use crate::processor::Processor;
use crate::sink::Sinks;
use crate::{changelog, delayed, effect, ending, position};
use holdfast_ports::log::{Cleanup, TopicSpec};
use holdfast_ports::record::Topic;
use holdfast_ports::store::StoreSpec;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// How long records stay in a topic unless the topology says otherwise: 7 days.
pub(crate) const RETENTION_DEFAULT_MS: i64 = 7 * DAY_MS;

/// How long a changelog keeps tombstones. A local store left alone for nearly so long is rebuilt from the start: it may have missed some.
pub(crate) const DELETE_RETENTION_MS: i64 = 7 * DAY_MS;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Makes a processor for a task.
pub(crate) type MakeProcessor = Arc<dyn Fn() -> Box<dyn Processor> + Send + Sync>;

/// A topology that has been checked. Cheap to clone.
#[derive(Clone)]
pub struct Topology(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    name: Arc<str>,
    group: String,
    sources: Vec<Topic>,
    deciding: bool,
    stores: Vec<StoreSpec>,
    endings: Vec<Ending>,
    sinks: Vec<Topic>,
    /// The same, and the inbox, by their handles.
    handles: Sinks,
    dead_letters: Topic,
    effects: bool,
    /// Where results of effects come back.
    results: Topic,
    /// Whether that is a source of its own.
    own_results: bool,
    /// Sources that keep the last record of each key.
    compacted: Vec<String>,
    retention_ms: Vec<(String, i64)>,
    make: MakeProcessor,
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Topology {
    /// Begins the sentence. `name` is part of directory, changelog and metric names: lower case letters, digits and dashes.
    #[must_use]
    pub fn named(name: &str) -> Builder {
        Builder::named(name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The group under which its positions are shown to `kafka-consumer-groups`.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.0.group
    }

    /// The same topology, shown under another group.
    #[must_use]
    pub fn shown_as(&self, group: &str) -> Self {
        Self(Arc::new(Parts { group: group.to_owned(), ..(*self.0).clone() }))
    }

    /// The same topology, decided by other processors.
    #[must_use]
    pub fn decided_by(&self, make: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Parts { make: Arc::new(make), ..(*self.0).clone() }))
    }

    /// The first source: of a deciding topology, the only one.
    #[must_use]
    pub fn inbox(&self) -> &Topic {
        &self.0.sources[0]
    }

    /// What it reads.
    #[must_use]
    pub fn sources(&self) -> &[Topic] {
        &self.0.sources
    }

    /// Whether it has exactly one source and may therefore change its mind in log order.
    #[must_use]
    pub fn is_deciding(&self) -> bool {
        self.0.deciding
    }

    /// Its own stores, without the engine's.
    #[must_use]
    pub fn stores(&self) -> &[StoreSpec] {
        &self.0.stores
    }

    /// All stores of a task: the engine's and its own.
    #[must_use]
    pub fn all_stores(&self) -> Vec<StoreSpec> {
        let mut all = vec![position::STORE, delayed::STORE, effect::STORE, ending::STORE];
        all.extend_from_slice(&self.0.stores);
        all
    }

    /// Which of its own stores have rows that end.
    #[must_use]
    pub fn endings(&self) -> &[Ending] {
        &self.0.endings
    }

    /// What it may send to.
    #[must_use]
    pub fn sinks(&self) -> &[Topic] {
        &self.0.sinks
    }

    /// Where it may send, by handle.
    pub(crate) fn handles(&self) -> &Sinks {
        &self.0.handles
    }

    /// Where records go that cannot be processed.
    #[must_use]
    pub fn dead_letters(&self) -> &Topic {
        &self.0.dead_letters
    }

    /// Whether it asks for effects.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        self.0.effects
    }

    /// Where results of its effects come back.
    pub(crate) fn results(&self) -> &Topic {
        &self.0.results
    }

    /// Whether results of effects come back through `topic`, and nothing else does.
    pub(crate) fn is_results_source(&self, topic: &Topic) -> bool {
        self.0.own_results && *topic == self.0.results
    }

    /// A processor for a new task.
    #[must_use]
    pub fn make_processor(&self) -> Box<dyn Processor> {
        (self.0.make)()
    }

    /// All topics it needs in `app` with `places` partitions.
    #[must_use]
    pub fn topics(&self, app: &str, places: u32, replication: Option<u32>) -> Vec<TopicSpec> {
        let spec = |name: &str, cleanup| TopicSpec { name: name.to_owned(), partitions: places, replication, cleanup };
        let mut specs: Vec<TopicSpec> = self
            .0
            .sources
            .iter()
            .chain(&self.0.sinks)
            .chain([&self.0.dead_letters])
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|topic| {
                let is_compacted = self.0.compacted.iter().any(|compacted| **compacted == **topic);
                let cleanup = if is_compacted {
                    Cleanup::Compact { delete_retention_ms: DELETE_RETENTION_MS }
                } else {
                    Cleanup::Delete { retention_ms: self.retention_ms(topic) }
                };
                spec(topic, cleanup)
            })
            .collect();
        specs.push(spec(
            &changelog::topic(app, &self.0.name),
            Cleanup::Compact { delete_retention_ms: DELETE_RETENTION_MS },
        ));
        specs
    }

    fn retention_ms(&self, topic: &str) -> i64 {
        self.0
            .retention_ms
            .iter()
            .find(|(name, _)| name == topic)
            .map_or(RETENTION_DEFAULT_MS, |(_, retention_ms)| *retention_ms)
    }
}
