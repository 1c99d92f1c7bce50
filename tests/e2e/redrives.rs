//! Many letters put back: by two operators at once, under live load, slowly, and with a stop in between.

use crate::support::letters::{DEAD, bury};
use crate::support::rounds::rounds;
use crate::support::topics::{self, INBOX, PARTITIONS, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::clock::Clock;
use holdfast_tools::clock::SystemClock;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Letters of a round: `HOLDFAST_ROUNDS=10` puts 10,000 back, 1,000 a second for each operator.
const LETTERS: u32 = 1_000;
const LIVE: u32 = 100;

/// Asks for coupons, one after the other, until `is_over` and at least [`LIVE`] times; the 99th percentile of how long each took, in us.
fn live(worker: &Worker, name: &str, is_over: impl Fn() -> bool) -> u64 {
    let clock = SystemClock::new();
    let mut took = Vec::new();
    while took.len() < LIVE as usize || !is_over() {
        let body = json!({"policyId": "1", "userId": format!("{name}-{}", took.len())});
        let began = clock.monotonic_us();
        let answer = worker.post("/api/coupons/issue?strategy=v1", &body);
        assert!(!answer.status().is_server_error(), "{}", answer.status());
        took.push(clock.monotonic_us() - began);
    }
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn redrive(worker: &Worker, operator: &str, body: &Value) -> (u16, Value) {
    let answer = worker.post_as("/api/dlq/redrive", ("x-operator", operator), body);
    (answer.status().as_u16(), answer.json().unwrap())
}

/// The report of a redrive once it has ended.
fn ended(worker: &Worker, (status, job): (u16, Value)) -> Value {
    assert!(status == 200 || status == 202, "{job}");
    let mut report = job;
    wait::until("the redrive ends", || {
        if report["state"] == "RUNNING" {
            report = worker.get(&format!("/api/dlq/redrives/{}", report["id"].as_str().unwrap())).json().unwrap();
        }
        report["state"] != "RUNNING"
    });
    report
}

#[test]
fn by_two_operators_at_once_under_live_load() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    assert!(Worker::start(&setup).terminate().success());
    let letters = LETTERS * u32::try_from(rounds()).unwrap();
    bury(&*topics::embedded(data.path()), PARTITIONS, 0..letters);
    let worker = Worker::start(&setup);
    let rate = if letters == LETTERS { 100_000 } else { 1_000 };
    let all = json!({"all": true, "topic": DEAD, "reason": "Mended", "ratePerSecond": rate});
    let before_us = live(&worker, "before", || true);
    let (kim, park) = std::thread::scope(|scope| {
        let begin = |operator: &'static str| {
            let (worker, all) = (&worker, &all);
            scope.spawn(move || ended(worker, redrive(worker, operator, all)))
        };
        let (kim, park) = (begin("kim"), begin("park"));
        let during_us = live(&worker, "during", || kim.is_finished() && park.is_finished());
        println!("{letters} letters; p99 of a live request: {before_us} us before, {during_us} us during");
        (kim.join().unwrap(), park.join().unwrap())
    });
    let count = |report: &Value, what: &str| report["counts"][what].as_u64().unwrap();
    for report in [&kim, &park] {
        assert_eq!((&report["state"], count(report, "skipped")), (&json!("DONE"), 0), "{report}");
        assert_eq!(count(report, "redriven") + count(report, "alreadyRedriven"), u64::from(letters));
    }
    assert_eq!(count(&kim, "redriven") + count(&park, "redriven"), u64::from(letters), "each once");
    wait::until("everything is decided", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        lag["totalLagRecords"] == 0
    });
    let page: Value = worker.get("/api/dlq?limit=10000").json().unwrap();
    let listed = page["letters"].as_array().unwrap();
    assert!(listed.len() == letters as usize && listed.iter().all(|letter| letter["redriven"] == 1));
    assert!(worker.terminate().success());

    let log = topics::embedded(data.path());
    let copies = read_all(&*log, INBOX);
    let copies: Vec<_> = copies.iter().filter(|copy| copy.headers.contains_key("X-Redriven-From")).collect();
    assert_eq!(copies.len(), letters as usize);
    assert!(copies.iter().all(|copy| &*copy.headers["X-Redrive-Attempt"] == b"1"));
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for topic in ["coupon-issue-success", "coupon-issue-failures"] {
        for record in read_all(&*log, topic) {
            *outcomes.entry(record.json()["requestId"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!((0..letters).all(|number| outcomes.get(&format!("dead-{number}")) == Some(&1)), "one outcome each");
}

#[test]
fn slowly_and_with_a_stop_in_between() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    assert!(Worker::start(&setup).terminate().success());
    bury(&*topics::embedded(data.path()), PARTITIONS, 0..20);
    let worker = Worker::start(&setup);
    // One a second: it goes on after its request was answered.
    let (status, job) = redrive(&worker, "kim", &json!({"all": true, "ratePerSecond": 1}));
    assert_eq!((status, &job["state"]), (202, &json!("RUNNING")), "{job}");
    let path = format!("/api/dlq/redrives/{}", job["id"].as_str().unwrap());
    assert_eq!(worker.delete(&path).status(), 200);
    let stopped = ended(&worker, (202, job));
    assert_eq!(stopped["state"], "STOPPED", "{stopped}");
    let done = stopped["counts"]["redriven"].as_u64().unwrap();
    assert!((1..20).contains(&done), "{stopped}");
    // The same request goes on where it has ended, and a worker that stops ends it, too.
    let (_, would) = redrive(&worker, "kim", &json!({"all": true, "dryRun": true}));
    assert_eq!(would["counts"], json!({"redriven": 20 - done, "alreadyRedriven": done, "skipped": 0}), "{would}");
    let (status, _) = redrive(&worker, "kim", &json!({"all": true, "ratePerSecond": 1}));
    assert_eq!(status, 202);
    assert!(worker.terminate().success(), "it does not wait for the redrive");
    let worker = Worker::start(&setup);
    let rest = ended(&worker, redrive(&worker, "kim", &json!({"all": true, "ratePerSecond": 1000})));
    let before = rest["counts"]["alreadyRedriven"].as_u64().unwrap();
    assert!(before > done && rest["counts"]["redriven"].as_u64().unwrap() + before == 20, "{rest}");
    assert!(worker.terminate().success());
    let copies = read_all(&*topics::embedded(data.path()), INBOX);
    assert_eq!(copies.iter().filter(|copy| copy.headers.contains_key("X-Redriven-From")).count(), 20);
}
