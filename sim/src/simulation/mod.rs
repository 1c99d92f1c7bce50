//! The seeded simulator: several workers on one simulated log, everything that can go wrong with them, and questions asked after every commit.
//!
//! One seed is one history: it decides what comes in, who steps next, when time passes and what fails. The history ends with a quiet phase in which
//! nothing fails any more and everything has to come right: each input decided, each store equal to its changelog, and a shadow that decides the
//! inboxes again, alone and undisturbed, sends the same.
//!
//! ```text
//!   seed ──► scheduler (run) ──┬─► worker: StreamThread on a machine (power, network), a disk, a clock of its own
//!                              ├─► worker …                       │
//!                              ├─► workload: appends              ▼
//!                              └─► time, faults, moves ──► simulated log ──► audits, after every commit
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`workload`], [`audit`] | what a user writes: what comes in, and what must hold |
//! | [`options`], [`fault`] | what may go wrong, how much, and how that is written on a command line |
//! | [`run`], [`quiet`], [`shadow`] | the history of a seed, its end, and deciding it again |
//! | [`calls`], [`executor`], [`outside`] | effects performed, and what the outside has got |
//! | [`forgetting`] | what the log forgets meanwhile |
//! | [`worker`], [`machine`], [`machine_stores`], [`disk`] | a worker and all it stands on |
//! | [`shrink`], [`command`], [`progress`] | the smallest failure, and the runner of many seeds |
//! | [`mutant`] | mistakes on purpose |

pub mod audit;
mod calls;
pub mod command;
pub mod disk;
mod executor;
pub mod fault;
mod forgetting;
mod machine;
mod machine_stores;
pub mod mutant;
pub mod options;
mod outside;
pub mod progress;
mod quiet;
mod run;
mod shadow;
mod shrink;
mod worker;
pub mod workload;

pub use audit::{Audit, Cursor, History, LiveStores};
pub use fault::{FaultCounts, FaultKind};
pub use mutant::Mutant;
pub use options::Options;
pub use outside::Calls;
pub use progress::Progress;
pub use workload::{Call, Workload, World};

use crate::memory_log::Taken;
use holdfast_engine::prelude::Topology;
use std::sync::Arc;

/// The app that runs in a simulation.
const APP: &str = "sim";

/// A topology under simulation.
#[derive(Clone)]
pub struct Simulation {
    topologies: Vec<Topology>,
    workload: Arc<dyn Fn() -> Box<dyn Workload> + Send + Sync>,
    audits: Vec<Arc<dyn Fn() -> Box<dyn Audit> + Send + Sync>>,
    options: Options,
    has_shadow: bool,
    waits_for_delayed: bool,
}

impl Simulation {
    /// Simulates `topologies`, each in every place.
    #[must_use]
    pub fn of(topologies: &[Topology]) -> Self {
        Self {
            topologies: topologies.to_vec(),
            workload: Arc::new(|| Box::new(|_: &mut World<'_>| {})),
            audits: Vec::new(),
            options: Options::default(),
            has_shadow: true,
            waits_for_delayed: true,
        }
    }

    /// What comes in. `make` is called for each run.
    #[must_use]
    pub fn workload<W: Workload + 'static>(mut self, make: impl Fn() -> W + Send + Sync + 'static) -> Self {
        self.workload = Arc::new(move || Box::new(make()));
        self
    }

    /// What must hold. `make` is called for each run; may be given several times.
    #[must_use]
    pub fn audit<A: Audit + 'static>(mut self, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        self.audits.push(Arc::new(move || Box::new(make())));
        self
    }

    /// Settings of the runs.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Decides nothing again at the end: for topologies whose delayed messages never end.
    #[must_use]
    pub fn without_shadow(mut self) -> Self {
        self.has_shadow = false;
        self.waits_for_delayed = false;
        self
    }

    /// Decides nothing again at the end: for topologies with several sources, whose records have no order among them.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        self.has_shadow = false;
        self
    }

    /// The history of `seed`.
    ///
    /// # Errors
    /// [`Failure`] with the first thing that must not be.
    pub fn run(&self, seed: u64) -> Result<Report, Box<Failure>> {
        run::Run::new(self, seed).finish()
    }

    /// A smaller run of the failing `seed` that fails as well: fewer records, fewer kinds of faults, fewer events.
    #[must_use]
    pub fn shrink(&self, failure: &Failure) -> Box<Failure> {
        shrink::shrink(self, failure)
    }
}

/// What a run was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Every event in a line.
    pub trace: String,
    /// Stands for every byte of the trace and of the log: equal for equal histories.
    pub digest: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Records appended by the workload.
    pub records: u64,
    /// Faults injected.
    pub faults: FaultCounts,
    /// Records that the log has forgotten.
    pub forgotten: Taken,
    /// What was done outside.
    pub calls: Calls,
}

/// What must not be.
#[derive(Debug, Clone, thiserror::Error)]
#[error("seed {seed}, event {event}: {what}")]
pub struct Failure {
    /// Of which seed.
    pub seed: u64,
    /// With which settings.
    pub options: Options,
    /// At which event.
    pub event: u64,
    /// What.
    pub what: String,
    /// Every event until then, in a line each.
    pub trace: String,
}
