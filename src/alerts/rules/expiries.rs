//! `EARLY_EXPIRY`: a hold was ended before its deadline, which must never happen. `LATE_EXPIRY`: one was ended later than `ALERT_LATE_EXPIRY_MS` after
//! its deadline. Both are read in the facts that holds have ended, and are cleared when a minute has passed without another.

use super::seconds;
use super::window::Window;
use crate::alerts::book::{Look, Now, Reading};
use crate::alerts::expiries::ExpiryBoard;
use crate::alerts::notice::labels;
use crate::alerts::phase::{Damping, Seen};
use std::time::Duration;

const EARLY: &str = "EARLY_EXPIRY";
const LATE: &str = "LATE_EXPIRY";
const WINDOW: Duration = Duration::from_secs(60);

pub(super) struct Early {
    board: ExpiryBoard,
    worker: String,
    damping: Damping,
    total: u64,
    lately: Window,
}

impl Early {
    pub(super) fn new(board: ExpiryBoard, worker: &str, damping: Damping) -> Self {
        Self { board, worker: worker.to_owned(), damping, total: 0, lately: Window::new(WINDOW) }
    }
}

impl super::Rule for Early {
    fn look(&mut self, now: Now) -> Option<Look> {
        let total = self.board.early();
        self.lately.add(total.saturating_sub(self.total), now.us);
        self.total = total;
        let value = self.lately.sum(now.us);
        let seen = if value > 0 { Seen::Breached { already: Duration::ZERO } } else { Seen::Fine };
        let summary = format!("{value} holds were ended before their deadline within a minute");
        let labels = labels([("worker", &self.worker)]);
        let readings = vec![Reading { labels, value, bound: 0, seen, since_ms: None, summary }];
        Some(Look { alert: EARLY, damping: self.damping, readings })
    }
}

pub(super) struct Late {
    board: ExpiryBoard,
    worker: String,
    bound_ms: u64,
    damping: Damping,
    lately: Window,
}

impl Late {
    pub(super) fn new(board: ExpiryBoard, worker: &str, bound_ms: u64, damping: Damping) -> Self {
        Self { board, worker: worker.to_owned(), bound_ms, damping, lately: Window::new(WINDOW) }
    }
}

impl super::Rule for Late {
    fn look(&mut self, now: Now) -> Option<Look> {
        self.lately.add(self.board.take_latest_ms().filter(|ms| *ms > self.bound_ms).unwrap_or(0), now.us);
        let (value, bound) = (self.lately.max(now.us), self.bound_ms);
        let seen = if value > bound { Seen::Breached { already: Duration::ZERO } } else { Seen::Fine };
        let summary = match seen {
            Seen::Breached { .. } => {
                let (value, bound) = (seconds(value), seconds(bound));
                format!("within the last minute a hold was ended {value} after its deadline (bound {bound})")
            }
            Seen::Fine => "no hold was ended late within the last minute".to_owned(),
        };
        let labels = labels([("worker", &self.worker)]);
        let readings = vec![Reading { labels, value, bound, seen, since_ms: None, summary }];
        Some(Look { alert: LATE, damping: self.damping, readings })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rule;
    use super::*;

    const DAMPING: Damping = Damping { breached_for: Duration::ZERO, clear_for: Duration::ZERO };

    fn value(rule: &mut dyn Rule, second: u64) -> (u64, bool) {
        let look = rule.look(Now { ms: 0, us: second * 1_000_000 }).unwrap();
        (look.readings[0].value, look.readings[0].seen != Seen::Fine)
    }

    #[test]
    fn one_early_expiry_is_told_for_a_minute() {
        let board = ExpiryBoard::default();
        let mut rule = Early::new(board.clone(), "one", DAMPING);
        assert_eq!(value(&mut rule, 0), (0, false));
        board.note(1_000, 1_000, 1_000);
        assert_eq!(value(&mut rule, 1), (0, false));
        board.note(1_000, 999, 1_001);
        assert_eq!(value(&mut rule, 2), (1, true));
        assert_eq!(value(&mut rule, 62), (1, true));
        assert_eq!(value(&mut rule, 63), (0, false));
    }

    #[test]
    fn the_latest_expiry_of_the_last_minute_counts() {
        let board = ExpiryBoard::default();
        let mut rule = Late::new(board.clone(), "one", 5_000, DAMPING);
        board.note(1_000, 1_000, 6_000);
        assert_eq!(value(&mut rule, 0), (0, false));
        board.note(1_000, 1_000, 9_000);
        board.note(1_000, 1_000, 7_000);
        assert_eq!(value(&mut rule, 1), (8_000, true));
        assert_eq!(value(&mut rule, 61), (8_000, true));
        assert_eq!(value(&mut rule, 62), (0, false));
    }
}
