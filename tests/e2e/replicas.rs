//! Several workers on one broker: places shared and handed over under load, an owner killed, one put to sleep. A client buys all the while, one lane
//! for each place, and in the end every request it was promised has exactly one outcome.

use crate::support::broker::Cluster;
use crate::support::topics::{self, PARTITIONS, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_tools::clock::SystemClock;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const STOCK: u64 = 1_000_000;

fn setup(data: &Path, brokers: &str, worker_id: Option<&str>, role: &str) -> Setup {
    let mut setup = Setup::kafka(data, brokers);
    setup.args = vec!["run".to_owned(), "--role".to_owned(), role.to_owned()];
    match worker_id {
        Some(id) => setup.env.insert("WORKER_ID".to_owned(), id.to_owned()),
        None => setup.env.remove("WORKER_ID"),
    };
    setup
}

/// A policy that lives in `place`.
fn policy_of(place: u32) -> String {
    (0..)
        .map(|n| format!("sale-{n}"))
        .find(|id| place_of(format!("coupon-{id}").as_bytes(), PARTITIONS) == place)
        .unwrap()
}

/// State and endpoint of each place, as `worker` knows them.
fn places(worker: &Worker) -> Vec<(String, String)> {
    let answer: Value = worker.get("/api/places").json().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    answer["places"].as_array().unwrap().iter().map(|p| (text(&p["state"]), text(&p["endpoint"]))).collect()
}

/// How many places run at `owner`, as `worker` hears of them.
fn running_at(worker: &Worker, owner: &str) -> usize {
    places(worker).iter().filter(|(state, endpoint)| state == "running" && endpoint == owner).count()
}

/// Setbacks that cost a writer.
fn writers_lost(worker: &Worker) -> f64 {
    let count = |reaction: &str| worker.metric("holdfast_setbacks_total", &format!("reaction=\"{reaction}\""));
    count("fenced") + count("unknown")
}

/// Buys in every place through one worker, one request at a time in each, until it is stopped.
struct Client {
    done: Arc<AtomicBool>,
    lanes: Vec<JoinHandle<()>>,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    bought: [AtomicU64; PARTITIONS as usize],
    /// Longest time from the first try of a request to its outcome since it was last looked at, in ms.
    longest_ms: AtomicU64,
    /// 503 and broken connections since they were last looked at.
    refusals: AtomicU64,
    promised: Mutex<BTreeSet<String>>,
}

impl Client {
    fn of(worker: &Worker) -> Self {
        let (done, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let lane = |place: u32| {
            let (done, tally, url) = (done.clone(), tally.clone(), worker.url.clone());
            std::thread::spawn(move || buy(place, &url, &done, &tally))
        };
        let lanes = (0..PARTITIONS).map(lane).collect();
        Self { done, lanes, tally }
    }

    /// Waits until each place has decided some more requests that were made from now on.
    fn sees_progress(&self) {
        let bought = || self.tally.bought.each_ref().map(|count| count.load(Ordering::SeqCst));
        let before = bought();
        wait::until("every place decides", || bought().iter().zip(before).all(|(now, then)| *now >= then + 3));
    }

    /// What a client has felt since the last look.
    fn felt(&self, what: &str) {
        let longest_ms = self.tally.longest_ms.swap(0, Ordering::SeqCst);
        println!("{what}: longest request {longest_ms} ms, {} refusals", self.tally.refusals.swap(0, Ordering::SeqCst));
    }

    fn stop(self) -> BTreeSet<String> {
        self.done.store(true, Ordering::SeqCst);
        for lane in self.lanes {
            lane.join().unwrap();
        }
        std::mem::take(&mut *self.tally.promised.lock().unwrap())
    }
}

fn buy(place: u32, url: &str, done: &AtomicBool, tally: &Tally) {
    let clock = SystemClock::new();
    let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(40)).build().unwrap();
    let policy = policy_of(place);
    for n in 0_u64.. {
        let began_us = clock.monotonic_us();
        let body = json!({"policyId": policy, "userId": format!("u-{n}")});
        loop {
            if done.load(Ordering::SeqCst) {
                return;
            }
            let asked = client
                .post(format!("{url}/api/coupons/issue?strategy=v1"))
                .header("idempotency-key", format!("{place}-{n}"))
                .json(&body)
                .send();
            match asked.map(|answer| (answer.status().as_u16(), answer.json::<Value>().unwrap())) {
                Ok((200 | 202, told)) => {
                    tally.promised.lock().unwrap().insert(told["requestId"].as_str().unwrap().to_owned());
                    // Not decided within 3 s: asked again under the same key.
                    if told["status"] == "SUCCESS" {
                        break;
                    }
                    assert_eq!(told["status"], "PENDING", "{told}");
                }
                Ok((503, _)) | Err(_) => {
                    tally.refusals.fetch_add(1, Ordering::SeqCst);
                    std::thread::park_timeout(Duration::from_millis(10));
                }
                Ok((status, told)) => panic!("{status}: {told}"),
            }
        }
        let took_ms = clock.monotonic_us().saturating_sub(began_us) / 1_000;
        tally.longest_ms.fetch_max(took_ms, Ordering::SeqCst);
        tally.bought[place as usize].fetch_add(1, Ordering::SeqCst);
    }
}

/// Every promised request has one outcome, every outcome is the only one of its request, no coupon goes out twice.
fn audit(log: &dyn Log, promised: &BTreeSet<String>) {
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    let mut coupons = BTreeSet::new();
    for record in read_all(log, "coupon-issue-success") {
        let value = record.json();
        *outcomes.entry(value["requestId"].as_str().unwrap().to_owned()).or_default() += 1;
        assert!(coupons.insert(value["couponId"].as_str().unwrap().to_owned()), "{value}: no coupon twice");
    }
    println!("audit: {} requests promised, {} outcomes", promised.len(), outcomes.len());
    assert!(promised.len() > 20);
    assert!(outcomes.values().all(|count| *count == 1), "one outcome each");
    assert_eq!(read_all(log, "coupon-issue-failures").len(), 0, "everybody has asked once, and there is enough");
    for id in promised {
        assert!(outcomes.contains_key(id), "{id} was promised and has no outcome");
    }
}

/// Starts a worker, asked all the while whether it is ready as a rollout does. At its first yes it has places, and all of them run.
fn start_and_ask(setup: &Setup) -> Worker {
    let worker = Worker::launch(setup);
    let mut first_yes = None;
    wait::until("it is ready", || {
        let answer = worker.get("/health/ready");
        first_yes = (answer.status() == 200).then(|| answer.json::<Value>().unwrap());
        first_yes.is_some()
    });
    let (health, none) = (first_yes.unwrap(), Vec::new());
    let tasks = health["tasks"].as_array().unwrap_or(&none);
    assert!(!tasks.is_empty() && tasks.iter().all(|task| task["state"] == "Running"), "{health}");
    worker
}

fn open_the_sale(worker: &Worker) {
    for place in 0..PARTITIONS {
        worker.create_policy(&policy_of(place), STOCK);
    }
}

/// The same answer, whoever is asked: what he does not own he asks for.
fn everybody_knows_everything(workers: [&Worker; 2]) {
    for path in ["/api/coupons/users/u-0", "/api/coupons/policies"] {
        let [one, other] = workers.map(|worker| {
            let answer: Value = worker.get(path).json().unwrap();
            let list = answer["coupons"].as_array().or(answer["policies"].as_array()).unwrap();
            let ids = list.iter().map(|row| format!("{} {}", row["couponId"], row["policyId"]));
            ids.collect::<BTreeSet<_>>()
        });
        assert_eq!(one.len(), PARTITIONS as usize, "{path}: {one:?}");
        assert_eq!(one, other, "{path}");
    }
}

#[test]
fn places_are_shared_handed_over_and_taken_over() {
    let cluster = Cluster::start(1);
    let clock = SystemClock::new();
    let disks = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let [first, second] = disks.each_ref().map(|disk| setup(disk.path(), &cluster.brokers, None, "all"));
    let stays = Worker::start(&first);
    open_the_sale(&stays);
    let client = Client::of(&stays);
    client.sees_progress();
    client.felt("alone");

    let comes = start_and_ask(&second);
    wait::until("places at both", || running_at(&stays, &comes.url) > 0 && running_at(&stays, &stays.url) > 0);
    wait::until("all run", || places(&stays).iter().all(|(state, _)| state == "running"));
    client.sees_progress();
    client.felt("a second worker comes");
    let said = comes.said();
    assert!(said.contains("taken over") && !said.contains("fencing"), "it has asked for its places:\n{said}");
    everybody_knows_everything([&stays, &comes]);
    assert!(writers_lost(&stays) < 1.0, "{}", stays.said());

    assert!(comes.terminate().success());
    client.sees_progress();
    client.felt("it stops");
    wait::until("all at the first", || running_at(&stays, &stays.url) == PARTITIONS as usize);
    assert!(writers_lost(&stays) < 1.0, "{}", stays.said());

    let comes = Worker::start(&second);
    wait::until("places at both again", || running_at(&stays, &comes.url) > 0);
    client.sees_progress();
    client.felt("it comes back");
    let killed_us = clock.monotonic_us();
    comes.kill9();
    wait::until("all at the first again", || running_at(&stays, &stays.url) == PARTITIONS as usize);
    let taken_ms = (clock.monotonic_us() - killed_us) / 1_000;
    client.sees_progress();
    println!("kill -9 without WORKER_ID: taken over after {taken_ms} ms");
    client.felt("it is killed");
    assert!(writers_lost(&stays) < 1.0, "{}", stays.said());

    let promised = client.stop();
    let lag = std::process::Command::new(env!("CARGO_BIN_EXE_stream-worker"))
        .args(["lag", "--url", &stays.url])
        .output()
        .unwrap();
    let shown = String::from_utf8(lag.stdout).unwrap();
    assert_eq!(shown.matches("running").count(), PARTITIONS as usize, "{shown}");
    assert!(stays.terminate().success());
    audit(&*topics::kafka(&cluster.brokers), &promised);
}

#[test]
fn a_named_worker_comes_back_to_its_places_and_a_sleeper_does_no_harm() {
    let cluster = Cluster::start(1);
    let clock = SystemClock::new();
    let disks = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let [first, second] = [("one", &disks[0]), ("two", &disks[1])]
        .map(|(id, disk)| setup(disk.path(), &cluster.brokers, Some(id), "all"));
    let one = Worker::start(&first);
    let two = Worker::start(&second);
    open_the_sale(&one);
    wait::until("places at both", || running_at(&one, &two.url) > 0 && running_at(&one, &one.url) > 0);
    let client = Client::of(&one);
    client.sees_progress();
    client.felt("both at work");
    let its_places = running_at(&one, &two.url);

    let killed_us = clock.monotonic_us();
    two.kill9();
    let two = Worker::start(&second);
    wait::until("its places run again", || running_at(&two, &two.url) == its_places);
    println!("kill -9 with WORKER_ID: at work again after {} ms", (clock.monotonic_us() - killed_us) / 1_000);
    client.sees_progress();
    client.felt("it is killed and started again");
    assert!(writers_lost(&one) < 1.0, "the other is left alone: {}", one.said());

    two.signal("STOP");
    wait::until("the other has taken over", || running_at(&one, &one.url) == PARTITIONS as usize);
    client.sees_progress();
    client.felt("it sleeps");
    two.signal("CONT");
    wait::until("it is back", || running_at(&one, &two.url) > 0 && running_at(&two, &two.url) > 0);
    client.sees_progress();
    client.felt("it wakes up");

    let promised = client.stop();
    everybody_knows_everything([&one, &two]);
    assert!(one.terminate().success() && two.terminate().success());
    audit(&*topics::kafka(&cluster.brokers), &promised);
}

/// Whatever a stranger says of itself, a processor decides nothing for it.
fn a_stranger_is_no_peer(processor: &Worker) {
    let client = reqwest::blocking::Client::new();
    let ask = |headers: &[(&str, &str)]| {
        let mut request = client.post(format!("{}/api/coupons/issue?strategy=v1", processor.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.json(&json!({"policyId": policy_of(0), "userId": "stranger"})).send().unwrap()
    };
    let said = [("holdfast-forwarded", "1"), ("holdfast-resumed", "0-0-req_0_never"), ("holdfast-admin", "1")];
    assert_eq!(ask(&said).status(), 501);
    let signed = format!("1767225600000.{}", "0".repeat(64));
    let answer = ask(&[said[0], said[1], ("holdfast-signature", &signed)]);
    assert_eq!(answer.status(), 421);
    assert_eq!(answer.json::<Value>().unwrap()["code"], "PEER_NOT_VERIFIED");
    for path in ["/health/live", "/metrics", "/api/places"] {
        assert_eq!(processor.get(path).status(), 200, "{path}");
    }
}

/// Each process has a secret in its claims, and shows it nowhere else.
fn secrets_stay_in_the_log(log: &dyn Log, workers: [&Worker; 3]) {
    let claims = read_all(log, "holdfast-placement");
    let claims = claims.iter().filter(|record| record.key.as_deref() == Some(b"claim"));
    let secrets: BTreeSet<String> = claims.map(|claim| claim.json()["secret"].as_str().unwrap().to_owned()).collect();
    assert_eq!(secrets.len(), 2, "one of each processor");
    for worker in workers {
        let pages = ["/api/places", "/metrics", "/health/ready", "/"].map(|path| worker.get(path).text().unwrap());
        let shown = [&pages[..], &[worker.said()]].concat();
        assert!(secrets.iter().all(|secret| shown.iter().all(|text| !text.contains(secret))), "a secret is shown");
    }
}

#[test]
fn one_answers_and_two_decide() {
    let cluster = Cluster::start(1);
    let disks = [0, 1, 2].map(|_| tempfile::tempdir().unwrap());
    let [api, first, second] = [("api", &disks[0]), ("processor", &disks[1]), ("processor", &disks[2])]
        .map(|(role, disk)| setup(disk.path(), &cluster.brokers, None, role));
    // The processors know another token than the one that answers, which has looked at admins before it sends them on.
    let first = Worker::start(&first.with("ADMIN_TOKEN", "of the processors"));
    let second = Worker::start(&second.with("ADMIN_TOKEN", "of the processors"));
    // A proxy for other things, at which nobody answers, is not between replicas.
    let api = Worker::start(&api.with("HTTP_PROXY", "http://127.0.0.1:9").with("ALL_PROXY", "http://127.0.0.1:9"));
    wait::until("places at both", || running_at(&api, &first.url) > 0 && running_at(&api, &second.url) > 0);
    assert_eq!(running_at(&api, &api.url), 0);
    open_the_sale(&api);
    let client = Client::of(&api);
    client.sees_progress();

    // A wait that begins at one processor ends at the other.
    let far = api.post("/api/coupons/issue", &json!({"policyId": policy_of(0), "userId": "waits"}));
    assert_eq!(far.status(), 202);
    let id = far.json::<Value>().unwrap()["requestId"].as_str().unwrap().to_owned();
    assert_eq!(api.outcome(&id)["status"], "SUCCESS");
    let refused = first.post("/api/coupons/issue", &json!({"policyId": policy_of(0), "userId": "directly"}));
    assert_eq!(refused.status(), 501, "a processor serves its peers only");
    a_stranger_is_no_peer(&first);
    secrets_stay_in_the_log(&*topics::kafka(&cluster.brokers), [&api, &first, &second]);

    assert!(second.terminate().success());
    client.sees_progress();
    client.felt("one of two processors stops");
    wait::until("all at the one left", || running_at(&api, &first.url) == PARTITIONS as usize);

    let mut promised = client.stop();
    promised.insert(id);
    assert!(api.terminate().success() && first.terminate().success());
    audit(&*topics::kafka(&cluster.brokers), &promised);
}
