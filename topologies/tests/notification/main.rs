//! The notification topology in the real step: commits, restores and dead letters included.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod ending;
mod history;
mod office;
mod people;
mod records;
mod redriving;
mod retrying;
mod sending;
