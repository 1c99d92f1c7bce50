//! I-30: what a receiver of alerts has got, against the stalls that were made: each stall that lasted is told of in time and cleared in time, and nothing
//! is told of without a stall.
//!
//! Both are files with a JSON object in each line. What was received, with the bodies as they came:
//! ```json
//! {"ms":1772323200000,"key":"0a1b-firing","status":200,"body":"{\"alert\":\"LAG\",\"state\":\"FIRING\",\"labels\":{\"topology\":\"coupon\",\"place\":\"1\"}}"}
//! ```
//! And the stalls, from the first record that was not decided to the moment at which all was; `topology` and `place` where it was one's alone:
//! ```json
//! {"fromMs":1772323190000,"toMs":1772323220000,"topology":"coupon","place":1}
//! ```
//! Only notices that the receiver took count, and a key that comes again counts once: a sender that has got no answer sends again.

use crate::findings::Findings;
use crate::invariant::Invariant;
use holdfast_tools::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// What is held against each other, and how strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRecord {
    /// What a receiver has got.
    pub received: PathBuf,
    /// The stalls that were made; none where there was none.
    pub stalls: Option<PathBuf>,
    /// A stall that lasts longer than this has to be told of within it, in ms.
    pub within_ms: i64,
    /// How long after its end a stall has to be cleared, in ms.
    pub clear_within_ms: i64,
}

const LAG: &str = "LAG";

#[derive(Deserialize)]
struct Received {
    ms: i64,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    status: Option<u16>,
    body: String,
}

