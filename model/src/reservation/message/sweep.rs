use crate::wire;
use serde::{Deserialize, Serialize};

/// Holds of a schedule may be overdue: whose deadline has come and has no record of its own yet is ended by this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sweep {
    /// Of which schedule.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
    /// For which time of the sender's clock it was armed, in ms since the epoch: any sweep but the one that is due is known.
    pub due_at: i64,
    /// The first seat that it has not looked at.
    pub from_seat: u64,
}
