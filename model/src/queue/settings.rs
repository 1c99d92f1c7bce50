//! What the shop may set of waiting rooms. Each place keeps what it decides with: see [`super::SETTINGS`].

use crate::config_def::{Setting, put};
use crate::feature;
use crate::settings::{self, OUTCOME_RETENTION_MS, outcomes_stay};
use serde::{Deserialize, Serialize};

/// What the shop may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// How long outcomes of requests, and tickets that have ended, are kept after they were decided, in ms.
    #[serde(default = "outcomes_stay")]
    pub outcome_retention_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { outcome_retention_ms: OUTCOME_RETENTION_MS }
    }
}

impl feature::Settings for Settings {
    const FEATURE: &'static str = super::NAME;
    const TABLE: &'static [Setting<Self>] = &[settings::outcome_retention(|s: &mut Self, text| {
        put(&mut s.outcome_retention_ms, settings::retention_ms(text))
    })];
}