#[derive(Deserialize)]
struct Body {
    alert: String,
    state: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stall {
    from_ms: i64,
    to_ms: i64,
    #[serde(default)]
    topology: Option<String>,
    #[serde(default)]
    place: Option<u32>,
}

/// A notice that was taken, the first under its key.
struct Notice {
    line: u64,
    ms: i64,
    is_firing: bool,
    labels: BTreeMap<String, String>,
}

impl Stall {
    fn is_of(&self, labels: &BTreeMap<String, String>) -> bool {
        let place = self.place.map(|place| place.to_string());
        let fits = |name: &str, wanted: Option<&String>| wanted.is_none_or(|wanted| labels.get(name) == Some(wanted));
        fits("topology", self.topology.as_ref()) && fits("place", place.as_ref())
    }
}

/// Reads both files and compares them.
///
/// # Errors
/// When one cannot be read, or a line of it makes no sense.
pub(crate) fn compare(record: &AlertRecord, findings: &mut Findings) -> Result<(), Failure> {
    let received: Vec<(u64, Received)> = lines(&record.received)?;
    let stalls: Vec<(u64, Stall)> = record.stalls.as_deref().map(lines).transpose()?.unwrap_or_default();
    let mut keys = BTreeSet::new();
    let mut notices = Vec::new();
    for (line, one) in received {
        let body: Body = serde_json::from_str(&one.body).map_err(|e| failed(&record.received, line, &e))?;
        let is_taken = one.status.is_none_or(|status| (200..300).contains(&status));
        if body.alert == LAG && is_taken && one.key.is_none_or(|key| keys.insert(key)) {
            notices.push(Notice { line, ms: one.ms, is_firing: body.state == "FIRING", labels: body.labels });
        }
    }
    judge(record, &notices, &stalls, findings);
    Ok(())
}

fn judge(record: &AlertRecord, notices: &[Notice], stalls: &[(u64, Stall)], findings: &mut Findings) {
    let AlertRecord { within_ms, clear_within_ms, .. } = *record;
    let spot = |line: u64| format!("{} line {line}", record.received.display());
    for (line, stall) in stalls {
        let at = || record.stalls.as_ref().map_or_else(String::new, |file| format!("{} line {line}", file.display()));
        let of = || notices.iter().filter(|notice| stall.is_of(&notice.labels));
        let last = stall.from_ms.saturating_add(within_ms);
        if stall.to_ms.saturating_sub(stall.from_ms) <= within_ms {
            findings.count(Invariant::Alerts, "stalls that need not be told of", 1);
        } else if of().any(|notice| notice.is_firing && (stall.from_ms..=last).contains(&notice.ms)) {
            findings.count(Invariant::Alerts, "stalls told of in time", 1);
        } else {
            findings.breach(Invariant::Alerts, at(), format!("no alert within {within_ms} ms of the stall"));
        }
        let fired = of().filter(|notice| notice.is_firing && (stall.from_ms..=stall.to_ms).contains(&notice.ms));
        for fired in fired {
            let end = stall.to_ms.saturating_add(clear_within_ms);
            let ends = |other: &&Notice| !other.is_firing && other.labels == fired.labels && other.ms >= fired.ms;
            match notices.iter().find(ends) {
                Some(over) if over.ms <= end => findings.count(Invariant::Alerts, "alerts cleared in time", 1),
                Some(over) => {
                    let late = over.ms - stall.to_ms;
                    findings.breach(Invariant::Alerts, spot(over.line), format!("cleared {late} ms after the stall"));
                }
                None => findings.breach(Invariant::Alerts, spot(fired.line), "was never cleared"),
            }
        }
    }
    let mut is_out: BTreeMap<&BTreeMap<String, String>, bool> = BTreeMap::new();
    for notice in notices {
        let before = is_out.insert(&notice.labels, notice.is_firing);
        if notice.is_firing {
            let lasts =
                |stall: &Stall| (stall.from_ms..=stall.to_ms.saturating_add(clear_within_ms)).contains(&notice.ms);
            let has_cause = stalls.iter().any(|(_, stall)| stall.is_of(&notice.labels) && lasts(stall));
            if !has_cause {
                findings.breach(Invariant::Alerts, spot(notice.line), "there was no stall");
            } else if before == Some(true) {
                findings.breach(Invariant::Alerts, spot(notice.line), "was told before and not cleared since");
            }
        }
        findings.count(Invariant::Alerts, "notices", 1);
    }
}

fn failed(file: &Path, line: u64, why: &dyn Display) -> Failure {
    Failure::Failed(format!("{}: line {line}: {why}", file.display()))
}

/// The lines with their numbers. A last line that breaks off is left out: its writer was killed.
fn lines<T: DeserializeOwned>(file: &Path) -> Result<Vec<(u64, T)>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::Failed(format!("{}: {e}", file.display())))?;
    let mut read = Vec::new();
    for (number, line) in (1_u64..).zip(text.split_inclusive('\n')) {
        match serde_json::from_str(line.trim()) {
            _ if line.trim().is_empty() => {}
            Ok(one) => read.push((number, one)),
            Err(_) if !line.ends_with('\n') => {}
            Err(error) => return Err(failed(file, number, &error)),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Report, Verdict};
    use std::fmt::Write;

    const BEGIN: i64 = 1_000_000;

    /// What is said of these notices (ms after the beginning, state, place, key) and stalls (from, to, place).
    fn told(notices: &[(i64, &str, u32, &str)], stalls: &[(i64, i64, Option<u32>)]) -> (Verdict, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        let (received, stalled) = (dir.path().join("received"), dir.path().join("stalls"));
        let (mut text, mut stall_text) = (String::new(), String::new());
        for (ms, state, place, key) in notices {
            let labels = serde_json::json!({"topology": "coupon", "place": place.to_string()});
            let body = serde_json::json!({"alert": "LAG", "state": state, "labels": labels, "more": 1}).to_string();
            let line = serde_json::json!({"ms": BEGIN + ms, "key": key, "status": 200, "body": body, "path": "/"});
            writeln!(text, "{line}").unwrap();
        }
        for (from, to, place) in stalls {
            let line = serde_json::json!({"fromMs": BEGIN + from, "toMs": BEGIN + to, "place": place});
            writeln!(stall_text, "{line}").unwrap();
        }
        std::fs::write(&received, text + "{\"ms\":").unwrap();
        std::fs::write(&stalled, stall_text).unwrap();
        let record = AlertRecord { received, stalls: Some(stalled), within_ms: 15_000, clear_within_ms: 5_000 };
        let mut findings = Findings::default();
        compare(&record, &mut findings).unwrap();
        let report = Report::new(&[Invariant::Alerts], &mut findings, 0, 0, 0);
        let line = report.line("I-30").unwrap();
        (line.verdict, line.why.clone().filter(|_| line.verdict == Verdict::Breached))
    }

    #[test]
    fn a_stall_is_told_of_and_cleared_in_time_and_nothing_else_is_told() {
        let right = [(10_500, "FIRING", 1, "a-f"), (33_000, "RESOLVED", 1, "a-r")];
        let stall = [(0, 30_000, Some(1))];
        let proved = (Verdict::Proved, None);
        assert_eq!(told(&right, &stall), proved);
        // Sent again under its key, and a stall of all places.
        let again = [right[0], (12_000, "FIRING", 1, "a-f"), right[1]];
        assert_eq!(told(&again, &[(0, 30_000, None)]), proved);
        // A short stall may be told of, and need not be.
        assert_eq!(told(&[], &[(0, 9_000, None)]), proved);
        let breached = |why: &str| (Verdict::Breached, Some(why.to_owned()));
        for (notices, stalls, why) in [
            (vec![], stall.to_vec(), "no alert within 15000 ms of the stall"),
            (vec![(15_001, "FIRING", 1, "a-f"), right[1]], stall.to_vec(), "no alert within 15000 ms of the stall"),
            (vec![(10_500, "FIRING", 2, "a-f"), right[1]], stall.to_vec(), "no alert within 15000 ms of the stall"),
            (vec![right[0]], stall.to_vec(), "was never cleared"),
            (vec![right[0], (35_001, "RESOLVED", 1, "a-r")], stall.to_vec(), "cleared 5001 ms after the stall"),
            (right.to_vec(), vec![], "there was no stall"),
            (
                vec![right[0], (20_000, "FIRING", 1, "b-f"), right[1]],
                stall.to_vec(),
                "was told before and not cleared since",
            ),
        ] {
            assert_eq!(told(&notices, &stalls), breached(why), "{notices:?}");
        }
    }
}
