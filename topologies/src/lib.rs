//! The shop's decisions: every rule, as topologies on `holdfast-engine`. Its words (topics, messages, rows, outcomes) are `holdfast-model`.
//!
//! It is not a program: it opens no socket and no file, and it reads no clock. `now` is the append time of the record in hand, and what a
//! customer is told is decided here, in the `decide.rs` of a topology, and nowhere else.
//!
//! ```
//! let names: Vec<String> = holdfast_topologies::all().iter().map(|t| t.name().to_string()).collect();
//! assert_eq!(names, ["coupon", "reservation", "expiration", "payment"]);
//! assert_eq!(&**holdfast_topologies::by_name("coupon").unwrap().inbox(), "coupon-issue-requests");
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`coupon`] | first-come coupons: one inbox, six outcomes |
//! | [`reservation`] | seats: held, paid, expired, given back |
//! | [`expiration`] | deadlines of holds |
//! | [`payment`] | wallets: charges, debits, refunds, and their books |
//! | `shell` | what surrounds the decisions of every feature: parse, home, identity, deduplication, outcome, envelope, dead letter |
#![warn(missing_docs)]

pub mod coupon;
pub mod expiration;
pub mod payment;
pub mod reservation;
mod rows;
mod shell;

use holdfast_engine::prelude::Topology;

/// What a shop may want otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Of seats.
    pub reservation: holdfast_model::reservation::Settings,
    /// Of wallets.
    pub payment: holdfast_model::payment::Settings,
}

/// Every topology of the shop as it usually is, in the order of the catalogue.
#[must_use]
pub fn all() -> Vec<Topology> {
    all_with(&Settings::default())
}

/// Every topology of a shop with these settings, in the order of the catalogue.
#[must_use]
pub fn all_with(settings: &Settings) -> Vec<Topology> {
    vec![
        coupon::topology(),
        reservation::topology(&settings.reservation),
        expiration::topology(),
        payment::topology(&settings.payment),
    ]
}

/// The topology called `name`.
#[must_use]
pub fn by_name(name: &str) -> Option<Topology> {
    all().into_iter().find(|topology| &**topology.name() == name)
}
