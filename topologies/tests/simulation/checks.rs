//! What the tests of every part do.

use holdfast_sim::Simulation;
use holdfast_sim::memory_log::Taken;
use holdfast_sim::simulation::Failure;

/// Every seed passes. Returns what the log has forgotten meanwhile.
pub(crate) fn all_pass(simulation: &Simulation, seeds: impl Iterator<Item = u64>) -> Taken {
    let mut forgotten = Taken::default();
    for seed in seeds {
        let report = simulation.run(seed).unwrap_or_else(|failure| panic!("{failure} [{}]", failure.options));
        assert!(report.commits > 0 && report.records > 0, "seed {seed} did nothing");
        forgotten.add(&report.forgotten);
    }
    forgotten
}

/// The same seed is the same history twice, and another seed is another one.
pub(crate) fn is_one_history(simulation: &Simulation) {
    let (first, second) = (simulation.run(42).unwrap(), simulation.run(42).unwrap());
    assert_eq!(first.trace, second.trace);
    assert_eq!(first, second);
    assert_ne!(first.digest, simulation.run(43).unwrap().digest);
}

/// The referee finds the mistake in one of the seeds, in the words of a rule that it breaks: a history that cannot be
/// repeated is another matter.
pub(crate) fn is_found(
    name: &str,
    simulation: &Simulation,
    seeds: impl Iterator<Item = u64>,
    breaks: &[&str],
) -> Box<Failure> {
    let mut failures = seeds.filter_map(|seed| simulation.run(seed).err());
    let failure = failures.find(|failure| breaks.iter().any(|rule| failure.what.contains(rule)));
    let failure = failure.unwrap_or_else(|| panic!("{name} was not found"));
    println!("{name}: {failure}");
    failure
}
