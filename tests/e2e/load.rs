//! `stream-worker load`: each shape, small, against a worker.

use crate::audit::{line, report, settled};
use crate::support::broker::Cluster;
use crate::support::command::{Said, said};
use crate::support::topics::{self, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_model::payment::COMPLETED;
use holdfast_model::reservation::{EXPIRATIONS, SEATS_EXPIRED};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn load(setup: &Setup, line: &str) -> Said {
    let args: Vec<&str> = std::iter::once("load").chain(line.split(' ')).collect();
    said(setup, &args)
}

/// Runs a shape that has to work, and returns what it printed.
fn loaded(setup: &Setup, line: &str) -> String {
    let said = load(setup, line);
    assert_eq!(said.code, 0, "load {line}: {said:?}");
    said.out
}

/// Records of a topology that the worker has decided since it started.
fn decided(worker: &Worker, topology: &str) -> f64 {
    worker.metric("holdfast_records_total", &format!("topology=\"{topology}\""))
}

fn wait_until_decided(worker: &Worker, topology: &str, records: u32) {
    wait::until("all is decided", || decided(worker, topology) >= f64::from(records));
}

/// The files of answers together, as one.
fn together(data: &Path, files: &[PathBuf]) -> PathBuf {
    let all: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
    let together = data.join("answers.jsonl");
    std::fs::write(&together, all).unwrap();
    together
}

/// Audits the log together with what clients were told, and says how many of their answers it bears out. Then one of them is forged, and found.
fn borne_out(setup: &Setup, file: &Path) -> u64 {
    let audit =
        || said(setup, &["audit", "--only", "I-9,I-10,I-14", "--format", "json", "--answers", file.to_str().unwrap()]);
    let right = audit();
    assert_eq!(right.code, 0, "{right:?}");
    let report = report(&right);
    let counted = |id: &str, what: &str| {
        let counted = line(&report, id)["counted"].as_array().unwrap().clone();
        counted.iter().find(|counted| counted["what"] == what).map_or(0, |counted| counted["n"].as_u64().unwrap())
    };
    assert!(counted("I-14", "answers under a key that came again") > 0, "{report}");
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_yes = |line: &Value| line["status"] == 201 || (line["status"] == 200 && line["said"]["status"] == "SUCCESS");
    let (at, yes) = lines.iter_mut().enumerate().find(|(_, line)| is_yes(line)).unwrap();
    for id in ["reservationId", "paymentId", "requestId"] {
        if !yes["said"][id].is_null() {
            yes["said"][id] = json!(format!("{}0", yes["said"][id].as_str().unwrap()));
        }
    }
    std::fs::write(file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let forged = audit();
    let found = self::report(&forged);
    assert!(forged.code == 1 && line(&found, "I-10")["verdict"] == "BREACHED", "{forged:?}");
    assert!(line(&found, "I-10")["at"].as_str().unwrap().ends_with(&format!(" line {}", at + 1)), "{found}");
    std::fs::write(file, text).unwrap();
    counted("I-10", "answers over HTTP")
}

#[test]
fn a_cliff_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    setup.args = vec!["run".to_owned()];
    setup.env.insert("HOLD_MS".to_owned(), "300".to_owned());
    let none = load(&setup, "expiry-lateness --seed 7");
    assert!(none.code == 1 && none.err.contains("there is no log in"), "{none:?}");

    let out = loaded(&setup, "expiry-cliff --holds 40 --schedules 4 --seed 7");
    assert!(out.starts_with("expiry-cliff: 40 holds in 4 schedules, seed 7, appended within "), "{out}");
    loaded(&setup, "expiry-cliff --holds 20 --schedules 2 --rate 400 --seed 8");
    let worker = Worker::start(&setup);
    let busy = load(&setup, "expiry-cliff --holds 1 --seed 9");
    assert!(busy.code == 1 && busy.err.contains("in use by another process"), "{busy:?}");
    // Schedules, holds, and the end of each hold.
    wait_until_decided(&worker, "reservation", 6 + 60 + 60);
    assert!(worker.terminate().success());

    let out = loaded(&setup, "expiry-lateness --seed 7 --holds 40");
    assert!(out.starts_with("expiry-lateness: 40 seats freed, seed 7, deadlines within "), "{out}");
    assert!(out.contains("; 0 early, 0 twice") && out.contains("seats.expired after its deadline"), "{out}");
    let few = load(&setup, "expiry-lateness --seed 8 --holds 21");
    assert!(few.code == 1 && few.err.contains("20 of 21 holds have ended"), "{few:?}");
    assert!(loaded(&setup, "expiry-lateness --seed 9").starts_with("expiry-lateness: 0 seats freed"));
}

#[test]
fn a_cliff_on_kafka_beside_the_worker() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::kafka(data.path(), &cluster.brokers);
    setup.env.insert("HOLD_MS".to_owned(), "300".to_owned());
    let worker = Worker::start(&setup);
    loaded(&setup, "expiry-cliff --holds 40 --schedules 4 --seed 7");
    // Waits for the last of them.
    let out = loaded(&setup, "expiry-lateness --seed 7 --holds 40");
    assert!(out.starts_with("expiry-lateness: 40 seats freed") && out.contains("; 0 early, 0 twice"), "{out}");
    assert_eq!(read_all(&*topics::kafka(&cluster.brokers), SEATS_EXPIRED).len(), 40);
    // What a rush was told, held against the log while the worker runs.
    let file = data.path().join("rush.jsonl");
    let rush = format!("coupon-rush --users 150 --seed 7 --url {} --answers {}", worker.url, file.display());
    loaded(&setup, &rush);
    // Each was told that it is in the log, and then what became of it.
    assert!(borne_out(&setup, &file) >= 300);
    assert!(worker.terminate().success());
}

