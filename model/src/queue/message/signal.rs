use crate::guard::Purchased;
use crate::reading::{self, Unreadable};
use crate::wire;
use serde::{Deserialize, Serialize};

/// What has no outcome of its own: signs of life, answers of guarded topologies, and what the topology tells itself later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Signal {
    /// Clients have asked after these tickets.
    Touch(Touch),
    /// What a user was admitted for is bought.
    Purchased(Purchased),
    /// There may be room for admissions.
    Admit(Due),
    /// The time has come at which the queue opens.
    Open(Due),
    /// Users that wait may be told so.
    Tell(Due),
    /// An ACTIVE ticket may have ended.
    ActiveEnd(TicketDue),
    /// A chunk of tickets may have silent ones.
    Silence(ChunkDue),
}

/// Clients have asked after these tickets: one record for all that were seen within a second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Touch {
    /// Of which queue.
    #[serde(deserialize_with = "wire::id")]
    pub queue_id: String,
    /// Which, in any order.
    pub tickets: Vec<u64>,
}

/// A message that the topology sends itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Due {
    /// Of which queue.
    #[serde(deserialize_with = "wire::id")]
    pub queue_id: String,
    /// When it was to come, in ms since the epoch: its identity, and how far the worker's clock is ahead when it comes earlier.
    pub due_at: i64,
}

/// A [`Due`] about a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketDue {
    /// See [`Due`].
    #[serde(deserialize_with = "wire::id")]
    pub queue_id: String,
    /// See [`Due`].
    pub due_at: i64,
    /// Which ticket.
    pub ticket: u64,
}

/// A [`Due`] about a chunk of tickets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChunkDue {
    /// See [`Due`].
    #[serde(deserialize_with = "wire::id")]
    pub queue_id: String,
    /// See [`Due`].
    pub due_at: i64,
    /// Which chunk.
    pub chunk: u64,
}

impl Signal {
    pub(super) fn read(kind: &str, text: &str) -> Result<Option<Self>, Unreadable> {
        Ok(Some(match kind {
            "touch" => Self::Touch(reading::fields(text)?),
            Purchased::KIND => Self::Purchased(reading::fields(text)?),
            "admit" => Self::Admit(reading::fields(text)?),
            "open" => Self::Open(reading::fields(text)?),
            "tell" => Self::Tell(reading::fields(text)?),
            "active-end" => Self::ActiveEnd(reading::fields(text)?),
            "silence" => Self::Silence(reading::fields(text)?),
            _ => return Ok(None),
        }))
    }

    /// Which queue it is about.
    #[must_use]
    pub fn queue_id(&self) -> &str {
        match self {
            Self::Touch(s) => &s.queue_id,
            Self::Purchased(s) => &s.queue_id,
            Self::Admit(s) | Self::Open(s) | Self::Tell(s) => &s.queue_id,
            Self::ActiveEnd(s) => &s.queue_id,
            Self::Silence(s) => &s.queue_id,
        }
    }

    /// When it was to come, if the topology has sent it to itself.
    #[must_use]
    pub fn due_ms(&self) -> Option<i64> {
        match self {
            Self::Touch(_) | Self::Purchased(_) => None,
            Self::Admit(s) | Self::Open(s) | Self::Tell(s) => Some(s.due_at),
            Self::ActiveEnd(s) => Some(s.due_at),
            Self::Silence(s) => Some(s.due_at),
        }
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts and numbers always encode: there is no failing Serialize in a signal.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
