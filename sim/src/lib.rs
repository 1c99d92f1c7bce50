//! The real step on a simulated log: users' own topologies run here as they run in production, with commits, restores and crashes.
//!
//! It is not another engine: [`driver::TestDriver`] calls the same `step` as the worker, on real RocksDB state in a temporary directory. Only the
//! log and the clock are simulated, and neither waits for anything.
//!
//! ```
//! use holdfast_engine::{Context, ProcessError, Processor, Topology};
//! use holdfast_engine::ports::record::Record;
//! use holdfast_sim::TestDriver;
//!
//! struct Echo;
//! impl Processor for Echo {
//!     fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
//!         ctx.send("out", record.key.unwrap_or_default(), record.value.unwrap_or_default())
//!     }
//! }
//!
//! let topology = Topology::named("echo").inbox("in").sink("out").dead_letters("in-dlq").processor(|| Box::new(Echo)).build().unwrap();
//! let mut driver = TestDriver::new(&topology, 3);
//! driver.pipe("in", Some("k"), "hello");
//! driver.settle();
//! assert_eq!(driver.read("out")[0].text(), "hello");
//! ```

pub mod clock;
pub mod driver;
pub mod memory_log;

pub use driver::TestDriver;
