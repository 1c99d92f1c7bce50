//! Deliveries to the data platform, from a payment over HTTP to the receiver: failures, refusals, outages and crashes.

use crate::seats::{hold, told};
use crate::support::command;
use crate::support::topics::{self, PARTITIONS, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::record::TopicPartition;
use holdfast_sink::Sink;
use holdfast_sink::rule::{Mode, Rule};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use tempfile::TempDir;

const CONFIRMED: &str = "reservation.confirmed";
const LETTERS: &str = "reservation.confirmed.dlq";
const GROUP: &str = "data-platform-service-group";

/// A receiver that writes down what it gets, and the settings of a worker that delivers to it without long waits.
fn shop() -> (TempDir, Sink, Setup) {
    let data = tempfile::tempdir().unwrap();
    let sink = Sink::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), Some(&record(data.path()))).unwrap();
    let setup = Setup::embedded(data.path())
        .with("DATA_PLATFORM_URL", &sink.url("/reservations"))
        .with("NOTIFY_RETRY_BASE_MS", "50")
        .with("NOTIFY_RETRY_MAX_MS", "200")
        .with("EFFECT_BREAKER_PAUSE_MS", "50")
        .with("EFFECT_BREAKER_PAUSE_MAX_MS", "200");
    (data, sink, setup)
}

fn record(data: &Path) -> std::path::PathBuf {
    data.join("received.jsonl")
}

/// Holds a seat and pays for it; the reservation's id.
fn buy(worker: &Worker, user: &str, seat: u64) -> String {
    let id = hold(worker, user, "schedule_test", seat);
    told(worker, "/payments", &json!({"reservationId": id, "amount": 50_000}), 200);
    id
}

fn delivered(sink: &Sink, n: u64) {
    wait::until(&format!("{n} deliveries"), || sink.counts().delivered >= n);
}

/// What the ledger and the receiver say agrees, and nothing is left to be done.
fn proved(setup: &Setup, data: &Path, done: usize) {
    let file = record(data);
    let args = ["audit", "--only", "I-3,I-20,I-21,I-25", "--format", "json", "--sink", file.to_str().unwrap()];
    let said = command::said(setup, &args);
    assert_eq!(said.code, 0, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let text = report.to_string();
    assert!(text.contains("deliveries done") && !text.contains("deliveries under way"), "{text}");
    let log = topics::embedded(data);
    assert_eq!(
        read_all(&*log, CONFIRMED).iter().filter(|fact| !fact.headers.contains_key("X-Redriven-From")).count(),
        done
    );
}

#[test]
fn each_confirmation_arrives_once_whatever_the_platform_says_first() {
    let (data, sink, setup) = shop();
    sink.answer(vec![
        Rule { times: Some(2), ..Rule::always(Mode::Error) },
        Rule { times: Some(1), ..Rule::always(Mode::Cut) },
    ]);
    let worker = Worker::start(&setup);
    let id = buy(&worker, "1001", 1);
    delivered(&sink, 1);
    let received = sink.received();
    assert_eq!(received.iter().map(|call| call.status).collect::<Vec<_>>(), [Some(500), Some(500), None, Some(200)]);
    assert!(received.iter().all(|call| call.key.as_deref() == Some(&*id) && call.body == received[0].body));
    assert!(worker.terminate().success());

    // Byte for byte. And whatever starts again sends nothing again, also when its group is put back to the beginning.
    let log = topics::embedded(data.path());
    let fact = read_all(&*log, CONFIRMED).remove(0);
    assert_eq!(fact.value.as_deref(), Some(received[0].body.as_bytes()));
    let earliest: Vec<_> = (0..PARTITIONS).map(|place| (TopicPartition::new(CONFIRMED, place), 0)).collect();
    log.mirror(GROUP, &earliest).unwrap();
    drop(log);
    let worker = Worker::start(&setup);
    buy(&worker, "1002", 2);
    delivered(&sink, 2);
    assert_eq!(sink.counts().total, 5, "one more than before");
    assert!(worker.terminate().success());
    proved(&setup, data.path(), 2);
}

#[test]
fn what_is_refused_can_be_put_back_once() {
    let (data, sink, setup) = shop();
    sink.answer(vec![Rule { times: Some(1), ..Rule::always(Mode::Bad) }]);
    let worker = Worker::start(&setup);
    let id = buy(&worker, "1001", 1);
    let mut letters = Vec::new();
    wait::until("a dead letter", || {
        letters = worker.get("/api/dlq").json::<Value>().unwrap()["letters"].as_array().unwrap().clone();
        !letters.is_empty()
    });
    let letter = &letters[0];
    assert_eq!(
        (letter["class"].as_str(), letter["originalTopic"].as_str()),
        (Some("DeliveryRefused"), Some(CONFIRMED))
    );
    assert_eq!(letter["key"], json!(id));
    assert!(letter["id"].as_str().unwrap().starts_with(LETTERS));
    let outcome = || {
        let path = format!("/api/dlq/{}", letter["id"].as_str().unwrap());
        worker.get(&path).json::<Value>().unwrap()["outcome"].clone()
    };
    assert_eq!(outcome(), json!({"id": id, "status": "DEAD"}));
    for _ in 0..2 {
        let answer = worker.post("/api/dlq/redrive", &json!({"id": letter["id"]}));
        assert!(answer.status().is_success() || answer.status() == 409, "{}", answer.text().unwrap());
    }
    delivered(&sink, 1);
    wait::until("the ledger says so", || outcome() == json!({"id": id, "status": "DELIVERED"}));
    let path = format!("/api/data-platform/deliveries/{id}");
    assert_eq!(worker.get(&path).json::<Value>().unwrap()["status"], "DELIVERED");
    buy(&worker, "1002", 2);
    delivered(&sink, 2);
    assert_eq!(sink.counts().total, 3, "refused, put back once, and another one");
    assert!(worker.terminate().success());
    proved(&setup, data.path(), 2);
}

#[test]
fn an_outage_and_crashes_lose_nothing_and_fill_no_dead_letters() {
    let (data, sink, setup) = shop();
    sink.go_down();
    wait::until("nobody listens", || TcpStream::connect(sink.address()).is_err());
    let worker = Worker::start(&setup);
    let mut ids: Vec<String> = (1..=3).map(|seat| buy(&worker, "1001", seat)).collect();
    worker.kill9();
    let worker = Worker::start(&setup);
    ids.push(buy(&worker, "1002", 4));
    // Slow enough to be killed in the middle.
    sink.answer(vec![Rule { delay_ms: 300, ..Rule::always(Mode::Ok) }]);
    sink.come_up();
    wait::until("a call", || sink.counts().total > 0);
    worker.kill9();
    let worker = Worker::start(&setup);
    delivered(&sink, 4);
    assert!(worker.terminate().success());
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in sink.received() {
        *calls.entry(call.key.unwrap()).or_default() += 1;
    }
    // Those that were under way at the kill, and had no result in the log.
    let seen: Vec<_> = sink.received().into_iter().map(|call| (call.ms, call.key, call.status)).collect();
    assert!(calls.values().all(|times| (1..=2).contains(times)), "{seen:?}");
    ids.sort();
    assert_eq!(calls.into_keys().collect::<Vec<_>>(), ids);
    assert_eq!(read_all(&*topics::embedded(data.path()), LETTERS), []);
    proved(&setup, data.path(), 4);
}
