//! Which topics there are: those of dead letters, those that letters come from, and whose they are.

use super::letter::Heads;
use super::{NoSuch, Trouble};
use holdfast_engine::prelude::Topology;
use holdfast_ports::log::Log;
use holdfast_ports::record::Topic;
use holdfast_tools::reading;
use std::collections::BTreeSet;

/// The topologies, as dead letters see them.
#[derive(Debug, Clone)]
pub(super) struct Catalogue(Vec<Topology>);

impl Catalogue {
    pub(super) fn of(topologies: Vec<Topology>) -> Self {
        Self(topologies)
    }

    /// The topics of dead letters, each once: topologies may share one.
    pub(super) fn dead(&self) -> BTreeSet<Topic> {
        self.0.iter().map(|topology| topology.dead_letters().clone()).collect()
    }

    /// The topics of dead letters of the topology called `name`.
    pub(super) fn dead_of(&self, name: &str) -> BTreeSet<Topic> {
        let of_it = self.0.iter().filter(|topology| **topology.name() == *name);
        of_it.map(|topology| topology.dead_letters().clone()).collect()
    }

    /// The name of `topic` as the topologies share it, if records may be put back into it.
    pub(super) fn source(&self, topic: &str) -> Option<Topic> {
        self.0.iter().flat_map(Topology::sources).find(|source| ***source == *topic).cloned()
    }

    /// The topology that reads `topic`.
    pub(super) fn reader(&self, topic: &str) -> Option<&Topology> {
        self.0.iter().find(|topology| topology.sources().iter().any(|source| **source == *topic))
    }

    /// The topology that has given a record up, by its letter in `dead`.
    pub(super) fn author(&self, dead: &Topic, heads: &Heads<'_>) -> Option<&Topology> {
        let mut ours = self.0.iter().filter(|topology| topology.dead_letters() == dead);
        let is_author = |topology: &&Topology| match heads.delayed_by {
            Some(by) => topology.name().as_bytes() == by,
            None => topology.sources().iter().any(|source| Some(source.as_bytes()) == heads.topic),
        };
        ours.clone().find(is_author).or_else(|| ours.next())
    }

    /// Refuses a topology that does not exist.
    pub(super) fn check_topology(&self, name: &str) -> Result<(), NoSuch> {
        if self.0.iter().any(|topology| **topology.name() == *name) {
            return Ok(());
        }
        let known = self.0.iter().map(|topology| topology.name().to_string()).collect();
        Err(NoSuch::Topology { name: name.to_owned(), known })
    }

    /// Refuses a topic that neither holds dead letters nor is one that they come from.
    pub(super) fn check_topic(&self, name: &str) -> Result<(), NoSuch> {
        let mut known: BTreeSet<Topic> = self.dead();
        known.extend(self.0.iter().flat_map(Topology::sources).cloned());
        if known.contains(name) {
            return Ok(());
        }
        Err(NoSuch::Topic { name: name.to_owned(), known: known.iter().map(ToString::to_string).collect() })
    }

    /// How many places there are: the partitions of the topics of dead letters; none before the first start.
    pub(super) fn places(&self, log: &dyn Log) -> Result<Option<u32>, Trouble> {
        let mut most = None;
        for topic in self.dead() {
            most = most.max(log.partitions(&topic).map_err(|e| reading::failed(&topic, &e))?);
        }
        Ok(most)
    }
}
