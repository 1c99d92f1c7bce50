//! Once a second: positions are shown under the groups that operators know, and compared with the ends of the inboxes. Best effort, on a thread of
//! its own, since both ask the log and wait for it.

use crate::http::lag::{Lag, LagBoard};
use holdfast_engine::inspect::{Snapshot, Status, TaskState, TaskStatus};
use holdfast_engine::prelude::Topology;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, Log, LogError, Start};
use holdfast_ports::record::TopicPartition;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(20);
/// How long the first undecided record is waited for, to learn its age.
const LOOK_MAX: Duration = Duration::from_millis(100);

/// The observer, as long as it runs.
#[derive(Debug)]
pub struct Observer {
    stop: mpsc::Sender<()>,
}

impl Observer {
    /// Asks it to stop.
    pub fn stop(&self) {
        // It may be gone already.
        let _ = self.stop.send(());
    }
}

/// Starts it, on a thread of the runtime: whoever shuts that down waits for it, since it holds the log to the last.
#[must_use]
pub fn spawn(
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    status: Status,
    topologies: Vec<Topology>,
    board: LagBoard,
) -> Observer {
    let (stop, stopped) = mpsc::channel();
    tokio::task::spawn_blocking(move || {
        let mut eyes = Eyes { log, clock, status, topologies, board, fetcher: None };
        loop {
            if let Err(error) = eyes.look() {
                tracing::debug!(%error, "positions and lag not seen");
                // A new one is made: whatever ailed the old one is not carried along.
                eyes.fetcher = None;
            }
            // Tasks that have just come are looked at soon: the worker is not ready before.
            let snapshot = eyes.status.snapshot();
            let pause = if !snapshot.tasks.is_empty() && eyes.board.has_seen(&snapshot) { EVERY } else { SOON };
            if !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                return;
            }
        }
    });
    Observer { stop }
}

struct Eyes {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    status: Status,
    topologies: Vec<Topology>,
    board: LagBoard,
    fetcher: Option<Box<dyn Fetcher>>,
}

impl Eyes {
    fn look(&mut self) -> Result<(), LogError> {
        let snapshot = self.status.snapshot();
        self.mirror(&snapshot);
        let fetcher = match &mut self.fetcher {
            Some(fetcher) => fetcher,
            none => none.insert(self.log.fetcher()?),
        };
        let mut lags = Vec::new();
        for topology in &self.topologies {
            for (task, seen) in snapshot.tasks.iter().filter(|(task, _)| task.topology == *topology.name()) {
                for (source, position) in &seen.positions {
                    let end = fetcher.end(source, End::Stable)?;
                    let records = u64::try_from(end - position).unwrap_or(0);
                    let first = if records > 0 {
                        first_undecided(&mut **fetcher, source, *position, end)?
                    } else {
                        First::None
                    };
                    lags.push(Lag {
                        topology: topology.name().to_string(),
                        group: topology.group().to_owned(),
                        topic: source.topic.to_string(),
                        place: task.place,
                        position: *position,
                        end,
                        records: if first == First::None { 0 } else { records },
                        ms: match first {
                            First::Appended(ms) => Some(u64::try_from(self.clock.now_ms() - ms).unwrap_or(0)),
                            First::None => Some(0),
                            First::Unknown => None,
                        },
                    });
                }
            }
        }
        self.board.show(lags, self.clock.now_ms());
        Ok(())
    }

    fn mirror(&self, snapshot: &Snapshot) {
        for topology in &self.topologies {
            // A task that does not run yet has still to read the mirror: an operator may have reset it.
            let runs = |seen: &TaskStatus| seen.state == TaskState::Running;
            let tasks = snapshot.tasks.iter().filter(|(task, seen)| task.topology == *topology.name() && runs(seen));
            let positions: Vec<_> = tasks.flat_map(|(_, seen)| seen.positions.iter().cloned()).collect();
            if !positions.is_empty()
                && let Err(error) = self.log.mirror(topology.group(), &positions)
            {
                tracing::debug!(group = topology.group(), %error, "positions not mirrored");
            }
        }
    }
}

/// The first record that is not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// It was appended at this time, in ms since the epoch.
    Appended(i64),
    /// There is none: what lies between is markers of transactions, which occupy offsets.
    None,
    /// It did not come in time.
    Unknown,
}

fn first_undecided(
    fetcher: &mut dyn Fetcher,
    source: &TopicPartition,
    position: i64,
    end: i64,
) -> Result<First, LogError> {
    let slot = match fetcher.assign(source, Start::At(position)) {
        Ok(slot) => slot,
        Err(LogError::OutOfRange { .. }) => return Ok(First::Unknown),
        Err(error) => return Err(error),
    };
    let mut first = First::Unknown;
    let mut fetched = Ok(0);
    for attempt in 0..2 {
        fetched = fetcher.fetch(1, &mut |_, record| {
            first = First::Appended(record.append_ms);
            ControlFlow::Break(())
        });
        if first != First::Unknown || fetched.is_err() || attempt > 0 {
            break;
        }
        fetcher.wait(LOOK_MAX)?;
    }
    if first == First::Unknown && fetcher.position(slot) >= end {
        first = First::None;
    }
    fetcher.unassign(slot);
    match fetched {
        Ok(_) | Err(LogError::OutOfRange { .. }) => Ok(first),
        Err(error) => Err(error),
    }
}
