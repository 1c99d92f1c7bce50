//! An inbox decided again comes to what was decided, and says so when it does not; a group that is reset changes nothing.

use crate::support::broker::Cluster;
use crate::support::command::said;
use crate::support::topics::{self, PARTITIONS, Seen, append, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use crate::{bad_input, coupon_flow};
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Appender, Log};
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use holdfast_ports::store::TaskId;
use holdfast_tools::clock::SystemClock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const INBOX: &str = "coupon-issue-requests";
const TOPICS: [&str; 6] = [
    INBOX,
    "coupon-issue-success",
    "coupon-issue-failures",
    "coupon-issue-dlq",
    "notification.request",
    "holdfast-coupon-changelog",
];
const REPLAY: [&str; 5] = ["replay", "--topology", "coupon", "--from", "earliest"];

fn everything(log: &dyn Log) -> BTreeMap<&'static str, Vec<Seen>> {
    TOPICS.into_iter().map(|topic| (topic, read_all(log, topic))).collect()
}

/// Appends `record` as somebody who does not belong here.
fn tamper(appender: &dyn Appender, record: NewRecord<'_>) {
    let (tell, told) = std::sync::mpsc::channel();
    appender.append(record, Box::new(move |result| tell.send(result).unwrap()));
    told.recv().unwrap().unwrap();
}

#[test]
fn on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let nothing = said(&setup, &REPLAY);
    assert!(nothing.code == 1 && nothing.err.contains("there is no log"), "{nothing:?}");

    let worker = Worker::start(&setup);
    coupon_flow::flow(&worker);
    worker.kill9();
    let home = place_of(b"coupon-1", PARTITIONS);
    {
        let log = topics::embedded(data.path());
        let appender = log.appender().unwrap();
        append(&*appender, INBOX, home, Some(b"coupon-1"), Some(b"not json"));
        append(&*appender, INBOX, (home + 1) % PARTITIONS, None, Some(br#"{"policyId":"1","userId":"keyless"}"#));
    }
    let worker = Worker::start(&setup);
    wait::until("the keyless request is decided", || {
        worker.get("/api/coupons/users/keyless").text().unwrap().contains("cpn_")
    });
    let busy = said(&setup, &REPLAY);
    assert_eq!(busy.code, 1, "{busy:?}");
    assert!(busy.err.contains("in use by another process") && busy.err.lines().count() == 1, "{busy:?}");
    assert!(worker.terminate().success());

    let before = everything(&*topics::embedded(data.path()));
    let same = said(&setup, &REPLAY);
    assert_eq!(same.code, 0, "{same:?}");
    let records = before[INBOX].len();
    let outputs: usize = TOPICS[1..5].iter().map(|topic| before[topic].len()).sum();
    let verdict = format!("replay coupon: 3 places, {records} records, {} outputs, identical", outputs + 1);
    assert_eq!(same.out.lines().last(), Some(&*verdict), "outputs and one forwarded request\n{same:?}");
    assert!(before == everything(&*topics::embedded(data.path())), "a replay writes nothing");

    another_state(&setup);
    an_output_that_nobody_decided(&setup, home);
}

/// Somebody changes a row behind the worker's back.
fn another_state(setup: &Setup) {
    let copy = tempfile::tempdir().unwrap();
    let setup = copied(setup, copy.path());
    let log = topics::embedded(copy.path());
    let changelog = "holdfast-coupon-changelog";
    // Store 16 holds the policies.
    let row = read_all(&*log, changelog).into_iter().rfind(|row| row.key.as_ref().unwrap()[0] == 16).unwrap();
    let mut value = row.value.unwrap();
    *value.last_mut().unwrap() ^= 1;
    append(&*log.appender().unwrap(), changelog, row.partition, row.key.as_deref(), Some(&value));
    drop(log);
    let other = said(&setup, &REPLAY);
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.out.contains("another state") && other.out.contains("store policies"), "{other:?}");
    assert!(other.out.contains("DIFFERENT"), "{other:?}");
}

/// Somebody gives a coupon away himself.
fn an_output_that_nobody_decided(setup: &Setup, home: u32) {
    let copy = tempfile::tempdir().unwrap();
    let setup = copied(setup, copy.path());
    let source = format!("/coupon/{home}");
    let log = topics::embedded(copy.path());
    let topic = "coupon-issue-success";
    let record = |headers| NewRecord { topic, partition: home, key: Some(b"coupon-1"), value: Some(b"{}"), headers };
    let appender = log.appender().unwrap();
    tamper(&*appender, record(&[("ce_source", b"/somebody/else")]));
    drop((appender, log));
    assert_eq!(said(&setup, &REPLAY).code, 0, "what others write is not compared");

    let log = topics::embedded(copy.path());
    tamper(&*log.appender().unwrap(), record(&[("ce_source", source.as_bytes())]));
    let offset = read_all(&*log, topic).into_iter().filter(|r| r.partition == home).map(|r| r.offset).max().unwrap();
    drop(log);
    let place = home.to_string();
    let other = said(&setup, &[&REPLAY[..], &["--format", "json", "--place", &place]].concat());
    assert_eq!(other.code, 1, "{other:?}");
    let report: Value = serde_json::from_str(&other.out).unwrap();
    assert_eq!(report["verdict"], "different");
    let difference = &report["places"][0]["difference"];
    assert_eq!(difference["at"], format!("{topic}-{home} offset {offset}"));
    assert!(difference["found"].as_str().unwrap().contains("value={}"), "{difference}");
    assert_eq!(difference["expected"], Value::Null);
}

