//! Rankings: a few dozen histories, on both disks, the same seed twice, and D13, which has to be found.

use super::defects::{self, Defect};
use super::simulation;
use crate::simulation::checks::{all_pass, is_found, is_one_history};
use crate::simulation::tally::Tally;
use holdfast_sim::simulation::Options;
use holdfast_sim::simulation::disk::DiskKind;

/// What the histories have to have in them, so that there was something to be wrong about.
const HAPPENS: [&str; 11] = [
    "sold",
    "returned",
    "returned before its sale",
    "sold after its return",
    "came again",
    "late",
    "sold out",
    "too old",
    "another schedule",
    "stumbled",
    "nonsense",
];

#[test]
fn rankings_survive_whatever_happens() {
    let tally = Tally::default();
    let forgotten = all_pass(&simulation(&tally), 1..41);
    assert!(forgotten.compacted > 0, "{forgotten:?}");
    println!("{}", tally.shown());
    for what in HAPPENS {
        assert!(tally.of(what) > 0, "{what} never happened:\n{}", tally.shown());
    }
}

#[test]
fn so_they_do_on_rocksdb() {
    let options = Options { steps: 300, disk: DiskKind::RocksDb, ..Options::default() };
    all_pass(&simulation(&Tally::default()).options(options), 1..4);
}

#[test]
fn a_seed_is_one_history() {
    is_one_history(&simulation(&Tally::default()));
}

#[test]
fn each_mistake_is_found() {
    for defect in Defect::ALL {
        is_found(defect.name(), &defects::simulation(defect), 1..41, &["(I-24)"]);
    }
}