#[test]
fn backlogs_of_seats_and_money_are_decided() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    setup.args = ["run", "--topologies", "reservation,payment"].map(str::to_owned).to_vec();
    let out = loaded(&setup, "hold-backlog --holds 60 --schedules 3 --seats 10 --seed 1");
    assert!(out.starts_with("hold-backlog: 60 holds in 3 schedules, seed 1, appended in "), "{out}");
    let out = loaded(&setup, "debit-backlog --debits 50 --users 5 --seed 2");
    assert!(out.starts_with("debit-backlog: 50 debits of 5 wallets, seed 2, appended in "), "{out}");
    let worker = Worker::start(&setup);
    wait_until_decided(&worker, "reservation", 3 + 60);
    wait_until_decided(&worker, "payment", 5 + 50);
    assert!(worker.terminate().success());
    let log = topics::embedded(data.path());
    assert_eq!(read_all(&*log, EXPIRATIONS).len(), 30, "three schedules of ten seats");
    assert_eq!(read_all(&*log, COMPLETED).len(), 50, "every debit is paid for");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    for (line, why) in [
        ("expiry-cliff --holds 0", "--holds"),
        ("expiry-cliff --rate 0", "--rate"),
        ("expiry-cliff --holds 1000001 --schedules 1", "SCHEDULES: 1000001 seats"),
        ("hold-backlog --schedules 0", "--schedules"),
        ("debit-backlog --users 0", "--users"),
        ("expiry-lateness", "--seed"),
    ] {
        let said = load(&setup, line);
        assert!(said.code == 2 && said.err.contains(why), "{line}: {said:?}");
    }
    assert!(!data.path().join("holdfast").exists(), "nothing is made for it");
}

#[test]
fn a_storm_leaves_one_winner_a_seat() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    setup.args = vec!["run".to_owned()];
    let worker = Worker::start(&setup);
    let out = loaded(&setup, &format!("seat-storm --users 50 --seed 1 --url {}", worker.url));
    assert!(out.contains(": 1 winners of 1 seats, 49 conflicts, 0 errors"), "{out}");
    assert!(out.contains("Each seat has one winner") && out.contains("409 SEAT_ALREADY_RESERVED"), "{out}");
    let zipf = "seat-storm --users 200 --seats 10 --zipf 1.2 --rate 2000 --retries 3 --seed 2";
    let out = loaded(&setup, &format!("{zipf} --url {}", worker.url));
    assert!(out.contains(": 10 winners of 10 seats, ") && out.contains("Each seat has one winner"), "{out}");

    // In the middle of it the worker is gone: what is known is told, and it is no success.
    let (url, before, setup) = (worker.url.clone(), decided(&worker, "reservation"), &setup);
    let file = data.path().join("storm.jsonl");
    let answers = file.display().to_string();
    let cut_off = std::thread::scope(|scope| {
        let line = format!(
            "seat-storm --users 400 --seats 1000000 --zipf 0 --rate 100 --seed 3 --url {url} --answers {answers}"
        );
        let storm = scope.spawn(move || load(setup, &line));
        wait::until("the storm has begun", || decided(&worker, "reservation") >= before + 50.0);
        worker.kill9();
        storm.join().unwrap()
    });
    assert!(cut_off.code == 1 && cut_off.err.contains("seat map of storm-3-"), "{cut_off:?}");
    assert!(cut_off.out.contains("not connected") && cut_off.out.contains(" winners of "), "{cut_off:?}");
    // Whoever was told something before has been told the truth.
    let worker = Worker::start(setup);
    settled(&worker);
    assert!(worker.terminate().success());
    assert!(borne_out(setup, &file) >= 40);
}

#[test]
fn of_mixed_buyers_each_is_answered_as_he_pays() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    setup.args = vec!["run".to_owned()];
    setup.env.insert("HOLD_MS".to_owned(), "4000".to_owned());
    let worker = Worker::start(&setup);
    let mix =
        "pay-mix --buyers 80 --rate 200 --schedules 3 --think-ms 100 --tail 0.1 --late 0.2 --twice 0.2 --never 0.2";
    let files = ["mix", "rush"].map(|name| data.path().join(format!("{name}.jsonl")));
    let out = loaded(&setup, &format!("{mix} --seed 3 --url {} --answers {}", worker.url, files[0].display()));
    assert!(out.contains("No reservation was paid twice, and no payment was taken after its deadline."), "{out}");
    for kind in [
        "charge: 200",
        "hold: 201",
        "pay, in time: 200 SUCCESS",
        "pay, twice: 200 SUCCESS",
        "pay, twice: 409 PAYMENT_CONFLICT",
        "pay, too late: 410 RESERVATION_EXPIRED",
        "pay, at the last: ",
    ] {
        assert!(out.contains(kind), "{kind} is not in\n{out}");
    }
    worker.create_policy("v1", 20);
    let rush = "coupon-rush --users 60 --policy v1 --strategy v1 --duplicates 0.5 --seed 4";
    loaded(&setup, &format!("{rush} --url {} --answers {}", worker.url, files[1].display()));
    settled(&worker);
    assert!(worker.terminate().success());
    // Charges, holds, payments and coupons, each fifth of the first three twice.
    assert!(borne_out(&setup, &together(data.path(), &files)) >= 80 * 2 + 50 + 60);
}
