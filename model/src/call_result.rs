//! How a call outside ended: the value of a record in a results topic. Written by the worker's executor of effects, read by the topology that asked.
//!
//! ```json
//! {"ended":"FAILED","reason":"HTTP 503","status":503,"retryAfterMs":2000,"channelAway":true,"beganAt":1773561600000}
//! ```
//! It says nothing that a receiver could be reached by: `reason` is made of status codes and error kinds, never of an answer's body or an address.

use crate::published::kind::{Field, Kind, may, must};
use serde::{Deserialize, Serialize};

/// Its fields, published.
pub const PUBLISHED: &[Field] = &[
    must("ended", Kind::OneOf(&["DONE", "FAILED", "REFUSED", "NO_CONTACT", "STALE"]), "How."),
    may("reason", Kind::Text, "Why it was not done, for people."),
    may("status", Kind::Count, "HTTP status, if there was an answer."),
    may("retryAfterMs", Kind::Whole, "How long the receiver asked to wait, in ms."),
    may("channelAway", Kind::Flag, "The channel as a whole did not work: the failure says nothing about this call."),
    must("beganAt", Kind::Whole, "When the call began by the worker's clock, in ms since the epoch."),
];

/// How a call ended, named by what its topology does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Ended {
    /// The receiver has it.
    Done,
    /// Not this time; the same call may succeed later. It may also have arrived: a time-out does not tell.
    Failed,
    /// Never: the receiver says that the call itself is wrong.
    Refused,
    /// Nobody to call: the user has given no contact for this channel.
    NoContact,
    /// Too late: what the call would have said is no longer true or of use. Nothing was sent.
    Stale,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallResult {
    /// What became of it.
    pub ended: Ended,
    /// Why it was not done, for humans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the receiver asked to wait, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
    /// The channel as a whole did not work when the call failed (its breaker was not closed): the failure says nothing about this call, which keeps its
    /// attempts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub channel_away: bool,
    /// When the call began by the worker's clock, in ms since the epoch. Nothing is decided by it.
    pub began_at: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl CallResult {
    /// A call that ended so, with no more to say.
    #[must_use]
    pub fn new(ended: Ended, began_at: i64) -> Self {
        Self { ended, reason: None, status: None, retry_after_ms: None, channel_away: false, began_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_to_say_is_written() {
        let text = serde_json::to_string(&CallResult::new(Ended::Done, 7)).unwrap();
        assert_eq!(text, r#"{"ended":"DONE","beganAt":7}"#);
        let failed = CallResult {
            reason: Some("HTTP 503".to_owned()),
            status: Some(503),
            retry_after_ms: Some(2_000),
            channel_away: true,
            ..CallResult::new(Ended::Failed, 7)
        };
        let text = serde_json::to_string(&failed).unwrap();
        assert_eq!(serde_json::from_str::<CallResult>(&text).unwrap(), failed);
    }
}
