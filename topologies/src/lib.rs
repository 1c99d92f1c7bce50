//! The shop's decisions: every rule, as topologies on `holdfast-engine`. Its words (topics, messages, rows, outcomes) are `holdfast-model`.
//!
//! It is not a program: it opens no socket and no file, and it reads no clock. `now` is the append time of the record in hand, and what a
//! customer is told is decided here, in the `decide.rs` of a topology, and nowhere else.
//!
//! ```
//! let names: Vec<String> = holdfast_topologies::all().iter().map(|t| t.name().to_string()).collect();
//! let catalogue = "coupon, reservation, expiration, payment, timesale, queue, notification, data-platform, ranking";
//! assert_eq!(names.join(", "), catalogue);
//! assert_eq!(&**holdfast_topologies::by_name("coupon").unwrap().inbox(), "coupon-issue-requests");
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`coupon`] | first-come coupons: one inbox, six outcomes |
//! | [`reservation`] | seats: held, paid, expired, given back |
//! | [`expiration`] | deadlines of holds |
//! | [`payment`] | wallets: charges, debits, refunds, and their books |
//! | [`timesale`] | time sales: orders of several units, all or nothing |
//! | [`queue`] | waiting rooms: tickets, positions, admissions |
//! | [`notification`] | what users are told: once, through their channels, not too late |
//! | [`data_platform`] | each confirmed reservation, delivered to the data platform |
//! | [`ranking`] | which schedules sell most, and which were sold out fastest |
//! | `guard` | what a queue says to subjects of other features, and whom it has let in |
//! | [`features`] | a feature without its types, for [`FEATURES`] |
//! | `shell` | what surrounds the decisions of every feature: parse, home, identity, deduplication, outcome, envelope, dead letter |
#![warn(missing_docs)]

pub mod coupon;
pub mod data_platform;
pub mod expiration;
pub mod features;
mod guard;
pub mod notification;
pub mod payment;
pub mod queue;
pub mod ranking;
pub mod reservation;
mod rows;
mod shell;
pub mod timesale;

use features::Feature;
use holdfast_engine::prelude::Topology;

/// Every feature, in the order of the catalogue: adding one is a line here.
pub const FEATURES: &[Feature] = &[
    Feature::of::<coupon::Coupon>(),
    Feature::of::<reservation::Reservation>(),
    Feature::of::<expiration::Expirations>(),
    Feature::of::<payment::Payment>(),
    Feature::of::<timesale::TimeSale>(),
    Feature::of::<queue::Queue>(),
    Feature::of::<notification::Notification>(),
    Feature::of::<data_platform::DataPlatform>(),
    Feature::of::<ranking::Ranking>(),
];

/// Every topology of the shop as it usually is, in the order of the catalogue.
#[must_use]
pub fn all() -> Vec<Topology> {
    FEATURES.iter().map(Feature::usual).collect()
}

/// The topology called `name`, as it usually is.
#[must_use]
pub fn by_name(name: &str) -> Option<Topology> {
    features::named(name).map(Feature::usual)
}
