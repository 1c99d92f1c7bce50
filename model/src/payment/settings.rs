//! What the shop may set of wallets.

use crate::config_def::Setting;
use crate::feature;
use serde::{Deserialize, Serialize};

/// What the shop may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The least that can be charged at once.
    pub charge_min_krw: i64,
    /// The most that can be charged at once.
    pub charge_max_krw: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { charge_min_krw: 1_000, charge_max_krw: 1_000_000 }
    }
}

impl feature::Settings for Settings {
    const FEATURE: &'static str = super::NAME;
    // An operator may set neither bound yet.
    const TABLE: &'static [Setting<Self>] = &[];
}
