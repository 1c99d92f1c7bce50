//! What an operator may set of rankings. Each place keeps what it decides with: see [`super::SETTINGS`].

use crate::config_def::{Setting, put, whole};
use crate::feature;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// How long payments and days are kept, if nobody sets anything else, in ms: a sale is opened months before the show, and a cancellation has to find it.
pub const RANKING_RETENTION_MS: i64 = 400 * DAY_MS;
/// What it may not be less than, in ms: what inboxes and dead letters keep (7 days), and a day more, so that whatever may come again is recognised.
const RANKING_RETENTION_MS_MIN: i64 = 8 * DAY_MS;

/// What an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// How long a payment is recognised after its last record was decided, and how long a day is kept, in ms.
    pub ranking_retention_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ranking_retention_ms: RANKING_RETENTION_MS }
    }
}

impl feature::Settings for Settings {
    const FEATURE: &'static str = super::NAME;
    const TABLE: &'static [Setting<Self>] = &[Setting::new(
        "ranking_retention_ms",
        "how long rankings recognise a payment and keep a day, at least 8 days",
        |s: &mut Self, text| {
            put(&mut s.ranking_retention_ms, whole(text, RANKING_RETENTION_MS_MIN..=10 * 365 * DAY_MS))
        },
    )
    .default("34560000000")];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_from_other_versions_too() {
        let json = serde_json::to_string(&Settings::default()).unwrap();
        assert_eq!(json, r#"{"rankingRetentionMs":34560000000}"#);
        let short = Settings { ranking_retention_ms: 1 };
        assert_eq!(serde_json::from_str::<Settings>(r#"{"rankingRetentionMs":1,"unheardOf":[1]}"#).unwrap(), short);
    }
}
