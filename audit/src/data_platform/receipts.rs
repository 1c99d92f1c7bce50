//! What the receiver has got: its own record, one JSON object a line.
//!
//! ```json
//! {"ms":1773561600000,"method":"POST","path":"/","key":"res_0_1","body":"{…}","status":200}
//! ```
//! `key` is the `Idempotency-Key`, `status` the answer; null = the connection was cut.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::short;
use holdfast_model::data_platform::row::State;
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

#[derive(Deserialize)]
struct Line {
    key: Option<String>,
    body: String,
    status: Option<u16>,
}

/// What is read of a body that is a notification, and no delivery.
#[derive(Deserialize)]
struct Notice {
    #[expect(dead_code, reason = "that it is there says enough")]
    #[serde(rename = "notificationId")]
    notification_id: String,
}

/// What one reservation has brought.
#[derive(Debug, Default)]
struct Receipt {
    /// Calls that were taken.
    taken: u64,
    /// Hash of the value of the first one that came, taken or not.
    value: u64,
    /// Another value has come under the same key.
    differs: bool,
}

/// All receipts, by idempotency key.
#[derive(Debug, Default)]
pub(super) struct Receipts(FxHashMap<String, Receipt>);

impl Receipts {
    /// Reads the receiver's record.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no receipt.
    pub(super) fn read(file: &Path, findings: &mut Findings) -> Result<Self, Failure> {
        let failed = |what: String| Failure::Failed(format!("{}: {what}", file.display()));
        let lines = BufReader::new(File::open(file).map_err(|error| failed(error.to_string()))?).lines();
        let mut receipts = Self::default();
        for (n, line) in lines.enumerate() {
            let line = line.map_err(|error| failed(error.to_string()))?;
            let line: Line = serde_json::from_str(&line).map_err(|error| failed(format!("line {}: {error}", n + 1)))?;
            receipts.add(line, n + 1, findings);
        }
        Ok(receipts)
    }

    fn add(&mut self, Line { key, body, status }: Line, n: usize, findings: &mut Findings) {
        // One receiver may get both.
        if serde_json::from_str::<Notice>(&body).is_ok() {
            return;
        }
        let Some(key) = key else {
            findings.breach(Invariant::Deliveries, format!("line {n} of the receiver"), "a call without a key");
            return;
        };
        let value = short(Some(body.as_bytes()));
        let receipt = self.0.entry(key).or_insert(Receipt { value, ..Receipt::default() });
        receipt.differs |= receipt.value != value;
        if status.is_some_and(|status| (200..300).contains(&status)) {
            receipt.taken += 1;
            findings.count(Invariant::Deliveries, "calls that the receiver took", 1);
            findings.count(Invariant::Deliveries, "of those, repeated after a crash", u64::from(receipt.taken > 1));
        }
    }

    /// Takes what came for the reservation `id`, whose row says `state` and whose confirmation has the hash `value`. Returns what is wrong with it.
    pub(super) fn take(&mut self, id: &str, state: State, value: Option<u64>) -> Option<&'static str> {
        let Some(receipt) = self.0.remove(id) else {
            return (state == State::Delivered)
                .then_some("the ledger says that it arrived, and the receiver has not got it");
        };
        if receipt.differs || value.is_some_and(|value| value != receipt.value) {
            return Some("the receiver has got another value than was confirmed");
        }
        match (state, receipt.taken) {
            (State::Unconfirmed, _) => Some("the receiver has got what was never confirmed"),
            (State::Delivered, 0) => Some("the ledger says that it arrived, and the receiver has not taken it"),
            _ => None,
        }
    }

    /// What no row explains.
    pub(super) fn leftover(&self, findings: &mut Findings) {
        for id in self.0.keys() {
            findings.breach(Invariant::Deliveries, format!("the receiver's {id}"), "the ledger knows nothing of it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIVERED: State = State::Delivered;

    fn receipts(lines: &[(&str, &str, Option<u16>)]) -> Receipts {
        let (mut receipts, mut findings) = (Receipts::default(), Findings::default());
        for (n, (key, body, status)) in lines.iter().enumerate() {
            let line = Line { key: Some((*key).to_owned()), body: (*body).to_owned(), status: *status };
            receipts.add(line, n, &mut findings);
        }
        receipts
    }

    #[test]
    fn what_came_is_what_was_confirmed() {
        let value = Some(short(Some("v".as_bytes())));
        let calls = [("r", "v", Some(503)), ("r", "v", None), ("r", "v", Some(200)), ("r", "v", Some(201))];
        assert_eq!(receipts(&calls).take("r", DELIVERED, value), None);
        // A crash after the call and before its result.
        assert_eq!(receipts(&calls).take("r", State::Sending { effect: 1 }, value), None);
        assert_eq!(receipts(&[("r", "v", Some(400))]).take("r", State::Dead, value), None);
        assert!(receipts(&[]).take("r", DELIVERED, value).is_some());
        assert!(receipts(&calls[..2]).take("r", DELIVERED, value).is_some());
        assert!(receipts(&[("r", "w", Some(200))]).take("r", DELIVERED, value).is_some());
        assert!(receipts(&[("r", "v", Some(500)), ("r", "w", Some(200))]).take("r", DELIVERED, value).is_some());
        assert!(receipts(&calls).take("r", State::Unconfirmed, None).is_some());
    }
}
