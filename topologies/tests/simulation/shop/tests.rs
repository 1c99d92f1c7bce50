//! The flow of a seat: histories, the same seed twice, and the mistakes of other shops.

use super::defects::{self, Defect};
use super::{holds, outside, simulation};
use crate::simulation::checks::{all_pass, is_found, is_one_history};
use crate::simulation::tally::Tally;
use holdfast_sim::Simulation;
use holdfast_sim::simulation::disk::DiskKind;
use holdfast_sim::simulation::{FaultKind, Options};

/// Seeds that the flow passes and each mistake of another shop is caught in.
const FLOW_SEEDS: std::ops::Range<u64> = 1..101;

fn flow() -> Simulation {
    simulation(&Tally::default())
}

/// What the histories have to have in them, so that there was something to be wrong about.
const HAPPENS: [&str; 34] = [
    "coupon Used",
    "coupon Returned",
    "coupon Refused",
    "deadline",
    "deadline moved",
    "expired",
    "debit",
    "refund",
    "confirmed",
    "completed",
    "SEAT_RETURNED",
    "notice REFUNDED",
    "notice RESERVATION_CANCELLED",
    "SEAT_ALREADY_RESERVED",
    "SEAT_LIMIT_EXCEEDED",
    "AMOUNT_MISMATCH",
    "PAYMENT_CONFLICT",
    "RESERVATION_EXPIRED",
    "SCHEDULE_CANCELLED",
    "not paid: INSUFFICIENT_POINTS",
    "money back: CANCELLED",
    "money back: SCHEDULE_CANCELLED",
    "money back: NOT_CONFIRMED",
    "granted in the last ms",
    "pays at the deadline",
    "pays 1 ms after it",
    "asked to expire early",
    "put back",
    "offered",
    "offered and paid",
    "offered and not paid",
    "told that a seat is free",
    "SEATS_AVAILABLE",
    "WAITLIST_ENTRY_NOT_FOUND",
];

#[test]
fn the_flow_of_a_seat_survives_whatever_happens() {
    let tally = Tally::default();
    all_pass(&simulation(&tally), FLOW_SEEDS);
    println!("{}", tally.shown());
    for what in HAPPENS {
        assert!(tally.of(what) > 0, "{what} never happened:\n{}", tally.shown());
    }
}

/// Users who are told, and a data platform that is sent to, by an outside that fails (I-29).
#[test]
fn the_flow_survives_an_outside_that_fails() {
    let tally = Tally::default();
    all_pass(&outside::simulation(&tally), 1..13);
    println!("{}", tally.shown());
    for what in ["confirmed", "expired", "SENT", "DEAD"] {
        assert!(tally.of(what) > 0, "{what} never happened:\n{}", tally.shown());
    }
}

#[test]
fn five_hundred_bots_want_one_seat_meanwhile() {
    let options = Options { records_max: 1_500, ..Options::default() };
    all_pass(&flow().options(options), 1..11);
}

#[test]
fn a_flow_is_one_history() {
    is_one_history(&flow());
}

#[test]
fn no_hold_ends_early_whatever_the_clocks_show() {
    let options = Options { records_max: 1_000, ..Options::default() };
    all_pass(&holds::simulation().options(options), 1..6);
}

/// Whatever the state lies on, as long as neither disk forgets what was not flushed. Only the order of rows within a
/// commit may differ.
#[test]
fn a_flow_is_the_same_on_rocksdb() {
    use FaultKind::{Crash, DiskCorrupt, DiskWrite, Fuse, OldDisk};
    let mut options = Options { steps: 500, ..Options::default() };
    options.faults.retain(|kind| ![Crash, Fuse, OldDisk, DiskWrite, DiskCorrupt].contains(kind));
    for seed in 1..4 {
        let on = |disk| {
            let tally = Tally::default();
            let flow = simulation(&tally).options(Options { disk, ..options.clone() });
            let report = flow.run(seed).unwrap_or_else(|failure| panic!("{failure} [{}]", failure.options));
            (report.trace, report.commits, tally.shown())
        };
        assert_eq!(on(DiskKind::Memory), on(DiskKind::RocksDb));
    }
}

#[test]
fn the_mistakes_of_other_shops_are_found() {
    for defect in Defect::ALL {
        let flow = defects::simulation(defect);
        let failure = is_found(&format!("{} {defect:?}", defect.name()), &flow, FLOW_SEEDS, defect.breaks());
        if defect == Defect::ConfirmedAnyway {
            let small = flow.shrink(&failure);
            println!("  smallest: {small} [{}]", small.options);
            assert!(
                small.options.steps < failure.options.steps && small.options.records_max < failure.options.records_max
            );
            assert_eq!(flow.clone().options(small.options.clone()).run(failure.seed).unwrap_err().what, small.what);
        }
    }
}
