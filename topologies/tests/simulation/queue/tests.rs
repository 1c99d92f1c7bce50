//! The waiting room: a few dozen histories, on both disks, the same seed twice, and three mistakes, which have to be found.

use super::{defects, simulation};
use crate::simulation::checks::{all_pass, is_found, is_one_history};
use crate::simulation::tally::Tally;
use holdfast_sim::simulation::Options;
use holdfast_sim::simulation::disk::DiskKind;

/// What the histories have to have in them, so that there was something to be wrong about.
const HAPPENS: [&str; 12] = [
    "entered",
    "admitted",
    "drawn",
    "opened",
    "now PAUSED",
    "now DRAINING",
    "waiting left",
    "waiting silent",
    "active left",
    "active silent",
    "active timed_out",
    "active purchased",
];

#[test]
fn a_waiting_room_survives_whatever_happens() {
    let tally = Tally::default();
    let forgotten = all_pass(&simulation(&tally), 1..41);
    assert!(forgotten.compacted > 0 && forgotten.retired > 0, "{forgotten:?}");
    println!("{}", tally.shown());
    for what in HAPPENS {
        assert!(tally.of(what) > 0, "{what} never happened:\n{}", tally.shown());
    }
}

#[test]
fn so_it_does_on_rocksdb() {
    let options = Options { steps: 300, disk: DiskKind::RocksDb, ..Options::default() };
    all_pass(&simulation(&Tally::default()).options(options), 1..4);
}

#[test]
fn a_seed_is_one_history() {
    is_one_history(&simulation(&Tally::default()));
}

#[test]
fn a_position_that_is_stored_once_is_found() {
    is_found(defects::STORED, &defects::stored(), 1..41, &["told Some("]);
}

#[test]
fn one_admission_too_many_is_found() {
    is_found(defects::OVERFULL, &defects::overfull(), 1..41, &["are active already"]);
}

#[test]
fn a_ticket_that_is_passed_over_is_found() {
    is_found(defects::SKIPPING, &defects::skipping(), 1..41, &["is first (I-23)"]);
}
