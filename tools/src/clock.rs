//! The one real clock. Everything else takes a [`Clock`].

use holdfast_engine::inspect::ports::clock::Clock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall time of the machine, and monotonic time since this was made.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is where time comes from")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this file is where time comes from")]
    fn now_ms(&self) -> i64 {
        // Before 1970 the clock is broken anyhow; 0 is as good as any other wrong answer.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this file is where time comes from")]
    fn monotonic_us(&self) -> u64 {
        u64::try_from(Instant::now().saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }
}
