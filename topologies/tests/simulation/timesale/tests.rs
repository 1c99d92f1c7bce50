//! The time sale: a few dozen histories, on both disks, the same seed twice, and D12, which has to be found.

use super::{defects, reopened, simulation};
use crate::simulation::checks::{all_pass, is_found, is_one_history};
use crate::simulation::tally::Tally;
use holdfast_sim::simulation::Options;
use holdfast_sim::simulation::disk::DiskKind;

/// What the histories have to have in them, so that there was something to be wrong about.
const HAPPENS: [&str; 11] = [
    "confirmed",
    "confirmed after all",
    "refused",
    "given up",
    "limit",
    "sold out",
    "adjusted",
    "cancelled",
    "not cancelled",
    "not let in",
    "bought by a ticket",
];

#[test]
fn a_time_sale_survives_whatever_happens() {
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
fn a_unit_lost_between_two_commits_is_found() {
    is_found(defects::NAME, &defects::simulation(), 1..41, &["(I-13)"]);
}

#[test]
fn an_admission_that_opens_again_is_found() {
    is_found(reopened::NAME, &reopened::simulation(), 1..41, &["(I-9, I-13)"]);
}
