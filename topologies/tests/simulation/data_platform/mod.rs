//! Deliveries to the data platform under the simulator: facts that come in any order and more than once, a platform that is slow, fails, refuses and is
//! away, letters that are put back, and two mistakes of another shop.
//!
//! | module | holds |
//! |---|---|
//! | [`platform`] | the receiver: what it has got, and what it says |
//! | [`workload`] | the shop's facts, strangers, an operator |
//! | [`referee`] | what must hold of what the platform has got |
//! | [`defects`] | deliveries that are marked before they are done (D1), and redriven letters that are skipped (D2) |

pub(crate) mod defects;
pub(crate) mod platform;
pub(crate) mod referee;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

use super::Part;
use super::tally::Tally;
use holdfast_engine::prelude::Topology;
use holdfast_model::data_platform::Settings;
use holdfast_sim::Simulation;
use holdfast_topologies::data_platform::topology_with;

/// Deliveries in the list. Their mistakes run when they are named.
pub(crate) const PART: Part = Part {
    name: "data-platform",
    simulation: || simulation(&Tally::default()),
    aside: || defects::Defect::ALL.into_iter().map(|defect| (defect.name(), defects::simulation(defect))).collect(),
};

/// Deliveries under simulation; what happens goes to `tally`.
pub(crate) fn simulation(tally: &Tally) -> Simulation {
    of(&topology(), tally)
}

/// Short waits, so that a history has many of them.
pub(crate) fn topology() -> Topology {
    topology_with(&Settings { retry_base_ms: 200, retry_max_ms: 2_000, ..Settings::default() })
}

/// The order in which records of several sources come is nobody's, so nothing can be decided again and compared.
pub(crate) fn of(topology: &Topology, tally: &Tally) -> Simulation {
    let tally = tally.clone();
    Simulation::of(std::slice::from_ref(topology))
        .workload(move || workload::Shop::new(tally.clone()))
        .audit(referee::Referee::default)
        .without_shadow()
}
