//! Notifications on their whole way: a fact of the shop, a call to a receiver, the history, the dead letters, and the auditor's word afterwards.
//!
//! Of the channels only the generic webhook is set, so each notification is one call. The receiver is a sink that answers as it is told.

use crate::support::audit::stores::dump;
use crate::support::command::said;
use crate::support::topics::{self, PARTITIONS, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_model::notification::{self, INBOX, PAYMENT_COMPLETED, RESULTS, USER_CONTACTS};
use holdfast_ports::record::TopicPartition;
use holdfast_sink::Sink;
use holdfast_sink::record::Received;
use holdfast_sink::rule::{Mode, Rule};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

/// First back-off of these workers, in ms: of each the last half is spread.
const BACKOFF_MS: i64 = 200;
/// Calls to the webhook that are under way at most, all of which a crash may repeat.
const CREDIT: u64 = 256;
const PHONE: &str = "+821087654321";

/// A worker whose only channel is the webhook.
fn setup(data: &Path, sink: &Sink) -> Setup {
    Setup::embedded(data)
        .with("WEBHOOK_URL", &sink.url("/hook"))
        .with("NOTIFY_RETRY_BASE_MS", &BACKOFF_MS.to_string())
        .with("NOTIFY_RETRY_MAX_MS", "2000")
        .with("EFFECT_BREAKER_PAUSE_MS", "20")
        .with("EFFECT_BREAKER_PAUSE_MAX_MS", "200")
}

fn body(call: &Received) -> Value {
    serde_json::from_str(&call.body).unwrap()
}

/// The calls that tell `user` something.
fn told(sink: &Sink, user: &str) -> Vec<Received> {
    sink.received().into_iter().filter(|call| body(call)["userId"] == user).collect()
}

/// The history of `user`.
fn history(worker: &Worker, user: &str) -> Vec<Value> {
    let answer: Value = worker.get(&format!("/api/notifications?userId={user}")).json().unwrap();
    answer["items"].as_array().unwrap().clone()
}

/// Waits until the only notification of `user` has this status, and returns it.
fn settled(worker: &Worker, user: &str, status: &str) -> Value {
    let mut items = Vec::new();
    wait::until(&format!("the notification of {user} is {status}"), || {
        items = history(worker, user);
        items.len() == 1 && items[0]["status"] == status
    });
    items.remove(0)
}

/// A coupon for `user`, which is told.
fn coupon(worker: &Worker, policy: &str, user: &str) {
    let wish = json!({"policyId": policy, "userId": user});
    let answer: Value = worker.decided("/api/coupons/issue?strategy=v1", &wish).json().unwrap();
    assert_eq!(answer["status"], "SUCCESS", "{answer}");
}

fn letters(worker: &Worker) -> Vec<Value> {
    let answer: Value = worker.get("/api/dlq?topic=notification.request.dlq").json().unwrap();
    answer["letters"].as_array().unwrap().clone()
}

/// The auditor's word about `invariants`, with what the receiver has got.
fn audited(setup: &Setup, sink: &Path, invariants: &str) {
    let verdict = said(setup, &["audit", "--settled", "--only", invariants, "--sink", sink.to_str().unwrap()]);
    assert_eq!(verdict.code, 0, "{}\n{}", verdict.out, verdict.err);
}

#[test]
fn a_payment_is_told_once_and_an_erased_contact_is_nowhere() {
    let (data, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("received");
    let sink = Sink::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), Some(&file)).unwrap();
    let setup = setup(data.path(), &sink);
    let worker = Worker::start(&setup);
    let contact = reqwest::blocking::Client::new().put(format!("{}/api/contacts/1001", worker.url));
    assert_eq!(contact.json(&json!({"phone": PHONE})).send().unwrap().status(), 200);
    assert_eq!(worker.get("/api/contacts/1001").json::<Value>().unwrap()["phone"], "***********21");
    assert_eq!(worker.delete("/api/contacts/1001").status(), 200);

    let hold = json!({"userId": "1001", "scheduleId": "schedule_456", "seatNo": 7});
    let held: Value = worker.decided("/reservations", &hold).json().unwrap();
    let pay = json!({"reservationId": held["reservationId"], "amount": 50_000});
    let paid: Value = worker.decided("/payments", &pay).json().unwrap();
    assert_eq!(paid["status"], "SUCCESS", "{paid}");

    let shown = settled(&worker, "1001", "SENT");
    assert_eq!(
        (&shown["type"], &shown["title"], &shown["channel"], &shown["attempts"]),
        (&json!("PAYMENT_CONFIRMED"), &json!("결제 완료"), &json!("webhook"), &json!(1)),
        "{shown}"
    );
    assert!(shown["sentAt"].is_string(), "{shown}");
    let calls = told(&sink, "1001");
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = body(&calls[0]);
    assert_eq!((calls[0].key.as_deref(), &calls[0].path[..]), (call["notificationId"].as_str(), "/hook"));
    assert_eq!((&call["message"], &call["data"]["reservationId"]), (&shown["message"], &held["reservationId"]));
    assert!(!calls[0].body.contains(PHONE));
    assert!(letters(&worker).is_empty());
    assert!(!worker.said().contains(PHONE), "the log of the worker holds no contact");
    assert!(worker.terminate().success());
    drop(sink);
    audited(&setup, &file, "I-15,I-16,I-22,I-28");
}

