//! The auditor himself: of a sale that is right he says nothing, and each kind of wrong he finds.

use crate::support::audit;
use crate::support::ledger::{Acknowledged, Ledger, Promise};
use crate::support::topics::{self, INBOX, PARTITIONS};
use holdfast_ports::log::{Cleanup, Log, TopicSpec};
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

const SUCCESS: &str = "coupon-issue-success";
const FAILURES: &str = "coupon-issue-failures";
const NOTIFICATIONS: &str = "notification.request";
const LETTERS: &str = "coupon-issue-dlq";
const ISSUED_AT: &str = "2026-03-15T11:00:00.000Z";

/// What is in the topics after a sale of one coupon to three, and one record that cannot be read.
struct Books {
    outcomes: Vec<(&'static str, Value)>,
    notifications: Vec<Value>,
    /// Offsets in the inbox of what was buried.
    letters: Vec<i64>,
    ledger: Ledger,
}

fn home() -> u32 {
    place_of(b"coupon-p", PARTITIONS)
}

fn outcome(id: &str, user: &str, status: &str) -> Value {
    json!({
        "eventId": id, "requestId": id, "policyId": "p", "userId": user, "status": status, "issuedAt": ISSUED_AT, "reason": status,
    })
}

fn won(id: &str, user: &str) -> Value {
    json!({
        "eventId": id, "requestId": id, "policyId": "p", "userId": user, "status": "SUCCESS", "couponId": "cpn_p_1",
        "issuedAt": ISSUED_AT, "remaining": 0,
    })
}

fn request(id: &str, user: &str) -> Value {
    json!({"requestId": id, "policyId": "p", "userId": user})
}

impl Books {
    fn right() -> Self {
        let ledger = Ledger::default();
        let promise = Promise { policy: "p".to_owned(), user: "first".to_owned(), position: Some((home(), 1)) };
        ledger.promise("r1", promise);
        ledger.tell("r1", won("r1", "first"));
        let value = request("r2", "second").to_string().into_bytes();
        ledger.acknowledged.lock().unwrap().push(Acknowledged { partition: home(), offset: 2, value });
        ledger.refused.lock().unwrap().insert("nobody".to_owned());
        Self {
            outcomes: vec![
                (SUCCESS, won("r1", "first")),
                (FAILURES, outcome("r2", "second", "OUT_OF_STOCK")),
                (FAILURES, outcome("r3", "first", "DUPLICATE_REQUEST")),
            ],
            notifications: vec![
                json!({"payload": {"userId": "first", "type": "COUPON_ISSUED", "data": {"couponId": "cpn_p_1"}}}),
            ],
            letters: vec![4],
            ledger,
        }
    }

    /// Writes the books into a log, and has them audited.
    fn audit(&self) {
        let data = tempfile::tempdir().unwrap();
        let log = topics::embedded(data.path());
        let spec = |name: &str| TopicSpec {
            name: name.to_owned(),
            partitions: PARTITIONS,
            replication: None,
            cleanup: Cleanup::Delete { retention_ms: 3_600_000 },
        };
        log.create_topics(&[INBOX, SUCCESS, FAILURES, NOTIFICATIONS, LETTERS].map(spec)).unwrap();
        let inbox = [
            json!({"type": "create-policy", "policyId": "p", "title": "t", "totalQuantity": 1}).to_string(),
            request("r1", "first").to_string(),
            request("r2", "second").to_string(),
            request("r3", "first").to_string(),
            "garbage".to_owned(),
        ];
        for value in &inbox {
            append(&log, INBOX, value, &[]);
        }
        for (topic, value) in &self.outcomes {
            append(&log, topic, &value.to_string(), &[]);
        }
        for value in &self.notifications {
            append(&log, NOTIFICATIONS, &value.to_string(), &[]);
        }
        for offset in &self.letters {
            let (partition, offset_text) = (home().to_string(), offset.to_string());
            let headers: [(&str, &[u8]); 7] = [
                ("X-Original-Topic", INBOX.as_bytes()),
                ("X-Original-Partition", partition.as_bytes()),
                ("X-Original-Offset", offset_text.as_bytes()),
                ("X-Exception-Class", b"InvalidJson"),
                ("X-Exception-Message", b"no JSON"),
                ("X-Failed-Timestamp", b"1"),
                ("X-Attempts", b"1"),
            ];
            append(&log, LETTERS, &inbox[usize::try_from(*offset).unwrap()], &headers);
        }
        audit::topics(&*log, &self.ledger);
    }
}

fn append(log: &Arc<dyn Log>, topic: &str, value: &str, headers: &[(&str, &[u8])]) {
    let (tell, told) = mpsc::channel();
    let record = NewRecord { topic, partition: home(), key: Some(b"coupon-p"), value: Some(value.as_bytes()), headers };
    log.appender().unwrap().append(record, Box::new(move |result| tell.send(result).unwrap()));
    told.recv().unwrap().unwrap();
}

#[test]
fn he_has_nothing_to_say_about_books_that_are_right() {
    Books::right().audit();
}

#[test]
fn he_finds_each_kind_of_wrong() {
    type Crime = (&'static str, fn(&mut Books));
    let crimes: [Crime; 15] = [
        ("r2 has no outcome", |books| drop(books.outcomes.remove(1))),
        ("r2 has one outcome", |books| books.outcomes.push((FAILURES, outcome("r2", "second", "OUT_OF_STOCK")))),
        ("no outcome without a request", |books| {
            books.outcomes.push((FAILURES, outcome("r9", "second", "OUT_OF_STOCK")));
        }),
        // Sold twice, and sold to the second instead of the first.
        ("r2", |books| books.outcomes[1] = (SUCCESS, won("r2", "second"))),
        ("r1", |books| {
            books.outcomes[0] = (FAILURES, outcome("r1", "first", "OUT_OF_STOCK"));
            books.outcomes[1] = (SUCCESS, won("r2", "second"));
        }),
        ("place 0 in the queue", |books| books.outcomes[0].1["remaining"] = json!(1)),
        ("was asked for 0 times", |books| books.notifications.clear()),
        ("was asked for 2 times", |books| books.notifications.push(books.notifications[0].clone())),
        ("is buried once", |books| books.letters.clear()),
        ("is buried once", |books| books.letters.push(4)),
        ("nothing else is buried", |books| books.letters.push(3)),
        ("is not in the log", |books| {
            let promise = Promise { policy: "p".to_owned(), user: "lost".to_owned(), position: None };
            books.ledger.promise("r8", promise);
        }),
        ("lost", |books| books.ledger.acknowledged.lock().unwrap()[0].offset = 99),
        ("nothing was accepted", |books| {
            books.ledger.refused.lock().unwrap().insert("second".to_owned());
        }),
        ("status of r2", |books| books.ledger.tell("r2", outcome("r2", "second", "SUCCESS"))),
    ];
    for (found, commit) in crimes {
        let mut books = Books::right();
        commit(&mut books);
        let verdict = catch_unwind(AssertUnwindSafe(|| books.audit()));
        let said = verdict.expect_err(found);
        let said = said.downcast_ref::<String>().map_or("", String::as_str);
        assert!(said.contains(found), "{found:?} was found as {said:?}");
    }
}
