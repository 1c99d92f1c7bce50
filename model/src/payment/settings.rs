//! What the shop may set of wallets. A decision rests on it and its record does not tell it, so each place keeps it: see [`super::SETTINGS`]. It is kept as
//! JSON: a setting that is added later is, in what was kept before, what it is by default.

use crate::config_def::{Setting, put};
use crate::feature;
use crate::settings::{self, OUTCOME_RETENTION_MS, outcomes_stay};
use serde::{Deserialize, Serialize};

/// What the shop may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The least that can be charged at once.
    pub charge_min_krw: i64,
    /// The most that can be charged at once.
    pub charge_max_krw: i64,
    /// How long outcomes of requests are kept after they were decided, in ms.
    #[serde(default = "outcomes_stay")]
    pub outcome_retention_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { charge_min_krw: 1_000, charge_max_krw: 1_000_000, outcome_retention_ms: OUTCOME_RETENTION_MS }
    }
}

impl feature::Settings for Settings {
    const FEATURE: &'static str = super::NAME;
    // An operator may set neither bound yet.
    const TABLE: &'static [Setting<Self>] = &[settings::outcome_retention(|s: &mut Self, text| {
        put(&mut s.outcome_retention_ms, settings::retention_ms(text))
    })];
}

impl Settings {
    /// Those of the versions that kept none.
    #[must_use]
    pub const fn unkept() -> Self {
        Self { charge_min_krw: 1_000, charge_max_krw: 1_000_000, outcome_retention_ms: i64::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_from_other_versions_too() {
        let settings = Settings { charge_min_krw: 1, ..Settings::default() };
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(json, r#"{"chargeMinKrw":1,"chargeMaxKrw":1000000,"outcomeRetentionMs":691200000}"#);
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
        let stays = Settings { outcome_retention_ms: i64::MAX, ..settings };
        assert_eq!(serde_json::from_str::<Settings>(r#"{"chargeMinKrw":1,"unheardOf":[1]}"#).unwrap(), stays);
    }
}
