use crate::command_ids::command_ids;
use crate::fingerprint;
use crate::guard::{QueueKey, Subject};
use crate::queue::ticket_state::QueueState;
use crate::reading::{self, Unreadable};
use crate::wire::{self, Id, When};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Command {
    /// There shall be a queue.
    CreateQueue(CreateQueue),
    /// A queue shall work otherwise.
    ChangeQueue(ChangeQueue),
    /// A ticket is given back.
    Leave(Leave),
}

/// There shall be a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueBody)]
pub struct CreateQueue {
    /// Id of the event that carries the command.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it. Over HTTP: instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Id of the queue.
    #[schema(value_type = Id<'static>, example = "schedule_456")]
    #[serde(deserialize_with = "wire::id")]
    pub queue_id: String,
    /// Most tickets that may be ACTIVE at a time.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1_000)]
    pub max_active: i64,
    /// Most admissions in any second.
    #[schema(minimum = 1, maximum = 100_000, example = 100)]
    pub admit_per_second: i64,
    /// How long a ticket is ACTIVE at most, in ms; none = 600,000.
    #[schema(minimum = 1_000, maximum = 86_400_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_ms: Option<i64>,
    /// How long nothing may be heard of an ACTIVE ticket, in ms; none = 60,000.
    #[schema(minimum = 1_000, maximum = 86_400_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<i64>,
    /// How long the position of a WAITING ticket is kept when nothing is heard of it, in ms; none = 180,000.
    #[schema(minimum = 1_000, maximum = 86_400_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_ms: Option<i64>,
    /// How long a ticket waits until its user is told of its position, in ms; none = 10,000.
    #[schema(minimum = 0, maximum = 86_400_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_after_ms: Option<i64>,
    /// Whether users are told of their position and that their turn has come; none = yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notices: Option<bool>,
    /// When the queue opens, RFC 3339 or epoch ms; none = at once. Tickets that are given out before have no position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<When>,
    /// Whether tickets that were given out before the queue opens are put in line by a draw; none = by their numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<bool>,
    /// What only users with an ACTIVE ticket may buy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Subject>,
    /// The secret of its tokens, 32 random bytes in base64: drawn by the worker.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "secret", skip_serializing_if = "Option::is_none")]
    pub key: Option<QueueKey>,
    /// What the draw is made of, 32 random bytes in base64: drawn by the worker.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "secret", skip_serializing_if = "Option::is_none")]
    pub seed: Option<QueueKey>,
}

/// 32 bytes in base64; whatever else stands there is none, and refused as that.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<QueueKey>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| QueueKey::from_base64(&text).ok()))
}

/// A queue shall work otherwise. What is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueChangeBody)]
pub struct ChangeQueue {
    /// Id of the event that carries the command.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it. Over HTTP: instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Which queue. Over HTTP it stands in the path.
    #[schema(ignore)]
    #[serde(default, deserialize_with = "wire::id")]
    pub queue_id: String,
    /// Most tickets that may be ACTIVE at a time. With less than there are, nobody is admitted until there is room.
    #[schema(minimum = 1, maximum = 1_000_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active: Option<i64>,
    /// Most admissions in any second.
    #[schema(minimum = 1, maximum = 100_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admit_per_second: Option<i64>,
    /// How long a ticket is ACTIVE at most that is admitted from now on, in ms.
    #[schema(minimum = 1_000, maximum = 86_400_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_ms: Option<i64>,
    /// What only users with an ACTIVE ticket may buy: all of it, in place of what there was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guards: Option<Vec<Subject>>,
    /// `OPEN`; `PAUSED`: nobody is admitted; `DRAINING`: nobody new is taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<QueueState>,
}

/// A ticket is given back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leave {
    /// Id of the event that carries the command.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Of which queue.
    #[serde(deserialize_with = "wire::id")]
    pub queue_id: String,
    /// Which ticket.
    pub ticket: u64,
    /// Whose it must be: the door has verified the token.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
}

command_ids!(Command { CreateQueue, ChangeQueue, Leave });

impl Command {
    pub(super) fn read(kind: &str, text: &str) -> Result<Option<Self>, Unreadable> {
        let command = match kind {
            "create-queue" => Self::CreateQueue(reading::fields(text)?),
            "change-queue" => Self::ChangeQueue(reading::fields(text)?),
            "leave" => Self::Leave(reading::fields(text)?),
            _ => return Ok(None),
        };
        Ok(Some(command.without_blank_ids()))
    }

    /// Which queue it is about.
    #[must_use]
    pub fn queue_id(&self) -> &str {
        match self {
            Self::CreateQueue(c) => &c.queue_id,
            Self::ChangeQueue(c) => &c.queue_id,
            Self::Leave(c) => &c.queue_id,
        }
    }

    /// Hash of what it says, its ids apart, and what the worker has drawn for it: a client that asks again does not know what was drawn before. Stored, so
    /// it is FNV-1a over the command's JSON and stays that.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut content = self.without_ids();
        if let Self::CreateQueue(create) = &mut content {
            (create.key, create.seed) = (None, None);
        }
        fingerprint::of_json(&content)
    }
}
