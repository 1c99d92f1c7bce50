//! Keys of the stores, one file per kind. Policies, requests and commands are keyed by their id alone: the engine's text key.

mod coupon_key;
mod issued_key;

pub use coupon_key::CouponKey;
pub use issued_key::IssuedKey;
