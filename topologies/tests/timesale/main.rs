//! The time-sale topology in the real step: commits, restores and dead letters included.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod cancelling;
mod ending;
mod ordering;
mod records;
mod sales;
mod shop;
