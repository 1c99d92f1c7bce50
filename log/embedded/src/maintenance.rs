//! The log's housekeeping: retention and compaction, beside readers and writers and never in their way.

use crate::compaction::compact;
use crate::retention::retain;
use crate::shared::Shared;
use holdfast_ports::log::{Cleanup, LogError};
use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// What one round of housekeeping did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Offsets that retention has put below the earliest one.
    pub offsets_expired: u64,
    /// Records that compaction has dropped.
    pub records_compacted: u64,
}

/// One round over all partitions, one at a time.
pub(crate) fn maintain(shared: &Shared, now_ms: i64) -> Result<Maintained, LogError> {
    let _one_at_a_time = shared.housekeeping.lock();
    let mut done = Maintained::default();
    for partition in shared.topics.all() {
        shared.check()?;
        match partition.cleanup {
            Cleanup::Delete { retention_ms } => {
                done.offsets_expired += retain(shared, &partition, retention_ms, now_ms)?;
            }
            Cleanup::Compact { delete_retention_ms } => {
                done.records_compacted += compact(shared, &partition, delete_retention_ms, now_ms)?;
            }
        }
    }
    Ok(done)
}

/// Lets the housekeeping thread go home.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Closing {
    pub(crate) fn close(&self) {
        *self.closed.lock() = true;
        self.changed.notify_all();
    }

    /// Waits for `timeout`; true when the log is closing.
    fn wait(&self, timeout: Duration) -> bool {
        let mut closed = self.closed.lock();
        let _ = self.changed.wait_while_for(&mut closed, |closed| !*closed, timeout);
        *closed
    }
}

/// A round now and then, until the log closes.
pub(crate) fn run(shared: &Shared, closing: &Closing, every: Duration) {
    while !closing.wait(every) {
        match maintain(shared, shared.config.clock.now_ms()) {
            Ok(done) if done == Maintained::default() => {}
            Ok(done) => tracing::debug!(?done, "log maintained"),
            Err(error) => tracing::warn!(%error, "log cannot be maintained"),
        }
    }
}
