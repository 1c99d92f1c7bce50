//! Demand for seats, and what becomes of those that nobody pays.

pub(crate) mod expiry_cliff;
pub(crate) mod expiry_lateness;
pub(crate) mod hold_backlog;
mod house;
pub(crate) mod pay_mix;
pub(crate) mod seat_storm;
