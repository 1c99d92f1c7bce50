//! The record that is put back: the original's key, value and headers, and what says that it was a dead letter.

use super::letter::Lying;
use super::letter_id::LetterId;
use holdfast_engine::inspect::{OUTPUT_REFUSED, header};
use holdfast_ports::record::{NewRecord, TopicPartition};

/// Headers of a letter that the copy does not take along: why the record was given up then, and earlier redrives.
const LEFT_OUT: [&str; 10] = [
    header::CLASS,
    header::MESSAGE,
    header::TIMESTAMP,
    header::ATTEMPTS,
    header::DELAYED_BY,
    header::DELAYED_DUE,
    header::REDRIVE,
    header::REDRIVEN_BY,
    header::REDRIVEN_AT,
    header::REDRIVEN_FROM,
];

/// Which operator puts letters back, and when.
#[derive(Debug, Clone)]
pub(super) struct Stamp<'a> {
    pub(super) by: &'a str,
    /// In ms since the epoch.
    pub(super) at_ms: i64,
}

/// Why a letter cannot be put back, whatever is done: a code, and a sentence.
pub(super) fn obstacle(letter: &Lying, is_source: bool) -> Option<(&'static str, &'static str)> {
    match &letter.home {
        None => Some(("NO_ORIGIN", "it does not say which topic and partition it came from")),
        Some(_) if !is_source => Some(("FOREIGN_TOPIC", "the topic it came from is none of ours")),
        Some(_) if letter.value.is_none() && letter.is_delayed => {
            Some(("VALUE_NOT_KEPT", "its value was too large to be kept"))
        }
        Some(_) if letter.value.is_none() && letter.shown.class == OUTPUT_REFUSED => Some((
            "VALUE_NOT_KEPT",
            "its value was too large to be kept; it lies in the topic it came from, at the original offset",
        )),
        Some(_) => None,
    }
}

/// Calls `with` with the copy of `letter` for partition `home`, which is its copy number `attempt`.
pub(super) fn with_copy<R>(
    letter: &Lying,
    home: &TopicPartition,
    attempt: u32,
    stamp: &Stamp<'_>,
    with: impl FnOnce(&NewRecord<'_>) -> R,
) -> R {
    let (attempt, at_ms, id) = (attempt.to_string(), stamp.at_ms.to_string(), letter.id.to_string());
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    let mut is_entered = false;
    for (name, value) in letter.headers.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
        is_entered |= name == header::ORIGIN || name == header::ENTERED;
        headers.push((name, value));
    }
    if !is_entered {
        headers.push((header::ENTERED, letter.entered.as_bytes()));
    }
    headers.extend([
        (header::REDRIVE, attempt.as_bytes()),
        (header::REDRIVEN_BY, stamp.by.as_bytes()),
        (header::REDRIVEN_AT, at_ms.as_bytes()),
        // The last one: by it a copy is told from what was forwarded or buried with its headers.
        (header::REDRIVEN_FROM, id.as_bytes()),
    ]);
    with(&NewRecord {
        topic: &home.topic,
        partition: home.partition,
        key: letter.key.as_deref(),
        value: letter.value.as_deref(),
        headers: &headers,
    })
}

/// What has put a letter back and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PutBack {
    pub(super) id: LetterId,
    pub(super) home: TopicPartition,
    pub(super) attempt: u32,
    pub(super) by: Option<String>,
    pub(super) at_ms: Option<i64>,
    /// Where the copy lies, once that is known.
    pub(super) offset: Option<i64>,
}
