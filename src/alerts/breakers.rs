//! Breakers of effect channels that are not closed: written by the performer of effects, read by a rule.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which channels' breakers are open, and since when.
#[derive(Debug, Clone, Default)]
pub struct BreakerBoard(Arc<Mutex<BTreeMap<String, Option<u64>>>>);

impl BreakerBoard {
    /// The breaker of `channel` has left the closed state at `now_us` (monotonic). While it changes between open and half open, this changes nothing.
    pub fn opened(&self, channel: &str, now_us: u64) {
        self.0.lock().entry(channel.to_owned()).or_default().get_or_insert(now_us);
    }

    /// The breaker of `channel` is closed.
    pub fn closed(&self, channel: &str) {
        self.0.lock().insert(channel.to_owned(), None);
    }

    /// Each channel that has been told of; since when its breaker has been open, in µs (monotonic), if it is.
    #[must_use]
    pub fn channels(&self) -> Vec<(String, Option<u64>)> {
        self.0.lock().iter().map(|(channel, open)| (channel.clone(), *open)).collect()
    }
}
