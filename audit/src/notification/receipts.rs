//! What a receiver of the generic webhook has got: its own record, one JSON object a line.
//!
//! ```json
//! {"ms":1773561600000,"method":"POST","path":"/","key":"evt_1","body":"{\"notificationId\":\"evt_1\",\"channel\":\"webhook\",\"attempt\":1}","status":200}
//! ```
//! `ms` is when it had been read, `key` the `Idempotency-Key`, `status` the answer; null = the connection was cut. Lines about anything but notifications
//! are passed over.

use crate::findings::Findings;
use crate::invariant::Invariant;
use holdfast_model::notification::row::{DeliveryRow, DeliveryState, NoticeRow};
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// How long a call may take that began in time.
const CALL_MS_MAX: i64 = 30_000;
/// A first attempt and three retries.
const ATTEMPTS_MAX: u32 = 4;

#[derive(Deserialize)]
struct Line {
    ms: i64,
    key: Option<String>,
    body: String,
    status: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    notification_id: String,
    attempt: u32,
}

/// A call, as the receiver saw it.
#[derive(Debug, Clone, Copy)]
struct Call {
    ms: i64,
    attempt: u32,
    is_taken: bool,
    has_key: bool,
}

/// All calls, by notification, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Receipts(FxHashMap<String, Vec<Call>>);

impl Receipts {
    /// Reads the receiver's record.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no receipt.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let failed = |what: String| Failure::Failed(format!("{}: {what}", file.display()));
        let lines = BufReader::new(File::open(file).map_err(|error| failed(error.to_string()))?).lines();
        let mut receipts = Self::default();
        for (n, line) in lines.enumerate() {
            let line = line.map_err(|error| failed(error.to_string()))?;
            let line = serde_json::from_str(&line).map_err(|error| failed(format!("line {}: {error}", n + 1)))?;
            receipts.add(&line);
        }
        Ok(receipts)
    }

    fn add(&mut self, line: &Line) {
        let Ok(Told { notification_id, attempt }) = serde_json::from_str(&line.body) else { return };
        let is_taken = line.status.is_some_and(|status| (200..300).contains(&status));
        let has_key = line.key.as_deref() == Some(&*notification_id);
        self.0.entry(notification_id).or_default().push(Call { ms: line.ms, attempt, is_taken, has_key });
    }

    /// Takes the calls of the notification `id` and judges them by its row.
    pub(super) fn take(
        &mut self,
        id: &str,
        row: &NoticeRow,
        delivery: &DeliveryRow,
        backoffs: &(i64, i64),
        findings: &mut Findings,
    ) {
        let calls = self.0.remove(id).unwrap_or_default();
        let at = || format!("the receiver's {id}");
        if let Err(wrong) = arrived(&calls, delivery) {
            findings.breach(Invariant::Notices, at(), wrong);
        }
        let taken = calls.iter().filter(|call| call.is_taken).count() as u64;
        findings.count(Invariant::Notices, "calls that the receiver took", taken);
        findings.count(Invariant::Notices, "of those, repeated after a crash", taken.saturating_sub(1));
        if let Err(wrong) = spaced(&calls, *backoffs) {
            findings.breach(Invariant::Attempts, at(), wrong);
        }
        findings.count(Invariant::Attempts, "calls with their back-off", calls.len() as u64);
        if calls.iter().any(|call| call.ms > row.valid_until_ms.saturating_add(CALL_MS_MAX)) {
            findings.breach(Invariant::NoticesTrue, at(), "it came after its time");
        }
    }

    /// What no row explains.
    pub(super) fn leftover(&self, findings: &mut Findings) {
        for id in self.0.keys() {
            findings.breach(Invariant::Notices, format!("the receiver's {id}"), "the ledger knows nothing of it");
        }
    }
}

