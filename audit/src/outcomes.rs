//! What was told about requests, in little room: there are as many outcomes as there were requests.
//!
//! A request has one outcome, and another one each time it is decided again: when an operator puts it back, or when it comes again after its outcome has
//! ended. Each decision takes the earliest that is left; what no decision has taken is one too many.

use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print, room};
use crate::reader::Entry;
use holdfast_engine::inspect::ports::record::TopicPartition;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::hash_map::Entry as Slot;

/// The status of what was granted, which has a topic of its own.
pub(crate) const SUCCESS: &str = "SUCCESS";
/// The status of what was given up.
pub(crate) const SYSTEM_ERROR: &str = "SYSTEM_ERROR";

/// What was told about a request; `T` is what only its feature reads.
#[derive(Debug)]
pub(crate) struct Outcome<T> {
    pub(crate) told: T,
    offset: i64,
    /// When it was appended, in s since the epoch: outcomes of one id are further apart.
    append_s: u32,
    /// By its number in [`Statuses`].
    pub(crate) status: u8,
    is_success_topic: bool,
    is_firm: bool,
}

/// The texts of statuses: there are few, whatever task wrote them, and an outcome keeps one byte of it.
#[derive(Debug, Default)]
pub(crate) struct Statuses(Vec<Box<str>>);

impl Statuses {
    pub(crate) fn number(&mut self, status: &str) -> u8 {
        let known = self.0.iter().position(|known| **known == *status).unwrap_or_else(|| {
            // Whatever comes after so many different ones is one of the last.
            self.0.truncate(usize::from(u8::MAX));
            self.0.push(status.into());
            self.0.len() - 1
        });
        u8::try_from(known).unwrap_or(u8::MAX)
    }

    pub(crate) fn text(&self, number: u8) -> &str {
        self.0.get(usize::from(number)).map_or("", |text| text)
    }
}

