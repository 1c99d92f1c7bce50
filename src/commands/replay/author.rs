//! Which of a topology's tasks wrote a record: several topologies and places share a sink, and each replay compares its own only.

use holdfast_engine::inspect::header;
use holdfast_engine::prelude::Topology;
use holdfast_model::envelope;
use holdfast_ports::record::{Record, Topic};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// Recognises what one topology wrote.
#[derive(Debug, Clone)]
pub(super) struct Author {
    sources: Vec<String>,
    inbox: Topic,
    dead_letters: Topic,
}

impl Author {
    pub(super) fn of(topology: &Topology, places: u32) -> Self {
        Self {
            sources: (0..places).map(|place| envelope::source(topology.name(), place)).collect(),
            inbox: topology.inbox().clone(),
            dead_letters: topology.dead_letters().clone(),
        }
    }

    /// The place whose task wrote `record` into `topic`; `None` when it was somebody else, or does not say.
    pub(super) fn place(&self, topic: &str, record: &Record<'_>) -> Option<u32> {
        let mut last = "";
        let (mut source, mut forwarded, mut buried_topic, mut buried_place, mut redriven, mut delayed) =
            (None, None, None, None, false, false);
        record.headers.each(&mut |name, value| {
            last = name;
            match name {
                envelope::header::SOURCE => source = value,
                header::ORIGIN => forwarded = value,
                header::TOPIC => buried_topic = value,
                header::PARTITION => buried_place = value,
                header::REDRIVEN_FROM => redriven = true,
                header::DELAYED_BY => delayed = true,
                _ => {}
            }
        });
        // A copy keeps the headers of what it is a copy of; the last one says who made the copy.
        if last == header::ORIGIN {
            return forwarded.and_then(|origin| self.forwarder(origin));
        }
        if topic == &*self.dead_letters {
            // A delayed message that the log refused is no record's dead letter.
            return number(buried_place).filter(|_| !delayed && buried_topic == Some(self.inbox.as_bytes()));
        }
        // Put back by an operator.
        if redriven {
            return None;
        }
        let place = self.sources.iter().position(|known| Some(known.as_bytes()) == source)?;
        u32::try_from(place).ok()
    }

    /// The place named in `<inbox>-<place>-<offset>`.
    fn forwarder(&self, origin: &[u8]) -> Option<u32> {
        let (place, offset) =
            std::str::from_utf8(origin).ok()?.strip_prefix(&*self.inbox)?.strip_prefix('-')?.split_once('-')?;
        offset.parse::<i64>().ok()?;
        place.parse().ok()
    }
}

fn number(value: Option<&[u8]>) -> Option<u32> {
    std::str::from_utf8(value?).ok()?.parse().ok()
}

/// What two records must have in common to be the same: key, value, and the headers that a decision determines. Words for humans and traces are not
/// among these: a newer version may say things better.
pub(super) fn fingerprint(record: &Record<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (record.key, record.value).hash(&mut hasher);
    record.headers.each(&mut |name, value| {
        if is_decided(name) {
            (name, value.unwrap_or_default()).hash(&mut hasher);
        }
    });
    hasher.finish()
}

fn is_decided(name: &str) -> bool {
    name.starts_with("ce_")
        || [
            header::ORIGIN,
            header::TOPIC,
            header::PARTITION,
            header::OFFSET,
            header::CLASS,
            header::TIMESTAMP,
            header::ATTEMPTS,
        ]
        .contains(&name)
}

/// A record in one line, for humans.
pub(super) fn line(record: &Record<'_>) -> String {
    const VALUE_CHARS_MAX: usize = 400;
    let text = |bytes: Option<&[u8]>| bytes.map_or_else(|| "-".to_owned(), |b| String::from_utf8_lossy(b).into_owned());
    let mut line = format!("key={}", text(record.key));
    record.headers.each(&mut |name, value| {
        if is_decided(name) && name != envelope::header::SPECVERSION {
            line.push_str(&format!(" {name}={}", text(value)));
        }
    });
    let value: String = text(record.value).chars().take(VALUE_CHARS_MAX).collect();
    format!("{line} value={value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::coupon::{DEAD_LETTERS, INBOX, NOTIFICATIONS};
    use holdfast_tools::reading::Given;
    use holdfast_topologies::coupon;

    fn place(topic: &str, headers: &[(&str, &str)]) -> Option<u32> {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
        let given = Given(&headers);
        let record = Record { offset: 0, append_ms: 0, key: None, value: None, headers: &given };
        Author::of(&coupon::topology(), 3).place(topic, &record)
    }

    #[test]
    fn a_record_says_who_wrote_it() {
        let forwarded = format!("{INBOX}-2-17");
        assert_eq!(place(NOTIFICATIONS, &[("ce_source", "/coupon/2")]), Some(2));
        assert_eq!(place(NOTIFICATIONS, &[("ce_source", "/coupon/3")]), None, "there are three places");
        assert_eq!(place(NOTIFICATIONS, &[("ce_source", "/timesale/2")]), None);
        assert_eq!(place(NOTIFICATIONS, &[]), None);
        assert_eq!(place(INBOX, &[("ce_source", "/api")]), None);
        assert_eq!(place(INBOX, &[("ce_source", "/api"), ("x-origin", &forwarded)]), Some(2));
        assert_eq!(
            place(INBOX, &[("x-origin", &forwarded), ("X-Redriven-From", "d-0-1")]),
            None,
            "an operator's copy of a copy"
        );
        assert_eq!(place(INBOX, &[("x-origin", "other-2-17")]), None);
        let letter = [("ce_source", "/api"), ("X-Original-Topic", INBOX), ("X-Original-Partition", "1")];
        assert_eq!(place(DEAD_LETTERS, &letter), Some(1));
        assert_eq!(place(DEAD_LETTERS, &[("X-Original-Topic", "other"), ("X-Original-Partition", "1")]), None);
    }

    #[test]
    fn what_a_decision_determines_makes_the_difference() {
        let of = |value: &'static str, headers: &[(&str, &[u8])]| {
            let given = Given(headers);
            fingerprint(&Record {
                offset: 9,
                append_ms: 9,
                key: Some(b"k"),
                value: Some(value.as_bytes()),
                headers: &given,
            })
        };
        let same = of("v", &[("ce_id", b"1"), ("traceparent", b"00-1")]);
        assert_eq!(same, of("v", &[("ce_id", b"1"), ("X-Exception-Message", b"other words")]));
        assert_ne!(same, of("w", &[("ce_id", b"1")]));
        assert_ne!(same, of("v", &[("ce_id", b"2")]));
        assert_ne!(same, of("v", &[("ce_id", b"1"), ("ce_time", b"0")]));
    }
}
