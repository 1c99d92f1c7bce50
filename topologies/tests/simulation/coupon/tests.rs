//! The sale: a few dozen histories, on both disks, and the same seed twice.

use super::simulation;
use crate::simulation::checks::{all_pass, is_one_history};
use holdfast_sim::simulation::Options;
use holdfast_sim::simulation::disk::DiskKind;

#[test]
fn coupons_survive_whatever_happens() {
    let forgotten = all_pass(&simulation(), 1..41);
    assert!(forgotten.compacted > 0 && forgotten.retired > 0, "{forgotten:?}");
}

#[test]
fn so_they_do_on_rocksdb() {
    let options = Options { steps: 300, disk: DiskKind::RocksDb, ..Options::default() };
    all_pass(&simulation().options(options), 1..4);
}

#[test]
fn a_seed_is_one_history() {
    is_one_history(&simulation());
}
