//! Notifications under the simulator: requests, preferences and contacts, an outside that fails, refuses and is away, an operator who puts letters back, and
//! two mistakes of another shop.
//!
//! | module | holds |
//! |---|---|
//! | [`workload`] | senders, users and an operator |
//! | [`outside`] | the receivers: what they answer, and what they have got |
//! | [`referee`] | compares what was asked for, what was received and what the ledger says |
//! | [`defects`] | D1 and D2, made here on purpose |

pub(crate) mod defects;
pub(crate) mod outside;
pub(crate) mod referee;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

use super::Part;
use super::tally::Tally;
use holdfast_engine::prelude::Topology;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::settings::Settings;
use holdfast_sim::Simulation;
use holdfast_topologies::notification;

/// Notifications in the list. Their mistakes run when they are named.
pub(crate) const PART: Part = Part {
    name: "notification",
    simulation: || simulation(&topology(), &Tally::default()),
    aside: defects::simulations,
};

/// The topology, with channels that stand in for each other, and waits that fit into a history.
pub(crate) fn topology() -> Topology {
    let channels = [Channel::Fcm, Channel::Kakao, Channel::Sms, Channel::Webhook].to_vec();
    let settings = Settings { channels, retry_base_ms: 20, retry_max_ms: 200, ..Settings::default() };
    notification::topology_with(&settings)
}

/// The topology under simulation; what happens in it goes to `tally`.
pub(crate) fn simulation(topology: &Topology, tally: &Tally) -> Simulation {
    let tally = tally.clone();
    Simulation::of(std::slice::from_ref(topology))
        .workload(workload::Office::new)
        .audit(move || referee::Referee::telling(tally.clone()))
        .in_any_order()
}
