//! The runner behind `make sim`: one seed or many, on all cores, and what to type when one fails.

use super::{Calls, Failure, FaultCounts, Options, Progress, Report, Simulation};
use crate::memory_log::Taken;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Seeds of a run that names none.
const SEEDS: u64 = 200;

/// What was asked for, as `NAME=VALUE` words.
struct Asked {
    first: u64,
    seeds: u64,
    only: Option<String>,
    traces: bool,
    options: Options,
}

impl Asked {
    fn read(words: &[String]) -> Result<Self, String> {
        let mut asked = Self { first: 1, seeds: SEEDS, only: None, traces: false, options: Options::default() };
        for word in words {
            let (name, value) = word.split_once('=').ok_or_else(|| format!("{word:?}: NAME=VALUE is wanted"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{word}: {value:?} is no number"));
            match name {
                "SEED" => (asked.first, asked.seeds) = (number()?, 1),
                "SEEDS" => asked.seeds = number()?,
                "FROM" => asked.first = number()?,
                "ONLY" => asked.only = Some(value.to_owned()),
                "TRACE" => asked.traces = value == "1",
                _ => asked.options.set(name, value)?,
            }
        }
        Ok(asked)
    }
}

/// What all seeds together came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    commits: u64,
    records: u64,
    faults: FaultCounts,
    forgotten: Taken,
    calls: Calls,
    digest: u64,
    failure: Option<(usize, Box<Failure>)>,
}

impl Sum {
    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.commits += report.commits;
        self.records += report.records;
        self.faults.add(&report.faults);
        self.forgotten.add(&report.forgotten);
        self.calls.add(&report.calls);
        // Whatever order the threads come in.
        self.digest = self.digest.wrapping_add(report.digest);
    }
}

/// Runs the named simulations as `words` (`SEED=42`, `SEEDS=1000`, `FROM=1`, `ONLY=NAME`, `TRACE=1` and those of [`Options::set`]) say. Every line is
/// handed to `print`; `progress` says meanwhile how far it is. True when nothing failed.
///
/// # Errors
/// What is wrong with the words.
pub fn run(
    simulations: &[(&str, Simulation)],
    words: &[String],
    progress: &Progress,
    print: &(dyn Fn(&str) + Sync),
) -> Result<bool, String> {
    let asked = Asked::read(words)?;
    let chosen: Vec<(&str, Simulation)> = simulations
        .iter()
        .filter(|(name, _)| asked.only.as_deref().is_none_or(|only| only == *name))
        .map(|(name, simulation)| (*name, simulation.clone().options(asked.options.clone())))
        .collect();
    if chosen.is_empty() {
        return Err(format!("ONLY={}: there is no such simulation", asked.only.unwrap_or_default()));
    }
    let sum = Mutex::new(Sum::default());
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let jobs = asked.seeds * chosen.len() as u64;
    progress.begin(jobs);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(usize::try_from(jobs).unwrap_or(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let job = next.fetch_add(1, Ordering::SeqCst);
                    if job >= jobs {
                        return;
                    }
                    let which = usize::try_from(job % chosen.len() as u64).unwrap_or(0);
                    let (name, simulation) = &chosen[which];
                    match simulation.run(asked.first + job / chosen.len() as u64) {
                        Ok(report) => {
                            if asked.traces {
                                print(&report.trace);
                            }
                            if asked.seeds == 1 {
                                print(&format!(
                                    "{name}: seed {}, digest {:016x}, {} commits, {} records",
                                    report.seed, report.digest, report.commits, report.records
                                ));
                            }
                            sum.lock().add(&report);
                            progress.add(report.commits);
                        }
                        Err(failure) => {
                            stop.store(true, Ordering::SeqCst);
                            sum.lock().failure = Some((which, failure));
                        }
                    }
                }
            });
        }
    });
    let sum = sum.into_inner();
    print(&format!(
        "seeds={} commits={} records={} digest={:016x} faults: {}",
        sum.seeds, sum.commits, sum.records, sum.digest, sum.faults
    ));
    let Taken { compacted, tombstones, retired } = sum.forgotten;
    print(&format!(
        "forgotten: {compacted} records by compaction, {tombstones} tombstones, {retired} records by retention"
    ));
    let Calls { made, again, stale } = sum.calls;
    print(&format!(
        "effects: {made} calls, {again} made again after a crash, {stale} by workers that had lost their place"
    ));
    let Some((which, failure)) = sum.failure else { return Ok(true) };
    let (name, simulation) = &chosen[which];
    print(&format!("FAILED {name}: {failure}"));
    print(&format!("  again:    {}", line(name, &failure)));
    let small = simulation.shrink(&failure);
    if asked.traces {
        print(&small.trace);
    }
    print(&format!("  smallest: {}", line(name, &small)));
    print(&format!("            {small}"));
    Ok(false)
}

/// What to type to see `failure` again.
#[must_use]
pub fn line(name: &str, failure: &Failure) -> String {
    format!("make sim SEED={} ONLY={name} {}", failure.seed, failure.options).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reminders;

    #[test]
    fn a_run_prints_the_same_twice_and_its_progress_ends_with_its_sum() {
        let simulations = [("reminders", reminders::simulation().unwrap())];
        let words = ["SEEDS=3".to_owned(), "STEPS=200".to_owned()];
        let once = || {
            let (progress, printed) = (Progress::default(), Mutex::new(String::new()));
            let print = |line: &str| *printed.lock() += &format!("{line}\n");
            assert_eq!(run(&simulations, &words, &progress, &print), Ok(true));
            (printed.into_inner(), progress.to_string())
        };
        let (printed, progress) = once();
        assert_eq!(once(), (printed.clone(), progress.clone()));
        let commits = printed.split_once("commits=").and_then(|(_, rest)| rest.split_once(' ')).unwrap().0;
        assert!(printed.starts_with("seeds=3 ") && commits != "0", "{printed}");
        assert_eq!(progress, format!("3 of 3 seeds, {commits} commits"));
    }
}
