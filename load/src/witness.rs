//! What was asked and what was answered, written down for the auditor: one JSON object in a line, as `audit --answers` reads it.
//!
//! Who writes it down also gives each request a key of its own, and asks some of them again under it: the same must be answered.

use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::rfc3339;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// One request of so many is asked again.
const AGAIN_EVERY: u64 = 5;

/// One request and what came of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answered<'a, B> {
    pub(crate) method: &'static str,
    /// With its query.
    pub(crate) path: &'a str,
    /// When it was asked: [`Witness::begin`].
    #[serde(skip)]
    pub(crate) began_us: u64,
    /// 0 = nobody answered.
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<&'a str>,
    /// The body that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<&'a B>,
    /// The body that came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a, B> {
    time: String,
    /// So that whoever reads it knows when it was asked.
    took_ms: u64,
    #[serde(flatten)]
    answered: &'a Answered<'a, B>,
}

/// Writes answers down, or nothing.
#[derive(Clone)]
pub(crate) struct Witness(Option<Arc<Notes>>);

struct Notes {
    run: String,
    clock: SystemClock,
    out: Mutex<(BufWriter<File>, Option<std::io::Error>)>,
}

impl Witness {
    /// Writes into `file`, which is created or emptied; without one nothing is written. `run` makes keys that no other run has.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn open(file: Option<&Path>, run: &str) -> Result<Self, Failure> {
        let Some(path) = file else { return Ok(Self(None)) };
        let file = File::create(path).map_err(|e| Failure::Failed(format!("{}: {e}", path.display())))?;
        let out = Mutex::new((BufWriter::new(file), None));
        Ok(Self(Some(Arc::new(Notes { run: run.to_owned(), clock: SystemClock::new(), out }))))
    }

    /// The key of the `n`th request; none when nobody writes it down.
    pub(crate) fn key(&self, n: u64) -> Option<String> {
        self.0.as_ref().map(|notes| format!("{}-{n}", notes.run))
    }

    /// Whether the `n`th request is asked again under its key.
    pub(crate) fn asks_again(&self, n: u64) -> bool {
        self.0.is_some() && n.is_multiple_of(AGAIN_EVERY)
    }

    /// A request is sent now: by a clock of the witness's own, in us.
    pub(crate) fn begin(&self) -> u64 {
        self.0.as_ref().map_or(0, |notes| notes.clock.monotonic_us())
    }

    /// A body as it is written down; none when nobody writes it down, or it is no JSON.
    pub(crate) fn body<'a>(&self, text: &'a [u8]) -> Option<&'a RawValue> {
        self.0.as_ref().and_then(|_| serde_json::from_slice(text).ok())
    }

    /// Writes an answer down.
    pub(crate) fn note<B: Serialize>(&self, answered: &Answered<'_, B>) {
        let Some(notes) = &self.0 else { return };
        let mut line = Vec::with_capacity(512);
        let (time, took_us) =
            (rfc3339::to_string(notes.clock.now_ms()), notes.clock.monotonic_us().saturating_sub(answered.began_us));
        let written = serde_json::to_writer(&mut line, &Line { time, took_ms: took_us.div_ceil(1_000), answered });
        line.push(b'\n');
        let (out, failed) = &mut *notes.out.lock();
        if let Err(error) = written.map_err(std::io::Error::from).and_then(|()| out.write_all(&line)) {
            failed.get_or_insert(error);
        }
    }

    /// All is written.
    ///
    /// # Errors
    /// When something of it is not.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        let Some(notes) = &self.0 else { return Ok(()) };
        let (out, failed) = &mut *notes.out.lock();
        failed.take().map_or_else(|| out.flush(), Err).map_err(|error| Failure::Failed(format!("answers: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_line_says_what_was_asked_and_answered() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("answers");
        let witness = Witness::open(Some(&file), "run").unwrap();
        let key = witness.key(5);
        assert_eq!((key.as_deref(), witness.asks_again(5), witness.asks_again(6)), (Some("run-5"), true, false));
        let said = witness.body(br#"{"paymentId":"p"}"#);
        assert!(witness.body(b"no JSON").is_none());
        let (asked, path) = (json!({"amount": 5}), "/payments");
        let (key, began_us) = (key.as_deref(), witness.begin());
        let told = Answered { method: "POST", path, began_us, status: 200, key, asked: Some(&asked), said };
        witness.note(&told);
        witness.note(&Answered { status: 0, said: None, ..told });
        witness.finish().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["said"]["paymentId"], &lines[0]["asked"]["amount"]), (&json!("p"), &json!(5)));
        assert!(lines[0]["time"].as_str().unwrap().ends_with('Z') && lines[0]["tookMs"].is_u64());
        assert_eq!((&lines[1]["status"], lines[1].get("said")), (&json!(0), None));
    }

    #[test]
    fn without_a_file_there_are_no_keys() {
        let witness = Witness::open(None, "run").unwrap();
        assert!(witness.body(b"{}").is_none());
        assert_eq!((witness.key(0), witness.asks_again(0)), (None, false));
        witness.finish().unwrap();
    }
}
