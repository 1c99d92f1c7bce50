//! For benchmarks: one worker on a log that costs next to nothing, so that what is left is deciding.
//!
//! The step and the stores are the real ones. The log keeps what is appended, hands it over once, and counts what is written: no transactions to
//! tear, no faults, no reading of what was written. Whoever wants those takes [`crate::driver::TestDriver`].

mod log;
mod worker;

pub use log::{NullLog, Written};
pub use worker::NullLogWorker;
