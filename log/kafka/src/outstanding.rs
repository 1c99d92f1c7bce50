//! Which requests of a transaction were never answered.
//!
//! librdkafka sends a request again when its connection breaks, under the same producer epoch. The first copy may still sit in a broker, and with
//! the protocol before KIP-890 it would be taken for part of the *next* transaction: an EndTxn could commit half of it (Jepsen, Bufstream 0.1.0).
//! So a writer with an unanswered request must not begin another transaction, although the last one is known to be committed. A new writer has a
//! new epoch, which fences whatever is late.

use crate::ffi::Leg;
use std::sync::atomic::{AtomicI64, Ordering};

/// AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit. (A late Produce is refused by its sequence number.)
const WATCHED: [i16; 4] = [24, 25, 26, 28];

#[derive(Debug, Default)]
pub(crate) struct Outstanding(AtomicI64);

impl Outstanding {
    pub(crate) fn note(&self, api_key: i16, leg: Leg) {
        if WATCHED.contains(&api_key) {
            let step = if leg == Leg::Sent { 1 } else { -1 };
            self.0.fetch_add(step, Ordering::AcqRel);
        }
    }

    /// Requests that were sent and not answered.
    pub(crate) fn count(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_sent_twice_and_answered_once_is_outstanding() {
        let requests = Outstanding::default();
        for leg in [Leg::Sent, Leg::Sent, Leg::Answered] {
            requests.note(26, leg);
        }
        requests.note(0, Leg::Sent);
        assert_eq!(requests.count(), 1);
    }
}
