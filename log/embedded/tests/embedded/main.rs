//! The embedded log from outside, in one binary because linking `RocksDB` takes its time.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

mod clock;
mod compaction;
mod contract;
mod crash;
mod group_commit;
mod harness;
mod open;
mod poison;
mod retention;
