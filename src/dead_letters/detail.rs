//! One letter whole: where it came from, what it holds, and what became of it.

use super::copies::Copy;
use super::letter::{Letter, Lying, number, text};
use super::letter_id::LetterId;
use super::redrive::homes;
use super::report::Redriven;
use super::{DeadLetters, Trouble};
use holdfast_ports::record::TopicPartition;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use utoipa::ToSchema;

/// A header of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Became {
    /// The topology has not come to it yet.
    Pending,
    /// The topology has decided it; `outcome` says what, where the topology keeps that.
    Decided,
    /// It was given up once more: `deadAgainAs` names that letter.
    DeadAgain,
    /// How far the topology is cannot be seen from here.
    Unknown,
}

/// A time that a letter was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedriveShown {
    /// When, by whom, and where the copy lies.
    #[serde(flatten)]
    pub redriven: Redriven,
    /// What became of it.
    pub result: Became,
    /// The letter that it became, when it was given up once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_again_as: Option<String>,
}

/// The one outcome that a topology keeps of a record, whatever number of copies it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The id under which it is kept.
    pub id: String,
    /// What it is: `SUCCESS`, or why not; of a delivery or a notification, how far its ledger says it is: `DELIVERED`, `SENT`, `RETRY`, `DEAD`.
    pub status: String,
}

/// A letter whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// What a list shows.
    #[serde(flatten)]
    pub letter: Letter,
    /// All headers, in their order.
    pub headers: Vec<Header>,
    /// The value: JSON when it is JSON, else its text. Missing when it could not be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub value: Option<Box<RawValue>>,
    /// Whether the value is JSON.
    pub value_is_json: bool,
    /// Each time it was put back, the first one first.
    pub redrives: Vec<RedriveShown>,
    /// What the topology keeps of the record now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The id under which an outcome may be kept.
    #[serde(skip)]
    pub identity: String,
    /// Where the record first entered the log: its identity, if it has no other.
    #[serde(skip)]
    pub entered: String,
}

impl Detail {
    /// Where the record came from, if it says so.
    #[must_use]
    pub fn home(&self) -> Option<TopicPartition> {
        let partition = self.letter.original_partition?;
        (!self.letter.original_topic.is_empty()).then(|| TopicPartition::new(&*self.letter.original_topic, partition))
    }

    /// The record's value as it was, if it is JSON.
    #[must_use]
    pub fn json(&self) -> Option<&[u8]> {
        self.value.as_deref().filter(|_| self.value_is_json).map(|value| value.get().as_bytes())
    }

    /// The header `name` as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| &*header.value)
    }

    /// Notes how far the topology has decided the topic that the letter came from.
    pub fn decided_to(&mut self, next_offset: i64) {
        for redrive in self.redrives.iter_mut().filter(|redrive| redrive.result == Became::Unknown) {
            let offset = redrive.redriven.copy.as_deref().and_then(LetterId::parse).map(|copy| copy.offset);
            redrive.result = match offset {
                Some(offset) if offset < next_offset => Became::Decided,
                Some(_) => Became::Pending,
                None => Became::Unknown,
            };
        }
    }
}

impl DeadLetters {
    /// The letter called `id`, and how often it was put back. What became of each copy is [`Became::Unknown`] unless it was given up once more: see
    /// [`Detail::decided_to`].
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn detail(&self, id: &LetterId) -> Result<Option<Detail>, Trouble> {
        let mut scan = self.scan()?;
        let Some(mut letter) = scan.letter(id)? else { return Ok(None) };
        let copies = {
            let mut copies = self.copies.lock();
            self.look(&mut copies, &mut scan, &homes(std::slice::from_ref(&letter)))?;
            copies.of(id).to_vec()
        };
        letter.note(&copies);
        let mut again = if copies.is_empty() { BTreeMap::new() } else { self.dead_again(id)? };
        let redrives = copies.iter().map(|copy| self.shown(id, copy, again.remove(&copy.attempt))).collect();
        Ok(Some(whole(letter, redrives)))
    }

    /// The letter called `id` as a list shows it, with its value as text.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn letter(&self, id: &LetterId) -> Result<Option<Letter>, Trouble> {
        let mut scan = self.scan()?;
        let Some(mut letter) = scan.letter(id)? else { return Ok(None) };
        let mut copies = self.copies.lock();
        self.look(&mut copies, &mut scan, &homes(std::slice::from_ref(&letter)))?;
        letter.note(copies.of(id));
        Ok(Some(letter.with_value()))
    }

    fn shown(&self, id: &LetterId, copy: &Copy, again: Option<String>) -> RedriveShown {
        RedriveShown {
            redriven: Redriven::of(&copy.put_back(id), |topic| self.inbox_of(topic)),
            result: if again.is_some() { Became::DeadAgain } else { Became::Unknown },
            dead_again_as: again,
        }
    }

    /// The letters that copies of the letter called `id` have become, by the number of the copy.
    fn dead_again(&self, id: &LetterId) -> Result<BTreeMap<u32, String>, Trouble> {
        let (name, mut found) = (id.to_string(), BTreeMap::new());
        let mut scan = self.scan()?;
        let of_topic = super::Filter { topic: Some(id.at.topic.to_string()), ..super::Filter::default() };
        for (source, end) in scan.sources(&of_topic)? {
            // A copy may be given up in another place than its letter, when it was forwarded there.
            let from = (source == id.at).then_some(id.offset + 1);
            scan.read(&source, from, end, &mut |record, heads| {
                if heads.redriven_from == Some(name.as_bytes()) {
                    let letter = LetterId { at: source.clone(), offset: record.offset };
                    found.insert(number(heads.redrive).unwrap_or(1), letter.to_string());
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(found)
    }
}

fn whole(letter: Lying, redrives: Vec<RedriveShown>) -> Detail {
    let headers = letter
        .headers
        .iter()
        .map(|(name, value)| Header { name: name.clone(), value: text(Some(value)).unwrap_or_default() });
    let headers = headers.collect();
    let json = letter.value.as_deref().and_then(|value| serde_json::from_slice::<Box<RawValue>>(value).ok());
    let value_is_json = json.is_some();
    let value = json.or_else(|| {
        let text = text(letter.value.as_deref())?;
        serde_json::value::to_raw_value(&text).ok()
    });
    let entered = letter.entered;
    let identity = identity(letter.value.as_deref()).unwrap_or_else(|| entered.clone());
    Detail { letter: letter.shown, headers, value, value_is_json, redrives, outcome: None, identity, entered }
}

/// What a command is recognised by, if it brings an id.
fn identity(value: Option<&[u8]>) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(value?).ok()?;
    let id = |name| json.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    id("requestId").or_else(|| id("eventId"))
}