/// I-15: what the ledger says against what has come.
fn arrived(calls: &[Call], delivery: &DeliveryRow) -> Result<(), &'static str> {
    let is_taken = calls.iter().any(|call| call.is_taken);
    match delivery.state {
        _ if calls.iter().any(|call| !call.has_key) => Err("a call without the notification's id as its key"),
        DeliveryState::Sent if !is_taken => Err("the ledger says that it arrived, and the receiver has not taken it"),
        _ if delivery.tries == 0 && !calls.is_empty() => Err("the ledger knows of no try, and the receiver has got it"),
        _ => Ok(()),
    }
}

/// I-22: attempts, and the time between them. The last half of a back-off is spread, so that half of it is the least.
fn spaced(calls: &[Call], (base_ms, max_ms): (i64, i64)) -> Result<(), String> {
    if let Some(call) = calls.iter().find(|call| !(1..=ATTEMPTS_MAX).contains(&call.attempt)) {
        return Err(format!("attempt {} is none of a first one and three retries", call.attempt));
    }
    for pair in calls.windows(2) {
        let [before, after] = pair else { continue };
        // The same attempt again is a call whose result was lost, or one while the channel was away.
        if after.attempt != before.attempt + 1 || before.is_taken {
            continue;
        }
        let least_ms = base_ms.saturating_mul(1 << (before.attempt - 1)).min(max_ms) / 2;
        if after.ms - before.ms < least_ms {
            let gap_ms = after.ms - before.ms;
            return Err(format!("attempt {} came {gap_ms} ms after the one before, not {least_ms}", after.attempt));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::notification::channel::Channel;

    fn call(ms: i64, attempt: u32, is_taken: bool) -> Call {
        Call { ms, attempt, is_taken, has_key: true }
    }

    fn delivery(state: DeliveryState, tries: u32) -> DeliveryRow {
        DeliveryRow { tries, ..DeliveryRow::new(Channel::Webhook, state, 0) }
    }

    #[test]
    fn what_arrived_is_what_the_ledger_says() {
        let sent = delivery(DeliveryState::Sent, 2);
        assert_eq!(arrived(&[call(0, 1, false), call(9, 2, true)], &sent), Ok(()));
        // A crash after the call and before its result.
        assert_eq!(arrived(&[call(0, 1, true), call(9, 1, true)], &sent), Ok(()));
        assert!(arrived(&[], &sent).is_err());
        assert!(arrived(&[call(0, 1, false)], &sent).is_err());
        assert!(arrived(&[call(0, 1, true)], &delivery(DeliveryState::Stale, 0)).is_err());
        assert!(arrived(&[Call { has_key: false, ..call(0, 1, true) }], &sent).is_err());
    }

    #[test]
    fn attempts_keep_their_distance() {
        let failed = |ms, attempt| call(ms, attempt, false);
        let backoffs = (100, 250);
        assert_eq!(spaced(&[failed(0, 1), failed(50, 2), failed(150, 3), call(275, 4, true)], backoffs), Ok(()));
        assert!(spaced(&[failed(0, 1), failed(49, 2)], backoffs).is_err());
        assert!(spaced(&[failed(0, 2), failed(99, 3)], backoffs).is_err());
        assert!(spaced(&[failed(0, 3), failed(124, 4)], backoffs).is_err(), "the longest back-off holds");
        assert_eq!(spaced(&[failed(0, 1), failed(1, 1)], backoffs), Ok(()), "the channel was away");
        assert_eq!(spaced(&[failed(0, 4), failed(1, 1)], backoffs), Ok(()), "put back by an operator");
        assert!(spaced(&[failed(0, 5)], backoffs).is_err());
    }

    #[test]
    fn other_calls_are_passed_over() {
        let mut receipts = Receipts::default();
        let line = |body: &str| Line { ms: 1, key: Some("r".to_owned()), body: body.to_owned(), status: Some(200) };
        receipts.add(&line(r#"{"reservationId":"r"}"#));
        assert!(receipts.0.is_empty());
        receipts.add(&line(r#"{"notificationId":"r","attempt":1}"#));
        assert_eq!(receipts.0["r"].len(), 1);
    }
}
