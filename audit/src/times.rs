//! I-31: what tasks write says its times in UTC, and each task's time goes forward only.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::reader::Entry;
use crate::record::{Field, record};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_model::rfc3339;
use std::collections::BTreeMap;

/// Watches the times of one partition after the other.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Latest time of each task that has written into the partition in hand, in ms since the epoch.
    tasks: BTreeMap<Vec<u8>, i64>,
    append_ms: Option<i64>,
    /// How often append time stepped back: a change of leaders may do that, and logical time does not follow.
    pub(crate) steps_back: u64,
}

record! {
    /// The times that facts say, all of them in UTC.
    pub(crate) struct Stamps<'a> {
        event_time: Field<'a> = "eventTime",
        occurred_at: Field<'a> = "occurredAt",
        expires_at: Field<'a> = "expiresAt",
        expired_at: Field<'a> = "expiredAt",
        confirmed_at: Field<'a> = "confirmedAt",
        issued_at: Field<'a> = "issuedAt",
        ordered_at: Field<'a> = "orderedAt",
    }
}

/// The moment that a UTC time names, if it is one.
fn utc(text: &str) -> Option<i64> {
    text.strip_suffix('Z').and_then(|_| rfc3339::parse(text))
}

impl Times {
    /// Another partition.
    pub(crate) fn begin(&mut self, _source: &TopicPartition) {
        self.tasks.clear();
        self.append_ms = None;
    }

    /// Looks at the times of a record.
    pub(crate) fn look(&mut self, entry: &Entry<'_>, findings: &mut Findings) {
        if self.append_ms.is_some_and(|before| entry.append_ms < before) {
            self.steps_back += 1;
        }
        self.append_ms = Some(entry.append_ms);
        // A copy keeps the time of what it is a copy of, and that may have waited.
        let is_copy =
            entry.heads.forwarded.is_some() || entry.heads.letter[0].is_some() || entry.heads.origin.is_redriven();
        let (Some(task), Some(time), false) = (entry.heads.source, entry.heads.time, is_copy) else { return };
        let text = String::from_utf8_lossy(time);
        let Some(ms) = utc(&text) else {
            findings.breach(Invariant::Times, entry, format!("ce_time {text:?} is not in UTC"));
            return;
        };
        // Others may have a clock; only our tasks have a logical time.
        if task.iter().filter(|byte| **byte == b'/').count() != 2 {
            return;
        }
        match self.tasks.get_mut(task) {
            Some(before) if ms < *before => {
                let task = String::from_utf8_lossy(task);
                findings.breach(Invariant::Times, entry, format!("{task} was at {before} ms before, and says {ms} ms"));
            }
            Some(before) => *before = ms,
            None => drop(self.tasks.insert(task.to_vec(), ms)),
        }
        findings.count(Invariant::Times, "records of tasks in order", 1);
    }

    /// Looks at the times in the value of a fact: those in its envelope, if it has one, and those of what it says.
    pub(crate) fn value(entry: &Entry<'_>, envelope: &Stamps<'_>, fact: &Stamps<'_>, findings: &mut Findings) {
        let named = [
            ("eventTime", &envelope.event_time),
            ("occurredAt", &envelope.occurred_at),
            ("expiresAt", &fact.expires_at),
            ("expiredAt", &fact.expired_at),
            ("confirmedAt", &fact.confirmed_at),
            ("issuedAt", &fact.issued_at),
            ("orderedAt", &fact.ordered_at),
        ];
        for (name, field) in named {
            match field {
                Field::Absent => {}
                Field::Text(text) if utc(text).is_some() => findings.count(Invariant::Times, "times in UTC", 1),
                other => findings.breach(Invariant::Times, entry, format!("{name} is not a time in UTC: {other:?}")),
            }
        }
    }
}
