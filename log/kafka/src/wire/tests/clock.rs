//! Time as a test sets it.

use holdfast_ports::clock::Clock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that a test moves on.
#[derive(Default)]
pub(super) struct SetClock(AtomicU64);

impl SetClock {
    pub(super) fn pass_ms(&self, ms: u32) {
        self.0.fetch_add(u64::from(ms) * 1_000, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.monotonic_us() / 1_000).expect("a short test")
    }

    fn monotonic_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
