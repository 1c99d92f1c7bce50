//! Seats and money on real brokers: the seeds' scenes with a broker that goes away, and two replicas between which a payment travels.

use crate::seats::{
    becomes, buyers, clients_that_hang_up, deadlines, expired_once, hold, reservation, seeds, short_holds,
};
use crate::seeds::script;
use crate::support::broker::Cluster;
use crate::support::topics::{self, PARTITIONS};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::place::place_of;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn the_seeds_scenes_and_a_broker_that_goes_away() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    let worker = Worker::start(&setup);
    seeds(&worker);
    buyers(&worker);
    clients_that_hang_up(&worker);
    assert!(worker.terminate().success());

    let worker = Worker::start(&short_holds(setup));
    let expired = deadlines(&worker);
    // S0-46, S0-47: what was held before stays and expires; while nothing can be written nothing is accepted, and the same request goes through later.
    let before = hold(&worker, "1002", "schedule_456", 30);
    cluster.to_broker("kill", 1);
    println!("{}", script(&worker, &["outage"]));
    cluster.to_broker("start", 1);
    let resumed = script(&worker, &["resumed"]);
    becomes(&worker, &before, "EXPIRED");
    let id = resumed.split([' ', ',']).find(|word| word.starts_with("res_")).unwrap().to_owned();
    expired_once(&*topics::kafka(&cluster.brokers), &[expired, before, id]);
    lag_is_shown(&cluster);
    assert!(worker.terminate().success());
}

/// S0-24, S0-44, S0-45.
fn lag_is_shown(cluster: &Cluster) {
    let consumed = cluster.tool(&[
        "consume",
        "--topic",
        "reservation.expiration",
        "--from-beginning",
        "--timeout-ms",
        "120000",
        "--max-messages",
        "1",
    ]);
    for word in ["\"eventType\":\"reservation.expiration\"", "\"reservationId\":\"res_", "\"expiresAt\":"] {
        assert!(consumed.contains(word), "{word} is not in\n{consumed}");
    }
    wait::until("the group shows no lag", || {
        let groups = cluster.tool(&["groups", "--describe", "--group", "reservation-expiration-group"]);
        let rows: Vec<Vec<&str>> = groups
            .lines()
            .filter(|line| line.contains("reservation.expiration"))
            .map(|line| line.split_whitespace().collect())
            .collect();
        // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG
        !rows.is_empty() && rows.iter().all(|row| row[5] == "0")
    });
}

fn place(id: &str) -> u32 {
    place_of(id.as_bytes(), PARTITIONS)
}

/// Two workers of one app, each with places of its own.
fn replicas(cluster: &Cluster, data: &std::path::Path) -> [(Setup, Worker); 2] {
    let mut first = Setup::replica(data, &cluster.brokers, "one", Some("one"));
    first.args.push("--sample".to_owned());
    let second = Setup::replica(data, &cluster.brokers, "two", Some("two"));
    let one = Worker::start(&first);
    let two = Worker::start(&second);
    let both_have_some = || {
        let (here, there) = (one.places(), two.places());
        !here.is_empty() && !there.is_empty() && here.len() + there.len() == PARTITIONS as usize
    };
    wait::until("places at both", both_have_some);
    [(first, one), (second, two)]
}

