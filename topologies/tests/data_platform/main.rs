//! Deliveries to the data platform with the real step: facts in, calls out, their results back.

mod delivering;
mod ending;
mod failing;
mod platform;
mod records;
