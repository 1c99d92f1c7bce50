//! What a transactional producer of librdkafka's reports.

use crate::batch_limit::TooLarge;
use crate::ffi::{Code, Delivery, Events, Leg};
use crate::outstanding::Outstanding;
use crate::reaction;
use parking_lot::Mutex;

/// What the producer reports about the transaction in hand. Reports are served by the writer's own calls, so its lock
/// is never waited for.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) sums: Mutex<Sums>,
    pub(crate) requests: Outstanding,
}

/// What has become of the transaction's records.
#[derive(Default)]
pub(crate) struct Sums {
    /// By tag: offset after the last record, 0 when there is none.
    pub(crate) ends: Vec<i64>,
    /// The records of the transaction, in the order in which they were sent.
    pub(crate) sent: Vec<Sent>,
    /// The first delivery that failed.
    pub(crate) failure: Option<Code>,
    /// Numbers of the records that were refused as too large, alone or together.
    pub(crate) too_large: Vec<usize>,
    /// Number of the first record whose topic we may not write to.
    pub(crate) denied: Option<usize>,
}

/// A record of the transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Tag of its partition.
    pub(crate) tag: usize,
    /// Of key, value and headers.
    pub(crate) bytes: usize,
}

impl Sums {
    /// How many records of the transaction went to the partition of this one before it.
    pub(crate) fn before(&self, nth: usize) -> u64 {
        let tag = self.sent.get(nth).map(|record| record.tag);
        self.sent.iter().take(nth).filter(|record| Some(record.tag) == tag).count() as u64
    }

    /// Those that were refused as too large, of the first partition that has such.
    pub(crate) fn too_large(&self) -> Vec<TooLarge> {
        let mut refused: Vec<_> = self
            .too_large
            .iter()
            .filter_map(|nth| {
                self.sent.get(*nth).map(|Sent { tag, bytes }| TooLarge { to: (*tag, 0), tag: *nth, bytes: *bytes })
            })
            .collect();
        let first = refused.first().map(|record| record.to);
        refused.retain(|record| Some(record.to) == first);
        refused.sort_unstable_by_key(|record| record.tag);
        refused
    }
}

impl Events for Ledger {
    fn delivered(&self, delivery: &Delivery) {
        let mut sums = self.sums.lock();
        match delivery.error {
            None => {
                let tag = sums.sent.get(delivery.tag).map_or(usize::MAX, |record| record.tag);
                if let Some(end) = sums.ends.get_mut(tag) {
                    *end = (*end).max(delivery.offset + 1);
                }
            }
            // Purged by our own abort: a consequence, no cause.
            Some(Code::PurgeQueue | Code::PurgeInflight) => {}
            // What is refused says more than what else has failed because of it.
            Some(code) if reaction::is_too_large(code) => {
                if sums.too_large.is_empty() {
                    sums.failure = Some(code);
                }
                sums.too_large.push(delivery.tag);
            }
            Some(code) => {
                sums.failure.get_or_insert(code);
                if reaction::forbids(code) {
                    sums.denied.get_or_insert(delivery.tag);
                }
            }
        }
    }

    fn trouble(&self, code: Code, reason: &str) {
        tracing::debug!(%code, reason, "writer");
    }

    fn request(&self, api_key: i16, leg: Leg) {
        self.requests.note(api_key, leg);
    }
}
