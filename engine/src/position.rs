//! Where a task stands: the one row that goes into the changelog with every commit and is the truth about positions.

use holdfast_ports::store::{StoreId, StoreSpec};
use serde::{Deserialize, Serialize};

/// The engine's own store for it.
pub const STORE: StoreSpec = StoreSpec { id: StoreId(0), name: "position" };

/// The only key of [`STORE`].
pub const KEY: &[u8] = b"position";

/// Where a task stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// For each source, the offset of the next record to be decided. Records below are known duplicates.
    pub next_offsets: Vec<(String, i64)>,
    /// The highest `now` handed to the processor, in ms since the epoch: append time may step back, `now` does not.
    pub now_ms: i64,
    /// Number of delayed messages and effects ever made: the source of their ids.
    pub sequence: u64,
}

impl Position {
    /// Next offset of `topic` to be decided, if anything of it has been.
    #[must_use]
    pub fn next_offset(&self, topic: &str) -> Option<i64> {
        self.next_offsets.iter().find(|(name, _)| name == topic).map(|(_, next)| *next)
    }

    /// Notes that `topic` is decided up to before `next`.
    pub fn advance(&mut self, topic: &str, next: i64) {
        match self.next_offsets.iter_mut().find(|(name, _)| name == topic) {
            Some((_, known)) => *known = next,
            None => self.next_offsets.push((topic.to_owned(), next)),
        }
    }
}
