//! `BREAKER_OPEN`: the breaker of a channel that leads outside has not been closed for `ALERT_BREAKER_MS`. What is to be delivered there waits.

use super::seconds;
use crate::alerts::book::{Look, Now, Reading};
use crate::alerts::breakers::BreakerBoard;
use crate::alerts::notice::labels;
use crate::alerts::phase::{Damping, Seen};
use std::time::Duration;

const NAME: &str = "BREAKER_OPEN";

pub(super) struct Rule {
    board: BreakerBoard,
    worker: String,
    bound_ms: u64,
    damping: Damping,
}

impl Rule {
    pub(super) fn new(board: BreakerBoard, worker: &str, bound_ms: u64, clear_for: Duration) -> Self {
        // The board knows since when: nothing has to last after the bound.
        let damping = Damping { breached_for: Duration::ZERO, clear_for };
        Self { board, worker: worker.to_owned(), bound_ms, damping }
    }
}

impl super::Rule for Rule {
    fn look(&mut self, now: Now) -> Option<Look> {
        let reading = |(channel, open): (String, Option<u64>)| {
            let value = open.map_or(0, |from_us| now.us.saturating_sub(from_us) / 1_000);
            let is_breached = open.is_some() && value >= self.bound_ms;
            let seen = if is_breached { Seen::Breached { already: Duration::ZERO } } else { Seen::Fine };
            let since_ms = is_breached.then(|| now.ms.saturating_sub_unsigned(value));
            let summary = match open {
                Some(_) => format!("channel {channel} has not worked for {}: what it delivers waits", seconds(value)),
                None => format!("channel {channel} works"),
            };
            let labels = labels([("channel", &channel), ("worker", &self.worker)]);
            Reading { labels, value, bound: self.bound_ms, seen, since_ms, summary }
        };
        let readings = self.board.channels().into_iter().map(reading).collect();
        Some(Look { alert: NAME, damping: self.damping, readings })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rule as _;
    use super::*;

    #[test]
    fn a_breaker_is_told_of_when_it_has_been_open_for_long_whatever_was_tried_meanwhile() {
        let board = BreakerBoard::default();
        let mut rule = Rule::new(board.clone(), "one", 30_000, Duration::ZERO);
        let mut breached = |second: u64| {
            let look = rule.look(Now { ms: 1_000_000, us: second * 1_000_000 }).unwrap();
            look.readings.iter().map(|r| (r.labels["channel"].clone(), r.seen != Seen::Fine)).collect::<Vec<_>>()
        };
        assert_eq!(breached(0), []);
        board.opened("slack", 10_000_000);
        board.closed("sms");
        assert_eq!(breached(39), [("slack".to_owned(), false), ("sms".to_owned(), false)]);
        board.opened("slack", 35_000_000);
        assert_eq!(breached(40)[0], ("slack".to_owned(), true));
        board.closed("slack");
        assert_eq!(breached(41)[0], ("slack".to_owned(), false));
        board.opened("slack", 42_000_000);
        assert_eq!(breached(50)[0], ("slack".to_owned(), false));
    }
}