#[test]
fn a_payment_travels_between_two_replicas() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let [(_, one), (second, two)] = replicas(&cluster, data.path());
    let theirs = two.places();
    // A schedule of the first and wallets of the second, asked for through both.
    let schedule = (0..).map(|n| format!("show-{n}")).find(|id| !theirs.contains(&place(id))).unwrap();
    let created = two.decided(
        "/api/schedules",
        &json!({"scheduleId": schedule, "concertId": "concert_1", "seats": {"count": 10, "price": 50_000}}),
    );
    assert_eq!(created.status(), 201, "{}", created.text().unwrap());
    let payers: Vec<String> =
        (1001..1100).map(|user| user.to_string()).filter(|user| theirs.contains(&place(user))).take(3).collect();
    for (seat, (through, payer)) in [(&one, &payers[0]), (&two, &payers[1])].into_iter().enumerate() {
        let id = hold(through, payer, &schedule, seat as u64 + 1);
        let paid = through.insist("/payments", "p", &json!({"reservationId": id, "amount": 50_000}));
        assert_eq!(paid.status(), 200, "{}", paid.text().unwrap());
        let seen: Value = one.get(&format!("/api/points/balance?userId={payer}")).json().unwrap();
        assert_eq!(seen["balance"], 950_000);
        assert_eq!(reservation(&two, &id)["status"], "CONFIRMED");
    }
    let map = |worker: &Worker| worker.get(&format!("/api/schedules/{schedule}/seats")).json::<Value>().unwrap();
    assert_eq!((map(&one)["reserved"].clone(), map(&one)), (json!(2), map(&two)));

    one_key_at_two_replicas([&one, &two], &schedule, &theirs);

    // The payer's replica dies. What is accepted is decided when it is back, and paid once, however often it is asked for.
    let payer = &payers[2];
    let id = hold(&one, payer, &schedule, 3);
    two.kill9();
    let body = json!({"reservationId": id, "amount": 50_000});
    let pending = one.try_post("/payments", "k", &body).unwrap();
    let (status, told) = (pending.status(), pending.json::<Value>().unwrap());
    println!("while the payer's replica is away: {status} {told}");
    assert!(status == 202 || status == 200, "{status}: {told}");
    let two = Worker::start(&second);
    let path = format!("/payments/{}?waitMs=5000", told["paymentId"].as_str().unwrap());
    wait::until("it is paid", || {
        let answer = two.get(&path);
        answer.status() == 200 && answer.json::<Value>().unwrap()["status"] == "SUCCESS"
    });
    let again = two.insist("/payments", "k", &body);
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Value>().unwrap()["paymentId"], told["paymentId"]);
    let seen: Value = one.get(&format!("/api/points/statement?userId={payer}")).json().unwrap();
    assert_eq!(seen["lines"].as_array().unwrap().len(), 2, "{seen}");
    assert!(one.terminate().success() && two.terminate().success());
    let log = topics::kafka(&cluster.brokers);
    let completed = topics::read_all(&*log, "payment.completed");
    let of_it = completed.iter().filter(|fact| fact.json()["payload"]["reservationId"] == id.as_str());
    assert_eq!(of_it.count(), 1, "paid once");
}

/// A place knows the keys of the places beside it and no others: elsewhere a key is another request, carried out once and repeated for itself.
fn one_key_at_two_replicas(replicas: [&Worker; 2], schedule: &str, theirs: &[u32]) {
    let there = (0..).map(|n| format!("far-{n}")).find(|id| theirs.contains(&place(id))).unwrap();
    let body = json!({"scheduleId": there, "concertId": "concert_1", "seats": {"count": 10, "price": 50_000}});
    assert_eq!(replicas[0].decided("/api/schedules", &body).status(), 201);
    let wish = |schedule: &str, seat_no| json!({"userId": "twice", "scheduleId": schedule, "seatNo": seat_no});
    let asked = |worker: &Worker, schedule: &str, seat_no| {
        let answer = worker.insist("/reservations", "one-key", &wish(schedule, seat_no));
        let is_replayed = answer.headers().contains_key("idempotent-replayed");
        (answer.status().as_u16(), is_replayed, answer.json::<Value>().unwrap())
    };
    let held = [schedule, &there].map(|schedule| {
        let (status, _, told) = asked(replicas[0], schedule, 9);
        assert_eq!(status, 201, "{told}");
        (schedule, told)
    });
    assert_ne!(held[0].1["reservationId"], held[1].1["reservationId"]);
    for worker in replicas {
        for (schedule, told) in &held {
            assert_eq!(asked(worker, schedule, 9), (201, true, told.clone()), "{schedule}");
            let (status, _, refused) = asked(worker, schedule, 10);
            assert_eq!((status, &refused["code"]), (422, &json!("IDEMPOTENCY_KEY_REUSED")), "{refused}");
        }
    }
}

