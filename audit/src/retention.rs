//! How long outcomes are kept, and so which ids may come again: by a rule of the audit's own, from the inbox and from what the state says was set.
//!
//! An outcome has ended for a record if it was decided at the *watermark* of that record or before: the latest time of the inbox up to that record, less the
//! time that outcomes are kept, rounded down to a thousandth of that time and at most to a minute. The watermark never goes back. An id whose outcome has
//! ended is unknown again; what its first decision gave stays.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::{Rebuilt, failed};
use holdfast_engine::inspect::ending;
use holdfast_engine::prelude::{EndingTable, Ends, Table};
use holdfast_model::settings::SettingsRow;
use holdfast_tools::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Outcomes are kept for ever.
const FOR_EVER_MS: i64 = i64::MAX;
/// The watermark moves in steps of at most so many ms …
const STEP_MAX_MS: i64 = 60_000;
/// … and of this part of the time that outcomes are kept.
const STEP_PART: i64 = 1_000;

/// How long the outcomes of one table are kept, as its inbox is walked through. Without a state: for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Offset of the first record, and how long outcomes are kept from there on, in ms. In order.
    periods: Vec<(i64, i64)>,
    /// How many of them have begun.
    begun: usize,
    now_ms: i64,
    /// The watermark, in ms since the epoch.
    until_ms: i64,
    /// No watermark of what is audited lies beyond it.
    last_ms: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { periods: Vec::new(), begun: 0, now_ms: i64::MIN, until_ms: i64::MIN, last_ms: i64::MIN }
    }
}

impl Retention {
    /// Of `table`, as `state` says. What it says of the table has to be what was set for its feature.
    pub(crate) fn of<V: Ends>(
        table: &EndingTable<String, V>,
        state: Option<&Rebuilt>,
        settings: &Table<u64, SettingsRow>,
        findings: &mut Findings,
    ) -> Result<Self, Failure> {
        let Some(state) = state else { return Ok(Self::default()) };
        let periods = ending::periods(state.store()).map_err(failed)?;
        let of_table = periods.into_iter().filter(|period| period.store == table.id());
        let periods: Vec<_> = of_table.map(|period| (period.since.cast_signed(), period.keep_ms)).collect();
        let retention = Self::new(periods, state.position().now_ms);
        if state.ends(table.id()) {
            state.each(settings, &mut |since: u64, row: SettingsRow| {
                let set_ms = set_ms(&row);
                let keep_ms = retention.keep_ms(since.cast_signed());
                if set_ms.is_some_and(|set_ms| set_ms != keep_ms) {
                    let at = format!("{}, store {}", state.source(), table.spec().name);
                    let what = format!("outcomes are kept for {keep_ms} ms from offset {since} on, set are {set_ms:?}");
                    findings.breach(Invariant::OneOutcome, at, what);
                }
            })?;
        }
        Ok(retention)
    }

    /// Outcomes are kept as `periods` say; the latest record of the inbox is of `now_ms`.
    pub(crate) fn new(periods: Vec<(i64, i64)>, now_ms: i64) -> Self {
        let least_ms = periods.iter().map(|(_, keep_ms)| *keep_ms).min().filter(|keep_ms| *keep_ms != FOR_EVER_MS);
        let last_ms = least_ms.map_or(i64::MIN, |least_ms| now_ms.saturating_sub(least_ms));
        Self { periods, last_ms, ..Self::default() }
    }

    /// How long outcomes are kept at `offset`, in ms.
    fn keep_ms(&self, offset: i64) -> i64 {
        let begun = self.periods.partition_point(|(since, _)| *since <= offset);
        begun.checked_sub(1).map_or(FOR_EVER_MS, |last| self.periods[last].1)
    }

    /// The record at `offset` is the next; `now_ms` is its logical time.
    pub(crate) fn at(&mut self, offset: i64, now_ms: i64) {
        self.now_ms = now_ms;
        while self.periods.get(self.begun).is_some_and(|(since, _)| *since <= offset) {
            self.begun += 1;
        }
        let keep_ms = self.begun.checked_sub(1).map_or(FOR_EVER_MS, |last| self.periods[last].1);
        if keep_ms != FOR_EVER_MS {
            let step_ms = (keep_ms / STEP_PART).clamp(1, STEP_MAX_MS);
            let reached_ms = now_ms.saturating_sub(keep_ms);
            self.until_ms = self.until_ms.max(reached_ms.saturating_sub(reached_ms.rem_euclid(step_ms)));
        }
    }