/// Calls that fail come again with their back-off, end among the dead letters after the fourth, and are sent when an operator puts them back.
#[test]
fn failures_are_retried_given_up_and_put_back() {
    let data = tempfile::tempdir().unwrap();
    let sink = Sink::start().unwrap();
    let worker = Worker::start(&setup(data.path(), &sink));
    sink.answer(vec![Rule::always(Mode::Error)]);
    coupon(&worker, "1", "failing");
    let dead = settled(&worker, "failing", "DEAD");
    assert_eq!(dead["attempts"], 4, "{dead}");
    let calls = told(&sink, "failing");
    let attempts: Vec<_> = calls.iter().map(|call| body(call)["attempt"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    let keys: BTreeSet<_> = calls.iter().map(|call| call.key.clone()).collect();
    assert_eq!(keys.len(), 1, "one notification has one key");
    for (n, pair) in calls.windows(2).enumerate() {
        let (gap_ms, least_ms) = (pair[1].ms - pair[0].ms, (BACKOFF_MS << n) / 2);
        assert!(gap_ms >= least_ms, "attempt {} came after {gap_ms} ms, not {least_ms}", n + 2);
    }
    let mut buried = Vec::new();
    wait::until("the letter is listed", || {
        buried = letters(&worker);
        buried.len() == 1
    });
    let letter = &buried[0];
    assert_eq!(
        (&letter["originalTopic"], &letter["attempts"]),
        (&json!("notification.request"), &json!(4)),
        "{letter}"
    );

    let kept = || {
        let path = format!("/api/dlq/{}", letter["id"].as_str().unwrap());
        worker.get(&path).json::<Value>().unwrap()["outcome"]["status"].clone()
    };
    assert_eq!(kept(), "DEAD");
    sink.answer(Vec::new());
    let outcome: Value = worker.post("/api/dlq/redrive", &json!({"id": letter["id"]})).json().unwrap();
    assert_eq!(outcome["redriven"][0]["id"], letter["id"], "{outcome}");
    assert_eq!(settled(&worker, "failing", "SENT")["attempts"], 1);
    assert_eq!(kept(), "SENT");
    assert_eq!((told(&sink, "failing").len(), sink.counts().delivered, sink.counts().repeated), (5, 1, 0));

    // What the receiver will never take is given up at once.
    sink.answer(vec![Rule::always(Mode::Bad)]);
    coupon(&worker, "1", "refused");
    assert_eq!(settled(&worker, "refused", "DEAD")["attempts"], 1);
    assert_eq!(told(&sink, "refused").len(), 1);

    // A receiver that names a time is not asked again before it.
    let too_many = Rule { times: Some(1), retry_after: Some("2".to_owned()), ..Rule::always(Mode::TooMany) };
    sink.answer(vec![too_many]);
    coupon(&worker, "1", "patient");
    settled(&worker, "patient", "SENT");
    let calls = told(&sink, "patient");
    assert_eq!(calls.len(), 2);
    assert!(calls[1].ms - calls[0].ms >= 2_000, "{calls:?}");
    assert!(worker.terminate().success());
}

/// While the receiver is away its messages wait; none is lost, none comes twice, and none is a dead letter.
#[test]
fn an_outage_keeps_everything_and_buries_nothing() {
    const USERS: u64 = 100;
    let data = tempfile::tempdir().unwrap();
    let sink = Sink::start().unwrap();
    let worker = Worker::start(&setup(data.path(), &sink));
    sink.go_down();
    for user in 0..USERS {
        coupon(&worker, "1", &format!("user-{user}"));
    }
    assert_eq!(history(&worker, "user-0")[0]["status"], "SENDING");
    sink.come_up();
    wait::until("all are delivered", || sink.counts().delivered == USERS);
    wait::until("all are settled", || history(&worker, &format!("user-{}", USERS - 1))[0]["status"] == "SENT");
    assert_eq!(sink.counts().repeated, 0);
    assert!(letters(&worker).is_empty());
    assert!(worker.terminate().success());
}

/// A worker that is killed in a flood loses none; only calls between their answer and their result come again. Records that come again cause no call.
#[test]
fn killed_in_a_flood_nothing_is_lost() {
    const REQUESTS: u64 = 3_000;
    const USERS: u64 = 500;
    const KILLS: u64 = 5;
    let (data, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("received");
    let sink = Sink::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), Some(&file)).unwrap();
    // So that a kill finds calls under way.
    sink.answer(vec![Rule { delay_ms: 20, ..Rule::always(Mode::Ok) }]);
    let setup = setup(data.path(), &sink);
    assert!(Worker::start(&setup).terminate().success());
    let flood = ["load", "notification-flood", "--requests", "3000", "--users", "500", "--seed", "7"];
    let appended = said(&setup, &flood);
    assert_eq!(appended.code, 0, "{appended:?}");
    for kill in 1..=KILLS {
        let worker = Worker::start(&setup);
        let enough = REQUESTS * kill / (KILLS + 1);
        wait::until("part of the flood is delivered", || sink.counts().delivered >= enough);
        worker.kill9();
    }
    let worker = Worker::start(&setup);
    wait::until("all are delivered", || sink.counts().delivered == REQUESTS);
    for user in 0..USERS {
        let path = format!("/api/notifications?userId={user}&status=SENDING");
        let under_way = || worker.get(&path).json::<Value>().unwrap()["items"].as_array().unwrap().len();
        wait::until("what a crash has left open is closed", || under_way() == 0);
    }
    assert!(worker.terminate().success());
    // The same requests once more: each is known.
    assert_eq!(said(&setup, &flood).code, 0);
    let total = sink.counts().total;
    let worker = Worker::start(&setup);
    wait::until("the flood is decided again", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        lag["at"].is_string() && lag["totalLagRecords"] == 0
    });
    assert!(worker.terminate().success());
    let counts = sink.counts();
    assert_eq!(counts.total, total, "a record that comes again causes no call");
    assert!(counts.repeated < CREDIT * KILLS, "{} deliveries are repeated", counts.repeated);
    drop(sink);
    let repeats_max = (CREDIT * KILLS).to_string();
    let sink = file.to_str().unwrap();
    let delivery = ["load", "notification-delivery", "--seed", "7", "--requests", "3000", "--sink", sink];
    let delivered = said(&setup, &[&delivery[..], &["--repeats-max", &repeats_max]].concat());
    assert_eq!(delivered.code, 0, "{delivered:?}");
    audited(&setup, &file, "I-15,I-16,I-22");
}

