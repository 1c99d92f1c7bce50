//! The rules: what is looked at, a file each. A rule reads what others have measured already and waits for nothing.

mod breaker_open;
mod broker_away;
mod dead_letters;
mod expiries;
mod lag;
mod window;

use super::Sources;
use super::book::{Look, Now};
use super::phase::Damping;
use crate::config::AlertSettings;
use std::time::Duration;

pub(super) use lag::NAME as LAG;

/// How long a bound has to be kept before an alert is cleared: longer than one look of the observer, and short enough that an alert ends within 5 s
/// after its cause.
const CLEAR_FOR: Duration = Duration::from_millis(1_500);

/// One rule.
pub(super) trait Rule: Send {
    /// What it sees now; `None`: nothing that it has not seen before, and nothing is to be concluded.
    fn look(&mut self, now: Now) -> Option<Look>;
}

/// All of them.
pub(super) fn all(settings: &AlertSettings, worker: &str, sources: &Sources) -> Vec<Box<dyn Rule>> {
    let lasting = Damping { breached_for: Duration::from_millis(settings.for_ms), clear_for: CLEAR_FOR };
    let at_once = Damping { breached_for: Duration::ZERO, clear_for: CLEAR_FOR };
    vec![
        Box::new(lag::Rule::new(sources.lag.clone(), settings.lag_ms, lasting)),
        Box::new(dead_letters::Rule::new(sources.engine.clone(), worker, settings.dead_letters, at_once)),
        Box::new(broker_away::Rule::new(sources.log.clone(), worker, settings.broker_ms, CLEAR_FOR)),
        Box::new(breaker_open::Rule::new(sources.breakers.clone(), worker, settings.breaker_ms, CLEAR_FOR)),
        Box::new(expiries::Early::new(sources.expiries.clone(), worker, at_once)),
        Box::new(expiries::Late::new(sources.expiries.clone(), worker, settings.late_expiry_ms, at_once)),
    ]
}

/// `1234` as `1.2 s`.
fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}
