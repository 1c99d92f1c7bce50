//! The shop under the seeded simulator: a few dozen histories, the same seed twice, and mistakes that have to be found.
//! Each part has its tests in its folder; here are the engine's mistakes, which coupons and reminders have to find
//! together.

#[path = "simulation/mod.rs"]
mod simulation;

use holdfast_sim::simulation::{Calls, FaultKind, Mutant, Options};
use holdfast_sim::{phone, reminders};
use simulation::PARTS;
use simulation::checks::{all_pass, is_one_history};
use simulation::coupon::simulation as sale;
use std::collections::BTreeSet;

/// Seeds that every engine passes and each mutant is caught in.
const SEEDS: std::ops::Range<u64> = 1..41;

#[test]
fn what_make_sim_can_be_asked_for_is_named_once() {
    let names: Vec<_> =
        PARTS.iter().flat_map(|part| (part.aside)().into_iter().map(|(name, _)| name).chain([part.name])).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    assert!(PARTS.iter().all(|part| (part.simulation)().run(1).is_ok()));
}

#[test]
fn reminders_survive_whatever_happens() {
    let forgotten = all_pass(&reminders::simulation().unwrap(), SEEDS);
    assert!(forgotten.tombstones > 0, "{forgotten:?}");
}

#[test]
fn calls_to_the_outside_survive_whatever_happens() {
    let simulation = phone::simulation().unwrap();
    let mut calls = Calls::default();
    for seed in SEEDS {
        let report = simulation.run(seed).unwrap_or_else(|failure| panic!("{failure} [{}]", failure.options));
        calls.add(&report.calls);
    }
    println!("{calls:?}");
    assert!(calls.made > 1_000 && calls.again > 0 && calls.stale < calls.again, "{calls:?}");
    is_one_history(&simulation);
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
        let phone = phone::simulation().unwrap().options(options.clone());
        let (sale, reminders) = (sale().options(options.clone()), reminders::simulation().unwrap().options(options));
        let found = SEEDS.clone().find_map(|seed| {
            let in_sale = sale.run(seed).err().map(|failure| (&sale, failure));
            let in_reminders = || reminders.run(seed).err().map(|failure| (&reminders, failure));
            in_sale.or_else(in_reminders).or_else(|| phone.run(seed).err().map(|failure| (&phone, failure)))
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
