//! Payments whose reservation has not been confirmed, as the ledger of deliveries knows them: counted for operators. A confirmation follows its payment within
//! moments; a payment that stays without one is refunded, or an operator has to look at it.
//!
//! The ledger has no index of them: its rows are passed in small parts, one part a second, so that the count costs the same whatever the ledger holds. It
//! is as old as one pass: a second for each [`ROWS_OF_A_LOOK`] rows of a place.

use holdfast_engine::inspect::{Queries, QueryError, Status, TaskState};
use holdfast_model::data_platform::NAME;
use holdfast_ports::clock::Clock;
use holdfast_topologies::data_platform::view::{self, DeliveryView};
use parking_lot::RwLock;
use prometheus::{IntGaugeVec, Opts, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
/// Rows of a place that are passed at one look.
const ROWS_OF_A_LOOK: usize = 5_000;
/// A payment is counted when it has been without a confirmation for so long, in ms.
pub const WITHOUT_MS: i64 = 60_000;
/// Payments of a place that are named; more are counted only.
pub const NAMED_MAX: usize = 100;

/// What one pass over the ledger of a place has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// When it was over, in ms since the epoch.
    pub at_ms: i64,
    /// How many there are.
    pub count: u64,
    /// The first [`NAMED_MAX`] of them, by reservation id.
    pub named: Vec<DeliveryView>,
}

/// The last pass over each place of this worker.
#[derive(Debug, Clone, Default)]
pub struct UnconfirmedBoard(Arc<RwLock<BTreeMap<u32, Pass>>>);

impl UnconfirmedBoard {
    /// The last pass of each place, if there has been one.
    #[must_use]
    pub fn passes(&self) -> BTreeMap<u32, Pass> {
        self.0.read().clone()
    }
}

/// The search, as long as it runs.
#[derive(Debug)]
pub struct Search {
    stop: mpsc::Sender<()>,
}

impl Search {
    /// Asks it to stop.
    pub fn stop(&self) {
        // It may be gone already.
        let _ = self.stop.send(());
    }
}

/// Starts it, on a thread of the runtime.
///
/// # Errors
/// When the registry has a metric of this name already.
pub fn spawn(
    queries: Arc<Queries>,
    status: Status,
    clock: Arc<dyn Clock>,
    board: UnconfirmedBoard,
    registry: &Registry,
) -> Result<Search, prometheus::Error> {
    let about = "Payments without a confirmation for a minute or longer";
    let gauge = IntGaugeVec::new(Opts::new("holdfast_unconfirmed_payments", about), &["place"])?;
    registry.register(Box::new(gauge.clone()))?;
    let (stop, stopped) = mpsc::channel();
    tokio::task::spawn_blocking(move || {
        let mut eyes = Eyes { queries, clock, board, gauge, passes: BTreeMap::new() };
        while matches!(stopped.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout)) {
            let runs = status
                .snapshot()
                .tasks
                .into_iter()
                .filter(|(task, seen)| *task.topology == *NAME && seen.state == TaskState::Running);
            eyes.look(&runs.map(|(task, _)| task.place).collect());
        }
    });
    Ok(Search { stop })
}

struct Eyes {
    queries: Arc<Queries>,
    clock: Arc<dyn Clock>,
    board: UnconfirmedBoard,
    gauge: IntGaugeVec,
    /// The pass that is under way in each place: what it has found, and where it goes on.
    passes: BTreeMap<u32, (Pass, Option<String>)>,
}

impl Eyes {
    /// Passes a part of each of `places`.
    fn look(&mut self, places: &BTreeSet<u32>) {
        self.passes.retain(|place, _| places.contains(place));
        let gone: Vec<u32> = self.board.0.read().keys().filter(|place| !places.contains(place)).copied().collect();
        for place in gone {
            self.board.0.write().remove(&place);
            // It is told of by the worker that has it now.
            let _ = self.gauge.remove_label_values(&[&place.to_string()]);
        }
        for place in places {
            if let Err(error) = self.pass(*place) {
                tracing::debug!(%error, place, "payments without a confirmation not counted");
                self.passes.remove(place);
            }
        }
    }

    fn pass(&mut self, place: u32) -> Result<(), QueryError> {
        let now_ms = self.clock.now_ms();
        let task = self.queries.task(NAME, place)?;
        let (pass, from) = self.passes.entry(place).or_default();
        let part = view::unconfirmed(&task, from.as_ref(), now_ms - WITHOUT_MS, ROWS_OF_A_LOOK)?;
        pass.count += part.found.len() as u64;
        let room = NAMED_MAX.saturating_sub(pass.named.len());
        pass.named.extend(part.found.into_iter().take(room));
        *from = part.next;
        if from.is_none() {
            let done = Pass { at_ms: now_ms, ..std::mem::take(pass) };
            self.gauge.with_label_values(&[&place.to_string()]).set(i64::try_from(done.count).unwrap_or(i64::MAX));
            self.board.0.write().insert(place, done);
        }
        Ok(())
    }
}
