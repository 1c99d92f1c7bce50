//! `load notification-delivery`: what a receiver got of a `notification-flood`, from the file that the receiver has written.
//!
//! Each line is one request as JSON: `ms`, when it had been read; `status`, what it was answered, `null` for a connection that was cut; `body`, the generic
//! webhook's. A notification is delivered with its first answer of 2xx. The time from asking to that is told by priority, by the wall clocks of the machine
//! that made the flood and of the receiver.

use super::{ASKED_AT, PRIORITIES, priority_of};
use crate::access::Access;
use crate::latencies::{COLUMNS, Latencies};
use crate::shape::Shape;
use clap::Args;
use holdfast_model::notification::Priority;
use holdfast_tools::Failure;
use holdfast_tools::table::table;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What a receiver got of a notification-flood; exit code 1 when something is missing, or came more than once.
#[derive(Debug, Clone, Args)]
pub(crate) struct NotificationDelivery {
    /// The seed of the flood
    #[arg(long)]
    seed: u64,
    /// What the receiver has written: a JSON object in a line for each request
    #[arg(long, value_name = "FILE")]
    sink: PathBuf,
    /// How many notifications must have been delivered: fewer is a failure [default: as many as are found]
    #[arg(long)]
    requests: Option<u64>,
    /// How many deliveries may have been repeated, after a worker was killed between a call and its result
    #[arg(long, default_value_t = 0)]
    repeats_max: u64,
}

/// What is read of a line.
#[derive(Deserialize)]
struct Line<'a> {
    ms: i64,
    status: Option<u16>,
    #[serde(borrow)]
    body: std::borrow::Cow<'a, str>,
}

/// What is read of its body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    notification_id: String,
    #[serde(default)]
    data: BTreeMap<String, Value>,
}

/// What the receiver got.
#[derive(Default)]
struct Delivered {
    /// How often each was answered with 2xx, by notification.
    times: BTreeMap<String, u64>,
    latencies: BTreeMap<usize, Latencies>,
    /// Calls that were not answered with 2xx.
    failed: u64,
    first_ms: Option<i64>,
    last_ms: i64,
}

impl Delivered {
    fn take(&mut self, seed: u64, line: &Line<'_>) {
        // Other calls are none of ours.
        let Ok(told) = serde_json::from_str::<Told>(&line.body) else { return };
        let Some(priority) = priority_of(seed, &told.notification_id) else { return };
        if !line.status.is_some_and(|status| (200..300).contains(&status)) {
            self.failed += 1;
            return;
        }
        self.first_ms = Some(self.first_ms.map_or(line.ms, |first| first.min(line.ms)));
        self.last_ms = self.last_ms.max(line.ms);
        let times = self.times.entry(told.notification_id).or_default();
        *times += 1;
        let asked_ms = told.data.get(ASKED_AT).and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok());
        if let (1, Some(asked_ms)) = (*times, asked_ms) {
            self.latencies.entry(number(priority)).or_default().note_ms(line.ms - asked_ms);
        }
    }

    fn repeated(&self) -> u64 {
        self.times.values().map(|times| times - 1).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "for display")]
    fn report(&self, seed: u64) -> String {
        let delivered = self.times.len();
        let span_ms = self.first_ms.map_or(0, |first_ms| self.last_ms - first_ms);
        // Of less than a second nothing can be said.
        let rate = (span_ms >= 1_000).then(|| delivered as f64 * 1e3 / span_ms as f64);
        let rate = rate.map_or_else(|| "too short for a rate".to_owned(), |rate| format!("{rate:.0}/s"));
        let rows: Vec<_> = PRIORITIES
            .into_iter()
            .filter_map(|priority| {
                let row = self.latencies.get(&number(priority))?;
                Some(row.row(&format!("{} delivered after it was asked for", priority.as_str())))
            })
            .collect();
        format!(
            "notification-delivery: {delivered} delivered within {span_ms} ms ({rate}), seed {seed}; {} repeated, {} calls failed\n\n{}",
            self.repeated(),
            self.failed,
            table(&COLUMNS, &rows)
        )
    }

    fn check(&self, requests: Option<u64>, repeats_max: u64) -> Result<(), Failure> {
        let breach = |what: String| Err(Failure::Failed(format!("notification-delivery: {what}")));
        let (delivered, repeated) = (self.times.len() as u64, self.repeated());
        match requests {
            Some(requests) if delivered < requests => breach(format!("{delivered} of {requests} are delivered")),
            Some(requests) if delivered > requests => breach(format!("{delivered} delivered, {requests} expected")),
            _ if repeated > repeats_max => breach(format!("{repeated} deliveries are repeated, at most {repeats_max}")),
            _ => Ok(()),
        }
    }
}

