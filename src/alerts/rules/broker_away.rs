//! `BROKER_AWAY`: this worker has not reached the log for `ALERT_BROKER_MS`. Every worker tells it of itself.

use super::seconds;
use crate::alerts::book::{Look, Now, Reading};
use crate::alerts::notice::labels;
use crate::alerts::phase::{Damping, Seen};
use holdfast_ports::log::{Health, Log};
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "BROKER_AWAY";

pub(super) struct Rule {
    log: Arc<dyn Log>,
    worker: String,
    bound_ms: u64,
    damping: Damping,
    /// Since when the log has not been reached: monotonic, in µs.
    away_from_us: Option<u64>,
}

impl Rule {
    pub(super) fn new(log: Arc<dyn Log>, worker: &str, bound_ms: u64, clear_for: Duration) -> Self {
        let damping = Damping { breached_for: Duration::from_millis(bound_ms), clear_for };
        Self { log, worker: worker.to_owned(), bound_ms, damping, away_from_us: None }
    }

    fn reading(&mut self, health: Health, now_us: u64) -> Reading {
        let (seen, value, summary) = match health {
            Health::Up => {
                self.away_from_us = None;
                (Seen::Fine, 0, format!("{} reaches the log", self.worker))
            }
            Health::Down { why } => {
                let ms = now_us.saturating_sub(*self.away_from_us.get_or_insert(now_us)) / 1_000;
                let summary = format!("{} has not reached the log for {}: {why}", self.worker, seconds(ms));
                (Seen::Breached { already: Duration::ZERO }, ms, summary)
            }
        };
        Reading {
            labels: labels([("worker", &self.worker)]),
            value,
            bound: self.bound_ms,
            seen,
            since_ms: None,
            summary,
        }
    }
}

impl super::Rule for Rule {
    fn look(&mut self, now: Now) -> Option<Look> {
        let health = self.log.health();
        Some(Look { alert: NAME, damping: self.damping, readings: vec![self.reading(health, now.us)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
    use holdfast_tools::clock::SystemClock;

    #[test]
    fn the_time_counts_since_the_log_was_reached_last() {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(EmbeddedConfig::new(dir.path().join("log"), Arc::new(SystemClock::new()))).unwrap();
        let mut rule = Rule::new(log, "one", 5_000, Duration::ZERO);
        let down = || Health::Down { why: "no route".to_owned() };
        let told = [(down(), 1_000_000), (down(), 8_000_000), (Health::Up, 9_000_000), (down(), 9_500_000)]
            .map(|(health, us)| rule.reading(health, us))
            .map(|reading| (reading.value, reading.seen == Seen::Fine));
        assert_eq!(told, [(0, false), (7_000, false), (0, true), (0, false)]);
        assert_eq!(rule.damping.breached_for, Duration::from_secs(5));
        assert!(rule.reading(down(), 10_000_000).summary.contains("for 0.5 s: no route"));
    }
}
