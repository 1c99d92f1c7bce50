//! A worker killed with kill -9 at random moments under load, ten times, once with its disk wiped. Then the topics are read and the whole sale is
//! decided again by a second pair of eyes: [`decide_again`] knows the rules and nothing of the topology's code.

use crate::support::broker::Cluster;
use crate::support::topics::{self, PARTITIONS, Seen, append, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_ports::store::TaskId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

const KILLS: usize = 10;
const POLICIES: usize = 5;
const STOCK: u64 = 60;
const USERS: u64 = 150;

/// xorshift: the same load for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let accepted = sale(&setup, None);
    let log = topics::embedded(data.path());
    audit(&*log, &accepted);
    drop(log);
    rebuilt_equals_live(&setup);
}

#[test]
fn on_kafka() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    let accepted = sale(&setup, Some(&cluster.brokers));
    audit(&*topics::kafka(&cluster.brokers), &accepted);
    rebuilt_equals_live(&setup);
}

/// What the clients hold in their hands afterwards: ids of requests they were told are accepted.
struct Accepted {
    over_http: BTreeSet<String>,
    garbage: usize,
}

fn policy(n: u64) -> String {
    format!("sale-{n}")
}

/// Runs the load and the kills; returns when every worker is stopped and everything accepted has been decided.
fn sale(setup: &Setup, brokers: Option<&str>) -> Accepted {
    let worker = Worker::start(setup);
    for n in 0..POLICIES {
        worker.create_policy(&policy(n as u64), STOCK);
    }
    let worker = RwLock::new(Some(worker));
    let accepted = Mutex::new(BTreeSet::new());
    let answered = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    let garbage = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for lane in 1..=3 {
            let (worker, accepted, answered, done) = (&worker, &accepted, &answered, &done);
            scope.spawn(move || {
                let mut dice = Dice(lane * 7_919);
                let mut n = 0;
                while !done.load(Ordering::SeqCst) {
                    n += 1;
                    let body = json!({"policyId": policy(dice.below(POLICIES as u64)), "userId": format!("u{}", dice.below(USERS))});
                    buy(worker, &format!("lane-{lane}-{n}"), &body, accepted, answered, done);
                }
            });
        }
        if let Some(brokers) = brokers {
            let (done, garbage) = (&done, &garbage);
            scope.spawn(move || producer(brokers, done, garbage));
        }
        kills(setup, &worker, &answered);
        done.store(true, Ordering::SeqCst);
    });
    let worker = worker.into_inner().unwrap().unwrap();
    let accepted = accepted.into_inner().unwrap();
    for id in &accepted {
        worker.outcome(id);
    }
    if brokers.is_some() {
        wait::until("the inbox is decided", || {
            let lag: Value = worker.get("/api/lag").json().unwrap();
            total_lag(&lag) == Some(0)
        });
    }
    assert!(worker.terminate().success());
    Accepted { over_http: accepted, garbage: garbage.into_inner() }
}

/// Sum of everything called `lag…` in records; `None` when there is nothing.
fn total_lag(value: &Value) -> Option<i64> {
    match value {
        Value::Object(map) => {
            let own = map.get("lagRecords").or_else(|| map.get("lag")).and_then(Value::as_i64);
            let inner = map.values().filter_map(total_lag).reduce(|a, b| a + b);
            match (own, inner) {
                (None, None) => None,
                (own, inner) => Some(own.unwrap_or(0) + inner.unwrap_or(0)),
            }
        }
        Value::Array(list) => list.iter().filter_map(total_lag).reduce(|a, b| a + b),
        _ => None,
    }
}

