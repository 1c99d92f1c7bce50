//! How far a run of many seeds has come, for whoever waits for its end. Written by the run, read by anybody; nothing in a history depends on it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds and commits so far. A seed of three simulations counts three times, as in the sum at the end.
#[derive(Debug, Default)]
pub struct Progress {
    of: AtomicU64,
    seeds: AtomicU64,
    commits: AtomicU64,
}

impl Progress {
    /// Nothing is done of this many seeds.
    pub(super) fn begin(&self, of: u64) {
        self.of.store(of, Ordering::Relaxed);
    }

    /// One seed more has passed.
    pub(super) fn add(&self, commits: u64) {
        self.seeds.fetch_add(1, Ordering::Relaxed);
        self.commits.fetch_add(commits, Ordering::Relaxed);
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(f, "{} of {} seeds, {} commits", read(&self.seeds), read(&self.of), read(&self.commits))
    }
}