/// I-17: a group that is put back to the beginning reads everything again. Nobody is told again, and no row changes.
#[test]
fn a_reset_group_tells_nobody_again() {
    let data = tempfile::tempdir().unwrap();
    let sink = Sink::start().unwrap();
    let setup = setup(data.path(), &sink);
    let worker = Worker::start(&setup);
    coupon(&worker, "1", "told");
    settled(&worker, "told", "SENT");
    sink.answer(vec![Rule::always(Mode::Bad)]);
    coupon(&worker, "1", "given-up");
    settled(&worker, "given-up", "DEAD");
    let client = reqwest::blocking::Client::new();
    let put =
        |path: &str, body: Value| client.put(format!("{}{path}", worker.url)).json(&body).send().unwrap().status();
    assert_eq!(put("/api/contacts/told", json!({"phone": PHONE})), 200);
    assert_eq!(put("/api/notifications/preferences", json!({"userId": "told", "channels": {"sms": false}})), 200);
    assert!(worker.terminate().success());

    let rows = || {
        let mut rows = dump(data.path(), &[0, 1, 2]);
        rows.retain(|(topology, _, store, _), _| topology == notification::NAME && store != "position");
        rows
    };
    let (before, calls) = (rows(), sink.counts().total);
    assert!(before.len() > 8, "{} rows", before.len());
    let log = topics::embedded(data.path());
    let mut records = 0;
    for topic in [INBOX, PAYMENT_COMPLETED, RESULTS, USER_CONTACTS] {
        records += read_all(&*log, topic).len();
        let earliest: Vec<_> = (0..PARTITIONS).map(|place| (TopicPartition::new(topic, place), 0)).collect();
        log.mirror(notification::GROUP, &earliest).unwrap();
    }
    drop(log);
    // What would be told now would be taken.
    sink.answer(Vec::new());
    let worker = Worker::start(&setup);
    let known = || {
        let metrics = worker.get("/metrics").text().unwrap();
        let of_it = |line: &&str| {
            line.starts_with("holdfast_known_duplicates_total{") && line.contains(r#"topology="notification""#)
        };
        metrics.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum::<usize>()
    };
    wait::until("all is read again and known", || known() >= records);
    assert!(worker.terminate().success());
    assert_eq!(sink.counts().total, calls, "nobody is told again");
    assert!(before == rows(), "the state has changed");
}

/// What is urgent does not wait for a backlog of what is not.
#[test]
fn high_goes_before_a_backlog_of_low() {
    const LOW: usize = 3_000;
    const HIGH: usize = 20;
    let data = tempfile::tempdir().unwrap();
    let sink = Sink::start().unwrap();
    sink.answer(vec![Rule { delay_ms: 50, ..Rule::always(Mode::Ok) }]);
    let setup = setup(data.path(), &sink);
    assert!(Worker::start(&setup).terminate().success());
    let flood =
        ["load", "notification-flood", "--low", "3000", "--requests", "20", "--priority", "HIGH", "--seed", "8"];
    let appended = said(&setup, &flood);
    assert_eq!(appended.code, 0, "{appended:?}");
    let worker = Worker::start(&setup);
    wait::until("all are delivered", || sink.counts().delivered == (LOW + HIGH) as u64);
    let ids: Vec<_> = sink.received().iter().map(|call| call.key.clone().unwrap()).collect();
    let last_high = ids.iter().rposition(|id| id.contains("-HIGH-")).unwrap();
    let low_before = ids[..last_high].iter().filter(|id| id.contains("-LOW-")).count();
    // They were appended behind the whole backlog.
    assert!(low_before < LOW * 3 / 4, "{low_before} of {LOW} LOW came before the last HIGH");
    assert!(worker.terminate().success());
}
