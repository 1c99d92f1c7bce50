//! Alerts from outside: a backlog is told of and cleared, a quiet run tells nothing, a receiver that is away hears the newest state later, a worker that
//! stands still is told of by another one, and brokers that are away by each.

use crate::audit::{line, report, settled};
use crate::support::alerts::AlertSink;
use crate::support::broker::Cluster;
use crate::support::command::said;
use crate::support::topics::{self, PARTITIONS, append};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::clock::Clock;
use holdfast_ports::place::place_of;
use holdfast_tools::clock::SystemClock;
use serde_json::{Value, json};

/// Sizes of a backlog: the worker looks once a second, and how many records it decides in that time depends on the machine.
const BACKLOGS: [&str; 3] = ["200000", "800000", "3200000"];

fn setup(data: &std::path::Path, sink: &AlertSink) -> Setup {
    Setup::embedded(data)
        .with("ALERT_WEBHOOK_URL", &sink.url("/webhook"))
        .with("ALERT_SLACK_WEBHOOK_URL", &sink.url("/slack"))
}

/// With bounds that a backlog exceeds.
fn strict(setup: &Setup) -> Setup {
    setup.clone().with("ALERT_LAG_MS", "300").with("ALERT_FOR_MS", "300")
}

/// Starts a worker whose log holds a backlog, one after the other until one is so large that the receiver is told that coupons are late. Returns the
/// worker, and when it was started, in ms since the epoch. `sink` may answer what it wants.
fn fallen_behind(setup: &Setup, sink: &AlertSink) -> (Worker, i64) {
    let told = || {
        let received = sink.received("/webhook");
        received.iter().filter(|one| one.is_of("coupon") && one.body["state"] == "FIRING").count()
    };
    for requests in BACKLOGS {
        let shape = ["load", "coupon-backlog", "--requests", requests, "--policies", "1", "--stock", "5"];
        let loaded = said(setup, &[&shape[..], &["--users", "7", "--seed", requests]].concat());
        assert_eq!(loaded.code, 0, "{loaded:?}");
        let (before, began_ms) = (told(), SystemClock::new().now_ms());
        let worker = Worker::start(setup);
        let is_late = || told() > before;
        looks(&worker, 1);
        wait::until("coupons are late, or all decided", || is_late() || lag_records(&worker) == Some(0));
        // What was told in the last moment is still under way.
        looks(&worker, 2);
        if is_late() {
            return (worker, began_ms);
        }
        assert!(worker.terminate().success());
    }
    panic!("the largest backlog was decided before the worker looked twice");
}

/// Records that the last look found undecided; nothing before the first.
fn lag_records(worker: &Worker) -> Option<u64> {
    let lag: Value = worker.get("/api/lag").json().unwrap();
    lag["at"].as_str()?;
    lag["totalLagRecords"].as_u64()
}

fn items(worker: &Worker) -> Vec<Value> {
    let answer: Value = worker.get("/api/alerts").json().unwrap();
    answer["items"].as_array().unwrap().clone()
}

/// The worker has looked so many times.
fn looks(worker: &Worker, count: usize) {
    let mut seen = std::collections::BTreeSet::new();
    wait::until("looks at the lag", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        seen.insert(lag["at"].as_str().unwrap_or_default().to_owned());
        seen.len() > count
    });
}

