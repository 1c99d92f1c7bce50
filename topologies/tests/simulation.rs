//! The shop under the seeded simulator: a few dozen histories, the same seed twice, and mistakes that have to be found: in the engine with coupons and
//! reminders, in the shop with the whole flow of a seat.

#[path = "simulation/referee.rs"]
mod referee;
#[path = "simulation/sale.rs"]
mod sale;
#[path = "simulation/shop/mod.rs"]
mod shop;

use holdfast_sim::memory_log::Taken;
use holdfast_sim::simulation::disk::DiskKind;
use holdfast_sim::simulation::{FaultKind, Mutant, Options};
use holdfast_sim::{Simulation, reminders};
use holdfast_topologies::coupon;
use shop::defects::Defect;
use shop::tally::Tally;

/// Seeds that every engine passes and each mutant is caught in.
const SEEDS: std::ops::Range<u64> = 1..41;
/// Seeds that the flow passes and each mistake of another shop is caught in.
const FLOW_SEEDS: std::ops::Range<u64> = 1..101;

fn sale() -> Simulation {
    Simulation::of(&[coupon::topology()]).workload(sale::Crowd::default).audit(referee::Referee::default)
}

fn all_pass(simulation: &Simulation, seeds: impl Iterator<Item = u64>) -> Taken {
    let mut forgotten = Taken::default();
    for seed in seeds {
        let report = simulation.run(seed).unwrap_or_else(|failure| panic!("{failure} [{}]", failure.options));
        assert!(report.commits > 0 && report.records > 0, "seed {seed} did nothing");
        forgotten.add(&report.forgotten);
    }
    forgotten
}

#[test]
fn coupons_survive_whatever_happens() {
    let forgotten = all_pass(&sale(), SEEDS);
    assert!(forgotten.compacted > 0 && forgotten.retired > 0, "{forgotten:?}");
}

#[test]
fn reminders_survive_whatever_happens() {
    let forgotten = all_pass(&reminders::simulation().unwrap(), SEEDS);
    assert!(forgotten.tombstones > 0, "{forgotten:?}");
}

#[test]
fn so_they_do_on_rocksdb() {
    let options = Options { steps: 300, disk: DiskKind::RocksDb, ..Options::default() };
    all_pass(&sale().options(options), 1..4);
}

#[test]
fn a_seed_is_one_history() {
    let (first, second) = (sale().run(42).unwrap(), sale().run(42).unwrap());
    assert_eq!(first.trace, second.trace);
    assert_eq!(first, second);
    assert_ne!(first.digest, sale().run(43).unwrap().digest);
}

fn with_mistake(mutant: Mutant) -> Options {
    use FaultKind::{Compaction, Crash, Expiry, Fenced, LateMarkers, LateRequest, Move, OldDisk, Zombie};
    let faults = match mutant {
        // With clocks that are never set back tombstones go sooner.
        Mutant::TrustOldStore => [Compaction, Crash, Expiry, Move, OldDisk, Zombie].into(),
        // A predecessor that is gone while its transaction is open: most places are handed over by one who lives.
        Mutant::RestoreToStable => [Crash, Expiry, Fenced, LateMarkers, LateRequest, Move].into(),
        Mutant::KeepYielded => [Fenced, Move].into(),
        _ => FaultKind::all(),
    };
    Options { mutant: Some(mutant), faults, ..Options::default() }
}

/// Some mistakes are none as long as the log forgets nothing: then the same histories pass.
#[test]
fn some_mistakes_are_found_only_where_the_log_forgets() {
    for mutant in [Mutant::TrustOldStore, Mutant::SkipToLatest] {
        let mut options = with_mistake(mutant);
        options.faults.retain(|kind| ![FaultKind::Compaction, FaultKind::Retention].contains(kind));
        all_pass(&sale().options(options.clone()), SEEDS);
        all_pass(&reminders::simulation().unwrap().options(options), SEEDS);
    }
}

#[test]
fn each_mistake_is_found_and_can_be_made_smaller() {
    for mutant in Mutant::ALL {
        let options = with_mistake(mutant);
        let (sale, reminders) = (sale().options(options.clone()), reminders::simulation().unwrap().options(options));
        let found = SEEDS.clone().find_map(|seed| {
            let in_sale = sale.run(seed).err().map(|failure| (&sale, failure));
            in_sale.or_else(|| reminders.run(seed).err().map(|failure| (&reminders, failure)))
        });
        let (simulation, failure) = found.unwrap_or_else(|| panic!("{mutant} was not found"));
        println!("{mutant}: {failure}");
        if mutant == Mutant::ReuseWriter {
            let small = simulation.shrink(&failure);
            println!("  smallest: {} [{}]", small, small.options);
            assert!(
                small.options.faults.len() < failure.options.faults.len()
                    && small.options.steps < failure.options.steps
            );
            assert_eq!(
                simulation.clone().options(small.options.clone()).run(failure.seed).unwrap_err().what,
                small.what
            );
        }
    }
}

// ---- the flow of a seat ---------------------------------------------------------------------------------------------------------------------

fn flow() -> Simulation {
    shop::simulation(&Tally::default())
}

/// What the histories have to have in them, so that there was something to be wrong about.
const HAPPENS: [&str; 28] = [
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
];

#[test]
fn the_flow_of_a_seat_survives_whatever_happens() {
    let tally = Tally::default();
    all_pass(&shop::simulation(&tally), FLOW_SEEDS);
    println!("{}", tally.shown());
    for what in HAPPENS {
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
    let (first, second) = (flow().run(42).unwrap(), flow().run(42).unwrap());
    assert_eq!(first.trace, second.trace);
    assert_eq!(first, second);
    assert_ne!(first.digest, flow().run(43).unwrap().digest);
}

#[test]
fn no_hold_ends_early_whatever_the_clocks_show() {
    let options = Options { records_max: 1_000, ..Options::default() };
    all_pass(&shop::holds::simulation().options(options), 1..6);
}

/// Whatever the state lies on, as long as neither disk forgets what was not flushed. Only the order of rows within a commit may differ.
#[test]
fn a_flow_is_the_same_on_rocksdb() {
    use FaultKind::{Crash, DiskCorrupt, DiskWrite, Fuse, OldDisk};
    let mut options = Options { steps: 500, ..Options::default() };
    options.faults.retain(|kind| ![Crash, Fuse, OldDisk, DiskWrite, DiskCorrupt].contains(kind));
    for seed in 1..4 {
        let on = |disk| {
            let tally = Tally::default();
            let flow = shop::simulation(&tally).options(Options { disk, ..options.clone() });
            let report = flow.run(seed).unwrap_or_else(|failure| panic!("{failure} [{}]", failure.options));
            (report.trace, report.commits, tally.shown())
        };
        assert_eq!(on(DiskKind::Memory), on(DiskKind::RocksDb));
    }
}

#[test]
fn the_mistakes_of_other_shops_are_found() {
    for defect in Defect::ALL {
        let flow = shop::defects::simulation(defect);
        let mut failures = FLOW_SEEDS.filter_map(|seed| flow.run(seed).err());
        // The referee has to find it, in the words of the rule that it breaks: a history that cannot be repeated is another matter.
        let failure = failures.find(|failure| defect.breaks().iter().any(|rule| failure.what.contains(rule)));
        let failure = failure.unwrap_or_else(|| panic!("{defect:?} was not found"));
        println!("{} {defect:?}: {failure}", defect.name());
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
