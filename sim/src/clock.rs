//! A clock that goes only when told to.

use holdfast_ports::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// 2026-02-28T14:01:00Z, the day of the seeds' examples.
const START_MS: i64 = 1_772_287_260_000;

/// Simulated time, shared by everything in a simulation.
#[derive(Debug, Clone)]
pub struct SimClock {
    wall_ms: Arc<AtomicI64>,
    monotonic_us: Arc<AtomicU64>,
}

impl Default for SimClock {
    fn default() -> Self {
        Self { wall_ms: Arc::new(AtomicI64::new(START_MS)), monotonic_us: Arc::new(AtomicU64::new(1_000_000)) }
    }
}

impl SimClock {
    /// Time passes.
    pub fn advance_us(&self, us: u64) {
        let before = self.monotonic_us.fetch_add(us, Ordering::SeqCst);
        let passed_ms = (before + us) / 1000 - before / 1000;
        self.wall_ms.fetch_add(passed_ms.cast_signed(), Ordering::SeqCst);
    }

    /// The wall clock is set: it jumps, the monotonic one does not.
    pub fn jump_ms(&self, by_ms: i64) {
        self.wall_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_us(&self) -> u64 {
        self.monotonic_us.load(Ordering::SeqCst)
    }
}
