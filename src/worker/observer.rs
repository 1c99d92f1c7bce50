//! Once a second: positions are shown under the groups that operators know, and compared with the ends of the inboxes. Best effort, on a thread of
//! its own, since both ask the log and wait for it.

use crate::alerts::expiries::{Expiries, ExpiryBoard};
use crate::lag::{Lag, LagBoard};
use holdfast_engine::inspect::{Snapshot, Status, TaskState, TaskStatus};
use holdfast_engine::prelude::Topology;
use holdfast_model::topics::reservation::SEATS_EXPIRED;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, Log, LogError, Slot, Start};
use holdfast_ports::record::{Topic, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(20);
/// How long first undecided records are waited for, to learn their age: so long, so often.
const LOOK_MAX: Duration = Duration::from_millis(100);
const LOOKS: u32 = 4;
/// A restore that lasts longer asks the groups how far its place is decided, in µs.
const ASK_GROUPS_US: u64 = 3_000_000;

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
    expiries: ExpiryBoard,
) -> Observer {
    let (stop, stopped) = mpsc::channel();
    tokio::task::spawn_blocking(move || {
        let expiries = Expiries::new(expiries);
        let oldest = BTreeMap::new();
        let mut eyes =
            Eyes { log, clock, status, topologies, board, expiries, fetcher: None, oldest, restoring_from_us: None };
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
    expiries: Expiries,
    fetcher: Option<Box<dyn Fetcher>>,
    /// The oldest undecided record of each reader that has one: its offset, and when it was appended. While nothing is decided it stays the oldest, so
    /// that one that stands still is read once.
    oldest: BTreeMap<Reading, (i64, i64)>,
    /// Since when a task of this worker has been restored, if one is: monotonic, in µs.
    restoring_from_us: Option<u64>,
}

/// A topology, by its number, and one of its sources.
type Reading = (usize, TopicPartition);

/// How far a reading is, as its owner or its group says.
struct Position {
    reading: Reading,
    /// Offset of the next record to be decided.
    next: i64,
    /// Offset at which the oldest undecided record is looked for. While a task restores, `next` is as old as what it has restored; its group knows better.
    /// `None`: not known.
    undecided: Option<i64>,
    is_watched: bool,
}

/// A position, and the end of its source.
struct Looked {
    position: Position,
    end: i64,
}

impl Looked {
    /// Whether the oldest undecided record can be looked for.
    fn is_behind(&self) -> bool {
        self.position.undecided.is_some_and(|undecided| self.end > undecided) && self.end > self.position.next
    }
}

impl Eyes {
    fn look(&mut self) -> Result<(), LogError> {
        let snapshot = self.status.snapshot();
        self.mirror(&snapshot);
        let places = self.expiring(&snapshot);
        if let Err(error) = self.expiries.look(&*self.log, &places) {
            tracing::debug!(%error, "facts that holds have ended not seen");
        }
        let mut positions = self.own(&snapshot);
        // Best effort: what is not known of others must not hide what is known here.
        match self.watched(&snapshot) {
            Ok(watched) => positions.extend(watched),
            Err(error) => tracing::debug!(%error, "places that are watched not seen"),
        }
        let fetcher = match &mut self.fetcher {
            Some(fetcher) => fetcher,
            none => none.insert(self.log.fetcher()?),
        };
        let mut looked = Vec::with_capacity(positions.len());
        for position in positions {
            let end = fetcher.end(&position.reading.1, End::Stable)?;
            looked.push(Looked { position, end });
        }
        let behind = || looked.iter().filter(|looked| looked.is_behind());
        let stands = |reading: &Reading, offset: i64| {
            behind().any(|looked| looked.position.reading == *reading && looked.position.undecided == Some(offset))
        };
        self.oldest.retain(|reading, (offset, _)| stands(reading, *offset));
        let is_read = |looked: &&Looked| self.oldest.contains_key(&looked.position.reading);
        let unread: Vec<&Looked> = behind().filter(|looked| !is_read(looked)).collect();
        let mut firsts = first_undecided(&mut **fetcher, unread)?;
        let now_ms = self.clock.now_ms();
        let mut lags = Vec::with_capacity(looked.len());
        for at in looked {
            let reading = &at.position.reading;
            let first = match (self.oldest.get(reading), at.position.undecided) {
                _ if at.end <= at.position.next => First::None,
                (_, None) => First::Unknown,
                (_, Some(undecided)) if at.end <= undecided => First::None,
                (Some((_, append_ms)), _) => First::Appended(*append_ms),
                (None, _) => firsts.remove(reading).unwrap_or(First::Unknown),
            };
            if let (First::Appended(append_ms), Some(undecided)) = (first, at.position.undecided) {
                self.oldest.insert(reading.clone(), (undecided, append_ms));
            }
            lags.extend(self.lag(at, first, now_ms));
        }
        self.board.show(lags, now_ms);
        Ok(())
    }

    fn lag(&self, looked: Looked, first: First, now_ms: i64) -> Option<Lag> {
        let Looked { position, end } = looked;
        let Position { reading: (topology, source), next: position, undecided, is_watched } = position;
        let topology = self.topologies.get(topology)?;
        let records = u64::try_from(end.saturating_sub(position)).unwrap_or(0);
        let is_ahead = undecided.is_some_and(|undecided| undecided > position);
        let oldest_ms = if let First::Appended(ms) = first { Some(ms) } else { None };
        Some(Lag {
            topology: topology.name().to_string(),
            group: topology.group().to_owned(),
            topic: source.topic.to_string(),
            place: source.partition,
            position,
            end,
            // While a task restores, nothing but its age may be known from elsewhere.
            records: if first == First::None && !is_ahead { 0 } else { records },
            ms: match first {
                First::Appended(ms) => Some(u64::try_from(now_ms.saturating_sub(ms)).unwrap_or(0)),
                First::None => Some(0),
                First::Unknown => None,
            },
            watched: is_watched,
            oldest_ms,
        })
    }

    /// Places in which a task of this worker runs that tells of holds that have ended.
    fn expiring(&self, snapshot: &Snapshot) -> BTreeSet<u32> {
        let tells = |name: &str| {
            let topology = self.topologies.iter().find(|topology| **topology.name() == *name);
            topology.is_some_and(|topology| topology.sinks().iter().any(|topic| **topic == *SEATS_EXPIRED))
        };
        let runs = snapshot.tasks.iter().filter(|(_, seen)| seen.state == TaskState::Running);
        runs.filter(|(task, _)| tells(&task.topology)).map(|(task, _)| task.place).collect()
    }

    /// How far the tasks of this worker are.
    fn own(&mut self, snapshot: &Snapshot) -> Vec<Position> {
        let is_at_work = |seen: &TaskStatus| matches!(seen.state, TaskState::Running | TaskState::Halted);
        let now_us = self.clock.monotonic_us();
        let is_restoring = snapshot.tasks.values().any(|seen| !is_at_work(seen));
        let from_us = *self.restoring_from_us.get_or_insert(now_us);
        if !is_restoring {
            self.restoring_from_us = None;
        }
        // A restore that is soon over is not worth a question to each group.
        let asks_groups = is_restoring && now_us.saturating_sub(from_us) >= ASK_GROUPS_US;
        let mut positions = Vec::new();
        for (nth, topology) in self.topologies.iter().enumerate() {
            for (_, seen) in snapshot.tasks.iter().filter(|(task, _)| task.topology == *topology.name()) {
                let sources: Vec<TopicPartition> = seen.positions.iter().map(|(source, _)| source.clone()).collect();
                let is_known = is_at_work(seen);
                let shown =
                    if is_known || !asks_groups { None } else { self.log.mirrored(topology.group(), &sources).ok() };
                for (at, (source, next)) in seen.positions.iter().enumerate() {
                    // A group that shows nothing has decided nothing.
                    let shown =
                        shown.as_ref().and_then(|shown| shown.get(at)).map(|shown| shown.unwrap_or(0).max(*next));
                    let undecided = if is_known { Some(*next) } else { shown };
                    let reading = (nth, source.clone());
                    positions.push(Position { reading, next: *next, undecided, is_watched: false });
                }
            }
        }
        positions
    }

    /// How far the groups show places that are watched beside their owner. An owner shows its positions once a second: they are no further than it is.
    fn watched(&self, snapshot: &Snapshot) -> Result<Vec<Position>, LogError> {
        let mut places = self.board.watched();
        places.retain(|place| !snapshot.tasks.keys().any(|task| task.place == *place));
        let mut positions = Vec::new();
        if places.is_empty() {
            return Ok(positions);
        }
        for (nth, topology) in self.topologies.iter().enumerate() {
            let of = |topic: &Topic| {
                places.iter().map(|place| TopicPartition::new(topic.clone(), *place)).collect::<Vec<_>>()
            };
            let sources: Vec<TopicPartition> = topology.sources().iter().flat_map(of).collect();
            let shown = self.log.mirrored(topology.group(), &sources)?;
            let of_source = |(source, next): (TopicPartition, Option<i64>)| {
                Some(Position { reading: (nth, source), next: next?, undecided: next, is_watched: true })
            };
            positions.extend(sources.into_iter().zip(shown).filter_map(of_source));
        }
        Ok(positions)
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

/// Reads the first undecided record of each. Topologies that share a source read it one after the other, since a fetcher reads a partition once.
fn first_undecided(fetcher: &mut dyn Fetcher, mut unread: Vec<&Looked>) -> Result<BTreeMap<Reading, First>, LogError> {
    let mut firsts = BTreeMap::new();
    while !unread.is_empty() {
        let mut sources = BTreeSet::new();
        let (now, later) = unread.into_iter().partition(|looked| sources.insert(looked.position.reading.1.clone()));
        read_firsts(fetcher, &now, &mut firsts)?;
        unread = later;
    }
    Ok(firsts)
}

fn read_firsts(
    fetcher: &mut dyn Fetcher,
    unread: &Vec<&Looked>,
    firsts: &mut BTreeMap<Reading, First>,
) -> Result<(), LogError> {
    let mut open: BTreeMap<Slot, &Looked> = BTreeMap::new();
    for looked in unread {
        let Some(undecided) = looked.position.undecided else { continue };
        match fetcher.assign(&looked.position.reading.1, Start::At(undecided)) {
            Ok(slot) => drop(open.insert(slot, looked)),
            Err(LogError::OutOfRange { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let mut waits = LOOKS;
    while !open.is_empty() {
        let mut found = None;
        let fetched = fetcher.fetch(1, &mut |slot, record| {
            found = Some((slot, record.append_ms));
            ControlFlow::Break(())
        });
        match (fetched, found) {
            // What a look before had asked for is passed over.
            (Ok(_), Some((slot, append_ms))) => {
                if let Some(looked) = open.remove(&slot) {
                    firsts.insert(looked.position.reading.clone(), First::Appended(append_ms));
                    fetcher.unassign(slot);
                }
            }
            (Err(LogError::OutOfRange { slot, .. }), _) => {
                open.remove(&slot);
                fetcher.unassign(slot);
            }
            (Err(error), _) => return Err(error),
            (Ok(_), None) => {
                let is_past = |slot: &Slot, looked: &Looked| fetcher.position(*slot) >= looked.end;
                let past: Vec<Slot> = open.iter().filter(|(slot, l)| is_past(slot, l)).map(|(slot, _)| *slot).collect();
                for slot in past {
                    firsts.extend(open.remove(&slot).map(|looked| (looked.position.reading.clone(), First::None)));
                    fetcher.unassign(slot);
                }
                if open.is_empty() || waits == 0 {
                    break;
                }
                waits -= 1;
                fetcher.wait(LOOK_MAX)?;
            }
        }
    }
    open.into_keys().for_each(|slot| fetcher.unassign(slot));
    Ok(())
}
