//! How much could be charged when: settings of wallets, which their state keeps by the record they were first decided with.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::Rebuilt;
use holdfast_model::payment::{SETTINGS, Settings};
use holdfast_model::settings::SettingsRow;
use holdfast_tools::Failure;

/// Settings of one place, in the order of its inbox.
#[derive(Debug, Default)]
pub(super) struct Limits(Vec<(i64, Settings)>);

impl Limits {
    /// What `state` says.
    pub(super) fn read(state: &Rebuilt, findings: &mut Findings) -> Result<Self, Failure> {
        let mut kept = Vec::new();
        state.each(&SETTINGS, &mut |since: u64, row: SettingsRow| match serde_json::from_str(&row.json) {
            Ok(settings) => kept.push((since.cast_signed(), settings)),
            Err(error) => {
                let at = format!("{}, settings since offset {since}", state.source());
                findings.breach(Invariant::Statements, at, format!("{:?} is no settings: {error}", row.json));
            }
        })?;
        Ok(Self(kept))
    }

    /// Whether `amount` KRW could be charged by the record at `offset`.
    pub(super) fn allow(&self, amount: i64, offset: i64) -> bool {
        let begun = self.0.partition_point(|(since, _)| *since <= offset);
        let settings = begun.checked_sub(1).map_or_else(Settings::unkept, |last| self.0[last].1);
        (settings.charge_min_krw..=settings.charge_max_krw).contains(&amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_judged_by_the_limits_of_its_time() {
        let other = Settings { charge_min_krw: 5, charge_max_krw: 9, ..Settings::default() };
        let limits = Limits(vec![(10, other), (20, Settings::unkept())]);
        for (amount, offset, expected) in [
            (1_000, 9, true),
            (999, 9, false),
            (1_000_001, 0, false),
            (5, 10, true),
            (9, 19, true),
            (10, 19, false),
            (1_000_000, 20, true),
            (5, 20, false),
        ] {
            assert_eq!(limits.allow(amount, offset), expected, "{amount} at {offset}");
        }
        assert!(Limits::default().allow(1_000, 0) && !Limits::default().allow(1, 99));
    }
}
