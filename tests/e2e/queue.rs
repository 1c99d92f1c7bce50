//! Waiting rooms over HTTP: the flow, a worker killed with kill -9 while a crowd joins and asks, two replicas, and the load shapes.

use crate::support::broker::Cluster;
use crate::support::command::{Said, said};
use crate::support::dice::Dice;
use crate::support::topics::PARTITIONS;
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::place::place_of;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

const LEAVE: &str = "/api/queue/token";
const STATUS: &str = "/api/queue/status";

fn client() -> Client {
    stream_worker::tls::provide();
    Client::builder().timeout(Duration::from_secs(40)).build().unwrap()
}

fn create(worker: &Worker, queue_id: &str, max_active: u64) {
    let body = json!({"queueId": queue_id, "maxActive": max_active, "admitPerSecond": 100, "silenceMs": 3_600_000, "keepMs": 3_600_000, "notices": false});
    let created = worker.decided("/api/queues", &body);
    assert_eq!(created.status(), 201, "{}", created.text().unwrap());
}

/// A ticket, as `user` is told of it.
fn join(worker: &Worker, queue_id: &str, user: &str) -> Value {
    worker.decided("/api/queue/token", &json!({"userId": user, "queueId": queue_id})).json().unwrap()
}

fn token(ticket: &Value) -> String {
    ticket["token"].as_str().unwrap_or_else(|| panic!("{ticket}")).to_owned()
}

fn as_holder(client: &Client, method: &str, url: &str, token: &str) -> reqwest::Result<Response> {
    client.request(method.parse().unwrap(), url).bearer_auth(token).send()
}

fn status(worker: &Worker, token: &str) -> Value {
    as_holder(&client(), "GET", &format!("{}{STATUS}", worker.url), token).unwrap().json().unwrap()
}

/// The events of a stream, as they come.
fn events(url: &str, token: &str) -> impl Iterator<Item = Value> + use<> {
    let response = as_holder(&client(), "GET", &format!("{url}/api/queue/stream"), token).unwrap();
    assert_eq!(response.status(), 200);
    let lines = BufReader::new(response).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
}

#[test]
fn the_flow_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let worker = Worker::start(&setup);
    let kept = flow(&worker);
    assert!(worker.terminate().success());
    let worker = Worker::start(&setup);
    for (token, before) in &kept {
        let now = status(&worker, token);
        assert_eq!(
            (&now["status"], &now["queuePosition"]),
            (&before["status"], &before["queuePosition"]),
            "a restart remembers everything"
        );
    }
    assert!(worker.terminate().success());
}

/// Join, reload, come nearer, leave, listen. Returns tokens, and what was last said of them.
fn flow(worker: &Worker) -> Vec<(String, Value)> {
    create(worker, "flow", 1);
    let tickets: Vec<Value> = (0..5).map(|user| join(worker, "flow", &format!("u{user}"))).collect();
    for (position, ticket) in tickets.iter().enumerate() {
        assert_eq!(ticket["queuePosition"], position, "{ticket}");
    }
    assert_eq!((&tickets[0]["status"], &tickets[4]["status"]), (&json!("ACTIVE"), &json!("WAITING")));
    assert_eq!(token(&join(worker, "flow", "u4")), token(&tickets[4]), "another tab has the same ticket");
    let mut heard = events(&worker.url, &token(&tickets[4]));
    assert_eq!(heard.next().unwrap()["queuePosition"], 4);
    for ticket in &tickets[1..3] {
        let left = as_holder(&client(), "DELETE", &format!("{}{LEAVE}", worker.url), &token(ticket)).unwrap();
        assert_eq!(left.json::<Value>().unwrap()["status"], "ENDED");
    }
    let nearer = heard.find(|event| event["queuePosition"] == 2);
    assert!(nearer.is_some(), "the stream has ended");
    let forged = as_holder(&client(), "GET", &format!("{}{STATUS}", worker.url), &format!("{}A", token(&tickets[4])));
    assert_eq!(forged.unwrap().status(), 401);
    assert_eq!(worker.get("/api/queues/none").status(), 404);
    tickets.iter().map(|ticket| (token(ticket), status(worker, &token(ticket)))).collect()
}

/// What users know of their tickets.
#[derive(Debug, Clone)]
struct Known {
    token: String,
    position: u64,
    has_left: bool,
}

/// How often the worker is killed.
const KILLS: usize = 5;

