//! Dead letters looked at and put back: what the command line and the admin routes have in common.
//!
//! A dead letter is named by where it lies: `<topic>-<partition>-<offset>`. Putting it back appends a copy to the partition of the inbox that it came
//! from, with its identity; the letter stays. So a second redrive of the same letter is a second copy, which the topology recognises like any
//! repetition. Which letters have been put back is read in the inbox itself: nothing else is true about it.

use crate::worker::RunError;
use holdfast_engine::inspect::{OUTPUT_REFUSED, Origin, header};
use holdfast_engine::prelude::Topology;
use holdfast_model::{envelope, rfc3339};
use holdfast_ports::log::{Appender, End, Fetcher, Log, Start};
use holdfast_ports::record::{NewRecord, Record, TopicPartition};
use holdfast_tools::reading;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc;
use std::time::Duration;
use utoipa::ToSchema;

/// Letters listed when nobody says how many.
pub const LIMIT_DEFAULT: usize = 100;
/// Most letters listed or put back at once.
pub const LIMIT_MAX: usize = 10_000;
/// How long an append is waited for. The log gives up before.
const APPEND_MAX: Duration = Duration::from_secs(30);
/// Which letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this topology.
    pub topology: Option<String>,
    /// Of this place.
    pub place: Option<u32>,
    /// Of this class.
    pub class: Option<String>,
    /// These only, by name.
    pub ids: Vec<String>,
}

/// A filter that no letter can ever match, since what it names does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSuch {
    /// No topology has this name.
    Topology {
        /// The name that was given.
        name: String,
        /// The names that exist.
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

impl Wanted {
    /// Checks that what the filters name exists. `places`: how many there are, if that is known.
    ///
    /// # Errors
    /// The first filter that names nothing. A letter's class is not checked: classes are made by whatever fails.
    pub fn check(&self, topologies: &[Topology], places: Option<u32>) -> Result<(), NoSuch> {
        if let Some(name) = &self.topology
            && !topologies.iter().any(|topology| **topology.name() == **name)
        {
            let known = topologies.iter().map(|topology| topology.name().to_string()).collect();
            return Err(NoSuch::Topology { name: name.clone(), known });
        }
        match (self.place, places) {
            (Some(place), Some(places)) if place >= places => Err(NoSuch::Place { place, places }),
            _ => Ok(()),
        }
    }
}

/// How many places there are: the partitions of the topics of dead letters; none before the first start.
///
/// # Errors
/// When the log cannot be read.
pub fn places(log: &dyn Log, topologies: &[Topology]) -> Result<Option<u32>, RunError> {
    let mut most = None;
    for topic in topologies.iter().map(Topology::dead_letters) {
        most = most.max(log.partitions(topic).map_err(|e| reading::failed(topic, &e))?);
    }
    Ok(most)
}

/// A dead letter, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Its name: `<topic>-<partition>-<offset>`.
    pub id: String,
    /// The topology that gave the record up.
    pub topology: String,
    /// Topic the record came from; of a delayed message that the log refused, the topic that it was to be sent to.
    pub original_topic: String,
    /// Partition of that topic.
    pub original_partition: Option<u32>,
    /// Offset it came from; a delayed message has none.
    pub original_offset: Option<i64>,
    /// What was wrong, for programs.
    pub class: String,
    /// What was wrong, for humans.
    pub message: String,
    /// Attempts made.
    pub attempts: Option<u32>,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
    /// The record's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The record's CloudEvents id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// How many times it has been put back.
    pub redriven: u32,
    /// Size of the record's value in bytes.
    pub value_bytes: Option<usize>,
    /// The record's value as text, when one letter was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A letter that has been put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// The letter.
    pub id: String,
    /// How many times it has been put back, this time included.
    pub attempt: u32,
    /// Where the copy lies.
    pub topic: String,
    /// Where the copy lies in it: `<topology>-<place>-<offset>`, as `Holdfast-Position`.
    pub position: String,
}

/// A letter that was not put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// The letter.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What a redrive came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redrive {
    /// Put back.
    pub redriven: Vec<Redriven>,
    /// Not put back.
    pub skipped: Vec<Skipped>,
}

/// Whether values are taken along: there may be many, and large ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Taken,
    Left,
}

/// A letter as it lies in the log.
struct Lying {
    shown: Letter,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    entered: String,
    /// The topology that had kept it, if it is a delayed message that the log refused.
    delayed_by: Option<String>,
}

/// The letters that are `wanted`, the newest `limit` of each partition in order; with their values when they were asked for by name.
///
/// # Errors
/// When the log cannot be read.
pub fn list(log: &dyn Log, topologies: &[Topology], wanted: &Wanted, limit: usize) -> Result<Vec<Letter>, RunError> {
    let values = if wanted.ids.is_empty() { Values::Left } else { Values::Taken };
    let shown = |Lying { mut shown, value, .. }| {
        shown.value = value.map(|value: Vec<u8>| String::from_utf8_lossy(&value).into_owned());
        shown
    };
    Ok(find(log, topologies, wanted, limit, values)?.into_iter().map(shown).collect())
}

