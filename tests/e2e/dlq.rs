//! Dead letters are listed, shown and put back, over HTTP and by command; what is put back is decided once.

use crate::support::broker::Cluster;
use crate::support::command::said;
use crate::support::topics::{self, PARTITIONS, Seen, append, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_engine::inspect::{changelog, codec};
use holdfast_model::coupon::POLICIES;
use holdfast_model::coupon::row::PolicyRow;
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_ports::store::Write;
use serde_json::{Value, json};
use std::path::Path;

const INBOX: &str = "coupon-issue-requests";
const DEAD: &str = "coupon-issue-dlq";
const CHANGELOG: &str = "holdfast-coupon-changelog";
const KEY: &[u8] = b"coupon-1";

fn letters(worker: &Worker, query: &str) -> Vec<Value> {
    let answer = worker.get(&format!("/api/dlq{query}"));
    assert_eq!(answer.status(), 200, "{query}");
    answer.json::<Value>().unwrap()["letters"].as_array().unwrap().clone()
}

fn redrive(worker: &Worker, body: &Value) -> Value {
    let answer = worker.post("/api/dlq/redrive", body);
    assert_eq!(answer.status(), 200, "{body}");
    answer.json().unwrap()
}

fn redrive_as(worker: &Worker, operator: &str, body: &Value) -> Value {
    let answer = worker.post_as("/api/dlq/redrive", ("x-operator", operator), body);
    assert_eq!(answer.status(), 200, "{body}");
    answer.json().unwrap()
}

/// Writes the row of policy 1 into the changelog, as `change` leaves it, and takes the state from the disk: the next start restores it.
fn meddle(data: &Path, log: &dyn Log, change: fn(&mut PolicyRow)) {
    let home = place_of(KEY, PARTITIONS);
    let rows = read_all(log, CHANGELOG);
    let key_of =
        |row: &Seen| changelog::decode(row.key.as_deref(), None).map(|write| (write.store, write.key.to_vec()));
    let of_one = |row: &&Seen| {
        row.partition == home
            && row.value.is_some()
            && key_of(row).is_some_and(|(s, k)| s == POLICIES.id() && k.contains(&b'1'))
    };
    let row = rows.iter().rfind(of_one).unwrap();
    let mut policy: PolicyRow = codec::decode(row.value.as_deref().unwrap()).unwrap();
    change(&mut policy);
    let mut value = Vec::new();
    codec::encode(&policy, &mut value).unwrap();
    let (store, key) = key_of(row).unwrap();
    let mut name = Vec::new();
    changelog::encode_key(&Write { store, key: &key, value: None }, &mut name);
    append(&*log.appender().unwrap(), CHANGELOG, home, Some(&name), Some(&value));
    std::fs::remove_dir_all(data.join("holdfast/coupon")).unwrap();
}

#[test]
fn over_http_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    assert!(Worker::start(&setup).terminate().success());
    {
        let log = topics::embedded(data.path());
        let home = place_of(KEY, PARTITIONS);
        append(&*log.appender().unwrap(), INBOX, home, Some(KEY), Some(b"not json"));
        // A policy that has given away more than it had: nothing can be decided about it.
        meddle(data.path(), &*log, |policy| policy.issued = policy.total + 1);
    }
    let worker = Worker::start(&setup);
    given_up(&worker);
    assert!(worker.terminate().success());

    // The operator mends the cause and puts the request back.
    meddle(data.path(), &*topics::embedded(data.path()), |policy| policy.issued = 0);
    let worker = Worker::start(&setup);
    put_back(&worker);
    refusals(&worker);
    let busy = said(&setup, &["dlq", "list"]);
    assert!(busy.code == 1 && busy.err.contains("in use by another process"), "{busy:?}");
    assert!(worker.terminate().success());
    by_command(&setup);
}

