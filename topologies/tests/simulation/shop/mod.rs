//! The whole flow of a seat under the simulator: held, paid or not, expired, cancelled, given back, with the wallets and the coupons that pay for it.
//!
//! | module | holds |
//! |---|---|
//! | [`street`] | who comes in: buyers, double-clickers, late payers, bots, an operator |
//! | [`catalogue`] | prices and terms as they were announced |
//! | [`books`] | rows of all places as their changelogs tell them |
//! | [`referee`], [`facts`] | what must hold after every commit: of rows, and of what the world was told |
//! | [`ending`] | what must hold when nothing is left to be done |
//! | [`happened`] | what happened |
//! | [`waiting`] | what must hold of offers to users that wait |
//! | [`defects`] | mistakes that other shops made, made here on purpose |
//! | [`outside`] | the same with notifications and deliveries, and an outside that fails |
//! | [`holds`] | nothing but holds, a great many, under clocks that are wrong |

pub(crate) mod books;
pub(crate) mod catalogue;
pub(crate) mod defects;
pub(crate) mod ending;
pub(crate) mod facts;
pub(crate) mod happened;
pub(crate) mod holds;
pub(crate) mod outside;
pub(crate) mod referee;
pub(crate) mod street;
#[cfg(test)]
mod tests;
pub(crate) mod waiting;

use super::tally::Tally;
use super::{Part, wrapped};
use holdfast_engine::prelude::Topology;
use holdfast_model::{payment, reservation};
use holdfast_sim::Simulation;
use holdfast_topologies::{coupon, expiration};

/// How long a seat is held, in ms: many deadlines come in one history, and a clock that is 5 s ahead is ahead of all of them.
pub(crate) const HOLD_MS: i64 = 2_500;

/// By how much one `extend` moves a deadline, in ms.
pub(crate) const EXTEND_MS: i64 = 700;

/// How long a hold may be overdue before it is swept, in ms.
const GRACE_MS: i64 = 1_000;

/// The shop's settings for short histories.
pub(crate) fn settings() -> reservation::Settings {
    reservation::Settings {
        hold_ms: HOLD_MS,
        extend_ms: EXTEND_MS,
        overdue_grace_ms: GRACE_MS,
        cancel_batch_max: 2,
        cancel_pause_ms: 20,
        ..reservation::Settings::default()
    }
}

/// The topologies of the flow, as they are in production.
pub(crate) fn topologies() -> Vec<Topology> {
    vec![
        holdfast_topologies::reservation::topology(&settings()),
        expiration::topology(),
        holdfast_topologies::payment::topology(&payment::Settings::default()),
        coupon::topology(),
    ]
}

/// The flow in the list. Its mistakes, and nothing but holds, run when they are named.
pub(crate) const PART: Part = Part {
    name: "shop",
    simulation: || simulation(&Tally::default()),
    aside: || {
        let mistakes = defects::Defect::ALL.map(|defect| (defect.name(), defects::simulation(defect)));
        let others = [("holds", holds::simulation()), (outside::NAMED, outside::simulation(&Tally::default()))];
        mistakes.into_iter().chain(others).collect()
    },
};

/// The flow under simulation; what happens in it goes to `tally`.
pub(crate) fn simulation(tally: &Tally) -> Simulation {
    let stumbling: Vec<Topology> = topologies().iter().map(wrapped::stumbling).collect();
    let tally = tally.clone();
    Simulation::of(&stumbling).workload(street::Street::default).audit(move || referee::Referee::telling(tally.clone()))
}