#[test]
fn a_quiet_run_tells_nothing_and_a_backlog_is_told_of_once_and_cleared() {
    let (data, sink) = (tempfile::tempdir().unwrap(), AlertSink::start());
    let quiet = setup(data.path(), &sink);
    let worker = Worker::start(&quiet);
    let issued = worker.post("/api/coupons/issue?strategy=v1", &json!({"policyId": "1", "userId": "1001"}));
    assert!(issued.status().is_success());
    looks(&worker, 4);
    assert_eq!((items(&worker), sink.received("/webhook").len(), sink.received("/slack").len()), (vec![], 0, 0));
    let once = said(&quiet, &["lag", "--url", &worker.url, "--once", "--json"]);
    let shown: Value = serde_json::from_str(&once.out).unwrap();
    assert_eq!((&shown["lag"]["totalLagRecords"], &shown["alerts"]["items"]), (&json!(0), &json!([])), "{once:?}");
    assert!(worker.terminate().success());

    let (worker, began_ms) = fallen_behind(&strict(&quiet), &sink);
    let fired = sink.wait_for_lag("coupon", "FIRING");
    let labels = &fired.body["labels"];
    assert_eq!(
        (&labels["topology"], &labels["group"]),
        (&json!("coupon"), &json!("coupon-service-group")),
        "{fired:?}"
    );
    assert_eq!((&fired.body["bound"], &fired.body["worker"]), (&json!(300), &json!("one")), "{fired:?}");
    assert!(fired.body["value"].as_u64().unwrap() > 300, "{fired:?}");
    wait::until("it is shown, or over", || items(&worker).iter().any(|item| item["labels"] == *labels));
    settled(&worker);
    let caught_up_ms = SystemClock::new().now_ms();
    let cleared = sink.wait_for_lag("coupon", "RESOLVED");
    assert_eq!((&cleared.body["labels"], &cleared.body["since"]), (labels, &fired.body["since"]));
    assert_eq!(cleared.key.strip_suffix("-resolved"), fired.key.strip_suffix("-firing"));
    assert!(cleared.ms - caught_up_ms < 5_000, "cleared {} ms after catching up", cleared.ms - caught_up_ms);
    wait::until("it is over", || items(&worker).iter().all(|item| item["state"] == "RESOLVED"));
    let texts = || sink.received("/slack").into_iter().map(|one| one.body["text"].as_str().unwrap().to_owned());
    let is_ours = |text: &String| text.contains("LAG (holdfast)") && text.contains("Since");
    wait::until("Slack is told, too", || texts().filter(is_ours).any(|text| text.starts_with("[RESOLVED]")));
    let first = texts().next().unwrap();
    assert!(first.starts_with("[FIRING] LAG (holdfast): the oldest undecided record"), "{first}");
    // What the requests lead to in other topologies may lag, too; of the coupons it is told once.
    let of_coupons = |state| sink.taken("LAG", state).iter().filter(|one| one.is_of("coupon")).count();
    assert_eq!((of_coupons("FIRING"), of_coupons("RESOLVED")), (1, 1));
    let others: Vec<_> = sink.received("/webhook").into_iter().filter(|one| one.body["alert"] != "LAG").collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(worker.terminate().success());
    audited(&quiet, &sink, data.path(), (began_ms, caught_up_ms));
}

/// The audit finds the alert to its stall, and misses one where there is none.
fn audited(setup: &Setup, sink: &AlertSink, data: &std::path::Path, (from_ms, to_ms): (i64, i64)) {
    let (alerts, stalls) = (data.join("alerts.jsonl"), data.join("stalls.jsonl"));
    sink.write(&alerts, "coupon");
    let audit = |stall: &Value| {
        std::fs::write(&stalls, format!("{stall}\n")).unwrap();
        let files = ["--alerts", alerts.to_str().unwrap(), "--stalls", stalls.to_str().unwrap()];
        let args =
            [&["audit", "--only", "I-30", "--format", "json", "--alert-within-ms", "30000"][..], &files].concat();
        let told = said(setup, &args);
        let line = line(&report(&told), "I-30").clone();
        (told.code, line["verdict"].as_str().unwrap().to_owned(), line["at"].clone())
    };
    let (code, verdict, at) = audit(&json!({"fromMs": from_ms, "toMs": to_ms, "topology": "coupon"}));
    assert_eq!((code, &*verdict), (0, "PROVED"), "{at}");
    // That stall was another one: its alert is missing, and there is one without a stall.
    let (code, verdict, _) =
        audit(&json!({"fromMs": from_ms - 900_000, "toMs": from_ms - 800_000, "topology": "coupon"}));
    assert_eq!((code, &*verdict), (1, "BREACHED"));
}

