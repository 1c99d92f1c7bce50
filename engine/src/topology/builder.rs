//! A topology being written down, and checked.

use super::{MakeProcessor, Parts, Topology};
use crate::ending::{Ending, EndingTable, Ends};
use crate::key::Key;
use crate::processor::Processor;
use crate::sink::{Sink, Sinks, is_topic_name};
use crate::table;
use holdfast_ports::record::Topic;
use holdfast_ports::store::StoreSpec;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A topology being written down.
pub struct Builder {
    name: String,
    group: Option<String>,
    inboxes: Vec<String>,
    sources: Vec<String>,
    stores: Vec<StoreSpec>,
    endings: Vec<Ending>,
    sinks: Vec<&'static Sink>,
    dead_letters: Option<String>,
    effects: bool,
    results: Option<String>,
    compacted: Vec<String>,
    retention_ms: Vec<(String, i64)>,
    make: Option<MakeProcessor>,
}

impl Builder {
    /// Nothing but a name yet.
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            group: None,
            inboxes: Vec::new(),
            sources: Vec::new(),
            stores: Vec::new(),
            endings: Vec::new(),
            sinks: Vec::new(),
            dead_letters: None,
            effects: false,
            results: None,
            compacted: Vec::new(),
            retention_ms: Vec::new(),
            make: None,
        }
    }

    /// Shows its positions under `group`; default: `<name>-service-group`.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }

    /// Decides what comes in through `topic`: its one and only source, whose order is the order of decisions.
    #[must_use]
    pub fn inbox(mut self, topic: &str) -> Self {
        self.inboxes.push(topic.to_owned());
        self
    }

    /// Reads `topic`, perhaps beside others. For topologies that never change their mind; order between sources is nobody's promise.
    #[must_use]
    pub fn source(mut self, topic: &str) -> Self {
        self.sources.push(topic.to_owned());
        self
    }

    /// Reads `topic`, which keeps the last record of each key for ever; one without a value deletes its key.
    #[must_use]
    pub fn compacted_source(mut self, topic: &str) -> Self {
        self.compacted.push(topic.to_owned());
        self.source(topic)
    }

    /// Keeps a store.
    #[must_use]
    pub fn store(mut self, store: StoreSpec) -> Self {
        self.stores.push(store);
        self
    }

    /// Keeps a store whose rows are deleted some time after they were decided, and are gone for the processor `keep_ms` after that, by the time of the
    /// log: see [`Ends`].
    #[must_use]
    pub fn ends<K: Key, V: Ends + DeserializeOwned>(mut self, table: &EndingTable<K, V>, keep_ms: i64) -> Self {
        self.stores.push(table.spec());
        self.endings.push(Ending::of(table, keep_ms));
        self
    }

    /// May send to `sink`.
    #[must_use]
    pub fn sink(mut self, sink: &'static Sink) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Sends records that cannot be processed to `topic`.
    #[must_use]
    pub fn dead_letters(mut self, topic: &str) -> Self {
        self.dead_letters = Some(topic.to_owned());
        self
    }

    /// Asks for effects, whose results come back through the first source.
    #[must_use]
    pub fn effects(mut self) -> Self {
        self.effects = true;
        self
    }

    /// Asks for effects, whose results come back through `topic`: a source of its own, so that no result waits behind a backlog of requests. For
    /// topologies with several sources.
    #[must_use]
    pub fn results(mut self, topic: &str) -> Self {
        self.effects = true;
        self.results = Some(topic.to_owned());
        self.source(topic)
    }

    /// Keeps records of `topic` for `retention_ms` instead of 7 days.
    #[must_use]
    pub fn retention(mut self, topic: &str, retention_ms: i64) -> Self {
        self.retention_ms.push((topic.to_owned(), retention_ms));
        self
    }

    /// Decides with what `make` makes, one for each task.
    #[must_use]
    pub fn processor(mut self, make: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static) -> Self {
        self.make = Some(Arc::new(make));
        self
    }

    /// Checks the sentence.
    ///
    /// # Errors
    /// [`InvalidTopology`], which says what is wrong with which topology and how to mend it.
    pub fn build(self) -> Result<Topology, InvalidTopology> {
        let wrong = |what: String| Err(InvalidTopology { topology: self.name.clone(), what });
        if self.name.is_empty() || !self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return wrong(
                "its name may hold lower case letters, digits and dashes only: it names directories and topics"
                    .to_owned(),
            );
        }
        let deciding = !self.inboxes.is_empty();
        match (self.inboxes.len(), self.sources.len()) {
            (0, 0) => return wrong("it reads nothing: give it an .inbox(topic)".to_owned()),
            (1, 0) | (0, 1..) => {}
            (1, _) => {
                return wrong(format!(
                    "it has the inbox {} and other sources: what may change its mind comes through one topic, so send {} into the inbox, or use .source for all",
                    self.inboxes[0],
                    self.sources.join(", ")
                ));
            }
            _ => {
                return wrong(format!(
                    "it has {} inboxes ({}): log order decides, so there can be one",
                    self.inboxes.len(),
                    self.inboxes.join(", ")
                ));
            }
        }
        if self.effects && self.results.is_none() && self.sources.len() > 1 {
            return wrong(
                "it asks for effects and has several sources: name the topic through which their results come with .results(topic)".to_owned(),
            );
        }
        let sources: Vec<Topic> = self.inboxes.iter().chain(&self.sources).map(|t| Topic::from(t.as_str())).collect();
        let Some(dead_letters) = self.dead_letters else {
            return wrong("it has nowhere to put records it cannot read: give it .dead_letters(topic)".to_owned());
        };
        let Some(make) = self.make else {
            return wrong("it has no .processor(…)".to_owned());
        };
        let sinks: Vec<Topic> = self.sinks.iter().map(|sink| Topic::from(sink.topic())).collect();
        for topic in sources.iter().chain(&sinks).map(AsRef::as_ref).chain([dead_letters.as_str()]) {
            if !is_topic_name(topic) {
                return wrong(format!(
                    "{topic:?} is no topic name: letters, digits, '.', '_' and '-', at most 249 of them"
                ));
            }
        }
        if sources.iter().any(|s| **s == *dead_letters) {
            return wrong(format!(
                "it reads its own dead letters ({dead_letters}): a bad record would go round for ever"
            ));
        }
        let repeated = first_repeated(sources.iter().map(AsRef::as_ref))
            .or_else(|| first_repeated(sinks.iter().map(AsRef::as_ref)));
        if let Some(topic) = repeated {
            return wrong(format!("it names {topic} twice"));
        }
        for (i, store) in self.stores.iter().enumerate() {
            if store.id.0 < table::FIRST_FREE {
                return wrong(format!(
                    "store {} has number {}: those below {} belong to the engine",
                    store.name,
                    store.id.0,
                    table::FIRST_FREE
                ));
            }
            if let Some(twin) = self.stores[..i].iter().find(|s| s.id == store.id || s.name == store.name) {
                return wrong(format!(
                    "stores {} (number {}) and {} (number {}) share a number or a name",
                    twin.name, twin.id.0, store.name, store.id.0
                ));
            }
        }
        if let Some(Ending { store, keep_ms, .. }) = self.endings.iter().find(|ending| ending.keep_ms <= 0) {
            return wrong(format!("it keeps rows of {} for {keep_ms} ms: it must be positive", store.name));
        }
        for (topic, retention_ms) in &self.retention_ms {
            let known = sources.iter().chain(&sinks).any(|known| **known == **topic) || *topic == dead_letters;
            if !known {
                return wrong(format!("it sets a retention for {topic}, which it neither reads nor writes"));
            }
            if *retention_ms <= 0 {
                return wrong(format!("retention of {topic} is {retention_ms} ms: it must be positive"));
            }
        }
        let group = self.group.unwrap_or_else(|| format!("{}-service-group", self.name));
        Ok(Topology(Arc::new(Parts {
            name: self.name.into(),
            group,
            handles: Sinks::new(&sources[0], &self.sinks),
            own_results: self.results.is_some(),
            results: self.results.map_or_else(|| sources[0].clone(), Topic::from),
            sources,
            deciding,
            stores: self.stores,
            endings: self.endings,
            sinks,
            dead_letters: dead_letters.into(),
            effects: self.effects,
            compacted: self.compacted,
            retention_ms: self.retention_ms,
            make,
        })))
    }
}