/// Users who join, ask and leave until all kills are over.
struct Crowd {
    url: RwLock<String>,
    known: Mutex<BTreeMap<String, Known>>,
    answered: AtomicUsize,
    done: AtomicBool,
}

impl Crowd {
    fn wait_in_line(&self, lane: u64) {
        let (client, mut dice) = (client(), Dice::new(lane + 1));
        let mut mine: Vec<String> = Vec::new();
        for n in 0_u64.. {
            if self.done.load(Ordering::SeqCst) {
                return;
            }
            let user = format!("u{lane}-{n}");
            let body = json!({"userId": user, "queueId": "crowd"});
            // Some come twice, as a double click does.
            for _ in 0..=u64::from(dice.one_in(4)) {
                let told = self.insist(|url| client.post(format!("{url}/api/queue/token")).json(&body).send());
                let (token, position) = (token(&told), told["queuePosition"].as_u64().unwrap());
                let mut known = self.known.lock().unwrap();
                let before =
                    known.entry(user.clone()).or_insert(Known { token: token.clone(), position, has_left: false });
                assert_eq!(before.token, token, "{user} has two tickets");
                assert!(position <= before.position, "{user}: {told} after {before:?}");
                before.position = position;
            }
            mine.push(user);
            let asking = mine[usize::try_from(dice.below(mine.len() as u64)).unwrap()].clone();
            let before = self.known.lock().unwrap()[&asking].clone();
            let told = self.insist(|url| as_holder(&client, "GET", &format!("{url}{STATUS}"), &before.token));
            if !before.has_left {
                let position = told["queuePosition"].as_u64().unwrap_or_else(|| panic!("{asking}: {told}"));
                assert!(position <= before.position, "{asking}: {told} after {before:?}");
                self.known.lock().unwrap().get_mut(&asking).unwrap().position = position;
                if dice.one_in(5) {
                    let left = self.insist(|url| as_holder(&client, "DELETE", &format!("{url}{LEAVE}"), &before.token));
                    assert_eq!(left["status"], "ENDED", "{left}");
                    self.known.lock().unwrap().get_mut(&asking).unwrap().has_left = true;
                }
            }
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Asks until it is answered with anything but "not now" and "not decided in time".
    fn insist(&self, ask: impl Fn(&str) -> reqwest::Result<Response>) -> Value {
        loop {
            let url = self.url.read().unwrap().clone();
            match ask(&url).and_then(|answer| Ok((answer.status().as_u16(), answer.json::<Value>()?))) {
                Ok((200 | 201, told)) => return told,
                Ok((202 | 503, _)) | Err(_) => wait::pass(Duration::from_millis(20)),
                Ok((status, told)) => panic!("{status}: {told}"),
            }
        }
    }
}

#[test]
fn killed_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    killed_again_and_again(&Setup::embedded(data.path()));
}

fn killed_again_and_again(setup: &Setup) {
    let worker = Worker::start(setup);
    create(&worker, "crowd", 10);
    let crowd = Crowd {
        url: RwLock::new(worker.url.clone()),
        known: Mutex::default(),
        answered: AtomicUsize::new(0),
        done: AtomicBool::new(false),
    };
    let mut worker = Some(worker);
    let mut dice = Dice::new(12);
    std::thread::scope(|scope| {
        for lane in 0..3 {
            let crowd = &crowd;
            scope.spawn(move || crowd.wait_in_line(lane));
        }
        for kill in 0..KILLS {
            // A random moment: so many more answers.
            let until = crowd.answered.load(Ordering::SeqCst) + 20 + usize::try_from(dice.below(80)).unwrap();
            wait::until("more questions are answered", || crowd.answered.load(Ordering::SeqCst) >= until);
            worker.take().unwrap().kill9();
            if kill == KILLS / 2 {
                std::fs::remove_dir_all(setup.data.join("holdfast/queue")).unwrap();
            }
            let started = Worker::start(setup);
            crowd.url.write().unwrap().clone_from(&started.url);
            worker = Some(started);
        }
        crowd.done.store(true, Ordering::SeqCst);
    });
    let worker = worker.unwrap();
    line_agrees(&worker, &crowd.known.into_inner().unwrap());
    assert!(worker.terminate().success());
}

/// Nobody has lost a ticket, each place in line is one user's, and the queue counts as many as there are.
fn line_agrees(worker: &Worker, known: &BTreeMap<String, Known>) {
    let mut places = BTreeSet::new();
    let (mut waiting, mut active) = (0, 0);
    for (user, known) in known {
        let told = status(worker, &known.token);
        match told["status"].as_str().unwrap_or_else(|| panic!("{user}: {told}")) {
            "WAITING" => {
                waiting += 1;
                assert!(places.insert(told["queuePosition"].as_u64().unwrap()), "two users are at {told}");
            }
            "ACTIVE" => active += 1,
            "ENDED" => assert!(known.has_left, "{user}: {told}"),
            other => panic!("{user} is {other}"),
        }
        if !known.has_left {
            assert_eq!(token(&join(worker, "crowd", user)), known.token);
        }
    }
    let left = known.values().filter(|known| known.has_left).count();
    println!("{} users: {waiting} wait, {active} are active, {left} have left", known.len());
    assert_eq!(places, (1..=waiting).collect(), "positions have no gap");
    let queue: Value = worker.get("/api/queues/crowd").json().unwrap();
    assert_eq!((&queue["waiting"], &queue["active"]), (&json!(waiting), &json!(active)), "{queue}");
    assert!(active <= 10);
}

/// A queue that lives in a place that `owner` owns.
fn queue_at(owner: &Worker) -> String {
    let places = owner.places();
    let of = |id: &String| places.contains(&place_of(id.as_bytes(), PARTITIONS));
    (0..).map(|n| format!("room-{n}")).find(of).unwrap()
}

/// A client talks to a replica that does not own its queue; then the owner goes, and the stream goes on.
#[test]
fn two_replicas_serve_one_line() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let one = Worker::start(&Setup::replica(data.path(), &cluster.brokers, "one", Some("one")));
    let two = Worker::launch(&Setup::replica(data.path(), &cluster.brokers, "two", Some("two")));
    let shared = || !one.places().is_empty() && !two.places().is_empty();
    wait::until("both own places", shared);
    let queue_id = queue_at(&one);
    create(&two, &queue_id, 1);
    let first = join(&two, &queue_id, "a");
    let second = join(&one, &queue_id, "b");
    assert_eq!((&first["status"], &second["queuePosition"]), (&json!("ACTIVE"), &json!(1)), "{first} {second}");
    assert_eq!(token(&join(&two, &queue_id, "b")), token(&second));
    assert_eq!(status(&two, &token(&second))["queuePosition"], 1);
    let forged = as_holder(&client(), "GET", &format!("{}{STATUS}", two.url), &format!("{}A", token(&second))).unwrap();
    assert_eq!(forged.status(), 401);
    let third = join(&two, &queue_id, "c");
    let mut heard = events(&two.url, &token(&third));
    assert_eq!(heard.next().unwrap()["queuePosition"], 2);
    as_holder(&client(), "DELETE", &format!("{}{LEAVE}", two.url), &token(&second)).unwrap();
    assert!(heard.any(|event| event["queuePosition"] == 1), "the owner is asked once a second");
    assert!(one.terminate().success());
    wait::until("the other one owns all", || two.places().len() == PARTITIONS as usize);
    assert_eq!(status(&two, &token(&third))["queuePosition"], 1);
    as_holder(&client(), "DELETE", &format!("{}{LEAVE}", two.url), &token(&first)).unwrap();
    assert!(heard.any(|event| event["status"] == "ACTIVE"), "the stream goes on after the move");
    assert!(two.terminate().success());
}

fn load(setup: &Setup, line: &str) -> Said {
    let args: Vec<&str> = std::iter::once("load").chain(line.split(' ')).collect();
    said(setup, &args)
}

#[test]
fn the_load_shapes_join_and_check() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let worker = Worker::start(&setup);
    let opening = load(
        &setup,
        &format!("opening-second --users 300 --at-once 1 --for-s 3 --retry-after-ms 500 --seed 1 --url {}", worker.url),
    );
    assert!(
        opening.code == 0
            && opening.out.contains("300 of 300 users have a ticket")
            && opening.out.contains("Each user has one ticket"),
        "{opening:?}"
    );
    let streams = load(&setup, &format!("waiting-streams --streams 50 --for-s 3 --url {}", worker.url));
    assert!(
        streams.code == 0 && streams.out.contains("50 streams opened") && streams.out.contains("0 streams broke"),
        "{streams:?}"
    );
    assert!(worker.terminate().success());
}
