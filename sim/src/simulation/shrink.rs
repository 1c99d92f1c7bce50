//! The smallest failure that can be found by leaving things out.

use super::{Failure, Options, Simulation};

/// Runs that are tried, at most.
const TRIES_MAX: usize = 120;

pub(super) fn shrink(simulation: &Simulation, failure: &Failure) -> Box<Failure> {
    let mut best = Box::new(failure.clone());
    let mut tries = 0;
    let mut smaller = |best: &mut Box<Failure>, change: &dyn Fn(&mut Options)| {
        let mut options = best.options.clone();
        change(&mut options);
        tries += 1;
        if tries > TRIES_MAX || options == best.options {
            return false;
        }
        match simulation.clone().options(options).run(failure.seed) {
            Ok(_) => false,
            Err(found) => {
                *best = found;
                true
            }
        }
    };
    // Events first: every later try is the cheaper for it.
    let last = failure.event;
    smaller(&mut best, &|options| options.steps = options.steps.min(last));
    while smaller(&mut best, &|options| options.steps /= 2) {}
    for kind in &failure.options.faults {
        smaller(&mut best, &|options| {
            options.faults.remove(kind);
        });
    }
    for part in [2, 4, 8] {
        while smaller(&mut best, &|options| options.records_max -= options.records_max / part) {}
        while smaller(&mut best, &|options| options.steps -= options.steps / part) {}
        while smaller(&mut best, &|options| {
            let end = options.window.end.min(options.steps);
            let start = options.window.start + (end.saturating_sub(options.window.start)) / part;
            options.window = start..options.window.end;
        }) {}
        while smaller(&mut best, &|options| {
            let end = options.window.end.min(options.steps);
            options.window.end = end - (end.saturating_sub(options.window.start)) / part;
        }) {}
    }
    best
}