fn given_up(worker: &Worker) {
    let accepted: Value = worker
        .try_post("/api/coupons/issue", "unlucky-1", &json!({"policyId": "1", "userId": "unlucky"}))
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(worker.outcome(accepted["requestId"].as_str().unwrap())["status"], "SYSTEM_ERROR");
    let all = letters(worker, "");
    assert_eq!(all.len(), 2, "{all:?}");
    let unreadable = &letters(worker, "?class=InvalidJson")[0];
    assert_eq!((&unreadable["originalTopic"], &unreadable["attempts"]), (&json!(INBOX), &json!(1)));
    let given_up = &letters(worker, "?class=BrokenPolicy&topology=coupon")[0];
    assert_eq!((&given_up["attempts"], &given_up["redriven"]), (&json!(4), &json!(0)), "{given_up}");
    assert!(given_up["message"].as_str().unwrap().contains('1') && given_up["failedAt"].is_string(), "{given_up}");
    assert!(given_up["originalOffset"].is_i64() && given_up["key"] == "coupon-1", "{given_up}");
    assert_eq!(given_up["value"], Value::Null, "a list shows no values");
    let shown = &letters(worker, &format!("?id={}", given_up["id"].as_str().unwrap()))[0];
    assert!(shown["value"].as_str().unwrap().contains("unlucky"), "{shown}");
}

fn put_back(worker: &Worker) {
    let id = letters(worker, "?class=BrokenPolicy")[0]["id"].clone();
    // Said and not done.
    let would = redrive(worker, &json!({"all": true, "reason": "BrokenPolicy", "dryRun": true}));
    assert_eq!((&would["redriven"][0]["id"], &would["dryRun"]), (&id, &json!(true)), "{would}");
    assert_eq!(letters(worker, "?class=BrokenPolicy")[0]["redriven"], 0);

    let outcome = redrive_as(worker, "김운영", &json!({"id": id}));
    assert_eq!((&outcome["redriven"][0]["id"], &outcome["redriven"][0]["attempt"]), (&id, &json!(1)), "{outcome}");
    assert_eq!((&outcome["redriven"][0]["topic"], &outcome["redriven"][0]["by"]), (&json!(INBOX), &json!("김운영")));
    assert!(outcome["redriven"][0]["position"].as_str().unwrap().starts_with("coupon-"), "{outcome}");
    wait::until("the request gets its coupon", || worker.policy("1")["issued"] == 1);
    let retry: Value = worker
        .try_post("/api/coupons/issue", "unlucky-1", &json!({"policyId": "1", "userId": "unlucky"}))
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(worker.outcome(retry["requestId"].as_str().unwrap())["status"], "SUCCESS", "the same request, decided");

    // Once more changes nothing, and says when and by whom it was done.
    for body in [json!({"ids": [id]}), json!({"all": true, "class": "BrokenPolicy"})] {
        let again = redrive(worker, &body);
        assert_eq!((&again["redriven"], &again["alreadyRedriven"][0]["id"]), (&json!([]), &id), "{again}");
        assert_eq!(again["alreadyRedriven"][0]["by"], "김운영", "{again}");
        assert_eq!(again["alreadyRedriven"][0]["at"], outcome["redriven"][0]["at"], "{again}");
    }
    let listed = &letters(worker, "?class=BrokenPolicy")[0];
    assert_eq!((&listed["redriven"], &listed["lastRedrivenBy"]), (&json!(1), &json!("김운영")), "{listed}");
    let shown: Value = worker.get(&format!("/api/dlq/{}", id.as_str().unwrap())).json().unwrap();
    assert_eq!((&shown["outcome"]["status"], &shown["outcome"]["id"]), (&json!("SUCCESS"), &retry["requestId"]));
    assert_eq!((&shown["redrives"][0]["result"], &shown["value"]["userId"]), (&json!("DECIDED"), &json!("unlucky")));
    assert!(shown["headers"].as_array().unwrap().iter().any(|h| h["name"] == "X-Exception-Class"), "{shown}");

    // Forced: the same identity, the same outcome.
    let forced = redrive(worker, &json!({"id": id, "force": true}));
    assert_eq!(forced["redriven"][0]["attempt"], 2, "{forced}");
    wait::until("the second copy is decided", || {
        let shown: Value = worker.get(&format!("/api/dlq/{}", id.as_str().unwrap())).json().unwrap();
        shown["redrives"][1]["result"] == "DECIDED" && shown["outcome"]["status"] == "SUCCESS"
    });
    assert_eq!(worker.policy("1")["issued"], 1);

    dead_again(worker);
    assert_eq!(worker.policy("1")["issued"], 1);
}

