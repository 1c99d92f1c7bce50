//! Rankings, from a payment over HTTP to the answer: counted once whatever is read again, and never in the way of a payment.

use crate::seats::{hold, told};
use crate::support::command::said;
use crate::support::topics::{self, PARTITIONS, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::record::TopicPartition;
use holdfast_ports::store::{Stores, TaskId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

const INBOX: &str = "ranking.events";
const GROUP: &str = "ranking-service-group";

/// Holds a seat and pays for it; the reservation's id.
fn buy(worker: &Worker, user: &str, schedule: &str, seat: u64) -> String {
    let id = hold(worker, user, schedule, seat);
    told(worker, "/payments", &json!({"reservationId": id, "amount": 50_000}), 200);
    id
}

fn ranking(worker: &Worker, path: &str) -> Value {
    worker.get(&format!("/api/rankings/{path}")).json().unwrap()
}

/// Schedules with their counts, the best first.
fn counts(worker: &Worker, window: &str) -> Vec<(String, u64)> {
    let shown = ranking(worker, &format!("popular?window={window}"));
    assert_eq!(shown["window"], window, "{shown}");
    let items = shown["items"].as_array().unwrap().iter().enumerate();
    items
        .map(|(nth, item)| {
            assert_eq!(item["rank"], nth + 1, "{shown}");
            (item["scheduleId"].as_str().unwrap().to_owned(), item["count"].as_u64().unwrap())
        })
        .collect()
}

fn shows(worker: &Worker, expected: &[(&str, u64)]) {
    let expected: Vec<_> = expected.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect();
    wait::until(&format!("{expected:?}"), || counts(worker, "all") == expected);
}

fn create_schedule(worker: &Worker, id: &str, seats: u64) {
    let body = json!({"scheduleId": id, "concertTitle": "작은 공연", "seats": {"count": seats, "price": 50_000}});
    told(worker, "/api/schedules", &body, 201);
}

/// Every row on the disk of a worker that does not run, but its positions and what says which rows have ended.
fn rows(data: &Path) -> BTreeMap<(u32, u8, Vec<u8>), Vec<u8>> {
    let stores = holdfast_state::RocksStores::open(holdfast_state::StateConfig::new(data.join("holdfast"))).unwrap();
    let specs = holdfast_topologies::by_name("ranking").unwrap().all_stores();
    let mut rows = BTreeMap::new();
    for place in 0..PARTITIONS {
        let store = stores.open(&TaskId { topology: "ranking".into(), place }, &specs).unwrap();
        for spec in specs.iter().filter(|spec| !["position", "ending"].contains(&spec.name)) {
            let visit = &mut |key: &[u8], row: &[u8]| {
                rows.insert((place, spec.id.0, key.to_vec()), row.to_vec());
                ControlFlow::Continue(())
            };
            store.scan(spec.id, &[], None, visit).unwrap();
        }
    }
    rows
}

#[test]
fn what_is_paid_is_ranked_once_whatever_is_read_again() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let worker = Worker::start(&setup);
    create_schedule(&worker, "small", 2);
    let first = buy(&worker, "1001", "small", 1);
    buy(&worker, "1002", "schedule_456", 1);
    for seat in 1..=3 {
        buy(&worker, "1003", "schedule_test", seat);
    }
    buy(&worker, "1004", "small", 2);
    shows(&worker, &[("schedule_test", 3), ("small", 2), ("schedule_456", 1)]);
    for window in ["1h", "24h", "7d"] {
        assert_eq!(counts(&worker, window), counts(&worker, "all"), "{window}");
    }
    let sold_out = ranking(&worker, "sold-out");
    let small = &sold_out["items"][0];
    assert_eq!((&small["scheduleId"], &small["concertTitle"]), (&json!("small"), &json!("작은 공연")), "{sold_out}");
    assert_eq!((&small["rank"], &small["reopened"]), (&json!(1), &json!(false)), "{sold_out}");
    assert_eq!(small["soldOutMs"], small["fromFirstSaleMs"], "nobody has set an opening: {sold_out}");
    let answer = worker.delete(&format!("/reservations/{first}?userId=1001"));
    assert!(answer.status().is_success(), "{}", answer.text().unwrap());
    shows(&worker, &[("schedule_test", 3), ("schedule_456", 1), ("small", 1)]);
    let reopened = ranking(&worker, "sold-out");
    let again = &reopened["items"][0];
    assert_eq!((&again["reopened"], &again["soldOutAt"]), (&json!(true), &small["soldOutAt"]), "{reopened}");
    assert!(worker.metric("holdfast_ranking_records", "what=\"sold\"") >= 6.0);

    let (all, week) = (ranking(&worker, "popular"), ranking(&worker, "popular?window=7d&limit=2"));
    assert_eq!(week["items"].as_array().unwrap().len(), 2);
    assert!(worker.terminate().success());
    let before = rows(data.path());
    assert!(!before.is_empty());
    // Its group is put back to the beginning, and every record comes once more.
    let log = topics::embedded(data.path());
    let records = read_all(&*log, INBOX);
    assert_eq!(records.len(), 7);
    let earliest: Vec<_> = (0..PARTITIONS).map(|place| (TopicPartition::new(INBOX, place), 0)).collect();
    log.mirror(GROUP, &earliest).unwrap();
    let appender = log.appender().unwrap();
    for record in &records {
        topics::append(&*appender, INBOX, record.partition, record.key.as_deref(), record.value.as_deref());
    }
    drop((appender, log));
    let worker = Worker::start(&setup);
    buy(&worker, "1005", "schedule_test", 9);
    shows(&worker, &[("schedule_test", 4), ("schedule_456", 1), ("small", 1)]);
    let after = ranking(&worker, "popular");
    assert_eq!(after["items"][1], all["items"][1]);
    assert_eq!(ranking(&worker, "sold-out"), reopened);
    assert!(worker.terminate().success());
    let now = rows(data.path());
    let changed: Vec<_> = before.iter().filter(|(key, row)| now.get(*key) != Some(row)).collect();
    assert!(changed.len() <= 7, "only what the last sale has changed: {changed:?}");

    let same = said(&setup, &["replay", "--topology", "ranking", "--from", "earliest"]);
    assert!(same.code == 0 && same.out.contains("identical"), "{same:?}");
    let audit = said(&setup, &["audit", "--only", "I-3,I-21,I-24,I-25,I-31"]);
    assert_eq!(audit.code, 0, "{audit:?}");
}

#[test]
fn wrong_limits_and_windows_are_named() {
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::embedded(data.path()));
    for (path, field) in [
        ("popular?limit=0", "limit"),
        ("popular?limit=101", "limit"),
        ("popular?window=2h", "window"),
        ("popular?window=2026-02-30", "window"),
        ("sold-out?limit=101", "limit"),
    ] {
        let answer = worker.get(&format!("/api/rankings/{path}"));
        assert_eq!(answer.status(), 422, "{path}");
        let problem: Value = answer.json().unwrap();
        assert_eq!((&problem["code"], &problem["errors"][0]["field"]), (&json!("VALIDATION_FAILED"), &json!(field)));
    }
    for window in ["all", "1h", "24h", "7d", "2026-03-15"] {
        assert_eq!(counts(&worker, window), []);
    }
    assert_eq!(ranking(&worker, "sold-out"), json!({"items": []}));
    assert!(worker.terminate().success());
}

/// S2-15: a ranking that is down neither fails nor delays a payment, and catches up.
#[test]
fn a_worker_without_rankings_sells_and_one_with_them_catches_up() {
    let data = tempfile::tempdir().unwrap();
    let whole = Setup::embedded(data.path());
    let mut without = whole.clone();
    let names = "coupon,reservation,expiration,payment,timesale,notification,data-platform";
    without.args = ["run", "--sample", "--topologies", names].map(str::to_owned).to_vec();
    let worker = Worker::start(&without);
    buy(&worker, "1001", "schedule_456", 1);
    let id = buy(&worker, "1002", "schedule_456", 2);
    assert!(worker.delete(&format!("/reservations/{id}?userId=1002")).status().is_success());
    let answer = worker.get("/api/rankings/popular");
    assert_eq!(answer.status(), 503, "{}", answer.text().unwrap());
    worker.kill9();
    let worker = Worker::start(&whole);
    shows(&worker, &[("schedule_456", 1)]);
    assert_eq!(counts(&worker, "1h"), [("schedule_456".to_owned(), 1)]);
    assert!(worker.terminate().success());
}
