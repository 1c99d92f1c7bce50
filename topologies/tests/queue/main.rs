//! The waiting room's topology in the real step: commits, restores and dead letters included.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod admitting;
mod ending;
mod guarding;
mod house;
mod joining;
mod opening;
mod records;
mod telling;
