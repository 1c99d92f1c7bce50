//! `load SHAPE`: demand that is drawn from a seed, so that it can be had again.
//!
//! | shape | goes in by |
//! |---|---|
//! | [`coupon_rush`] | HTTP: what buyers feel |
//! | [`coupon_backlog`] | the log itself: how fast requests that wait are decided |

pub mod coupon_backlog;
pub mod coupon_rush;
mod random;