/// The same worker on a copy of its data.
fn copied(setup: &Setup, to: &Path) -> Setup {
    let from = setup.data.join("holdfast");
    assert!(std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
    Setup::embedded(to)
}

/// Retention has taken the beginning of the inbox: what follows is decided again on the state that the changelog tells for there.
#[test]
fn from_an_offset_and_behind_the_horizon() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let worker = Worker::start(&setup);
    worker.create_policy("h", 1_000);
    give_coupons(&worker, 0..5);
    assert!(worker.terminate().success());
    a_week_later(data.path());
    let worker = Worker::start(&setup);
    give_coupons(&worker, 5..12);
    assert!(worker.terminate().success());
    let home = place_of(b"coupon-h", PARTITIONS);
    let there: Vec<i64> = read_all(&*topics::embedded(data.path()), INBOX)
        .into_iter()
        .filter(|record| record.partition == home)
        .map(|record| record.offset)
        .collect();
    assert!(there.len() == 7 && there[0] > 0, "{there:?}");

    let cut = said(&setup, &REPLAY);
    assert_eq!(cut.code, 1, "{cut:?}");
    let begins = format!("its inbox begins at offset {}", there[0]);
    assert!(cut.out.contains(&begins) && cut.out.contains("NOT PROVEN"), "{cut:?}");
    assert!(cut.out.contains("decided again from offset"), "what is left is decided again all the same: {cut:?}");
    nonsense(&setup, home, &there);
    from_the_middle(&setup, home, &there);
}

/// Each in a commit of its own, as it is waited for.
fn give_coupons(worker: &Worker, users: std::ops::Range<u32>) {
    for user in users {
        let body = json!({"policyId": "h", "userId": format!("h-{user}")});
        let accepted: Value = worker.post("/api/coupons/issue", &body).json().unwrap();
        assert_eq!(worker.outcome(accepted["requestId"].as_str().unwrap())["status"], "SUCCESS");
    }
}

/// The log forgets what it forgets in a week, while no worker runs.
fn a_week_later(data: &Path) {
    let clock = Arc::new(SystemClock::new());
    let log = EmbeddedLog::open(EmbeddedConfig::new(data.join("holdfast/log"), clock.clone())).unwrap();
    let later_ms = clock.now_ms() + 8 * 24 * 60 * 60 * 1_000;
    assert!(log.maintain(later_ms).unwrap().offsets_expired > 0);
}

fn nonsense(setup: &Setup, home: u32, there: &[i64]) {
    let (place, first) = (home.to_string(), there[0]);
    let (before, after) = ((first - 1).to_string(), (there[there.len() - 1] + 1_000).to_string());
    let begins = format!("begins at offset {first}");
    let cases: [(&[&str], &str, i32); 6] = [
        (&["--topology", "coupon", "--from", &before, "--place", &place], &begins, 1),
        (&["--topology", "coupon", "--from", &after, "--place", &place], "is decided up to offset", 1),
        (&["--topology", "coupon", "--from", "7"], "--place is needed", 2),
        (&["--topology", "coupon", "--from", "earliest", "--place", "17"], "there is no place 17", 2),
        (&["--topology", "none", "--from", "earliest"], "there is no topology \"none\"; there are: ", 2),
        (&["--topology", "coupon", "--from", "latest"], "neither \"earliest\" nor an offset", 2),
    ];
    for (words, why, code) in cases {
        let said = said(setup, &[&["replay"], words].concat());
        assert_eq!(said.code, code, "{words:?}: {said:?}");
        assert!(said.err.contains(why) && !said.err.contains("panicked"), "{words:?}: {said:?}");
    }
}

