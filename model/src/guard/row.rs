//! What a guarded topology keeps. Rows are bincode: a field is its place and a variant its number, so fields are never moved and variants only added at the
//! end.

use super::QueueKey;
use holdfast_engine::prelude::Ends;
use serde::{Deserialize, Serialize};

/// The queues that guard a subject. A subject that none guards has no row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardsRow {
    /// Each of them may let users in. In the order in which they were bound.
    pub queues: Vec<GuardRow>,
}

/// A queue that guards a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRow {
    /// Its id.
    pub queue_id: String,
    /// With this key it signs its tokens.
    pub key: QueueKey,
}

/// The last admission of a user by a queue to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionRow {
    /// The user's ticket.
    pub ticket: u64,
    /// First moment at which the user may not buy any more, in ms since the epoch.
    pub until_ms: i64,
    /// The admission has ended before that: the queue has said so, or the purchase is done.
    pub is_over: bool,
    /// When the row was written, in ms since the epoch: an admission is kept for as long as outcomes are.
    pub changed_ms: i64,
}

impl AdmissionRow {
    /// Whether the user may buy at `now_ms`.
    #[must_use]
    pub fn is_live(&self, now_ms: i64) -> bool {
        !self.is_over && now_ms < self.until_ms
    }
}

impl Ends for AdmissionRow {
    fn decided_ms(&self) -> i64 {
        self.changed_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes as bytes;

    /// Rows written by this version must be readable by the next: a change that breaks this needs a new variant instead.
    #[test]
    fn the_layout_of_rows_stands() {
        let guards = GuardsRow { queues: vec![GuardRow { queue_id: "q".to_owned(), key: QueueKey::new([9; 32]) }] };
        assert_eq!(bytes(&guards), [[1, 1, 1, b'q'].as_slice(), [9; 32].as_slice()].concat());
        assert_eq!(bytes(&GuardsRow::default()), [1, 0]);
        let admission = AdmissionRow { ticket: 5, until_ms: 1, is_over: true, changed_ms: 2 };
        assert_eq!(bytes(&admission), [1, 5, 2, 1, 4]);
    }

    #[test]
    fn an_admission_is_over_at_its_last_moment_or_when_it_was_ended() {
        let open = AdmissionRow { ticket: 1, until_ms: 100, is_over: false, changed_ms: 0 };
        assert_eq!([99, 100, 101].map(|now_ms| open.is_live(now_ms)), [true, false, false]);
        let ended = AdmissionRow { is_over: true, ..open };
        assert!(!ended.is_live(99));
    }
}
