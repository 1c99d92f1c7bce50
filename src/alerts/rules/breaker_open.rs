//! `BREAKER_OPEN`: the breaker of a channel that leads outside has not been closed for `ALERT_BREAKER_MS`. What is to be delivered there waits.

use super::seconds;
use crate::alerts::book::{Look, Now, Reading};
use crate::alerts::breakers::BreakerBoard;
use crate::alerts::notice::labels;
use crate::alerts::phase::{Damping, Seen};
use std::collections::BTreeMap;
use std::time::Duration;

const NAME: &str = "BREAKER_OPEN";

pub(super) struct Rule {
    board: BreakerBoard,
    worker: String,
    bound_ms: u64,
    damping: Damping,
    /// Since when breakers have not been closed, by channel: monotonic, in µs. Between half open and open they are not.
    open: BTreeMap<String, u64>,
}

impl Rule {
    pub(super) fn new(board: BreakerBoard, worker: &str, bound_ms: u64, clear_for: Duration) -> Self {
        // The rule measures the time itself: nothing has to last after the bound.
        let damping = Damping { breached_for: Duration::ZERO, clear_for };
        Self { board, worker: worker.to_owned(), bound_ms, damping, open: BTreeMap::new() }
    }
}

impl super::Rule for Rule {
    fn look(&mut self, now: Now) -> Option<Look> {
        let channels = self.board.channels();
        self.open.retain(|channel, _| channels.iter().any(|(name, is_open)| name == channel && *is_open));
        let mut readings = Vec::with_capacity(channels.len());
        for (channel, is_open) in channels {
            let from_us = is_open.then(|| *self.open.entry(channel.clone()).or_insert(now.us));
            let value = from_us.map_or(0, |from_us| now.us.saturating_sub(from_us) / 1_000);
            let is_breached = is_open && value >= self.bound_ms;
            let summary = if is_open {
                format!("channel {channel} has not worked for {}: what it delivers waits", seconds(value))
            } else {
                format!("channel {channel} works")
            };
            readings.push(Reading {
                labels: labels([("channel", &channel), ("worker", &self.worker)]),
                value,
                bound: self.bound_ms,
                seen: if is_breached { Seen::Breached { already: Duration::ZERO } } else { Seen::Fine },
                since_ms: is_breached.then(|| now.ms.saturating_sub_unsigned(value)),
                summary,
            });
        }
        Some(Look { alert: NAME, damping: self.damping, readings })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rule as _;
    use super::*;
    use prometheus::{IntGaugeVec, Opts};

    #[test]
    fn a_breaker_is_told_of_when_it_has_been_open_for_long_whatever_was_tried_meanwhile() {
        let gauge = IntGaugeVec::new(Opts::new("breaker", "help"), &["channel"]).unwrap();
        let mut rule = Rule::new(BreakerBoard::of(gauge.clone()), "one", 30_000, Duration::ZERO);
        let shows = |channel: &str, state: i64| gauge.with_label_values(&[channel]).set(state);
        let mut breached = |second: u64| {
            let look = rule.look(Now { ms: 1_000_000, us: second * 1_000_000 }).unwrap();
            let mut seen: Vec<_> =
                look.readings.iter().map(|r| (r.labels["channel"].clone(), r.seen != Seen::Fine)).collect();
            seen.sort();
            seen
        };
        assert_eq!(breached(0), []);
        shows("slack", 2);
        shows("sms", 0);
        assert_eq!(breached(10), [("slack".to_owned(), false), ("sms".to_owned(), false)]);
        shows("slack", 1);
        assert_eq!(breached(39)[0], ("slack".to_owned(), false));
        shows("slack", 2);
        assert_eq!(breached(40)[0], ("slack".to_owned(), true));
        shows("slack", 0);
        assert_eq!(breached(41)[0], ("slack".to_owned(), false));
        shows("slack", 2);
        assert_eq!(breached(42)[0], ("slack".to_owned(), false));
        assert_eq!(breached(71)[0], ("slack".to_owned(), false));
        assert!(
            Rule::new(BreakerBoard::default(), "one", 1, Duration::ZERO)
                .look(Now { ms: 0, us: 0 })
                .unwrap()
                .readings
                .is_empty()
        );
    }
}
