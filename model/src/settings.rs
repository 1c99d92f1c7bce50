//! Settings in force, as the state of every feature keeps them.

use crate::config_def::{Setting, whole};
use serde::{Deserialize, Serialize};

/// How long the outcome of a request is kept after it was decided, if nobody sets anything else, in ms: what inboxes keep, and a day more, so that whatever
/// may come again from an inbox is recognised.
pub const OUTCOME_RETENTION_MS: i64 = 8 * 86_400_000;

/// The least it may be: a client must be able to ask for a day.
const OUTCOME_RETENTION_MIN_MS: i64 = 86_400_000;

/// The setting `outcome_retention_ms`, one for all features.
pub(crate) const fn outcome_retention<S>(set: fn(&mut S, &str) -> Result<(), String>) -> Setting<S> {
    Setting::new("outcome_retention_ms", "how long outcomes of requests are kept after they were decided", set)
        .default("691200000")
}

/// The setting `notify_held`, one for the topology that holds seats and the one that tells of it.
pub(crate) const fn notify_held<S>(set: fn(&mut S, &str) -> Result<(), String>) -> Setting<S> {
    Setting::new("notify_held", "true: users are also told when they hold a seat (RESERVATION_HELD)", set)
        .default("false")
}

/// Reads a retention.
///
/// # Errors
/// For what is no whole number, or less than a day.
pub(crate) fn retention_ms(text: &str) -> Result<i64, String> {
    whole(text, OUTCOME_RETENTION_MIN_MS..=10 * 365 * 86_400_000)
}

/// What versions did that kept no such setting: no outcome ended.
pub(crate) fn outcomes_stay() -> i64 {
    i64::MAX
}

/// Wait after the first failed call outside, if nobody sets anything else, in ms.
pub const RETRY_BASE_MS: i64 = 1_000;
/// Longest wait after a failed call outside, if nobody sets anything else, in ms.
pub const RETRY_MAX_MS: i64 = 60_000;

/// The setting `notify_retry_base_ms`, one for all features that call outside.
pub(crate) const fn retry_base<S>(set: fn(&mut S, &str) -> Result<(), String>) -> Setting<S> {
    Setting::new(
        "notify_retry_base_ms",
        "wait after the first failed call of a notification or delivery; doubled for each further one",
        set,
    )
    .default("1000")
}

/// The setting `notify_retry_max_ms`, one for all features that call outside.
pub(crate) const fn retry_max<S>(set: fn(&mut S, &str) -> Result<(), String>) -> Setting<S> {
    Setting::new("notify_retry_max_ms", "longest wait after a failed call of a notification or delivery", set)
        .default("60000")
}

/// Reads one of them.
///
/// # Errors
/// For what is no whole number from 1 ms to a day.
pub(crate) fn retry_ms(text: &str) -> Result<i64, String> {
    whole(text, 1..=86_400_000)
}

/// Settings that a place was decided with, from the record on whose offset is the row's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRow {
    /// JSON, since settings come and go and the fields of a row do not.
    pub json: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_engine::inspect::codec;

    #[test]
    fn its_bytes_are_those_on_disk() {
        let mut bytes = Vec::new();
        codec::encode(&SettingsRow { json: "{}".to_owned() }, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, b'{', b'}']);
    }
}
