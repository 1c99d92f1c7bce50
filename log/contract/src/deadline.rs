//! How long an examination waits.

use crate::harness::Harness;
use std::time::Duration;

/// How long anything may take before the promise counts as broken.
const DEADLINE: Duration = Duration::from_secs(30);

/// Fails the examination when something takes too long.
pub(crate) struct Deadline<'h> {
    harness: &'h dyn Harness,
    at_us: u64,
}

impl<'h> Deadline<'h> {
    pub(crate) fn new(harness: &'h dyn Harness) -> Self {
        let wait_us = u64::try_from(DEADLINE.as_micros()).unwrap_or(u64::MAX);
        Self { harness, at_us: harness.clock().monotonic_us().saturating_add(wait_us) }
    }

    #[track_caller]
    pub(crate) fn check(&self, what: &str) {
        assert!(self.harness.clock().monotonic_us() < self.at_us, "not within {DEADLINE:?}: {what}");
    }
}
