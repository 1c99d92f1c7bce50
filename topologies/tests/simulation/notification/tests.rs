//! Notifications: a few dozen histories, on both disks, the same seed twice, and two mistakes, which have to be found.

use super::defects::{MARK_BEFORE_DO, SKIP_REDRIVE};
use super::{defects, simulation, topology};
use crate::simulation::checks::{all_pass, is_found, is_one_history};
use crate::simulation::tally::Tally;
use holdfast_sim::simulation::Options;
use holdfast_sim::simulation::disk::DiskKind;

/// What the histories have to have in them, so that there was something to be wrong about.
const HAPPENS: [&str; 8] =
    ["SENT", "DEAD", "SUPPRESSED", "STALE", "letters", "put back", "opened again", "received more than once"];

#[test]
fn notifications_survive_whatever_happens() {
    let tally = Tally::default();
    all_pass(&simulation(&topology(), &tally), 1..41);
    println!("{}", tally.shown());
    for what in HAPPENS {
        assert!(tally.of(what) > 0, "{what} never happened:\n{}", tally.shown());
    }
}

#[test]
fn so_they_do_on_rocksdb() {
    let options = Options { steps: 300, disk: DiskKind::RocksDb, ..Options::default() };
    all_pass(&simulation(&topology(), &Tally::default()).options(options), 1..4);
}

#[test]
fn a_seed_is_one_history() {
    is_one_history(&simulation(&topology(), &Tally::default()));
}

#[test]
fn mistakes_of_another_shop_are_found() {
    for (name, simulation) in defects::simulations() {
        let breaks: &[&str] = match name {
            MARK_BEFORE_DO => &["(I-15)"],
            SKIP_REDRIVE => &["(I-21)"],
            _ => &[],
        };
        is_found(name, &simulation, 1..41, breaks);
    }
}
