//! A dead letter: as it lies in the log, and as it is shown.

use super::copies::Copy;
use super::letter_id::LetterId;
use holdfast_engine::inspect::{Origin, header};
use holdfast_model::{envelope, rfc3339};
use holdfast_ports::record::{Record, TopicPartition};
use serde::Serialize;
use utoipa::ToSchema;

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
    /// What was wrong, for programs: the reason by which letters are filtered.
    pub class: String,
    /// What was wrong, for humans.
    pub message: String,
    /// Attempts made.
    pub attempts: Option<u32>,
    /// When it was given up; of a letter that does not say, when it was appended.
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
    /// When it was last put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_redriven_at: Option<String>,
    /// The operator who last put it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_redriven_by: Option<String>,
    /// The letter that this record was before it was put back, and given up once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redriven_from: Option<String>,
    /// Size of the record's value in bytes.
    pub value_bytes: Option<usize>,
    /// The record's value as text, when one letter was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// The headers of a letter that say what it is, found in one pass.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heads<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) topic: Option<&'a [u8]>,
    pub(super) partition: Option<&'a [u8]>,
    pub(super) offset: Option<&'a [u8]>,
    pub(super) class: Option<&'a [u8]>,
    pub(super) message: Option<&'a [u8]>,
    pub(super) timestamp: Option<&'a [u8]>,
    pub(super) attempts: Option<&'a [u8]>,
    pub(super) delayed_by: Option<&'a [u8]>,
    pub(super) event_id: Option<&'a [u8]>,
    pub(super) redriven_from: Option<&'a [u8]>,
    pub(super) redrive: Option<&'a [u8]>,
    pub(super) redriven_by: Option<&'a [u8]>,
    pub(super) redriven_at: Option<&'a [u8]>,
    /// Whether the last header says that the record is an operator's copy: what forwards a copy adds a header of its own.
    pub(super) is_copy: bool,
}

impl<'a> Heads<'a> {
    pub(super) fn of(record: &Record<'a>) -> Self {
        let mut heads = Self::default();
        record.headers.each(&mut |name, value| {
            heads.is_copy = name == header::REDRIVEN_FROM;
            match name {
                header::TOPIC => heads.topic = value,
                header::PARTITION => heads.partition = value,
                header::OFFSET => heads.offset = value,
                header::CLASS => heads.class = value,
                header::MESSAGE => heads.message = value,
                header::TIMESTAMP => heads.timestamp = value,
                header::ATTEMPTS => heads.attempts = value,
                header::DELAYED_BY => heads.delayed_by = value,
                header::REDRIVEN_FROM => heads.redriven_from = value,
                header::REDRIVE => heads.redrive = value,
                header::REDRIVEN_BY => heads.redriven_by = value,
                header::REDRIVEN_AT => heads.redriven_at = value,
                envelope::header::ID => heads.event_id = value,
                _ => {}
            }
            heads.origin.note(name, value);
        });
        heads
    }

    /// When the record was given up, in ms since the epoch.
    pub(super) fn failed_ms(&self, record: &Record<'_>) -> i64 {
        number(self.timestamp).unwrap_or(record.append_ms)
    }

    /// Where the copy of the letter goes, as the letter says.
    pub(super) fn home(&self) -> Option<(String, u32)> {
        Some((text(self.topic)?, number(self.partition)?))
    }

    /// The first offset at which a copy of the letter may lie: after the original. A delayed message had no place before: its copy may lie anywhere.
    pub(super) fn copies_from(&self) -> i64 {
        match (self.delayed_by, number::<i64>(self.offset)) {
            (None, Some(offset)) => offset.saturating_add(1).max(0),
            _ => 0,
        }
    }
}

/// The text of a header.
pub(super) fn text(value: Option<&[u8]>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

/// The number that a header holds.
pub(super) fn number<N: std::str::FromStr>(value: Option<&[u8]>) -> Option<N> {
    std::str::from_utf8(value?).ok()?.parse().ok()
}

/// A letter as it lies in the log.
#[derive(Debug, Clone)]
pub(super) struct Lying {
    pub(super) id: LetterId,
    pub(super) shown: Letter,
    /// Where its copy goes, if it says so.
    pub(super) home: Option<TopicPartition>,
    /// The first offset at which a copy of it may lie.
    pub(super) copies_from: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// Where the record first entered the log: its identity, if it has no other.
    pub(super) entered: String,
    pub(super) is_delayed: bool,
}

impl Lying {
    /// The letter at `id`. `topology`: the one that gave the record up.
    pub(super) fn of(id: LetterId, topology: &str, record: &Record<'_>, heads: &Heads<'_>) -> Self {
        let failed_ms = heads.failed_ms(record);
        let mut headers = Vec::new();
        record.headers.each(&mut |name, value| headers.push((name.to_owned(), value.unwrap_or_default().to_vec())));
        let shown = Letter {
            id: id.to_string(),
            topology: topology.to_owned(),
            original_topic: text(heads.topic).unwrap_or_default(),
            original_partition: number(heads.partition),
            original_offset: number(heads.offset),
            class: text(heads.class).unwrap_or_default(),
            message: text(heads.message).unwrap_or_default(),
            attempts: number(heads.attempts),
            failed_at: Some(rfc3339::to_string(failed_ms)),
            key: text(record.key),
            event_id: text(heads.event_id),
            redriven: 0,
            last_redriven_at: None,
            last_redriven_by: None,
            redriven_from: text(heads.redriven_from),
            value_bytes: record.value.map(<[u8]>::len),
            value: None,
        };
        Self {
            shown,
            home: heads.home().map(|(topic, partition)| TopicPartition::new(topic, partition)),
            copies_from: heads.copies_from(),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers,
            entered: heads.origin.identity((&id.at.topic, id.at.partition, id.offset)),
            is_delayed: heads.delayed_by.is_some(),
            id,
        }
    }

    /// Notes how often it has been put back, and when last by whom.
    pub(super) fn note(&mut self, copies: &[Copy]) {
        self.shown.redriven = u32::try_from(copies.len()).unwrap_or(u32::MAX);
        if let Some(last) = copies.last() {
            self.shown.last_redriven_at = last.at_ms.map(rfc3339::to_string);
            self.shown.last_redriven_by = last.by.as_deref().map(str::to_owned);
        }
    }

    /// As it is shown, with its value as text.
    pub(super) fn with_value(mut self) -> Letter {
        self.shown.value = self.value.map(|value| String::from_utf8_lossy(&value).into_owned());
        self.shown
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + headers
    }
}