/// One request with an idempotency key, sent until somebody takes it: whoever answers, and however often, it is one request.
fn buy(
    worker: &RwLock<Option<Worker>>,
    key: &str,
    body: &Value,
    accepted: &Mutex<BTreeSet<String>>,
    answered: &AtomicUsize,
    done: &AtomicBool,
) {
    loop {
        let answer = worker.read().unwrap().as_ref().and_then(|w| w.try_post("/api/coupons/issue", key, body));
        match answer.map(|a| (a.status().as_u16(), a.json::<Value>())) {
            Some((200 | 202, Ok(told))) => {
                accepted.lock().unwrap().insert(told["requestId"].as_str().unwrap().to_owned());
                answered.fetch_add(1, Ordering::SeqCst);
                return;
            }
            // A hint before the log: nothing was accepted.
            Some((409, _)) => {
                answered.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Some((503, _)) | None if done.load(Ordering::SeqCst) => return,
            Some((503, _)) | None => std::thread::park_timeout(std::time::Duration::from_millis(5)),
            Some((status, told)) => panic!("{status}: {told:?}"),
        }
    }
}

/// Anybody's producer: both shapes, retries under the same event id, no keys, garbage.
fn producer(brokers: &str, done: &AtomicBool, garbage: &AtomicUsize) {
    let log = topics::kafka(brokers);
    let appender = log.appender().unwrap();
    let mut dice = Dice(4_242);
    let mut n = 0_u64;
    while !done.load(Ordering::SeqCst) {
        n += 1;
        let policy = policy(dice.below(POLICIES as u64));
        let user = dice.below(USERS);
        let key = format!("coupon-{policy}");
        let home = place_of(key.as_bytes(), PARTITIONS);
        // One in six repeats an event id of before, with the same content as then.
        let event = format!("evt-{n}");
        let s4 = format!(r#"{{"eventId":"{event}","policyId":"{policy}","userId":"u{user}","requestedAt":{n}}}"#);
        match dice.below(12) {
            0 => {
                garbage.fetch_add(1, Ordering::SeqCst);
                append(&*appender, INBOX, home, None, Some(b"{\"policyId\":"));
            }
            1 => {
                append(&*appender, INBOX, (home + 1) % PARTITIONS, None, Some(s4.as_bytes()));
            }
            2 | 3 => {
                for _ in 0..2 {
                    append(&*appender, INBOX, home, Some(key.as_bytes()), Some(s4.as_bytes()));
                }
            }
            4 => {
                let s3 = format!(
                    r#"{{"eventId":"{event}","userId":"u{user}","couponId":"{policy}","timestamp":{n},"version":1}}"#
                );
                append(&*appender, INBOX, home, Some(key.as_bytes()), Some(s3.as_bytes()));
            }
            _ => {
                append(&*appender, INBOX, home, Some(key.as_bytes()), Some(s4.as_bytes()));
            }
        }
    }
}

fn kills(setup: &Setup, worker: &RwLock<Option<Worker>>, answered: &AtomicUsize) {
    let mut dice = Dice(99);
    for kill in 0..KILLS {
        // A random moment: so many more answers. Load does not stop for it.
        let moment = answered.load(Ordering::SeqCst) + 20 + usize::try_from(dice.below(120)).unwrap();
        wait::until("more answers", || answered.load(Ordering::SeqCst) >= moment);
        let killed = worker.write().unwrap().take().unwrap();
        killed.kill9();
        if kill == KILLS / 2 {
            wipe_state(&setup.data);
        }
        let started = Worker::start(setup);
        *worker.write().unwrap() = Some(started);
    }
}

/// Deletes the stores, not the embedded log.
fn wipe_state(data: &Path) {
    std::fs::remove_dir_all(data.join("holdfast/coupon")).unwrap();
}

const INBOX: &str = "coupon-issue-requests";

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The sale as the rules have it, from the inbox alone: outcome by request id.
fn decide_again(inbox: &[Seen]) -> BTreeMap<String, &'static str> {
    let mut outcomes = BTreeMap::new();
    let mut stock: BTreeMap<String, u64> = BTreeMap::new();
    let mut holders: BTreeSet<(String, String)> = BTreeSet::new();
    for record in inbox {
        let Ok(value) = serde_json::from_slice::<Value>(record.value.as_deref().unwrap_or_default()) else { continue };
        if value["type"] == "create-policy" {
            stock.insert(text(&value["policyId"]), value["totalQuantity"].as_u64().unwrap());
            continue;
        }
        let policy = text(if value["policyId"].is_null() { &value["couponId"] } else { &value["policyId"] });
        if place_of(format!("coupon-{policy}").as_bytes(), PARTITIONS) != record.partition {
            continue;
        }
        let id = text(if value["requestId"].is_null() { &value["eventId"] } else { &value["requestId"] });
        let user = text(&value["userId"]);
        if outcomes.contains_key(&id) {
            continue;
        }
        let left = stock.get_mut(&policy);
        let outcome = match left {
            None => "VALIDATION_FAILED",
            Some(_) if holders.contains(&(policy.clone(), user.clone())) => "DUPLICATE_REQUEST",
            Some(0) => "OUT_OF_STOCK",
            Some(left) => {
                *left -= 1;
                holders.insert((policy, user));
                "SUCCESS"
            }
        };
        outcomes.insert(id, outcome);
    }
    outcomes
}

/// I-9, I-11, I-12, I-25 from the topics.
fn audit(log: &dyn Log, accepted: &Accepted) {
    let inbox = read_all(log, INBOX);
    let expected = decide_again(&inbox);
    let mut outcomes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for topic in ["coupon-issue-success", "coupon-issue-failures"] {
        for record in read_all(log, topic) {
            let value = record.json();
            assert_eq!(value["status"] == "SUCCESS", topic == "coupon-issue-success");
            outcomes.entry(text(&value["requestId"])).or_default().push(value);
        }
    }
    println!(
        "audit: {} records in the inbox, {} requests, {} accepted over HTTP",
        inbox.len(),
        expected.len(),
        accepted.over_http.len()
    );
    assert!(accepted.over_http.len() > KILLS * 10);
    for id in &accepted.over_http {
        assert!(expected.contains_key(id), "{id} was accepted and is not in the log");
    }
    for (id, status) in &expected {
        let told = outcomes.get(id).unwrap_or_else(|| panic!("{id} has no outcome"));
        assert_eq!(told.len(), 1, "{id} has one outcome: {told:?}");
        assert_eq!(told[0]["status"], *status, "{id}");
    }
    assert_eq!(outcomes.len(), expected.len(), "no outcome without a request");
    for n in 0..POLICIES as u64 {
        let winners = outcomes.values().flatten().filter(|o| o["status"] == "SUCCESS" && o["policyId"] == policy(n));
        let users: BTreeSet<String> = winners.clone().map(|o| text(&o["userId"])).collect();
        assert_eq!(users.len(), winners.clone().count(), "one coupon a user");
        assert_eq!(users.len() as u64, STOCK, "policy {n} is sold out, and not oversold");
        let coupons: BTreeSet<String> = winners.map(|o| text(&o["couponId"])).collect();
        assert_eq!(coupons.len(), users.len(), "no coupon twice");
    }
    let successes = expected.values().filter(|s| **s == "SUCCESS").count();
    assert_eq!(read_all(log, "notification.request").len(), successes, "one notification for each coupon");
    let letters = read_all(log, "coupon-issue-dlq");
    let origins: BTreeSet<(u32, Vec<u8>)> =
        letters.iter().map(|l| (l.partition, l.headers["X-Original-Offset"].clone())).collect();
    assert_eq!((letters.len(), origins.len()), (accepted.garbage, accepted.garbage), "each bad record is buried once");
}

/// By topology, place, store and key.
type Rows = BTreeMap<(String, u32, String, Vec<u8>), Vec<u8>>;

/// Every row of every store, with the worker stopped.
fn dump(data: &Path) -> Rows {
    let dir = data.join("holdfast");
    let mut rows = Rows::new();
    for task in holdfast_state::inspect::inspect(&dir).unwrap() {
        for store in &task.stores {
            let id = TaskId { topology: task.task.topology.clone(), place: task.task.place };
            holdfast_state::inspect::scan(&dir, &id, &store.name, &[], None, &mut |key, row| {
                rows.insert((id.topology.to_string(), id.place, store.name.clone(), key.to_vec()), row.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        }
    }
    rows
}

/// I-18: the store rebuilt from the changelog on an empty disk is the live store, key by key.
fn rebuilt_equals_live(setup: &Setup) {
    let live = dump(&setup.data);
    assert!(live.len() > 200, "{} rows", live.len());
    wipe_state(&setup.data);
    assert!(Worker::start(setup).terminate().success());
    let rebuilt = dump(&setup.data);
    for (key, row) in &live {
        assert_eq!(rebuilt.get(key), Some(row), "{key:?}");
    }
    assert_eq!(rebuilt.len(), live.len());
}
