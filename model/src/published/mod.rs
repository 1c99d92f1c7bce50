//! What the values of records look like, published: one description for each kind of record of each topic. `/asyncapi.json` shows them as JSON Schemas, the
//! audit holds every record against them (I-32), and tests hold them against what the shop writes and reads.
//!
//! A description says which fields have to be there and of what kind each is. Fields that it does not name are allowed, so that a later version may add some:
//! [`Record::version`] counts the changes that are more than an addition. Of a record that others write it says what the shop takes, of one that the shop
//! writes what it promises.
//!
//! | module | holds |
//! |---|---|
//! | [`kind`] | fields, and what a field may be |
//! | [`check`] | a value against its description |
//! | [`json_schema`] | a description as a JSON Schema |
//!
//! The descriptions themselves stand beside the messages: `published.rs` in the folder of each feature.

pub mod check;
pub mod json_schema;
pub mod kind;

use crate::PUBLISHED;
use kind::Field;

/// A topic of the shop.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Its name.
    pub name: &'static str,
    /// What lies there, in a sentence.
    pub about: &'static str,
    /// What the key of a record is.
    pub key: &'static str,
    /// Which way its records go.
    pub way: Way,
    /// The kinds of records in it.
    pub records: &'static [Record],
}

/// Which way the records of a topic go, as the shop sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Others write, the shop reads; the shop may write there, too.
    In,
    /// The shop writes, others read.
    Out,
    /// The shop writes and reads; others may read.
    Within,
}

/// A kind of record.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// What it is called, unique in its topic.
    pub name: &'static str,
    /// Which version of its description this is: more than 1 once a change was more than an addition.
    pub version: u32,
    /// What it says, in a sentence.
    pub about: &'static str,
    /// How it is told from the other kinds in its topic.
    pub told_by: ToldBy,
    /// Its fields.
    pub fields: &'static [Field],
    /// Fields of which one at least has to be there; empty = no such rule.
    pub one_of: &'static [&'static str],
}

/// How a kind of record is told from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// It has no `type`, or its topic has one kind only.
    Nothing,
    /// Its `type` is this.
    Type(&'static str),
    /// Its `type` is this, and it has this field.
    TypeAnd(&'static str, &'static str),
    /// It has no value.
    NoValue,
    /// Its value is whatever it was elsewhere.
    Anywhere,
}

impl Record {
    /// A record of this name.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str, told_by: ToldBy, fields: &'static [Field]) -> Self {
        Self { name, version: 1, about, told_by, fields, one_of: &[] }
    }

    /// A command: its name is its `type`.
    #[must_use]
    pub const fn command(kind: &'static str, about: &'static str, fields: &'static [Field]) -> Self {
        Self::new(kind, about, ToldBy::Type(kind), fields)
    }

    /// The same record, of which one of `fields` at least has to be there.
    #[must_use]
    pub const fn with_one_of(mut self, fields: &'static [&'static str]) -> Self {
        self.one_of = fields;
        self
    }
}

impl Topic {
    /// A topic of dead letters: their values are those of the records that were given up.
    #[must_use]
    pub const fn of_dead_letters(name: &'static str) -> Self {
        Self {
            name,
            about: "Records that could not be processed, as they came. Their headers say where they came from and why (`X-Original-*`, `X-Exception-*`).",
            key: "That of the record",
            way: Way::Out,
            records: DEAD_LETTERS,
        }
    }
}

const DEAD_LETTERS: &[Record] = &[Record::new("dead-letter", "A record that was given up.", ToldBy::Anywhere, &[])];

/// Every topic of the shop.
pub fn topics() -> impl Iterator<Item = &'static Topic> {
    PUBLISHED.iter().copied().flatten()
}

/// The topic called `name`.
#[must_use]
pub fn topic(name: &str) -> Option<&'static Topic> {
    topics().find(|topic| topic.name == name)
}

#[cfg(test)]
mod tests {
    use super::kind::{Kind, Presence};
    use super::*;
    use std::collections::BTreeSet;

    /// What was published before: a line for each field.
    const BEFORE: &str = include_str!("before.txt");

    fn lines(at: &str, fields: &[Field], all: &mut Vec<String>) {
        for Field { name, kind, presence, .. } in fields {
            let presence = match presence {
                Presence::Must => "must",
                Presence::May => "may",
                Presence::OrNull => "or-null",
            };
            let at = format!("{at}.{name}");
            all.push(format!("{at} {presence} {}", word(kind)));
            let within = match kind {
                Kind::List(each) => each,
                kind => kind,
            };
            match within {
                Kind::Object(fields) => lines(&at, fields, all),
                Kind::OneOf(texts) => all.extend(texts.iter().map(|text| format!("{at} = {text}"))),
                _ => {}
            }
        }
    }

    fn word(kind: &Kind) -> String {
        match kind {
            Kind::OneOf(_) => "one-of".to_owned(),
            Kind::Object(_) => "object".to_owned(),
            Kind::List(each) => format!("list-of-{}", word(each)),
            Kind::Map(each) => format!("map-of-{}", word(each)),
            Kind::Either(kinds) => kinds.iter().map(word).collect::<Vec<_>>().join("|"),
            plain => format!("{plain:?}").to_lowercase(),
        }
    }

    /// Consumers rely on what is published, and producers on what is taken: fields are added, and no other change is made without a new version of the
    /// record. Then, and after an addition, `before.txt` is what this test prints.
    #[test]
    fn what_was_published_stays() {
        let mut now = Vec::new();
        for topic in topics() {
            for record in topic.records {
                let at = format!("{} {} {}", topic.name, record.name, record.version);
                now.push(at.clone());
                lines(&format!("{at} "), record.fields, &mut now);
            }
        }
        let versions = |line: &str| line.split(' ').take(3).collect::<Vec<_>>().join(" ");
        let stands: BTreeSet<_> = now.iter().map(|line| versions(line)).collect();
        let known: BTreeSet<_> = BEFORE.lines().collect();
        let gone: Vec<_> =
            known.iter().filter(|line| stands.contains(&versions(line)) && !now.iter().any(|n| n == *line)).collect();
        let is_new = |line: &&String| !known.contains(&***line);
        let new = now.iter().filter(is_new).count();
        assert!(gone.is_empty() && new == 0, "gone: {gone:#?}\n{new} new lines; all:\n{}", now.join("\n"));
    }

    #[test]
    fn topics_and_their_records_have_names_of_their_own() {
        let names: BTreeSet<_> = topics().map(|topic| topic.name).collect();
        assert_eq!(names.len(), topics().count());
        for topic in topics() {
            let records: BTreeSet<_> = topic.records.iter().map(|record| record.name).collect();
            assert!(records.len() == topic.records.len() && !records.is_empty(), "{}", topic.name);
            let plain = topic.records.iter().filter(|record| record.told_by == ToldBy::Nothing).count();
            assert!(plain <= 1, "{}: what has no type is one kind of record", topic.name);
            for record in topic.records {
                let fields: BTreeSet<_> = record.fields.iter().map(|field| field.name).collect();
                assert_eq!(fields.len(), record.fields.len(), "{} {}", topic.name, record.name);
                assert!(record.one_of.iter().all(|name| fields.contains(name)), "{} {}", topic.name, record.name);
            }
        }
    }
}