#[test]
fn a_receiver_that_was_away_is_told_the_newest_state_even_after_a_restart() {
    let (data, sink) = (tempfile::tempdir().unwrap(), AlertSink::start());
    let lenient = setup(data.path(), &sink);
    assert!(Worker::start(&lenient).terminate().success());
    let setup = strict(&lenient);
    let before = sink.received("/webhook").len();
    sink.answer(503);
    let (worker, _) = fallen_behind(&setup, &sink);
    // The worker answers and decides as ever. On a busy machine this request may be late, too: it comes before the wait for the end.
    assert!(
        worker
            .post("/api/coupons/issue?strategy=v1", &json!({"policyId": "1", "userId": "1002"}))
            .status()
            .is_success()
    );
    wait::until("it is over", || {
        let items = items(&worker);
        !items.is_empty() && items.iter().all(|item| item["state"] == "RESOLVED")
    });
    wait::until("it was tried", || sink.received("/webhook").len() > before);
    assert!(sink.received("/webhook").iter().skip(before).all(|one| one.status == 503));
    assert!(worker.terminate().success());
    sink.answer(200);
    let worker = Worker::start(&setup);
    sink.wait_for_lag("coupon", "RESOLVED");
    looks(&worker, 2);
    let taken: Vec<_> = sink.received("/webhook").into_iter().skip(before).filter(|one| one.status == 200).collect();
    // A busy machine may be late again, with another alert: of this one the receiver is told the end, once, and no beginning.
    let ended = taken.iter().find(|one| one.is_of("coupon") && one.body["state"] == "RESOLVED").unwrap();
    let alert = ended.key.trim_end_matches("-resolved");
    let told: Vec<_> = taken.iter().filter(|one| one.key.starts_with(alert)).map(|one| &one.body["state"]).collect();
    assert_eq!(told, ["RESOLVED"], "{taken:?}");
    assert!(worker.terminate().success());
}

#[test]
fn a_worker_that_stands_still_is_told_of_by_another_and_brokers_that_are_away_by_each() {
    let (cluster, data, sink) = (Cluster::start(1), tempfile::tempdir().unwrap(), AlertSink::start());
    let replica = |name: &str, role: &str| {
        let mut setup = Setup::replica(data.path(), &cluster.brokers, name, Some(name))
            .with("ALERT_WEBHOOK_URL", &sink.url("/webhook"))
            .with("ALERT_LAG_MS", "3000")
            .with("ALERT_FOR_MS", "2000")
            .with("ALERT_BROKER_MS", "2000");
        setup.args.extend(["--role".to_owned(), role.to_owned()]);
        setup
    };
    let mut decides = replica("decides", "processor");
    decides.args.push("--sample".to_owned());
    let decides = Worker::start(&decides);
    let answers = Worker::start(&replica("answers", "api"));
    settled(&decides);
    let log = topics::kafka(&cluster.brokers);
    let appender = log.appender().unwrap();
    // The positions that the groups show are those of before.
    looks(&decides, 2);
    decides.signal("STOP");
    let (key, place) = (b"coupon-1".as_slice(), place_of(b"coupon-1", PARTITIONS));
    append(&*appender, topics::INBOX, place, Some(key), Some(br#"{"policyId":"1","userId":"1001"}"#));
    let stalled_ms = SystemClock::new().now_ms();
    let fired = sink.wait_for_lag("coupon", "FIRING");
    assert_eq!(
        (&fired.body["labels"]["topology"], &fired.body["labels"]["place"], &fired.body["worker"]),
        (&json!("coupon"), &json!(place.to_string()), &json!("answers")),
        "{fired:?}"
    );
    let after_ms = fired.ms - stalled_ms;
    assert!((5_000..10_000).contains(&after_ms), "told after {after_ms} ms, and 5 s is the bound");
    let lag: Value = answers.get("/api/lag").json().unwrap();
    let watched = lag["lags"].as_array().unwrap().iter().find(|row| row["lagRecords"] == 1).unwrap();
    assert_eq!((&watched["watched"], &watched["topology"]), (&json!(true), &json!("coupon")), "{watched}");
    decides.signal("CONT");
    settled(&decides);
    let caught_up_ms = SystemClock::new().now_ms();
    let cleared = sink.wait_for_lag("coupon", "RESOLVED");
    assert!(cleared.ms - caught_up_ms < 5_000, "cleared {} ms after catching up", cleared.ms - caught_up_ms);
    for state in ["FIRING", "RESOLVED"] {
        let told = sink.taken("LAG", state).into_iter().filter(|one| one.is_of("coupon"));
        let keys: std::collections::BTreeSet<_> = told.map(|one| one.key).collect();
        assert_eq!(keys.len(), 1, "whichever worker tells it, it is one alert");
    }

    cluster.to_broker("kill", 1);
    let tellers = |state: &str| -> std::collections::BTreeSet<String> {
        let told = sink.taken("BROKER_AWAY", state);
        told.iter().map(|one| one.body["labels"]["worker"].as_str().unwrap().to_owned()).collect()
    };
    let both = ["answers", "decides"].map(str::to_owned).into();
    wait::until("both tell it", || tellers("FIRING") == both);
    cluster.to_broker("start", 1);
    wait::until("both tell its end", || tellers("RESOLVED") == both);
}