/// The outcomes of one place.
#[derive(Debug)]
pub(crate) struct Outcomes<T> {
    place: u32,
    /// Of what was granted, and of everything else.
    topics: [&'static str; 2],
    /// What is counted for each request that has its outcome.
    counted: &'static str,
    pub(crate) statuses: Statuses,
    /// By the id of the request; and those that supersede another.
    by_id: [FxHashMap<Print, Outcome<T>>; 2],
    /// Of requests that were told more than once what is not in `by_id`, in the order in which it was told.
    more: FxHashMap<(Print, bool), More<T>>,
}

/// What a request was told beside its first outcome.
#[derive(Debug)]
struct More<T> {
    id: Box<str>,
    outcomes: Vec<Outcome<T>>,
    /// Where the first stands.
    first_at: String,
}

impl<T> Outcomes<T> {
    pub(crate) fn new(place: u32, topics: [&'static str; 2], counted: &'static str, cut: &Cut) -> Self {
        let records = topics.map(|topic| cut.records(&TopicPartition::new(topic, place))).iter().sum();
        let first = FxHashMap::with_capacity_and_hasher(room(records), FxBuildHasher);
        Self {
            place,
            topics,
            counted,
            statuses: Statuses::default(),
            by_id: [first, FxHashMap::default()],
            more: FxHashMap::default(),
        }
    }

    /// The request `id` came to `status`, by a record of `topic`.
    pub(crate) fn note(
        &mut self,
        (topic, entry): (&'static str, &Entry<'_>),
        (id, status): (&str, &str),
        supersedes: bool,
        told: T,
        findings: &mut Findings,
    ) {
        let is_success_topic = topic == self.topics[0];
        if (status == SUCCESS) != is_success_topic {
            findings.breach(Invariant::Agreement, entry, format!("{id} is {status:?}, which has another topic"));
        }
        let status = self.statuses.number(status);
        // Enough until 2106.
        let append_s = u32::try_from(entry.append_ms / 1_000).unwrap_or(0);
        let mut new =
            Outcome { told, offset: entry.offset, append_s, status, is_success_topic, is_firm: entry.is_firm };
        let key = print(id);
        match self.by_id[usize::from(supersedes)].entry(key) {
            Slot::Vacant(place) => drop(place.insert(new)),
            Slot::Occupied(mut first) => {
                // The topics are read one after the other.
                if new.append_s < first.get().append_s {
                    new = first.insert(new);
                }
                let first_at = at(&self.topics, self.place, first.get());
                let more = self.more.entry((key, supersedes)).or_insert_with(|| More {
                    id: id.into(),
                    outcomes: Vec::new(),
                    first_at: String::new(),
                });
                more.first_at = first_at;
                let place = more.outcomes.partition_point(|known| known.append_s <= new.append_s);
                more.outcomes.insert(place, new);
            }
        }
    }

    /// Takes the next outcome of a request out; `supersedes`: the one that replaces another.
    pub(crate) fn take(&mut self, id: Print, supersedes: bool) -> Option<Outcome<T>> {
        self.by_id[usize::from(supersedes)].remove(&id).or_else(|| {
            let outcomes = &mut self.more.get_mut(&(id, supersedes))?.outcomes;
            (!outcomes.is_empty()).then(|| outcomes.remove(0))
        })
    }

    /// Where an outcome stands.
    pub(crate) fn at(&self, outcome: &Outcome<T>) -> String {
        at(&self.topics, self.place, outcome)
    }

    /// The status of an outcome.
    pub(crate) fn status(&self, outcome: &Outcome<T>) -> &str {
        self.statuses.text(outcome.status)
    }

    /// Counts a request that has its outcome.
    pub(crate) fn count(&self, findings: &mut Findings) {
        findings.count(Invariant::OneOutcome, self.counted, 1);
    }

    /// The request `id` was given up: it has to be told `SYSTEM_ERROR`.
    pub(crate) fn given_up(&mut self, id: &str, entry: &Entry<'_>, findings: &mut Findings) {
        match self.take(print(id), false) {
            Some(outcome) if self.status(&outcome) == SYSTEM_ERROR => self.count(findings),
            Some(outcome) => self.buried(id, self.status(&outcome), entry, findings),
            None => findings.breach(Invariant::OneOutcome, entry, format!("{id} has no outcome: it was given up")),
        }
    }

    /// The request `id` lies among the dead letters without having been given up: nothing is told about it.
    pub(crate) fn rejected(&self, id: &str, entry: &Entry<'_>, findings: &mut Findings) {
        let outcome = self.by_id[0].get(&print(id));
        if let Some(status) = outcome.map(|outcome| self.status(outcome)).filter(|status| *status != SYSTEM_ERROR) {
            self.buried(id, status, entry, findings);
        }
    }

    fn buried(&self, id: &str, status: &str, entry: &Entry<'_>, findings: &mut Findings) {
        let what = format!("{id} is buried, and was told {status}: nothing else is buried");
        findings.breach(Invariant::Letters, entry, what);
    }

    /// Outcomes of nothing, and more outcomes of a request than it has.
    pub(crate) fn leftover(&self, findings: &mut Findings) {
        for outcome in self.by_id.iter().flat_map(FxHashMap::values).filter(|outcome| outcome.is_firm) {
            let what = format!("no outcome without a request: told {} to nobody", self.status(outcome));
            findings.breach(Invariant::OneOutcome, self.at(outcome), what);
        }
        for More { id, outcomes, first_at } in self.more.values() {
            for outcome in outcomes.iter().filter(|outcome| outcome.is_firm) {
                let what = format!("{id} has one outcome: this is another than {first_at}");
                findings.breach(Invariant::OneOutcome, self.at(outcome), what);
            }
        }
    }
}

/// Where an outcome stands.
fn at<T>(topics: &[&'static str; 2], place: u32, outcome: &Outcome<T>) -> String {
    let topic = topics[usize::from(!outcome.is_success_topic)];
    format!("{topic}-{place} offset {}", outcome.offset)
}
