//! What an operator may set of deliveries to the data platform. Each place keeps what it decides with: see [`super::SETTINGS`].

use crate::backoff::Backoff;
use crate::config_def::{Setting, put, whole};
use crate::feature;
use crate::settings::{self, RETRY_BASE_MS, RETRY_MAX_MS};
use serde::{Deserialize, Serialize};

/// How long the ledger knows a delivery after its end, if nobody sets anything else, in ms: what the topics of facts and of dead letters keep (7 days), and
/// a day more. It may not be less: what can still come again from one of them has to be recognised.
pub const DELIVERY_RETENTION_MS: i64 = 8 * 86_400_000;

/// What an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Wait after the first failed call, in ms.
    pub retry_base_ms: i64,
    /// Longest wait after a failed call, in ms.
    pub retry_max_ms: i64,
    /// How long the ledger knows a delivery after its end, in ms.
    pub delivery_retention_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retry_base_ms: RETRY_BASE_MS, retry_max_ms: RETRY_MAX_MS, delivery_retention_ms: DELIVERY_RETENTION_MS }
    }
}

impl Settings {
    /// How long failed calls wait.
    #[must_use]
    pub fn backoff(&self) -> Backoff {
        Backoff { base_ms: self.retry_base_ms, max_ms: self.retry_max_ms }
    }
}

impl feature::Settings for Settings {
    const FEATURE: &'static str = super::NAME;
    const TABLE: &'static [Setting<Self>] = &[
        settings::retry_base(|s: &mut Self, text| put(&mut s.retry_base_ms, settings::retry_ms(text))),
        settings::retry_max(|s: &mut Self, text| put(&mut s.retry_max_ms, settings::retry_ms(text))),
        Setting::new(
            "delivery_retention_ms",
            "how long deliveries to the data platform are known after their end, at least 8 days",
            |s: &mut Self, text| {
                put(&mut s.delivery_retention_ms, whole(text, DELIVERY_RETENTION_MS..=10 * 365 * 86_400_000))
            },
        )
        .default("691200000"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_from_other_versions_too() {
        let json = serde_json::to_string(&Settings::default()).unwrap();
        assert_eq!(json, r#"{"retryBaseMs":1000,"retryMaxMs":60000,"deliveryRetentionMs":691200000}"#);
        let short = Settings { retry_base_ms: 1, ..Settings::default() };
        assert_eq!(serde_json::from_str::<Settings>(r#"{"retryBaseMs":1,"unheardOf":[1]}"#).unwrap(), short);
    }
}