/// What cannot be read cannot be read the second time either: another letter, the first one stays and names it.
fn dead_again(worker: &Worker) {
    let unreadable = letters(worker, "?class=InvalidJson")[0]["id"].clone();
    redrive_as(worker, "kim", &json!({"all": true}));
    let mut now = Vec::new();
    wait::until("it is buried again", || {
        now = letters(worker, "?class=InvalidJson");
        now.len() == 2
    });
    assert_eq!((&now[1]["id"], &now[1]["redriven"], &now[0]["redriven"]), (&unreadable, &json!(1), &json!(0)));
    assert_eq!(now[0]["redrivenFrom"], unreadable, "who and when survive the second burial: {now:?}");
    let shown: Value = worker.get(&format!("/api/dlq/{}", unreadable.as_str().unwrap())).json().unwrap();
    assert_eq!((&shown["redrives"][0]["result"], &shown["redrives"][0]["by"]), (&json!("DEAD_AGAIN"), &json!("kim")));
    assert_eq!((&shown["redrives"][0]["deadAgainAs"], &shown["value"]), (&now[0]["id"], &json!("not json")));
    let again: Value = worker.get(&format!("/api/dlq/{}", now[0]["id"].as_str().unwrap())).json().unwrap();
    let header = |name: &str| again["headers"].as_array().unwrap().iter().find(|h| h["name"] == name).cloned();
    assert_eq!(header("X-Redriven-By").unwrap()["value"], "kim");
    assert!(header("X-Redriven-At").is_some() && header("X-Redrive-Attempt").is_some(), "{again}");
}

fn refusals(worker: &Worker) {
    for (path, status) in [
        ("/api/dlq?id=coupon-issue-dlq-0-999999", 404),
        ("/api/dlq?id=nonsense", 422),
        ("/api/dlq?limit=0", 422),
        ("/api/dlq?place=x", 422),
        ("/api/dlq?place=3", 422),
        ("/api/dlq?topology=coupons", 422),
        ("/api/dlq?topolgy=coupon", 422),
        ("/api/dlq?topic=coupon-issue", 422),
        ("/api/dlq?reason=Brokenpolicy", 422),
        ("/api/dlq?since=yesterday", 422),
        ("/api/dlq?cursor=5", 422),
        ("/api/dlq/nonsense", 404),
        ("/api/dlq/coupon-issue-dlq-0-999999", 404),
        ("/api/dlq/other-0-0", 404),
        ("/api/dlq/redrives/none", 404),
    ] {
        assert_eq!(worker.get(path).status(), status, "{path}");
    }
    // A filter in time, and a page at a time: the newest first.
    assert_eq!(letters(worker, "?since=1h&topic=coupon-issue-requests").len(), 3);
    assert_eq!(letters(worker, "?until=1h").len(), 0);
    let page: Value = worker.get("/api/dlq?limit=2").json().unwrap();
    let rest: Value =
        worker.get(&format!("/api/dlq?limit=2&cursor={}", page["nextCursor"].as_str().unwrap())).json().unwrap();
    let times: Vec<&str> = [&page, &rest]
        .iter()
        .flat_map(|page| page["letters"].as_array().unwrap())
        .map(|letter| letter["failedAt"].as_str().unwrap())
        .collect();
    assert!(times.len() == 3 && times.is_sorted_by(|a, b| a >= b) && rest["nextCursor"].is_null(), "{page} {rest}");
    // Nothing is put back, and nothing is the answer: both would look the same.
    let mistyped: Value = worker.post("/api/dlq/redrive", &json!({"all": true, "topology": "coupons"})).json().unwrap();
    let error = &mistyped["errors"][0];
    assert_eq!((&mistyped["status"], &error["field"]), (&json!(422), &json!("topology")), "{mistyped}");
    for name in ["coupon", "reservation", "expiration", "payment"] {
        assert!(error["reason"].as_str().unwrap().contains(name), "{name} is not named: {mistyped}");
    }
    for (body, status) in [
        (json!({}), 422),
        (json!({"id": "nonsense"}), 422),
        (json!({"id": "coupon-issue-dlq-0-1", "all": true}), 422),
        (json!({"id": "coupon-issue-dlq-0-999999"}), 404),
        (json!({"all": true, "place": 3}), 422),
        (json!({"all": true, "topolgy": "coupon"}), 422),
        (json!({"all": true, "reason": "Brokenpolicy"}), 422),
        (json!({"all": true, "ratePerSecond": 0}), 422),
        (json!({"id": "coupon-issue-dlq-0-1", "topic": "coupon-issue-dlq"}), 422),
    ] {
        assert_eq!(worker.post("/api/dlq/redrive", &body).status(), status, "{body}");
    }
}

