//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Between two questions more than this does not count: a machine that stood still has not kept anybody waiting.
const QUESTION_MAX: Duration = Duration::from_secs(10);

/// Asks `condition` until it is true; fails the test with `what` after two minutes.
#[expect(clippy::disallowed_methods, reason = "a test waits by the real clock")]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let (mut asked_at, mut waited) = (Instant::now(), Duration::ZERO);
    while !condition() {
        let now = Instant::now();
        waited += (now - asked_at).min(QUESTION_MAX);
        asked_at = now;
        assert!(waited < Duration::from_secs(120), "not within two minutes: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Lets `duration` pass: for outages that last so long, and for load that is to be modest; never for something to happen.
#[expect(clippy::disallowed_methods, reason = "a test waits by the real clock")]
pub(crate) fn pass(duration: Duration) {
    let end = Instant::now() + duration;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
