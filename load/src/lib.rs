//! `load SHAPE`: demand that is drawn from a seed, so that it can be had again.
//!
//! | shape | goes in by |
//! |---|---|
//! | [`coupon_rush`] | HTTP: what buyers feel |
//! | [`seat_storm`] | HTTP: many want few seats |
//! | [`pay_mix`] | HTTP: some pay, some too late, twice or never |
//! | [`coupon_backlog`] | the log itself: how fast requests that wait are decided |
//! | [`hold_backlog`] | the log itself: the same with seats |
//! | [`debit_backlog`] | the log itself: the same with money |
//! | [`expiry_cliff`] | the log itself: deadlines that come together; [`expiry_lateness`] reads what became of them |

#![warn(missing_docs)]

pub mod access;
mod client;
pub mod coupon_backlog;
pub mod coupon_rush;
pub mod debit_backlog;
pub mod expiry_cliff;
pub mod expiry_lateness;
pub mod hold_backlog;
mod house;
mod inbox;
mod latencies;
mod open_loop;
pub mod pay_mix;
mod random;
pub mod seat_storm;
mod shape;
mod target;
mod witness;

pub use access::{Access, NoLog};
pub use shape::Shape;

/// A number of things a second, from a command line.
///
/// # Errors
/// What is wrong with it.
fn a_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("not a number above 0".to_owned()),
    }
}

/// A part of a whole, from a command line.
///
/// # Errors
/// What is wrong with it.
fn a_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("not a number from 0 to 1".to_owned()),
    }
}

/// The exponent of a Zipf distribution, from a command line.
///
/// # Errors
/// What is wrong with it.
fn an_exponent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(exponent) if (0.0..=10.0).contains(&exponent) => Ok(exponent),
        _ => Err("not a number from 0 to 10".to_owned()),
    }
}