fn from_the_middle(setup: &Setup, home: u32, there: &[i64]) {
    let (place, from) = (home.to_string(), there[3]);
    let text = from.to_string();
    let replay = ["replay", "--topology", "coupon", "--from", &text, "--place", &place, "--format", "json"];
    let same = said(setup, &replay);
    assert_eq!(same.code, 0, "{same:?}");
    let report: Value = serde_json::from_str(&same.out).unwrap();
    let shown = &report["places"][0];
    assert_eq!((&report["verdict"], &shown["difference"]), (&json!("identical"), &Value::Null), "{report}");
    assert!(shown["stateAt"].as_i64().is_some_and(|at| (1..=from).contains(&at)), "{report}");
    assert!(shown["records"].as_u64() >= Some(4) && shown["outputs"].as_u64() >= Some(8), "{report}");
    assert!(shown["rows"].as_u64() > Some(12), "the state is compared whole: {report}");

    // What was decided from there on is not believed: somebody adds an outcome of his own.
    let log = topics::embedded(&setup.data);
    let (topic, source) = ("coupon-issue-success", format!("/coupon/{home}"));
    let headers: &[(&str, &[u8])] = &[("ce_source", source.as_bytes())];
    tamper(
        &*log.appender().unwrap(),
        NewRecord { topic, partition: home, key: Some(b"coupon-h"), value: Some(b"{}"), headers },
    );
    drop(log);
    let other = said(setup, &replay);
    let report: Value = serde_json::from_str(&other.out).unwrap();
    assert_eq!((other.code, &report["verdict"]), (1, &json!("different")), "{other:?}");
    assert!(report["places"][0]["difference"]["found"].as_str().unwrap().contains("value={}"), "{report}");
}

#[test]
fn beside_live_workers_and_after_a_group_reset() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    let worker = Worker::start(&setup);
    let log = topics::kafka(&cluster.brokers);
    coupon_flow::flow(&worker);
    bad_input::over_the_log(&worker, &*log);
    beside_a_sale(&worker, &setup);
    assert!(worker.terminate().success());
    group_reset(&cluster, &setup, &*log);
    let same = said(&setup, &REPLAY);
    assert!(same.code == 0 && same.out.contains("identical"), "{same:?}");
}

/// Decisions go on while others are compared.
fn beside_a_sale(worker: &Worker, setup: &Setup) {
    worker.create_policy("rush", 1_000_000);
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sale = scope.spawn(|| {
            let (mut user, mut last) = (0, String::new());
            while !over.load(Ordering::Acquire) {
                let body = json!({"policyId": "rush", "userId": format!("rush-{user}")});
                let answer = worker.post("/api/coupons/issue", &body);
                assert_eq!(answer.status(), 202);
                last = answer.json::<Value>().unwrap()["requestId"].as_str().unwrap().to_owned();
                user += 1;
                begun.store(user > 50, Ordering::Release);
            }
            last
        });
        wait::until("the sale is under way", || begun.load(Ordering::Acquire));
        let replays: Vec<_> = (0..3).map(|_| said(setup, &REPLAY)).collect();
        over.store(true, Ordering::Release);
        // A worker that stops leaves what it has accepted and not decided to the next one: what follows counts on there being nothing.
        worker.outcome(&sale.join().unwrap());
        for replay in replays {
            assert!(replay.code == 0 && replay.out.contains(", identical"), "{replay:?}");
        }
    });
}

/// Every row on the disk of a worker that does not run, but its positions.
fn rows(data: &Path) -> BTreeMap<(u32, u8, Vec<u8>), Vec<u8>> {
    use holdfast_ports::store::Stores;
    let stores = holdfast_state::RocksStores::open(holdfast_state::StateConfig::new(data.join("holdfast"))).unwrap();
    let mut rows = BTreeMap::new();
    for place in 0..PARTITIONS {
        let specs = holdfast_topologies::coupon::topology().all_stores();
        let store = stores.open(&TaskId { topology: "coupon".into(), place }, &specs).unwrap();
        for spec in specs.iter().filter(|spec| spec.name != "position") {
            let visit = &mut |key: &[u8], row: &[u8]| {
                rows.insert((place, spec.id.0, key.to_vec()), row.to_vec());
                ControlFlow::Continue(())
            };
            store.scan(spec.id, &[], None, visit).unwrap();
        }
    }
    rows
}

fn group_reset(cluster: &Cluster, setup: &Setup, log: &dyn Log) {
    let (before, rows_before) = (everything(log), rows(&setup.data));
    assert!(!rows_before.is_empty());
    let reset = cluster.tool(&[
        "groups",
        "--reset-offsets",
        "--to-earliest",
        "--execute",
        "--group",
        "coupon-service-group",
        "--all-topics",
    ]);
    assert!(reset.contains(INBOX) && !reset.contains("Error"), "{reset}");

    let worker = Worker::start(setup);
    let known = |metrics: &str| {
        let line = metrics.lines().find(|line| line.starts_with("holdfast_known_duplicates_total{"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).unwrap_or(0)
    };
    wait::until("all is read again and known", || {
        known(&worker.get("/metrics").text().unwrap()) >= before[INBOX].len()
    });
    assert!(worker.terminate().success());
    let after = everything(log);
    for topic in &TOPICS[1..5] {
        assert!(before[topic] == after[topic], "{topic} has new records");
    }
    assert!(rows_before == rows(&setup.data), "the state has changed");
}