/// Puts back the letters that are `wanted`. Those asked for by name in any case, others unless they have been put back before.
///
/// # Errors
/// When the log cannot be read or written to. What has been put back until then stays put back.
pub fn redrive(
    log: &dyn Log,
    appender: &dyn Appender,
    topologies: &[Topology],
    wanted: &Wanted,
) -> Result<Redrive, RunError> {
    let mut outcome = Redrive::default();
    for lying in find(log, topologies, wanted, LIMIT_MAX, Values::Taken)? {
        let id = lying.shown.id.clone();
        let inbox = topologies.iter().flat_map(Topology::sources).find(|topic| ***topic == lying.shown.original_topic);
        let reason = match (inbox, lying.shown.original_partition) {
            (None, _) => Some("the topic it came from is none of ours"),
            (_, None) => Some("it does not say which partition it came from"),
            _ if wanted.ids.is_empty() && lying.shown.redriven > 0 => Some("it has been put back before"),
            _ if lying.value.is_none() && lying.delayed_by.is_some() => Some("its value was too large to be kept"),
            _ if lying.value.is_none() && lying.shown.class == OUTPUT_REFUSED => {
                Some("its value was too large to be kept; it lies in the inbox, at the original offset")
            }
            _ => None,
        };
        match (reason, lying.shown.original_partition) {
            (None, Some(partition)) => outcome.redriven.push(put_back(appender, &lying, partition)?),
            (reason, _) => outcome.skipped.push(Skipped { id, reason: reason.unwrap_or_default().to_owned() }),
        }
    }
    Ok(outcome)
}

/// Takes the name of a letter apart.
#[must_use]
pub fn parse_id(id: &str) -> Option<(&str, u32, i64)> {
    let (rest, offset) = id.rsplit_once('-')?;
    let (topic, partition) = rest.rsplit_once('-')?;
    Some((topic, partition.parse().ok()?, offset.parse().ok().filter(|offset| *offset >= 0)?))
}

fn find(
    log: &dyn Log,
    topologies: &[Topology],
    wanted: &Wanted,
    limit: usize,
    values: Values,
) -> Result<Vec<Lying>, RunError> {
    let mut fetcher = log.fetcher().map_err(|e| reading::failed("log", &e))?;
    let mut found = Vec::new();
    for topology in topologies {
        if wanted.topology.as_ref().is_some_and(|name| *name != **topology.name()) {
            continue;
        }
        let topic = topology.dead_letters();
        // Nothing has ever run: nothing has died.
        let Some(places) = log.partitions(topic).map_err(|e| reading::failed(topic, &e))? else { continue };
        for place in (0..places).filter(|place| wanted.place.is_none_or(|wanted| wanted == *place)) {
            let source = TopicPartition::new(topic.clone(), place);
            let mut letters = in_partition(&mut *fetcher, topology, &source, wanted, limit, values)?;
            count_redrives(&mut *fetcher, topology, &mut letters)?;
            found.extend(letters);
        }
    }
    Ok(found)
}

fn in_partition(
    fetcher: &mut dyn Fetcher,
    topology: &Topology,
    source: &TopicPartition,
    wanted: &Wanted,
    limit: usize,
    values: Values,
) -> Result<VecDeque<Lying>, RunError> {
    let mut letters = VecDeque::new();
    let named: Vec<i64> = wanted
        .ids
        .iter()
        .filter_map(|id| parse_id(id))
        .filter(|(topic, partition, _)| *topic == &*source.topic && *partition == source.partition)
        .map(|(_, _, offset)| offset)
        .collect();
    if !wanted.ids.is_empty() && named.is_empty() {
        return Ok(letters);
    }
    let end = reading::end(fetcher, source, End::Stable)?;
    reading::read::<RunError>(fetcher, source, Start::Earliest, end, &mut |record| {
        if !wanted.ids.is_empty() && !named.contains(&record.offset) {
            return Ok(());
        }
        let letter = lying(topology, source, record, values);
        // Topologies may share a topic of dead letters.
        let is_ours = match &letter.delayed_by {
            Some(by) => **by == **topology.name(),
            None => topology.sources().iter().any(|topic| **topic == letter.shown.original_topic),
        };
        if is_ours && wanted.class.as_ref().is_none_or(|class| *class == letter.shown.class) {
            letters.push_back(letter);
            if letters.len() > limit {
                letters.pop_front();
            }
        }
        Ok(())
    })?;
    Ok(letters)
}

