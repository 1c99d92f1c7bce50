//! Deliveries to the data platform with the real step: facts in, calls out, their results back.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod delivering;
mod ending;
mod failing;
mod platform;
mod records;
