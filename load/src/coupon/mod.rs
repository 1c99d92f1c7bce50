//! Demand for coupons.

pub(crate) mod coupon_backlog;
pub(crate) mod coupon_rush;
