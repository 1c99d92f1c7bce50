//! Which letters are asked for.

use super::catalogue::Catalogue;
use super::letter::Heads;
use super::{DeadLetters, Trouble};
use holdfast_ports::record::{Topic, TopicPartition};
use std::collections::BTreeSet;

/// Which letters: those that all filters match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Given up by this topology.
    pub topology: Option<String>,
    /// Lying in this topic of dead letters, or come from this topic.
    pub topic: Option<String>,
    /// Of this place.
    pub place: Option<u32>,
    /// Given up for this reason: the exception class.
    pub reason: Option<String>,
    /// Given up at this moment or later, in ms since the epoch.
    pub since_ms: Option<i64>,
    /// Given up before this moment, in ms since the epoch.
    pub until_ms: Option<i64>,
}

/// A filter that no letter can match, since what it names does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSuch {
    /// No topology has this name.
    Topology {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// No topic of dead letters and no topic that letters come from has this name.
    Topic {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// There are letters, and none has this reason.
    Reason {
        /// The reason that was given.
        name: String,
        /// Reasons that letters have.
        known: Vec<String>,
    },
    /// There are fewer places.
    Place {
        /// The place that was given.
        place: u32,
        /// How many there are, from 0.
        places: u32,
    },
}

impl Filter {
    /// Checks what needs no log.
    pub(super) fn check_names(&self, catalogue: &Catalogue) -> Result<(), NoSuch> {
        self.topology.as_deref().map_or(Ok(()), |name| catalogue.check_topology(name))?;
        self.topic.as_deref().map_or(Ok(()), |name| catalogue.check_topic(name))
    }

    /// The topics of dead letters in which matching letters may lie.
    pub(super) fn topics(&self, catalogue: &Catalogue) -> BTreeSet<Topic> {
        let mut topics = match &self.topology {
            Some(name) => catalogue.dead_of(name),
            None => catalogue.dead(),
        };
        // A topic that letters come from may fill several topics of dead letters.
        if let Some(topic) = self.topic.as_deref()
            && topics.contains(topic)
        {
            topics.retain(|dead| **dead == *topic);
        }
        topics
    }

    /// Whether the letter with `heads`, which lies in a partition of `dead`, was given up at `failed_ms` and by `topology`, matches.
    pub(super) fn matches(&self, dead: &TopicPartition, topology: &str, heads: &Heads<'_>, failed_ms: i64) -> bool {
        let is = |wanted: &Option<String>, found: Option<&[u8]>| {
            wanted.as_ref().is_none_or(|wanted| Some(wanted.as_bytes()) == found)
        };
        let is_topic = |topic: &String| **topic == *dead.topic || Some(topic.as_bytes()) == heads.topic;
        self.topology.as_deref().is_none_or(|wanted| wanted == topology)
            && self.topic.as_ref().is_none_or(is_topic)
            && self.place.is_none_or(|place| place == dead.partition)
            && is(&self.reason, heads.class)
            && self.since_ms.is_none_or(|since| failed_ms >= since)
            && self.until_ms.is_none_or(|until| failed_ms < until)
    }
}

impl DeadLetters {
    /// Checks that what `filter` names exists: an empty answer would look like one without letters. Whether there are letters with its reason is
    /// seen when they are read.
    ///
    /// # Errors
    /// The first filter that names nothing, and when the log cannot be asked.
    pub fn check(&self, filter: &Filter) -> Result<(), Trouble> {
        filter.check_names(&self.catalogue)?;
        match (filter.place, self.catalogue.places(&*self.log)?) {
            (Some(place), Some(places)) if place >= places => Err(NoSuch::Place { place, places }.into()),
            _ => Ok(()),
        }
    }

    /// Checks a filter of which no letter was found: when there are letters, one at least must have its reason.
    pub(super) fn check_reason(&self, filter: &Filter) -> Result<(), Trouble> {
        let Some(reason) = &filter.reason else { return Ok(()) };
        let mut known = BTreeSet::new();
        let mut scan = self.scan()?;
        for (source, end) in scan.sources(&Filter::default())? {
            scan.read(&source, None, end, &mut |_, heads| {
                if let Some(class) = heads.class {
                    known.insert(String::from_utf8_lossy(class).into_owned());
                }
                std::ops::ControlFlow::Continue(())
            })?;
        }
        if known.is_empty() || known.contains(reason) {
            return Ok(());
        }
        Err(NoSuch::Reason { name: reason.clone(), known: known.into_iter().collect() }.into())
    }
}