/// Its place among [`PRIORITIES`].
fn number(priority: Priority) -> usize {
    PRIORITIES.iter().position(|known| *known == priority).unwrap_or(0)
}

impl Shape for NotificationDelivery {
    fn needs_log(&self) -> bool {
        false
    }

    fn run(&self, _: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        let delivered = read(&self.sink, self.seed)?;
        print(&delivered.report(self.seed));
        delivered.check(self.requests, self.repeats_max).map(|()| String::new())
    }
}

/// Reads what the receiver has written.
///
/// # Errors
/// When the file cannot be read, or has a line that is none. The last one may be half written.
fn read(path: &Path, seed: u64) -> Result<Delivered, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::Failed(format!("{}: {why}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(|e| failed(&e))?);
    let (mut delivered, mut text, mut number) = (Delivered::default(), String::new(), 0_u64);
    loop {
        text.clear();
        if file.read_line(&mut text).map_err(|e| failed(&e))? == 0 {
            return Ok(delivered);
        }
        number += 1;
        match serde_json::from_str(&text) {
            Ok(line) => delivered.take(seed, &line),
            Err(_) if !text.ends_with('\n') => return Ok(delivered),
            Err(error) => return Err(failed(&format!("line {number}: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::event_id;
    use serde_json::json;
    use std::fs;

    fn line(ms: i64, status: Option<u16>, id: &str, asked_ms: i64) -> String {
        let body = json!({"notificationId": id, "title": "\"t\"", "data": {(ASKED_AT): asked_ms.to_string()}});
        json!({"ms": ms, "status": status, "body": body.to_string(), "path": "/"}).to_string() + "\n"
    }

    #[test]
    fn what_a_receiver_got_is_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sink");
        let (high, low) = (event_id(7, Priority::High, 0), event_id(7, Priority::Low, 0));
        let other = event_id(8, Priority::High, 0);
        let written = [
            line(1_000, Some(500), &high, 900),
            line(1_100, Some(200), &high, 900),
            line(1_200, None, &low, 900),
            line(3_100, Some(204), &low, 900),
            line(3_200, Some(200), &other, 900),
            "{\"ms\":1,\"status\":200,\"body\":\"no JSON\"}\n".to_owned(),
            "{\"ms\":33".to_owned(),
        ];
        fs::write(&file, written.concat()).unwrap();
        let delivered = read(&file, 7).unwrap();
        assert_eq!((delivered.times.len(), delivered.repeated(), delivered.failed), (2, 0, 2));
        let report = delivered.report(7);
        assert!(report.contains("2 delivered within 2000 ms (1/s), seed 7; 0 repeated, 2 calls failed"), "{report}");
        assert!(report.contains("200.") && report.contains("2201."), "latency from asking: {report}");
        assert!(delivered.check(Some(2), 0).is_ok());
        let said = |requests, repeats_max, delivered: &Delivered| {
            delivered.check(requests, repeats_max).unwrap_err().to_string()
        };
        assert!(said(Some(3), 0, &delivered).contains("2 of 3"));
        assert!(said(Some(1), 0, &delivered).contains("1 expected"));
        fs::write(&file, [&line(1, Some(200), &high, 0)[..], &line(2, Some(200), &high, 0)].concat()).unwrap();
        let twice = read(&file, 7).unwrap();
        assert!(said(None, 0, &twice).contains("1 deliveries are repeated"));
        assert!(twice.check(Some(1), 1).is_ok());
        fs::write(&file, "nonsense\n").unwrap();
        assert!(read(&file, 7).is_err());
    }
}
