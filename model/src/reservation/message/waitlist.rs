use crate::wire;
use serde::{Deserialize, Serialize};

/// A user wants to wait for a seat of a sold-out schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinWaitlist {
    /// Of which schedule.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
    /// Which user.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
}

/// A user does not want to wait any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaveWaitlist {
    /// Of which schedule.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
    /// Which user.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
}

/// Seats were released: the next entries that are owed a notice are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TellWaitlist {
    /// Of which schedule.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
    /// For which time of the sender's clock it was armed, in ms since the epoch: any but the one that is due is known.
    pub due_at: i64,
}
