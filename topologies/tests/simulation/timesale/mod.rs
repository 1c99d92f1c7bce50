//! A time sale under the simulator: orders of several units, cancellations, stock changes, dead letters that are put back, and a shop that loses units (D12).
//!
//! | module | holds |
//! |---|---|
//! | [`workload`] | buyers who order, order again and cancel; thieves; an operator |
//! | [`referee`] | decides the inbox again from the rules alone, and checks the rows after every commit |
//! | [`guards`] | queues that guard the sales: what they say, and who is let in by it |
//! | [`defects`], [`reopened`] | D12, and an admission that opens again, made here on purpose |

pub(crate) mod defects;
pub(crate) mod guards;
pub(crate) mod referee;
pub(crate) mod reopened;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

use super::Part;
use super::tally::Tally;
use super::wrapped::stumbling;
use holdfast_sim::Simulation;
use holdfast_topologies::timesale;

/// The time sale in the list. Its mistake runs when it is named.
pub(crate) const PART: Part = Part {
    name: "timesale",
    simulation: || simulation(&Tally::default()),
    aside: || vec![(defects::NAME, defects::simulation()), (reopened::NAME, reopened::simulation())],
};

/// The sale under simulation; what happens in it goes to `tally`.
pub(crate) fn simulation(tally: &Tally) -> Simulation {
    let tally = tally.clone();
    Simulation::of(&[stumbling(&timesale::topology())])
        .workload(workload::Crowd::default)
        .audit(move || referee::Referee::telling(tally.clone()))
}
