//! A sale of coupons under the simulator.

pub(crate) mod referee;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

use super::Part;
use holdfast_sim::Simulation;
use holdfast_topologies::coupon;

/// The sale in the list.
pub(crate) const PART: Part = Part { name: "coupon", simulation, aside: Vec::new };

/// The sale under simulation.
pub(crate) fn simulation() -> Simulation {
    Simulation::of(&[coupon::topology()]).workload(workload::Crowd::default).audit(referee::Referee::default)
}
