//! The verdict, for humans and for programs.

use super::in_force::{self, Span};
use holdfast_audit::shadows::InForce;
use serde::Serialize;
use std::fmt::Write;

/// What became of one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlaceReport {
    pub(super) place: u32,
    /// Inbox records decided again.
    pub(super) records: u64,
    /// Outputs found as expected.
    pub(super) outputs: u64,
    /// Outputs older than what their topic keeps.
    pub(super) outputs_forgotten: u64,
    /// Outputs that do not say whose they are.
    pub(super) outputs_unsigned: u64,
    /// Rows of state that are the same.
    pub(super) rows: u64,
    /// Next inbox offset to be decided when the replay began.
    pub(super) decided_to: i64,
    /// First offset of the inbox that is still there, when it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inbox_begins: Option<i64>,
    /// The first inbox offset decided again, when that is not the first of all: on the state that the changelog tells for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_at: Option<i64>,
    /// What was asked for and lies before this offset could not be decided again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped_to: Option<i64>,
    /// With which settings it was decided, and is decided again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) settings: Vec<Span>,
    /// Where replay and log part first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Difference>,
}

/// Where replay and log part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Difference {
    pub(super) what: &'static str,
    /// The inbox record whose decision it was, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inbox: Option<String>,
    /// The topic, partition and offset, or the store and key.
    pub(super) at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verdict {
    /// Every decision is the same.
    Identical,
    /// At least one is not.
    Different,
    /// None that could be made again is different, but not all could.
    NotProven,
}

/// What became of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) topology: String,
    pub(super) verdict: Verdict,
    pub(super) records_per_second: u64,
    pub(super) places: Vec<PlaceReport>,
}

impl Report {
    pub(super) fn new(topology: &str, places: Vec<PlaceReport>, elapsed_us: u64) -> Self {
        let verdict = if places.iter().any(|place| place.difference.is_some()) {
            Verdict::Different
        } else if places.iter().any(|place| place.skipped_to.is_some()) {
            Verdict::NotProven
        } else {
            Verdict::Identical
        };
        let records: u64 = places.iter().map(|place| place.records).sum();
        let per_second = u128::from(records) * 1_000_000 / u128::from(elapsed_us.max(1));
        Self {
            topology: topology.to_owned(),
            verdict,
            records_per_second: u64::try_from(per_second).unwrap_or(u64::MAX),
            places,
        }
    }

    /// The verdict in one line.
    pub(super) fn line(&self) -> String {
        let sum = |of: fn(&PlaceReport) -> u64| grouped(self.places.iter().map(of).sum());
        let verdict = match self.verdict {
            Verdict::Identical => "identical",
            Verdict::Different => "DIFFERENT",
            Verdict::NotProven => "NOT PROVEN",
        };
        format!(
            "replay {}: {} places, {} records, {} outputs, {verdict}",
            self.topology,
            self.places.len(),
            sum(|p| p.records),
            sum(|p| p.outputs)
        )
    }

    /// The verdict and what has to be known about it.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        for place in &self.places {
            if let Some(difference) = &place.difference {
                let _ = writeln!(out, "place {}: {}", place.place, difference.what);
                let lines =
                    [("inbox", &difference.inbox), ("expected", &difference.expected), ("found", &difference.found)];
                let _ = writeln!(out, "  at        {}", difference.at);
                for (name, text) in lines {
                    let _ = writeln!(out, "  {name:<9} {}", text.as_deref().unwrap_or("-"));
                }
            }
            if let Some(to) = place.skipped_to {
                let begins = place.inbox_begins.map(|begins| format!("its inbox begins at offset {begins}, "));
                let _ = writeln!(
                    out,
                    "place {}: {}the changelog tells no state before offset {to}, and what was decided before it rests on records that are gone: it was not decided again",
                    place.place,
                    begins.unwrap_or_default()
                );
            }
            if let Some(at) = place.state_at {
                let _ = writeln!(
                    out,
                    "place {}: decided again from offset {at} on, on the state that its changelog tells for there; older outputs were not compared",
                    place.place
                );
            }
            for InForce { from, changed, .. } in in_force::told(place.place, &place.settings) {
                if let Some(changed) = changed {
                    let _ = writeln!(out, "place {}: decided with {changed} from offset {from} on", place.place);
                }
            }
            if place.outputs_forgotten > 0 {
                let _ = writeln!(
                    out,
                    "place {}: {} outputs are older than what their topics keep and were not compared",
                    place.place,
                    grouped(place.outputs_forgotten)
                );
            }
            if place.outputs_unsigned > 0 {
                let _ = writeln!(
                    out,
                    "place {}: {} outputs do not say whose they are (ce_source) and were not compared",
                    place.place,
                    grouped(place.outputs_unsigned)
                );
            }
        }
        let rows = grouped(self.places.iter().map(|place| place.rows).sum());
        let _ = writeln!(out, "{} rows of state compared, {} records/s", rows, grouped(self.records_per_second));
        let _ = writeln!(out, "{}", self.line());
        out
    }
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(difference: Option<Difference>, skipped_to: Option<i64>) -> PlaceReport {
        PlaceReport {
            place: 2,
            records: 1_234_567,
            outputs: 999,
            outputs_forgotten: 0,
            outputs_unsigned: 0,
            rows: 5,
            decided_to: 9,
            inbox_begins: skipped_to.map(|_| 500),
            state_at: skipped_to,
            skipped_to,
            settings: Vec::new(),
            difference,
        }
    }

    #[test]
    fn the_verdict_is_one_line() {
        let report = Report::new("coupon", vec![place(None, None)], 1_000_000);
        assert_eq!(report.line(), "replay coupon: 1 places, 1,234,567 records, 999 outputs, identical");
        assert_eq!(report.records_per_second, 1_234_567);
        assert_eq!((grouped(0), grouped(12), grouped(1_000)), ("0".to_owned(), "12".to_owned(), "1,000".to_owned()));
    }

    #[test]
    fn neither_a_false_alarm_nor_a_false_all_clear() {
        let difference = Difference {
            what: "missing",
            inbox: Some("in-2 offset 7".to_owned()),
            at: "out-2".to_owned(),
            expected: Some("key=k".to_owned()),
            found: None,
        };
        let cut = Report::new("coupon", vec![place(None, None), place(None, Some(512))], 1);
        assert_eq!(cut.verdict, Verdict::NotProven);
        for said in ["begins at offset 500", "before offset 512", "again from offset 512 on"] {
            assert!(cut.text().contains(said), "{said}: {}", cut.text());
        }
        let later = PlaceReport { state_at: Some(7), ..place(None, None) };
        assert_eq!(Report::new("coupon", vec![later], 1).verdict, Verdict::Identical, "all that was asked for");
        let different = Report::new("coupon", vec![place(Some(difference), None), place(None, Some(512))], 1);
        assert_eq!(different.verdict, Verdict::Different);
        assert!(
            different.text().contains("  inbox     in-2 offset 7\n  expected  key=k\n  found     -\n"),
            "{}",
            different.text()
        );
    }
}
