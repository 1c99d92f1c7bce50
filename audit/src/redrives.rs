//! Dead letters that were put back: each copy is of a letter that is there, says the same, and leads to the outcome of the same request.

use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::reader::Entry;
use holdfast_engine::inspect::ports::record::TopicPartition;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A dead letter, as its copies must be.
#[derive(Debug, Clone)]
struct Original {
    /// Hash of its value; none when it could not be kept.
    value: Option<u64>,
    /// Hash of the identity that decides which outcome is its.
    entered: u64,
    /// Where it came from. Of a delayed message there is no offset.
    home: (TopicPartition, Option<i64>),
}

/// All letters by name, and the copies that have been met.
#[derive(Debug, Default)]
pub(crate) struct Redrives {
    originals: FxHashMap<String, Original>,
    /// Where each copy lies, by letter and number.
    copies: FxHashMap<(String, u32), String>,
    redriven: BTreeSet<String>,
}

impl Redrives {
    /// Notes the letter `entry`, which came from `home`.
    pub(crate) fn letter(&mut self, entry: &Entry<'_>, home: TopicPartition, offset: Option<i64>) {
        let value = entry.value.map(hash);
        let entered = hash(entry.entered().as_bytes());
        self.originals.insert(name(entry.source, entry.offset), Original { value, entered, home: (home, offset) });
    }

    /// Looks at a record of an inbox: if it is a copy of a letter, it must be one that the letter can have.
    pub(crate) fn look(&mut self, entry: &Entry<'_>, cut: &Cut, findings: &mut Findings) {
        let Some(from) = entry.heads.redriven_from else { return };
        let from = String::from_utf8_lossy(from).into_owned();
        let Some((dead, offset)) = read(&from) else {
            findings.breach(
                Invariant::Letters,
                entry,
                format!("it says to be the dead letter {from:?}, which is no name"),
            );
            return;
        };
        findings.count(Invariant::Letters, "copies put back", 1);
        let number = entry.heads.redrive.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let Some(number) = number else {
            findings.breach(Invariant::Letters, entry, format!("it does not say which copy of {from} it is"));
            return;
        };
        if let Some(first) = self.copies.insert((from.clone(), number), entry.to_string()) {
            findings.breach(
                Invariant::Letters,
                entry,
                format!("{from} was put back twice at once: copy {number} is {first}, and this is another"),
            );
        }
        let span = cut.span(&dead);
        match self.originals.get(&from) {
            None if offset < span.begins || offset >= span.end => {
                findings.count(Invariant::Letters, "copies of letters that are gone or came later", 1);
            }
            None => findings.breach(Invariant::Letters, entry, format!("there is no dead letter {from}")),
            Some(original) => {
                if let Some(why) = differs(original, entry) {
                    findings.breach(Invariant::Letters, entry, format!("it is no copy of {from}: {why}"));
                }
                self.redriven.insert(from);
            }
        }
    }

    /// After all copies: how many letters nobody has put back.
    pub(crate) fn settle(&self, findings: &mut Findings) {
        let open = self.originals.len().saturating_sub(self.redriven.len());
        findings.count(Invariant::Letters, "letters not put back", u64::try_from(open).unwrap_or(u64::MAX));
    }
}

/// Hash of a value or an identity.
pub(crate) fn hash(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn differs(original: &Original, entry: &Entry<'_>) -> Option<&'static str> {
    let (home, offset) = &original.home;
    if entry.source != home {
        return Some("that came from another partition");
    }
    if offset.is_some_and(|offset| entry.offset <= offset) {
        return Some("that came from a later offset");
    }
    if original.value.is_some() && original.value != entry.value.map(hash) {
        return Some("that says something else");
    }
    // The outcome belongs to the identity, and each identity has one (I-9): so a letter and all its copies have one.
    (original.entered != hash(entry.entered().as_bytes())).then_some("that has another identity")
}

fn name(source: &TopicPartition, offset: i64) -> String {
    format!("{source}-{offset}")
}

fn read(name: &str) -> Option<(TopicPartition, i64)> {
    let (rest, offset) = name.rsplit_once('-')?;
    let (topic, partition) = rest.rsplit_once('-')?;
    Some((TopicPartition::new(topic, partition.parse().ok()?), offset.parse().ok()?))
}
