//! Rankings under the simulator: sales and returns that come twice, late, in another order and without a key, and the three mistakes of another shop (D13).
//!
//! | module | holds |
//! |---|---|
//! | [`workload`] | a shop that sells and takes back, and a network that repeats and delays |
//! | [`referee`] | counts everything again from the records alone |
//! | [`defects`] | D13, made here on purpose |

pub(crate) mod defects;
pub(crate) mod referee;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

use super::Part;
use super::tally::Tally;
use super::wrapped::stumbling;
use holdfast_model::ranking::Settings;
use holdfast_sim::Simulation;
use holdfast_topologies::ranking::topology;

/// Rankings in the list. Their mistakes run when they are named.
pub(crate) const PART: Part = Part {
    name: "ranking",
    simulation: || simulation(&Tally::default()),
    aside: || defects::Defect::ALL.into_iter().map(|defect| (defect.name(), defects::simulation(defect))).collect(),
};

/// Rankings under simulation; what happens in them goes to `tally`.
pub(crate) fn simulation(tally: &Tally) -> Simulation {
    let tally = tally.clone();
    Simulation::of(&[stumbling(&topology(&Settings::default()))])
        .workload(workload::Shop::default)
        .audit(move || referee::Referee::telling(tally.clone()))
}
