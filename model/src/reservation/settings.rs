//! What a shop may want otherwise. Settings are data: they come in with the topology and are never read from anywhere.
//!
//! A decision rests on them and its record does not tell them. So each place keeps which it was decided with since which record
//! ([`super::SETTINGS`]): who decides again knows them, whatever has been set since.

use super::fees;
use crate::config_def::{Setting, flag, put, whole};
use crate::feature;
use crate::settings::{self, OUTCOME_RETENTION_MS, outcomes_stay};
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 24 * 3_600_000;

/// Rules that decisions go by now, as [`Settings::rules`] counts them.
///
/// - 1: whatever was decided before there was a choice.
/// - 2: Reservations, and payments that nobody has named, are named by something that cannot be guessed. A show that has begun is neither held, extended
///   nor paid. A sale lies before its show. Second 60 and epoch seconds are no times. A coupon that takes nothing off is not used. What a repetition is
///   told is kept ([`super::ANSWERS`]).
pub const RULES: u32 = 2;

/// Part of a refund that is kept, by how soon the show is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fee {
    /// From so many calendar days before the show, in Korean time.
    pub days_before_min: i64,
    /// So many percent of what was paid are kept.
    pub percent: u64,
}

/// Settings of the reservation topology. They are kept as JSON: one that is added later is, in what was kept before, what it is by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Which rules decide: not a wish of the shop's, but like one, since an old record is to be decided as it was. What was kept before there were others
    /// was decided by the first.
    #[serde(default = "first_rules")]
    pub rules: u32,
    /// How long a seat is held, in ms.
    pub hold_ms: i64,
    /// Most seats that one user may have of a schedule, held, being paid or bought; a schedule may say otherwise.
    pub seats_per_user_max: u32,
    /// Most of them that may be unpaid at a time; a schedule may say otherwise.
    pub open_holds_max: u32,
    /// How far `extend` moves the deadline, in ms; 0 = there are no extensions.
    pub extend_ms: i64,
    /// How often one hold may be extended.
    pub extensions_max: u32,
    /// Fees by day, the earliest first. Before the first day nothing is kept; from the start of the show nothing is given back.
    pub fees: Vec<Fee>,
    /// How long after it was bought a seat is given back without a fee, in ms.
    pub free_cancel_ms: i64,
    /// That is from so many calendar days before the show, in Korean time.
    pub free_cancel_days_min: i64,
    /// How long after its deadline a hold is ended by a sweep if nothing else has ended it, in ms.
    pub overdue_grace_ms: i64,
    /// How many reservations one step of a cancelled schedule takes.
    pub cancel_batch_max: usize,
    /// Pause between two such steps, in ms: wallets, notices and other buyers share the log with them.
    pub cancel_pause_ms: i64,
    /// How long outcomes of requests are kept after they were decided, in ms.
    #[serde(default = "outcomes_stay")]
    pub outcome_retention_ms: i64,
    /// Whether a notification is asked for when a seat is held.
    pub notify_held: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: RULES,
            hold_ms: 300_000,
            seats_per_user_max: 4,
            open_holds_max: 4,
            extend_ms: 0,
            extensions_max: 1,
            // The Korean Fair Trade Commission's consumer dispute standard (소비자분쟁해결기준, 별표 2, 공연업), customer's own reasons, row by row: up to 10 days
            // before all is given back, up to 7 days less 10 %, up to 3 days less 20 %, up to 1 day less 30 %, on the day until it starts less 90 %.
            fees: [(10, 0), (7, 10), (3, 20), (1, 30), (0, 90)]
                .map(|(days_before_min, percent)| Fee { days_before_min, percent })
                .to_vec(),
            // Its note: within 24 hours after the booking all is given back, up to 3 days before the show. It does not count days on which nobody works;
            // a shop that wants to be as generous sets a longer time.
            free_cancel_ms: 86_400_000,
            free_cancel_days_min: 3,
            overdue_grace_ms: 60_000,
            cancel_batch_max: 100,
            cancel_pause_ms: 100,
            outcome_retention_ms: OUTCOME_RETENTION_MS,
            notify_held: false,
        }
    }
}

impl feature::Settings for Settings {
    const FEATURE: &'static str = super::NAME;
    const TABLE: &'static [Setting<Self>] = &[
        Setting::new("hold_ms", "how long a seat is held", |s: &mut Self, text| {
            put(&mut s.hold_ms, whole(text, 1..=30 * DAY_MS))
        })
        .default("300000")
        .flag("HOLD_MS: how long a seat is held"),
        Setting::new(
            "cancel_fees",
            "days before the show : percent of what was paid that is kept, comma-separated, the earliest day first",
            |s: &mut Self, text| put(&mut s.fees, fees::parse(text)),
        )
        .default("10:0,7:10,3:20,1:30,0:90")
        .required(),
        Setting::new(
            "free_cancel_ms",
            "how long after it was bought a seat is given back without a fee; 0 = never",
            |s: &mut Self, text| put(&mut s.free_cancel_ms, whole(text, 0..=365 * DAY_MS)),
        )
        .default("86400000"),
        Setting::new("free_cancel_days_min", "that is from so many days before the show", |s: &mut Self, text| {
            put(&mut s.free_cancel_days_min, whole(text, 0..=3_660))
        })
        .default("3"),
        settings::outcome_retention(|s: &mut Self, text| {
            put(&mut s.outcome_retention_ms, settings::retention_ms(text))
        }),
        settings::notify_held(|s: &mut Self, text| put(&mut s.notify_held, flag(text))),
    ];
}

fn first_rules() -> u32 {
    1
}

impl Settings {
    /// Whether decisions go by the second rules or later ones: see [`RULES`].
    #[must_use]
    pub fn has_second_rules(&self) -> bool {
        self.rules >= 2
    }

    /// As they are kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts and numbers always encode.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what was kept, by this version or another one; `None` for what is no settings.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_from_other_versions_too() {
        let fees = vec![Fee { days_before_min: 5, percent: 25 }, Fee { days_before_min: 0, percent: 60 }];
        let settings = Settings { hold_ms: 7, fees, ..Settings::default() };
        assert_eq!(Settings::from_json(&settings.to_json()), Some(settings));
        let another = Settings { rules: 1, hold_ms: 9, outcome_retention_ms: i64::MAX, ..Settings::default() };
        assert_eq!(Settings::from_json(r#"{"holdMs":9,"unheardOf":[1]}"#), Some(another));
        assert_eq!((Settings::from_json(""), Settings::from_json(r#"{"holdMs":"long"}"#)), (None, None));
    }
}