fn first_repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

/// A topology that cannot work, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topology {topology}: {what}")]
pub struct InvalidTopology {
    /// Which one.
    pub topology: String,
    /// What is wrong and what to do.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::process_error::ProcessError;
    use holdfast_ports::record::Record;
    use holdfast_ports::store::StoreId;

    static OUT: Sink = Sink::to("out");

    struct Nothing;
    impl Processor for Nothing {
        fn process(&mut self, _: &mut Context<'_>, _: &Record<'_>) -> Result<(), ProcessError> {
            Ok(())
        }
    }

    #[derive(serde::Deserialize)]
    struct Row;
    impl Ends for Row {
        fn decided_ms(&self) -> i64 {
            0
        }
    }

    fn good() -> Builder {
        Topology::named("good").inbox("in").sink(&OUT).dead_letters("in-dlq").processor(|| Box::new(Nothing))
    }

    fn nonsense(builder: Builder) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn a_good_sentence_is_taken() {
        let topology = good().build().unwrap();
        assert!(topology.is_deciding());
        assert_eq!(topology.group(), "good-service-group");
        let topics: Vec<String> = topology.topics("app", 3, None).into_iter().map(|t| t.name).collect();
        assert_eq!(topics, ["in", "in-dlq", "out", "app-good-changelog"]);
    }

    #[test]
    fn each_kind_of_nonsense_is_named() {
        let store = |id, name| StoreSpec { id: StoreId(id), name };
        const ENDING: EndingTable<String, Row> = EndingTable::new(17, "ending");
        for (builder, word) in [
            (good().inbox("in2"), "2 inboxes"),
            (good().source("other"), "comes through one topic"),
            (Topology::named("x").dead_letters("d").processor(|| Box::new(Nothing)), "reads nothing"),
            (Topology::named("x").inbox("in").processor(|| Box::new(Nothing)), "dead_letters"),
            (Topology::named("x").inbox("in").dead_letters("d"), "processor"),
            (Topology::named("x").inbox("in").dead_letters("in").processor(|| Box::new(Nothing)), "own dead letters"),
            (Topology::named("No Name").inbox("in"), "lower case"),
            (good().sink(&OUT), "twice"),
            (good().dead_letters("a b"), "no topic name"),
            (good().sink(Sink::inbox()), "no topic name"),
            (good().store(store(3, "s")), "belong to the engine"),
            (good().store(store(16, "a")).store(store(16, "b")), "share a number"),
            (good().ends(&ENDING, 0), "must be positive"),
            (good().ends(&ENDING, 1).store(ENDING.spec()), "share a number"),
            (good().results("back"), "comes through one topic"),
            (Topology::named("x").source("a").source("b").effects(), ".results(topic)"),
            (good().retention("elsewhere", 1), "neither reads nor writes"),
            (good().retention("in", 0), "positive"),
        ] {
            let said = nonsense(builder);
            assert!(said.contains(word), "{said:?} should say {word:?}");
        }
    }
}
