//! The waiting room under the simulator: joins, tabs, touches, leaves, purchases, changes of the rules, and three mistakes that have to be found: a position
//! that is stored once (D14), one admission too many, a ticket that is passed over.
//!
//! | module | holds |
//! |---|---|
//! | [`workload`] | users who join, join again, ask, leave and buy; thieves; an operator |
//! | [`referee`] | what was told and what the rows say, against the rules alone |
//! | [`line`] | a line as a list, for the referee |
//! | [`defects`] | the mistakes, made here on purpose |

pub(crate) mod defects;
pub(crate) mod line;
pub(crate) mod referee;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

use super::Part;
use super::tally::Tally;
use super::wrapped::stumbling;
use holdfast_sim::Simulation;
use holdfast_topologies::queue;

/// The waiting room in the list. Its mistakes run when they are named.
pub(crate) const PART: Part = Part { name: "queue", simulation: || simulation(&Tally::default()), aside: defects::all };

/// The waiting room under simulation; what happens in it goes to `tally`.
pub(crate) fn simulation(tally: &Tally) -> Simulation {
    let tally = tally.clone();
    Simulation::of(&[stumbling(&queue::topology())])
        .workload(workload::Crowd::default)
        .audit(move || referee::Referee::telling(tally.clone(), referee::counted))
}