/// Buys one seat after the other, each hold and each payment under its own key, until it is told to stop. Returns what it has bought: reservation, user.
fn buy(url: &str, schedule: &str, done: &AtomicBool, bought: &AtomicU64) -> Vec<(String, String)> {
    let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(40)).build().unwrap();
    let mut all = Vec::new();
    for seat in 1..=SEATS {
        let user = (1001 + seat % 100).to_string();
        // Again and again under the same key, whatever comes in between.
        let insist = |path: &str, body: Value| loop {
            if done.load(Ordering::SeqCst) {
                return None;
            }
            let key = format!("{schedule}-{seat}");
            let asked = client.post(format!("{url}{path}")).header("idempotency-key", key).json(&body).send();
            match asked.map(|answer| (answer.status().as_u16(), answer.json::<Value>().unwrap())) {
                Ok((200 | 201, told)) => return Some(told),
                Ok((202 | 503, _)) | Err(_) => std::thread::park_timeout(Duration::from_millis(10)),
                Ok((status, told)) => panic!("{path} {body}: {status} {told}"),
            }
        };
        let held = insist("/reservations", json!({"userId": user, "scheduleId": schedule, "seatNo": seat}));
        let Some(held) = held else { break };
        let id = held["reservationId"].as_str().unwrap().to_owned();
        let Some(paid) = insist("/payments", json!({"reservationId": id, "amount": 50_000})) else { break };
        assert_eq!(paid["status"], "SUCCESS", "{paid}");
        all.push((id, user));
        bought.fetch_add(1, Ordering::SeqCst);
    }
    all
}

const SEATS: u64 = 600;

/// A test that fails leaves no buyers behind.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn buyers_do_not_pay_twice_when_a_replica_leaves_and_comes_back() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let [(_, one), (second, two)] = replicas(&cluster, data.path());
    let schedules: Vec<String> =
        (0..PARTITIONS).map(|at| (0..).map(|n| format!("tour-{n}")).find(|id| place(id) == at).unwrap()).collect();
    for schedule in &schedules {
        let body = json!({"scheduleId": schedule, "concertTitle": "순회 공연", "seats": {"count": SEATS, "price": 50_000},
            "limits": {"seatsPerUser": SEATS, "openHolds": SEATS}});
        let created = one.decided("/api/schedules", &body);
        assert_eq!(created.status(), 201, "{}", created.text().unwrap());
    }
    let (done, bought) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; PARTITIONS as usize]);
    let progress = || {
        let count = || bought.each_ref().map(|count| count.load(Ordering::SeqCst));
        let before = count();
        wait::until("every place sells", || count().iter().zip(before).all(|(now, then)| *now >= then + 2));
    };
    let (one_url, done, bought) = (&one.url, &done, &bought);
    let lanes = std::thread::scope(|scope| {
        let _stop = Stop(done);
        let lane = |(schedule, count): (&String, _)| {
            let schedule = schedule.clone();
            scope.spawn(move || buy(one_url, &schedule, done, count))
        };
        let lanes: Vec<_> = schedules.iter().zip(bought).map(lane).collect();
        progress();
        assert!(two.terminate().success());
        progress();
        let two = Worker::start(&second);
        wait::until("it has places again", || !two.places().is_empty());
        progress();
        two.kill9();
        let two = Worker::start(&second);
        progress();
        done.store(true, Ordering::SeqCst);
        let lanes: Vec<Vec<(String, String)>> = lanes.into_iter().map(|lane| lane.join().unwrap()).collect();
        assert!(two.terminate().success());
        lanes
    });
    wait::until("all places at the one left", || one.places().len() == PARTITIONS as usize);
    let mut spent: BTreeMap<String, i64> = BTreeMap::new();
    let log = topics::kafka(&cluster.brokers);
    let completed: Vec<Value> = topics::read_all(&*log, "payment.completed").iter().map(|seen| seen.json()).collect();
    for (id, user) in lanes.into_iter().flatten() {
        assert_eq!(reservation(&one, &id)["status"], "CONFIRMED");
        let facts = completed.iter().filter(|fact| fact["payload"]["reservationId"] == id.as_str());
        assert_eq!(facts.count(), 1, "{id} is paid once");
        *spent.entry(user).or_default() += 50_000;
    }
    // What was given up in the middle may have been paid, too: no more than one of each lane.
    let sold: u64 = bought.iter().map(|count| count.load(Ordering::SeqCst)).sum();
    println!("{sold} seats sold, {} payments", completed.len());
    assert!((sold..=sold + u64::from(PARTITIONS)).contains(&(completed.len() as u64)));
    let missing: i64 = (1001..=1100)
        .map(|user| {
            let seen: Value = one.get(&format!("/api/points/balance?userId={user}")).json().unwrap();
            1_000_000 - seen["balance"].as_i64().unwrap()
        })
        .sum();
    assert_eq!(missing, 50_000 * i64::try_from(completed.len()).unwrap(), "{spent:?}");
    assert!(one.terminate().success());
}
