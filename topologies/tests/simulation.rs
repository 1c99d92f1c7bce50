//! The shop under the seeded simulator: a few dozen histories, the same seed twice, and mistakes that have to be found: in the engine with coupons and
//! reminders, in the shop with the whole flow of a seat.

#[path = "simulation/referee.rs"]
mod referee;
#[path = "simulation/sale.rs"]
mod sale;
#[path = "simulation/shop/mod.rs"]
mod shop;

use holdfast_sim::simulation::disk::DiskKind;
use holdfast_sim::simulation::{Mutant, Options};
use holdfast_sim::{Simulation, reminders};
use holdfast_topologies::coupon;

/// Seeds that every engine passes and each mutant is caught in.
const SEEDS: std::ops::Range<u64> = 1..41;

fn sale() -> Simulation {
    Simulation::of(&[coupon::topology()]).workload(sale::Crowd::default).audit(referee::Referee::default)
}

fn all_pass(simulation: &Simulation, seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let report = simulation.run(seed).unwrap_or_else(|failure| panic!("{failure} [{}]", failure.options));
        assert!(report.commits > 0 && report.records > 0, "seed {seed} did nothing");
    }
}

#[test]
fn coupons_survive_whatever_happens() {
    all_pass(&sale(), SEEDS);
}

#[test]
fn reminders_survive_whatever_happens() {
    all_pass(&reminders::simulation().unwrap(), SEEDS);
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

#[test]
fn each_mistake_is_found_and_can_be_made_smaller() {
    for mutant in Mutant::ALL {
        let options = Options { mutant: Some(mutant), ..Options::default() };
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

#[test]
fn the_flow_of_a_seat_survives_whatever_happens() {
    all_pass(&shop::simulation(), SEEDS);
}