/// The worker has stopped: the log is the command's.
fn by_command(setup: &Setup) {
    let listed = said(setup, &["dlq", "list", "--format", "json"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let letters: Vec<Value> = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(letters.len(), 3);
    let text = said(setup, &["dlq", "list", "--class", "BrokenPolicy"]);
    assert!(text.out.contains("BrokenPolicy") && text.out.ends_with("1 dead letters\n"), "{text:?}");
    let broken = letters.iter().find(|letter| letter["class"] == "BrokenPolicy").unwrap();
    let id = broken["id"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&said(setup, &["dlq", "show", id]).out).unwrap();
    assert_eq!((&shown["id"], &shown["redrives"][0]["by"]), (&json!(id), &json!("김운영")), "{shown}");
    let left = said(setup, &["dlq", "redrive", id]);
    assert!(
        left.code == 0 && left.out.contains("by 127.0.0.1: left") && left.out.contains("0 put back, 1 left"),
        "{left:?}"
    );
    let would = said(setup, &["dlq", "redrive", "--all", "--reason", "InvalidJson", "--dry-run", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&would.out).unwrap()["counts"]["redriven"], 1, "{would:?}");
    let back = said(setup, &["dlq", "redrive", id, "--force", "--by", "park"]);
    assert!(back.code == 0 && back.out.contains("1 put back, 0 left") && back.out.contains("(attempt 3)"), "{back:?}");
    for unknown in [&["dlq", "show", "coupon-issue-dlq-0-999999"][..], &["dlq", "redrive", "coupon-issue-dlq-0-999999"]]
    {
        let said = said(setup, unknown);
        assert!(said.code == 1 && said.err.contains("there is no dead letter"), "{said:?}");
    }
    mistyped(setup);
    // What was put back while nobody ran is decided at the next start, and a replay agrees with all of it.
    let worker = Worker::start(setup);
    wait::until("it is decided", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        lag["totalLagRecords"] == 0 && lag["lags"].as_array().is_some_and(|lags| !lags.is_empty())
    });
    assert_eq!(worker.policy("1")["issued"], 1);
}

/// What does not exist is refused with what does.
fn mistyped(setup: &Setup) {
    let cases: [(&[&str], &[&str]); 13] = [
        (&["dlq", "list", "--topic", "coupon-dlq"], &["--topic", "coupon-issue-dlq"]),
        (&["dlq", "list", "--reason", "Brokenpolicy"], &["--reason", "BrokenPolicy"]),
        (&["dlq", "list", "--since", "yesterday"], &["--since"]),
        (&["dlq", "redrive", "--all", "--reason", "Brokenpolicy"], &["--reason", "BrokenPolicy"]),
        (&["dlq", "redrive", "--all", "--topology", "coupons"], &["--topology", "coupon, reservation"]),
        (&["dlq", "redrive", "--all", "--place", "3"], &["--place", "there are 3"]),
        (&["dlq", "list", "--topology", "coupons"], &["--topology", "coupon, reservation"]),
        (&["dlq", "list", "--place", "17"], &["--place", "there are 3"]),
        (&["state", "inspect", "--topology", "coupons"], &["--topology", "coupon, reservation"]),
        (&["state", "inspect", "--place", "17"], &["--place", "0, 1, 2"]),
        (&["state", "inspect", "--store", "policys"], &["--store", "policies"]),
        (&["topologies", "describe", "coupons"], &["coupon, reservation"]),
        (&["run", "--topologies", "coupon,payments"], &["--topologies", "\"payments\"", "coupon, reservation"]),
    ];
    for (words, named) in cases {
        let said = said(setup, words);
        assert_eq!(said.code, 2, "{words:?}: {said:?}");
        for name in named {
            assert!(said.err.contains(name), "{words:?} does not name {name}: {said:?}");
        }
    }
}

/// Requests that name themselves by nothing but where they lie. Each was decided, and then a letter says that it was not: somebody doubts it.
#[test]
fn what_was_decided_after_all_is_not_decided_again() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    // No hold ends meanwhile.
    setup.env.insert("HOLD_MS".to_owned(), "3600000".to_owned());
    assert!(Worker::start(&setup).terminate().success());
    let requests: [(&str, &str, &str, &str); 3] = [
        (INBOX, DEAD, "coupon-1", r#"{"policyId":"1","userId":"doubted"}"#),
        ("payment.requests", "payment.requests.dlq", "1001", r#"{"type":"charge","userId":"1001","amount":5000}"#),
        (
            "reservation.requests",
            "reservation.requests.dlq",
            "schedule_456",
            r#"{"type":"hold","userId":"doubted","scheduleId":"schedule_456","seatNo":7}"#,
        ),
    ];
    {
        let log = topics::embedded(data.path());
        let appender = log.appender().unwrap();
        for (inbox, dead, key, value) in requests {
            let home = place_of(key.as_bytes(), PARTITIONS);
            let lies = append(&*appender, inbox, home, Some(key.as_bytes()), Some(value.as_bytes()));
            let (place, offset) = (home.to_string(), lies.offset.to_string());
            let headers: &[(&str, &[u8])] = &[
                ("X-Original-Topic", inbox.as_bytes()),
                ("X-Original-Partition", place.as_bytes()),
                ("X-Original-Offset", offset.as_bytes()),
                ("X-Exception-Class", b"Doubted"),
                ("X-Exception-Message", b"Doubted: by somebody"),
                ("X-Attempts", b"4"),
            ];
            let (tell, told) = std::sync::mpsc::channel();
            let letter = holdfast_ports::record::NewRecord {
                topic: dead,
                partition: home,
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers,
            };
            appender.append(letter, Box::new(move |landed| tell.send(landed).unwrap()));
            told.recv().unwrap().unwrap();
        }
    }
    let worker = Worker::start(&setup);
    decided(&worker);
    let before = shown(&worker);
    assert_eq!(before["balance"], 1_005_000, "{before}");
    let ids: Vec<Value> = letters(&worker, "?class=Doubted").iter().map(|letter| letter["id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    for attempt in [1, 2] {
        let back = redrive(&worker, &json!({"ids": ids, "force": attempt > 1}));
        let attempts: Vec<&Value> = back["redriven"].as_array().unwrap().iter().map(|b| &b["attempt"]).collect();
        assert_eq!(attempts, [&json!(attempt); 3], "{back}");
        decided(&worker);
        assert_eq!(shown(&worker), before, "put back {attempt} times");
    }
    assert!(worker.terminate().success());
    let log = topics::embedded(data.path());
    let to_user = |topic, user: &str| read_all(&*log, topic).iter().filter(|r| r.json()["userId"] == user).count();
    assert_eq!(to_user("coupon-issue-success", "doubted"), 1);
    assert_eq!(to_user("coupon-issue-failures", "doubted"), 0);
    assert_eq!(letters_in(&*log, &requests.map(|(_, dead, ..)| dead)), 3, "nothing was buried by it");
    drop(log);
    // Three records in the log are nobody's decisions: the letters themselves. A replay names them.
    for topology in ["coupon", "payment", "reservation"] {
        let replayed = said(&setup, &["replay", "--topology", topology, "--from", "earliest"]);
        let is_the_letter =
            replayed.out.contains("an output that no decision makes") && replayed.out.contains("Doubted");
        assert!(replayed.code == 1 && is_the_letter, "{replayed:?}");
    }
}

/// Everything that lies in the inboxes is decided.
fn decided(worker: &Worker) {
    wait::until("it is decided", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        lag["totalLagRecords"] == 0 && lag["lags"].as_array().is_some_and(|lags| !lags.is_empty())
    });
}

/// What anybody is shown of coupons, money and seats.
fn shown(worker: &Worker) -> Value {
    let get = |path: &str| worker.get(path).json::<Value>().unwrap();
    json!({
        "issued": worker.policy("1")["issued"],
        "coupons": get("/api/coupons/users/doubted"),
        "balance": get("/api/points/balance?userId=1001")["balance"],
        "statement": get("/api/points/statement?userId=1001"),
        "seats": get("/api/schedules/schedule_456/seats"),
    })
}

fn letters_in(log: &dyn Log, topics: &[&str]) -> usize {
    topics.iter().map(|topic| read_all(log, topic).len()).sum()
}

#[test]
fn beside_a_live_worker_on_kafka() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    let worker = Worker::start(&setup);
    let log = topics::kafka(&cluster.brokers);
    let appender = log.appender().unwrap();
    let home = place_of(KEY, PARTITIONS);
    append(&*appender, INBOX, home, Some(KEY), Some(b"not json"));
    // A letter whose cause is mended. The record had no id of its own: it is known by where it lay.
    let request = br#"{"policyId":"1","userId":"late"}"#;
    let headers: &[(&str, &[u8])] = &[
        ("ce_id", b"evt-late"),
        ("X-Original-Topic", INBOX.as_bytes()),
        ("X-Original-Partition", &home.to_string().into_bytes()),
        ("X-Original-Offset", b"0"),
        ("X-Exception-Class", b"Mended"),
        ("X-Exception-Message", b"Mended: since then"),
        ("X-Attempts", b"4"),
    ];
    let (tell, told) = std::sync::mpsc::channel();
    let letter = holdfast_ports::record::NewRecord {
        topic: DEAD,
        partition: home,
        key: Some(KEY),
        value: Some(request),
        headers,
    };
    appender.append(letter, Box::new(move |landed| tell.send(landed).unwrap()));
    told.recv().unwrap().unwrap();
    wait::until("both letters are there", || letters(&worker, "").len() == 2);

    let listed = said(&setup, &["dlq", "list"]);
    assert!(listed.code == 0 && listed.out.contains("InvalidJson") && listed.out.contains("Mended"), "{listed:?}");
    for attempt in ["1", "2"] {
        let id = letters(&worker, "?class=Mended")[0]["id"].as_str().unwrap().to_owned();
        let back = said(&setup, &["dlq", "redrive", &id, "--force", "--by", "kim"]);
        assert!(back.code == 0 && back.out.contains(&format!("(attempt {attempt})")), "{back:?}");
    }
    wait::until("it is decided", || worker.policy("1")["issued"] == 1);
    let copies: Vec<Seen> =
        read_all(&*log, INBOX).into_iter().filter(|record| record.headers.contains_key("X-Redriven-From")).collect();
    assert_eq!(copies.len(), 2);
    for copy in &copies {
        assert_eq!((copy.partition, copy.key.as_deref(), copy.value.as_deref()), (home, Some(KEY), Some(&request[..])));
        assert_eq!((&*copy.headers["ce_id"], &*copy.headers["X-Original-Offset"]), (&b"evt-late"[..], &b"0"[..]));
        assert!(!copy.headers.contains_key("X-Exception-Class"), "{copy:?}");
        assert_eq!(&*copy.headers["X-Redriven-By"], b"kim");
    }
    assert_eq!(letters(&worker, "?class=Mended")[0]["redriven"], 2);
    wait::until("the second copy is decided, too", || {
        let lag: Value = worker.get("/api/lag").json().unwrap();
        lag["totalLagRecords"] == 0
    });
    let outcomes = read_all(&*log, "coupon-issue-success");
    let late: Vec<_> = outcomes.iter().filter(|outcome| outcome.json()["userId"] == "late").collect();
    assert_eq!(late.len(), 1, "one identity, one outcome");
    assert_eq!(late[0].json()["requestId"], format!("{INBOX}-{home}-0"));
    assert!(worker.terminate().success());
}
