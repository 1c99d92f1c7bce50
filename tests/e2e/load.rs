//! `stream-worker load`: each shape, small, against a worker.

use crate::support::broker::Cluster;
use crate::support::command::{Said, said};
use crate::support::topics::{self, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_topologies::payment::COMPLETED;
use holdfast_topologies::reservation::{EXPIRATIONS, SEATS_EXPIRED};

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

fn wait_until_decided(worker: &Worker, topology: &str, records: u32) {
    let label = format!("topology=\"{topology}\"");
    wait::until("all is decided", || worker.metric("holdfast_records_total", &label) >= f64::from(records));
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
