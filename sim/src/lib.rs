//! The real step on a simulated log: users' own topologies run here as they run in production, with commits, restores and crashes.
//!
//! It is not another engine: [`driver::TestDriver`] calls the same `step` as the worker, on real RocksDB state in a temporary directory. Only the
//! log and the clock are simulated, and neither waits for anything.
//!
//! ```
//! use holdfast_engine::prelude::{Context, ProcessError, Processor, Sink, Topology};
//! use holdfast_engine::prelude::Record;
//! use holdfast_sim::TestDriver;
//!
//! static OUT: Sink = Sink::to("out");
//!
//! struct Echo;
//! impl Processor for Echo {
//!     fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
//!         ctx.send(&OUT, record.key.unwrap_or_default(), record.value.unwrap_or_default())
//!     }
//! }
//!
//! let topology = Topology::named("echo").inbox("in").sink(&OUT).dead_letters("in-dlq").processor(|| Box::new(Echo)).build().unwrap();
//! let mut driver = TestDriver::new(&topology, 3);
//! driver.pipe("in", Some("k"), "hello");
//! driver.settle();
//! assert_eq!(driver.read("out")[0].text(), "hello");
//!
//! // The same topology under seeded histories of crashes, zombies, lost answers and moved places, with a question after every commit.
//! use holdfast_sim::simulation::{Audit, History, LiveStores, Options, Simulation, World};
//! struct NothingTwice;
//! impl Audit for NothingTwice {
//!     fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
//!         let count = |topic| (0..history.places()).map(|p| history.read(topic, p, 0).len()).sum::<usize>();
//!         if count("out") <= count("in") { Ok(()) } else { Err("an echo came twice".to_owned()) }
//!     }
//!     fn settled(&mut self, history: &History<'_>, _: &LiveStores) -> Result<(), String> {
//!         self.committed(history)
//!     }
//! }
//! let simulation = Simulation::of(&[topology])
//!     .workload(|| |world: &mut World<'_>| { let key = format!("k{}", world.rng().below(9)); world.send("in", &key, b"hello") })
//!     .audit(|| NothingTwice)
//!     .options(Options { steps: 300, ..Options::default() });
//! let report = simulation.run(42).unwrap();
//! assert_eq!(report, simulation.run(42).unwrap());
//! ```

mod assistant;
pub mod clock;
pub mod driver;
pub mod memory_disk;
pub mod memory_log;
pub mod null_log;
pub mod phone;
mod pulled;
pub mod reminders;
pub mod rng;
pub mod simulation;

pub use driver::TestDriver;
pub use pulled::NoEffects;
pub use simulation::Simulation;
