//! The truth on real brokers: workers and brokers are killed, stopped, cut off and moved about under load, and after each the audit holds.
//!
//! The tests run one after the other, since each takes all a small machine has. `HOLDFAST_ROUNDS=5` makes every fault five times over.

#![expect(clippy::unwrap_used, reason = "a test's panic is its report, in its helpers too")]

#[path = "kafka/faults.rs"]
mod faults;
#[path = "kafka/kills.rs"]
mod kills;
#[path = "kafka/moves.rs"]
mod moves;
#[path = "kafka/outage.rs"]
mod outage;
#[path = "kafka/redrive.rs"]
mod redrive;
#[path = "kafka/scene.rs"]
mod scene;
#[path = "kafka/seats.rs"]
mod seats;
#[path = "support/mod.rs"]
#[expect(dead_code, reason = "the other binary of tests uses the rest")]
mod support;
#[path = "kafka/three_brokers.rs"]
mod three_brokers;
#[path = "kafka/zombie.rs"]
mod zombie;
