//! `LAG`: the oldest undecided record of a topology in a place is older than `ALERT_LAG_MS`, for longer than `ALERT_FOR_MS`.

use super::seconds;
use crate::alerts::book::{Look, Now, Reading};
use crate::alerts::notice::{Labels, labels};
use crate::alerts::phase::{Damping, Seen};
use crate::lag::{Lag, LagBoard};
use std::collections::BTreeMap;
use std::time::Duration;

pub(in crate::alerts) const NAME: &str = "LAG";

pub(super) struct Rule {
    board: LagBoard,
    bound_ms: u64,
    damping: Damping,
    /// The look of the observer that was read last, and when.
    read: (u64, Option<u64>),
}

/// What is known of a topology in a place, over all its sources.
#[derive(Default)]
struct Behind<'a> {
    records: u64,
    /// The source with the oldest undecided record whose age is known.
    worst: Option<(u64, &'a Lag)>,
    /// There are records whose age could not be read in time.
    is_unknown: bool,
}

impl Rule {
    pub(super) fn new(board: LagBoard, bound_ms: u64, damping: Damping) -> Self {
        Self { board, bound_ms, damping, read: (0, None) }
    }

    fn reading(&self, labels: Labels, behind: &Behind<'_>, looked_ago_us: u64) -> Option<Reading> {
        let (bound, records) = (self.bound_ms, behind.records);
        let (value, worst) = behind.worst.unzip();
        // A worker that is too busy to read the age of a record has not caught up.
        if behind.is_unknown && value.is_none_or(|ms| ms <= bound) {
            return None;
        }
        let value = value.unwrap_or(0);
        let seen = if value > bound {
            // The record was that late before this look found it so, but not before the last look, which did not.
            let already = Duration::from_millis(value - bound).min(Duration::from_micros(looked_ago_us));
            Seen::Breached { already }
        } else {
            Seen::Fine
        };
        let since_ms = worst.and_then(|lag| lag.oldest_ms).map(|oldest| oldest.saturating_add_unsigned(bound));
        let topic = worst.map_or("", |lag| &*lag.topic);
        let summary = match seen {
            Seen::Breached { .. } => {
                let (value, bound) = (seconds(value), seconds(bound));
                format!(
                    "the oldest undecided record of {topic} is {value} old (bound {bound}); {records} offsets behind"
                )
            }
            Seen::Fine => format!("decisions have caught up; {records} offsets behind"),
        };
        Some(Reading { labels, value, bound, seen, since_ms, summary })
    }
}

impl super::Rule for Rule {
    fn look(&mut self, now: Now) -> Option<Look> {
        let (nth, lags) = self.board.look_after(self.read.0)?;
        let looked_ago_us = self.read.1.map_or(0, |then| now.us.saturating_sub(then));
        self.read = (nth, Some(now.us));
        let mut behind: BTreeMap<(&str, &str, u32), Behind<'_>> = BTreeMap::new();
        for lag in &lags {
            let of = behind.entry((&lag.topology, &lag.group, lag.place)).or_default();
            of.records = of.records.saturating_add(lag.records);
            match lag.ms {
                Some(ms) if of.worst.is_none_or(|(worst, _)| ms > worst) => of.worst = Some((ms, lag)),
                Some(_) => {}
                None => of.is_unknown |= lag.records > 0,
            }
        }
        let reading = |((topology, group, place), behind): (&(&str, &str, u32), &Behind<'_>)| {
            let labels = labels([("topology", topology), ("group", group), ("place", &place.to_string())]);
            self.reading(labels, behind, looked_ago_us)
        };
        let readings = behind.iter().filter_map(reading).collect();
        Some(Look { alert: NAME, damping: self.damping, readings })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rule as _;
    use super::*;
    use prometheus::Registry;

    const DAMPING: Damping = Damping { breached_for: Duration::from_secs(5), clear_for: Duration::from_secs(1) };

    fn lag(topic: &str, place: u32, records: u64, ms: Option<u64>) -> Lag {
        Lag {
            topology: "coupon".to_owned(),
            group: "g".to_owned(),
            topic: topic.to_owned(),
            place,
            position: 10,
            end: 10 + i64::try_from(records).unwrap(),
            records,
            ms,
            oldest_ms: ms.map(|ms| 100_000 - i64::try_from(ms).unwrap()),
            watched: false,
        }
    }

    fn at(second: u64) -> Now {
        Now { ms: 100_000, us: second * 1_000_000 }
    }

    #[test]
    fn each_topology_in_a_place_is_as_late_as_its_latest_source() {
        let board = LagBoard::register(&Registry::new()).unwrap();
        let mut rule = Rule::new(board.clone(), 5_000, DAMPING);
        assert!(rule.look(at(0)).is_none(), "nobody has looked yet");
        board.show(vec![lag("a", 0, 3, Some(7_000)), lag("b", 0, 4, Some(9_000)), lag("a", 1, 1, Some(5_000))], 0);
        let look = rule.look(at(1)).unwrap();
        let seen = look.readings.iter().map(|r| (r.value, r.seen, r.since_ms)).collect::<Vec<_>>();
        // At the first look nothing is known of before.
        let first = Seen::Breached { already: Duration::ZERO };
        assert_eq!(seen, [(9_000, first, Some(96_000)), (5_000, Seen::Fine, Some(100_000))]);
        let summary = &look.readings[0].summary;
        assert!(summary.contains("record of b is 9.0 s old") && summary.contains("7 offsets"), "{summary}");
        assert!(rule.look(at(2)).is_none(), "it is the same look");
        // It was 9 s late 4 s after it was too late; the look before was 2 s ago.
        board.show(vec![lag("a", 0, 3, Some(9_000)), lag("a", 1, 1, Some(5_500))], 0);
        let seen = rule.look(at(3)).unwrap().readings.iter().map(|r| r.seen).collect::<Vec<_>>();
        let already = |ms| Seen::Breached { already: Duration::from_millis(ms) };
        assert_eq!(seen, [already(2_000), already(500)]);
    }

    #[test]
    fn an_age_that_is_not_known_says_nothing() {
        let board = LagBoard::register(&Registry::new()).unwrap();
        let mut rule = Rule::new(board.clone(), 5_000, DAMPING);
        let rows = [
            vec![lag("a", 0, 3, None)],
            vec![lag("a", 0, 3, None), lag("b", 0, 3, Some(1))],
            vec![lag("a", 0, 0, Some(0))],
        ];
        let counts = rows.map(|rows| {
            board.show(rows, 0);
            rule.look(at(1)).unwrap().readings.len()
        });
        assert_eq!(counts, [0, 0, 1]);
    }
}
