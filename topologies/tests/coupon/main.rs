//! The coupon topology in the real step: commits, restores and dead letters included.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod ending;
mod issuing;
mod policies;
mod records;
mod shop;
mod using;
