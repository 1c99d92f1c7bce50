//! What a feature brings along, and the list of them. A new feature is a folder beside this file and a line in [`FEATURES`].
//!
//! What it refuses comes from its table in `holdfast_model`, in both languages; its commands go through [`super::execute`].

use super::dlq::outcome::{Kept, Ledger};
use super::{Api, coupons, data_platform, notifications, payments, points, queue, rankings, reservations, timesales};
use axum::Router;
use utoipa::openapi::OpenApi;

/// The features that have routes.
pub const FEATURES: &[Feature] = &[
    coupons::FEATURE,
    reservations::FEATURE,
    payments::FEATURE,
    points::FEATURE,
    timesales::FEATURE,
    queue::FEATURE,
    notifications::FEATURE,
    data_platform::FEATURE,
    rankings::FEATURE,
];

/// The outcomes that features keep, as dead letters show them.
pub const KEPT: &[Kept] = &[coupons::KEPT, reservations::KEPT, points::KEPT, timesales::KEPT, queue::KEPT];

/// The ledgers that topologies keep under ids of their own, as dead letters show them.
pub const LEDGERS: &[Ledger] = &[notifications::LEDGER, data_platform::LEDGER];

/// A feature, as HTTP sees it.
pub struct Feature {
    /// Its routes.
    pub router: fn() -> Router<Api>,
    /// Its part of the OpenAPI document.
    pub openapi: fn() -> OpenApi,
    /// Path parameters that are ids which clients make up. The worker's own ids have a shape: what has another is of nothing that exists (404).
    pub made_up_ids: &'static [&'static str],
    /// Members of its problems beyond those that all problems have, and what they tell.
    pub problem_members: &'static [(&'static str, &'static str)],
}

/// Whether the path parameter `name` is an id that clients make up.
#[must_use]
pub fn is_made_up(name: &str) -> bool {
    FEATURES.iter().any(|feature| feature.made_up_ids.contains(&name))
}
