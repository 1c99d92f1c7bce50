//! A worker killed with kill -9 at random moments under load, ten times, once with its disk wiped; then the audit.

use crate::support::audit::{self, stores};
use crate::support::broker::Cluster;
use crate::support::dice::Dice;
use crate::support::ledger::Ledger;
use crate::support::load::{Doors, Load, Sale};
use crate::support::topics;
use crate::support::worker::{Setup, Worker};
use std::time::Duration;

const KILLS: usize = 10;

#[test]
fn on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let ledger = killed_again_and_again(&setup, None);
    let log = topics::embedded(data.path());
    audit::topics(&*log, &ledger);
    drop(log);
    stores::own_disk_rebuilt(&setup);
}

#[test]
fn on_kafka() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    let ledger = killed_again_and_again(&setup, Some(&cluster.brokers));
    audit::topics(&*topics::kafka(&cluster.brokers), &ledger);
    stores::own_disk_rebuilt(&setup);
}

/// Runs the load and the kills; returns when the worker is stopped and everything accepted has been decided.
fn killed_again_and_again(setup: &Setup, brokers: Option<&str>) -> Ledger {
    let sale = Sale::new(&[60, 10_000], 300);
    let (doors, ledger) = (Doors::default(), Ledger::default());
    let worker = Worker::start(setup);
    sale.open(&worker);
    doors.show("one", &worker);
    let mut worker = Some(worker);
    let load =
        Load { sale: &sale, doors: &doors, ledger: &ledger, brokers, clients: 3, pause: Duration::from_millis(1) };
    let mut dice = Dice::new(99);
    load.during(|| {
        for kill in 0..KILLS {
            // A random moment: so many more answers. Load does not stop for it.
            load.wait_for_answers(20 + usize::try_from(dice.below(120)).unwrap());
            worker.take().unwrap().kill9();
            if kill == KILLS / 2 {
                stores::wipe(&setup.data);
            }
            let started = Worker::start(setup);
            doors.show("one", &started);
            worker = Some(started);
        }
    });
    let worker = worker.unwrap();
    load.settle();
    audit::ask_everything(&worker, &ledger, &sale);
    assert!(worker.terminate().success());
    ledger
}