    /// Logical time of the record in hand, in ms since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Whether an outcome of that time has ended.
    pub(crate) fn has_ended(&self, decided_ms: i64) -> bool {
        decided_ms <= self.until_ms
    }

    /// Whether the outcome of the record in hand may end within what is audited.
    pub(crate) fn may_end(&self) -> bool {
        self.now_ms <= self.last_ms
    }
}

/// How long outcomes were to be kept, in ms; settings from before that was one say nothing of it, and then none ended. `None` = that cannot be read.
fn set_ms(row: &SettingsRow) -> Option<i64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Set {
        outcome_retention_ms: Option<i64>,
    }

    let set: Set = serde_json::from_str(&row.json).ok()?;
    Some(set.outcome_retention_ms.unwrap_or(FOR_EVER_MS))
}

/// The outcome of a request that was decided in the inbox.
#[derive(Debug)]
pub(crate) enum Kept<V> {
    /// This one.
    Row(V),
    /// None, or that of a later decision under the same id: its own has ended.
    Ended,
    /// None, and there should be one.
    Missing,
}

impl<V> Kept<V> {
    /// What of the row is compared.
    pub(crate) fn map<W>(self, of: impl FnOnce(V) -> W) -> Kept<W> {
        match self {
            Self::Row(row) => Kept::Row(of(row)),
            Self::Ended => Kept::Ended,
            Self::Missing => Kept::Missing,
        }
    }

    /// What is kept of the request `id`, which was decided at `now_ms`.
    pub(crate) fn of(state: &Rebuilt, table: &EndingTable<String, V>, id: &str, now_ms: i64) -> Result<Self, Failure>
    where
        V: Ends + DeserializeOwned,
    {
        let row = state.get(table.stored(), &id.to_owned())?;
        let has_ended = state.has_ended(table.id(), now_ms);
        Ok(match row {
            Some(row) if !(has_ended && row.decided_ms() > now_ms) => Self::Row(row),
            _ if has_ended => Self::Ended,
            _ => Self::Missing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn an_outcome_ends_after_its_time_by_the_minute() {
        let mut retention = Retention::new(vec![(0, 8 * DAY_MS)], 30 * DAY_MS);
        retention.at(0, 20 * DAY_MS + 59_999);
        assert!(retention.has_ended(12 * DAY_MS) && !retention.has_ended(12 * DAY_MS + 1) && retention.may_end());
        retention.at(1, 20 * DAY_MS + 60_000);
        assert!(retention.has_ended(12 * DAY_MS + 60_000));
        retention.at(2, 22 * DAY_MS + 1);
        assert!(!retention.may_end());
        // A time before 1970 is rounded down, too.
        let mut early = Retention::new(vec![(0, 600_000)], 0);
        early.at(0, 1);
        assert!(early.has_ended(-600_000) && !early.has_ended(-599_999));
    }

    #[test]
    fn each_record_has_the_retention_of_its_time_and_nothing_comes_back() {
        let mut retention = Retention::new(vec![(10, 1_000), (20, 5_000), (30, FOR_EVER_MS), (40, 500)], 100_000);
        for (offset, now_ms, until_ms) in [
            (9, 50_000, i64::MIN),
            (10, 50_000, 49_000),
            (19, 51_000, 50_000),
            (20, 52_000, 50_000),
            (29, 56_000, 51_000),
            (30, 90_000, 51_000),
            (45, 90_000, 89_500),
        ] {
            retention.at(offset, now_ms);
            assert_eq!(retention.until_ms, until_ms, "offset {offset}");
        }
        assert_eq!(
            [9, 10, 29, 39, 40].map(|offset| retention.keep_ms(offset)),
            [FOR_EVER_MS, 1_000, 5_000, FOR_EVER_MS, 500]
        );
    }

    #[test]
    fn without_a_state_nothing_ends() {
        let mut retention = Retention::default();
        retention.at(0, i64::MAX);
        assert!(!retention.has_ended(0) && !retention.may_end());
    }

    #[test]
    fn settings_say_how_long() {
        let set = |json: &str| set_ms(&SettingsRow { json: json.to_owned() });
        assert_eq!(set(r#"{"holdMs":5,"outcomeRetentionMs":7}"#), Some(7));
        assert_eq!((set("{}"), set("no json")), (Some(FOR_EVER_MS), None));
    }
}
