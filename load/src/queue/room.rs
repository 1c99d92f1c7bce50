//! A waiting room of a run, made first, and what it says of itself in the end.

use crate::target::Target;
use holdfast_tools::Failure;
use serde_json::{Value, json};

/// A path of the API: tokens.
pub(super) const TOKEN: &str = "/api/queue/token";
/// A path of the API: where a ticket stands.
pub(super) const STATUS: &str = "/api/queue/status";

/// Waiting tickets of a run do not end for want of a sign of life: not every user of it gives one.
const KEPT_MS: u64 = 3_600_000;

/// Makes the room `queue_id`.
///
/// # Errors
/// What was answered instead.
pub(super) async fn create(
    target: &Target,
    queue_id: &str,
    max_active: u64,
    admit_per_second: u64,
) -> Result<(), Failure> {
    let body = json!({
        "queueId": queue_id, "maxActive": max_active, "admitPerSecond": admit_per_second, "activeMs": KEPT_MS,
        "silenceMs": KEPT_MS, "keepMs": KEPT_MS, "notices": false
    });
    target.must_post("/api/queues", &body, &[201]).await.map(drop)
}

/// What the room says of itself.
pub(super) async fn shown(target: &Target, queue_id: &str) -> Value {
    target.get(&format!("/api/queues/{queue_id}")).await.body
}

/// Tickets that the room has given out.
pub(super) fn tickets(shown: &Value) -> Option<u64> {
    let ended = match &shown["ended"] {
        Value::Object(reasons) => reasons.values().filter_map(Value::as_u64).sum(),
        other => other.as_u64()?,
    };
    Some(shown["waiting"].as_u64()? + shown["active"].as_u64()? + ended)
}