fn lying(topology: &Topology, source: &TopicPartition, record: &Record<'_>, values: Values) -> Lying {
    let text = |name| record.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let number = |name| text(name).and_then(|value| value.parse::<i64>().ok());
    let mut headers = Vec::new();
    record.headers.each(&mut |name, value| headers.push((name.to_owned(), value.unwrap_or_default().to_vec())));
    let shown = Letter {
        id: format!("{source}-{}", record.offset),
        topology: topology.name().to_string(),
        original_topic: text(header::TOPIC).unwrap_or_default(),
        original_partition: number(header::PARTITION).and_then(|n| u32::try_from(n).ok()),
        original_offset: number(header::OFFSET),
        class: text(header::CLASS).unwrap_or_default(),
        message: text(header::MESSAGE).unwrap_or_default(),
        attempts: number(header::ATTEMPTS).and_then(|n| u32::try_from(n).ok()),
        failed_at: number(header::TIMESTAMP).map(rfc3339::to_string),
        key: record.key.map(|key| String::from_utf8_lossy(key).into_owned()),
        event_id: text(envelope::header::ID),
        redriven: 0,
        value_bytes: record.value.map(<[u8]>::len),
        value: None,
    };
    Lying {
        entered: Origin::of(record).identity((&source.topic, source.partition, record.offset)),
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.filter(|_| values == Values::Taken).map(<[u8]>::to_vec),
        headers,
        delayed_by: text(header::DELAYED_BY),
        shown,
    }
}

/// Counts the copies of each letter in the inbox it came from. They lie after the original.
fn count_redrives(
    fetcher: &mut dyn Fetcher,
    topology: &Topology,
    letters: &mut VecDeque<Lying>,
) -> Result<(), RunError> {
    let mut originals: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for Lying { shown, delayed_by, .. } in letters.iter() {
        let source = topology.sources().iter().find(|topic| ***topic == shown.original_topic).cloned();
        let (topic, offset) = match delayed_by {
            // It was nowhere yet: a copy may lie anywhere.
            Some(_) => (Some(shown.original_topic.as_str().into()), Some(-1)),
            None => (source, shown.original_offset),
        };
        if let (Some(topic), Some(partition), Some(offset)) = (topic, shown.original_partition, offset) {
            let first = originals.entry(TopicPartition::new(topic, partition)).or_insert(offset);
            *first = offset.min(*first);
        }
    }
    for (inbox, original) in originals {
        let end = reading::end(fetcher, &inbox, End::Stable)?;
        let start = original.saturating_add(1).max(reading::earliest(fetcher, &inbox)?);
        if start >= end {
            continue;
        }
        reading::read::<RunError>(fetcher, &inbox, Start::At(start), end, &mut |record| {
            let mut last = ("", None);
            record.headers.each(&mut |name, value| last = (name, value));
            // A forwarded copy of the copy carries another last header, and is no redrive of its own.
            if let (header::REDRIVEN_FROM, Some(id)) = last
                && let Some(letter) = letters.iter_mut().find(|letter| letter.shown.id.as_bytes() == id)
            {
                letter.shown.redriven += 1;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn put_back(appender: &dyn Appender, lying: &Lying, partition: u32) -> Result<Redriven, RunError> {
    let attempt = lying.shown.redriven + 1;
    let attempt_text = attempt.to_string();
    let why =
        [header::CLASS, header::MESSAGE, header::TIMESTAMP, header::ATTEMPTS, header::DELAYED_BY, header::DELAYED_DUE];
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    let mut is_entered = false;
    for (name, value) in lying.headers.iter().filter(|(name, _)| !why.contains(&name.as_str())) {
        is_entered |= name == header::ORIGIN || name == header::ENTERED;
        headers.push((name, value));
    }
    if !is_entered {
        headers.push((header::ENTERED, lying.entered.as_bytes()));
    }
    headers.push((header::REDRIVE, attempt_text.as_bytes()));
    headers.push((header::REDRIVEN_FROM, lying.shown.id.as_bytes()));
    let record = NewRecord {
        topic: &lying.shown.original_topic,
        partition,
        key: lying.key.as_deref(),
        value: lying.value.as_deref(),
        headers: &headers,
    };
    let (tell, told) = mpsc::channel();
    appender.append(
        record,
        Box::new(move |outcome| {
            // Given up meanwhile: the copy may be in the inbox all the same, and the next look counts it.
            let _ = tell.send(outcome);
        }),
    );
    let failed = |why: String| RunError::Failed(format!("{}: not put back: {why}", lying.shown.id));
    let landed = told.recv_timeout(APPEND_MAX).map_err(|_| failed("no answer from the log".to_owned()))?;
    let landed = landed.map_err(|error| failed(error.to_string()))?;
    Ok(Redriven {
        id: lying.shown.id.clone(),
        attempt,
        topic: lying.shown.original_topic.clone(),
        position: format!("{}-{partition}-{}", lying.shown.topology, landed.offset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_named_by_where_it_lies() {
        assert_eq!(parse_id("coupon-issue-dlq-2-17"), Some(("coupon-issue-dlq", 2, 17)));
        for bad in ["", "17", "2-17x", "dlq-2", "dlq-2-", "dlq--1-5", "dlq-2--5"] {
            assert!(parse_id(bad).is_none_or(|(topic, ..)| topic.is_empty() || topic.ends_with('-')), "{bad}");
        }
    }
}
