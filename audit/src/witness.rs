//! I-10 and I-14 from the other side: what clients were told over HTTP, as they wrote it down, against what the log says.
//!
//! One JSON object in each line, as `load --answers` writes it:
//! ```json
//! {"time":"2026-03-01T00:00:00.000Z","method":"POST","path":"/reservations","status":201,"key":"k-1",
//!  "asked":{"userId":"1001","scheduleId":"s","seatNo":1},"said":{"reservationId":"res_0_7","expiresAt":"2026-03-01T00:05:00.000Z"}}
//! ```
//! The file is read before the cut is taken, so whatever it tells of was committed, or at least appended, by then.
//!
//! Each line goes to the feature whose routes it matches; that feature keeps what the line claims and compares them while it decides.

use crate::answers::{Answer, Spot};
use crate::feature::Feature;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::record::{self, Field, Named};
use holdfast_model::rfc3339;
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::rc::Rc;

/// One answer as it was written down.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// When it was written down.
    #[serde(default)]
    time: Option<Cow<'a, str>>,
    /// How long it took.
    #[serde(default)]
    took_ms: Option<i64>,
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    asked: Option<&'a RawValue>,
    #[serde(borrow, default)]
    said: Option<&'a RawValue>,
}

/// What a body says; nothing if it is none.
fn body(raw: Option<&RawValue>) -> Named<'_> {
    raw.and_then(|raw| record::read(Some(raw.get().as_bytes()))).unwrap_or_default()
}

/// The first answer under a key.
#[derive(Debug)]
struct First {
    line: u64,
    asked: Print,
    said: Option<(u16, Print)>,
}

/// I-14: the answers under each key.
struct Keys {
    first: FxHashMap<Print, First>,
    /// Fields of an answer that name what was made.
    names: BTreeSet<&'static str>,
}

/// Reads the file: each line goes to the feature that it concerns, and answers under one key are compared at once.
///
/// # Errors
/// When it cannot be read, or a line of it makes no sense. A last line that breaks off is left out: its writer was killed.
pub(crate) fn read(file: &Path, features: &mut [Box<dyn Feature>], findings: &mut Findings) -> Result<(), Failure> {
    let failed = |why: &dyn Display| Failure::Failed(format!("{}: {why}", file.display()));
    let mut lines = BufReader::new(File::open(file).map_err(|e| failed(&e))?);
    let name: Rc<str> = file.display().to_string().into();
    let names = features.iter().flat_map(|feature| feature.names()).copied().collect();
    let mut keys = Keys { first: FxHashMap::default(), names };
    let (mut text, mut number, mut silent) = (String::new(), 0, 0);
    loop {
        text.clear();
        if lines.read_line(&mut text).map_err(|e| failed(&e))? == 0 {
            break;
        }
        number += 1;
        if text.trim().is_empty() {
            continue;
        }
        let line: Line<'_> = match serde_json::from_str(&text) {
            Ok(line) => line,
            Err(_) if !text.ends_with('\n') => break,
            Err(error) => return Err(failed(&format_args!("line {number}: {error}"))),
        };
        let at = Spot { file: Rc::clone(&name), line: number };
        keys.repeated(&at, &line, findings);
        silent += u64::from(!hear(at, &line, features));
    }
    if silent > 0 {
        findings.note(
            Invariant::Agreement,
            format!("{silent} requests were told nothing that can be held against the log"),
        );
    }
    Ok(())
}

/// Gives a line to its feature; false when it claims nothing.
fn hear(at: Spot, line: &Line<'_>, features: &mut [Box<dyn Feature>]) -> bool {
    let Some(said) = line.said.and_then(|said| record::read(Some(said.get().as_bytes()))) else { return false };
    let (path, query) = line.path.split_once('?').unwrap_or((&line.path, ""));
    let answer = Answer {
        at,
        method: &line.method,
        path,
        query,
        status: line.status,
        time_ms: line.time.as_deref().and_then(rfc3339::parse),
        took_ms: line.took_ms,
        asked: body(line.asked),
        said,
    };
    let feature = features.iter_mut().find(|feature| feature.routes().iter().any(|route| answer.is_of(route)));
    feature.is_some_and(|feature| feature.hear(&answer))
}

impl Keys {
    /// I-14: the same request again under its key gets the same answer, and nothing else is granted under it.
    fn repeated(&mut self, at: &Spot, answer: &Line<'_>, findings: &mut Findings) {
        let Some(key) = answer.key.as_deref() else { return };
        let asked = body(answer.asked);
        // A key is its user's; who pays without a name is the holder.
        let whose = asked.id("userId").or_else(|| asked.id("reservationId"));
        let scope = print((&*answer.method, &*answer.path, whose.as_deref(), key));
        let wish = print(answer.asked.map(RawValue::get));
        // 503, 429 and silence are no answers.
        let said = matches!(answer.status, 200..=202 | 400..=428).then(|| {
            let said = body(answer.said);
            // What is refused before the log has a number of its own each time.
            let request_id = if answer.status < 400 { said.get("requestId") } else { &Field::Absent };
            let ids = self.names.iter().map(|name| said.get(name)).chain([request_id, said.get("code")]);
            (answer.status, print(ids.map(|field| field.id().map(Cow::into_owned)).collect::<Vec<_>>()))
        });
        match self.first.get_mut(&scope) {
            None => drop(self.first.insert(scope, First { line: at.line, asked: wish, said })),
            Some(first) if first.asked != wish => {
                if matches!(answer.status, 200..=299) {
                    let what = format!("{key} was another request in line {}, and this was not refused", first.line);
                    findings.breach(Invariant::Retries, at, what);
                } else {
                    findings.count(Invariant::Retries, "other requests under a known key, not accepted", 1);
                }
            }
            Some(first) => match (first.said, said) {
                // Accepted first, and decided then.
                (Some((202, _)), Some((1..=201 | 203.., _))) => first.said = said,
                (Some((1..=201 | 203.., _)), Some((202, _))) => {}
                (Some(before), Some(now)) if before != now => {
                    let what = format!("asked again under {key}, line {} was answered otherwise", first.line);
                    findings.breach(Invariant::Retries, at, what);
                }
                (Some(_), Some(_)) => findings.count(Invariant::Retries, "answers under a key that came again", 1),
                (None, now) => first.said = now,
                (Some(_), None) => {}
            },
        }
    }
}
