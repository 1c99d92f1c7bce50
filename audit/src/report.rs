//! The verdicts, as people and as programs read them.

use crate::findings::{Finding, Findings};
use crate::invariant::Invariant;
use serde::Serialize;
use std::fmt::Write;

/// How it stands with one invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// All that could be against it was looked at, and nothing is.
    Proved,
    /// There is a counter-example.
    Breached,
    /// Nothing was there to be looked at, or it could not be.
    NotApplicable,
}

/// The verdict on one invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// `I-1` …
    pub invariant: String,
    /// What it says.
    pub sentence: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was looked at.
    pub counted: Vec<Counted>,
    /// How much is against it.
    #[serde(skip_serializing_if = "is_zero")]
    pub breaches: u64,
    /// Where the first of it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is wrong there, or why nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// So many of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Of what.
    pub what: &'static str,
    /// How many.
    pub n: u64,
}

/// All verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `PROVED` if nothing is breached and something is proved.
    pub verdict: Verdict,
    /// By invariant.
    pub lines: Vec<Line>,
    /// Records read, of all topics.
    pub records: u64,
    /// What was under way at the cut, and so is neither right nor wrong.
    pub in_flight: u64,
    /// How long it took, in ms.
    pub took_ms: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Line {
    fn of(invariant: Invariant, finding: Finding) -> Self {
        let Finding { counts, notes, not_applicable, first, breaches } = finding;
        let counted: Vec<Counted> =
            counts.into_iter().filter(|(_, n)| *n > 0).map(|(what, n)| Counted { what, n }).collect();
        let (verdict, at, why) = match (first, not_applicable) {
            (Some(breach), _) => (Verdict::Breached, Some(breach.at), Some(breach.what)),
            (None, Some(why)) => (Verdict::NotApplicable, None, Some(why)),
            (None, None) if counted.is_empty() => {
                (Verdict::NotApplicable, None, Some("nothing of the kind has happened".to_owned()))
            }
            (None, None) => (Verdict::Proved, None, None),
        };
        Self { invariant: invariant.id(), sentence: invariant.sentence(), verdict, counted, breaches, at, why, notes }
    }

    fn counted(&self) -> String {
        self.counted.iter().map(|c| format!("{} {}", grouped(c.n), c.what)).collect::<Vec<_>>().join(", ")
    }
}

impl Report {
    pub(crate) fn new(
        wanted: &[Invariant],
        findings: &mut Findings,
        records: u64,
        in_flight: u64,
        took_ms: u64,
    ) -> Self {
        let lines: Vec<Line> = wanted.iter().map(|invariant| Line::of(*invariant, findings.take(*invariant))).collect();
        let any = |verdict| lines.iter().any(|line| line.verdict == verdict);
        let verdict = if any(Verdict::Breached) {
            Verdict::Breached
        } else if any(Verdict::Proved) {
            Verdict::Proved
        } else {
            Verdict::NotApplicable
        };
        Self { verdict, lines, records, in_flight, took_ms }
    }

    /// The verdict on `id`, if it was asked for.
    #[must_use]
    pub fn line(&self, id: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.invariant == id)
    }

    /// In lines.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        for line in &self.lines {
            let word = match line.verdict {
                Verdict::Proved => "PROVED",
                Verdict::Breached => "BREACHED",
                Verdict::NotApplicable => "NOT APPLICABLE",
            };
            let _ = writeln!(out, "{:<5} {word:<14}  {}", line.invariant, line.sentence);
            if let (Verdict::Breached, Some(at), Some(why)) = (line.verdict, &line.at, &line.why) {
                let _ = writeln!(out, "        at {at}: {why}");
                if line.breaches > 1 {
                    let _ = writeln!(out, "        and {} more", grouped(line.breaches - 1));
                }
            } else if let Some(why) = &line.why {
                let _ = writeln!(out, "        {why}");
            }
            if !line.counted.is_empty() {
                let _ = writeln!(out, "        {}", line.counted());
            }
            for note in &line.notes {
                let _ = writeln!(out, "        {note}");
            }
        }
        let of = |verdict| self.lines.iter().filter(|line| line.verdict == verdict).count();
        let per_second = self.records.saturating_mul(1_000) / self.took_ms.max(1);
        let _ = writeln!(
            out,
            "audit: {} proved, {} breached, {} not applicable; {} records, {} under way at the cut, {} records/s",
            of(Verdict::Proved),
            of(Verdict::Breached),
            of(Verdict::NotApplicable),
            grouped(self.records),
            grouped(self.in_flight),
            grouped(per_second)
        );
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

    #[test]
    fn each_verdict_has_its_reason() {
        let mut findings = Findings::default();
        findings.count(Invariant::OneOwner, "holds", 1_234);
        findings.count(Invariant::Capacity, "schedules", 2);
        findings.breach(Invariant::Capacity, "t-1 offset 7", "one too many");
        findings.breach(Invariant::Capacity, "t-1 offset 8", "another");
        findings.not_applicable(Invariant::Rebuilt, "no stores here");
        let wanted = [Invariant::OneOwner, Invariant::Capacity, Invariant::Retries, Invariant::Rebuilt];
        let report = Report::new(&wanted, &mut findings, 10, 1, 1_000);
        assert_eq!(report.verdict, Verdict::Breached);
        let text = report.text();
        for said in [
            "I-1   PROVED",
            "1,234 holds",
            "at t-1 offset 7: one too many",
            "and 1 more",
            "nothing of the kind has happened",
            "no stores here",
            "audit: 1 proved, 1 breached, 2 not applicable; 10 records, 1 under way at the cut, 10 records/s",
        ] {
            assert!(text.contains(said), "{said}\n{text}");
        }
        let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(json["lines"][1]["verdict"], "BREACHED");
        assert_eq!(json["lines"][1]["at"], "t-1 offset 7");
        assert_eq!(json["lines"][0]["counted"][0]["n"], 1_234);
    }
}
