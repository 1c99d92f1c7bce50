//! What is simulated. A feature is a folder here, with its workload, its referee and the mistakes that the referee has
//! to find, and one line in [`PARTS`].
//!
//! | module | holds |
//! |---|---|
//! | [`coupon`], [`timesale`], [`shop`] | coupons and time sales by themselves; the flow of a seat, with the wallets and coupons that pay for it |
//! | [`notification`] | notifications by themselves, with an outside that fails |
//! | [`queue`] | the waiting room |
//! | [`data_platform`] | deliveries to the data platform |
//! | [`ranking`] | rankings, with records that come twice, late and in another order |
//! | [`paper`] | records as anybody could read them |
//! | [`wrapped`] | a topology with something around its processor, and records that stumble until they are put back |
//! | [`tally`] | what happened |
//! | `checks` | what the tests of every part do |

#[cfg(test)]
pub(crate) mod checks;
pub(crate) mod coupon;
pub(crate) mod data_platform;
pub(crate) mod notification;
pub(crate) mod paper;
pub(crate) mod queue;
pub(crate) mod ranking;
pub(crate) mod shop;
pub(crate) mod tally;
pub(crate) mod timesale;
pub(crate) mod wrapped;

use holdfast_sim::{Simulation, phone, reminders};

/// Every part, in the order in which `make sim` runs them.
pub(crate) const PARTS: &[Part] = &[
    coupon::PART,
    REMINDERS,
    PHONE,
    shop::PART,
    timesale::PART,
    queue::PART,
    notification::PART,
    data_platform::PART,
    ranking::PART,
];

/// What `make sim` runs.
pub(crate) struct Part {
    /// As `ONLY=` names it.
    pub(crate) name: &'static str,
    pub(crate) simulation: fn() -> Simulation,
    /// What runs only when `ONLY=` names it.
    pub(crate) aside: fn() -> Vec<(&'static str, Simulation)>,
}

/// Another one, which lives on effects.
const PHONE: Part = Part {
    name: "phone",
    simulation: || phone::simulation().expect("the topology is constant, and tests build it"),
    aside: Vec::new,
};

/// The simulator's own topology, which knows no shop.
const REMINDERS: Part = Part {
    name: "reminders",
    simulation: || reminders::simulation().expect("the topology is constant, and tests build it"),
    aside: Vec::new,
};
