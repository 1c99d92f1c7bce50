//! The lines that operators of the seeds know, told of what is committed. What is told of a feature stands in a file of
//! its own, and [`STORIES`] has a line for it.
//!
//! It reads behind the decisions and is never part of one. Best effort: it begins where a place stands when it comes, and a crowd is let pass and not
//! told one by one, since nobody could read it. `RUST_LOG=info,stream_worker::worker::narrator=off` silences it.

mod data_platform;
mod reservation;

use holdfast_engine::inspect::{Queries, Status, TaskState};
use holdfast_engine::prelude::Topology;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, Log, LogError, Slot, Start};
use holdfast_ports::record::{Record, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How long one wait for news lasts; also how soon a stop or a new place is noticed.
const TURN: Duration = Duration::from_millis(50);
/// Pause after a log that could not be read, and while a crowd passes; each further one is let pass for twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// More records than that within [`PAUSE`] are a crowd.
const RECORDS_MAX: usize = 1_000;
/// The target of every line, so that one filter silences all of them.
const TARGET: &str = module_path!();
/// What is told of each feature.
const STORIES: &[fn() -> Box<dyn Story>] =
    &[|| Box::<reservation::Deadlines>::default(), || Box::<data_platform::Repetitions>::default()];

/// What is told of a feature.
trait Story: Send {
    /// The topology that it is about: it is read where that runs.
    fn topology(&self) -> &'static str;

    /// The topics that it is read from.
    fn topics(&self) -> &'static [&'static str];

    /// Tells of a record, or remembers it until its decision can be seen.
    fn read(&mut self, source: Source, record: &Record<'_>);

    /// Tells of what is decided by now.
    fn look(&mut self, queries: &Queries);

    /// Forgets what it has remembered, since a crowd is let pass.
    fn pass(&mut self);
}

/// The narrator, as long as it runs.
#[derive(Debug)]
pub struct Narrator {
    stop: mpsc::Sender<()>,
    begun: Arc<AtomicBool>,
}

impl Narrator {
    /// Whether it follows the places that run here: what is committed from now on is told.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Asks it to stop.
    pub fn stop(&self) {
        // It may be gone already.
        let _ = self.stop.send(());
    }
}

/// Starts it, on a thread of the runtime: the runtime's shutdown waits for it, since it holds the log to the last.
/// `None` when nothing is told of `topologies`.
#[must_use]
pub fn spawn(
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    status: Status,
    queries: Arc<Queries>,
    topologies: &[Topology],
) -> Option<Narrator> {
    let runs = |story: &dyn Story| topologies.iter().any(|topology| **topology.name() == *story.topology());
    let stories: Vec<_> = STORIES.iter().map(|story| story()).filter(|story| runs(&**story)).collect();
    if stories.is_empty() {
        return None;
    }
    let (stop, stopped) = mpsc::channel();
    let begun = Arc::new(AtomicBool::new(false));
    let mut teller = Teller { log, clock, status, queries, begun: begun.clone(), reading: None, stories, pause: PAUSE };
    tokio::task::spawn_blocking(move || {
        loop {
            let pause = match teller.turn() {
                Ok(Turn::Quiet) => TURN,
                Ok(Turn::More) => Duration::ZERO,
                Ok(Turn::Crowd) => {
                    tracing::info!("more than {RECORDS_MAX} records a second: not told one by one");
                    teller.reading = None;
                    teller.pause = (teller.pause * 2).min(PAUSE_MAX);
                    teller.pause
                }
                Err(error) => {
                    tracing::debug!(%error, "nothing can be told");
                    // A new one is made: whatever ailed the old one is not carried along.
                    teller.reading = None;
                    PAUSE
                }
            };
            if !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                return;
            }
        }
    });
    Some(Narrator { stop, begun })
}

/// How a turn ended.
enum Turn {
    /// Nothing to follow.
    Quiet,
    /// There may be more at once.
    More,
    /// There is more than can be told.
    Crowd,
}

/// What is read of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    /// Which of the stories it belongs to.
    story: usize,
    topic: &'static str,
    place: u32,
}

struct Reading {
    fetcher: Box<dyn Fetcher>,
    slots: BTreeMap<Slot, Source>,
    /// Records seen since `since_us`.
    records: usize,
    since_us: u64,
}

struct Teller {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    status: Status,
    queries: Arc<Queries>,
    begun: Arc<AtomicBool>,
    reading: Option<Reading>,
    stories: Vec<Box<dyn Story>>,
    /// How long the last crowd was let pass.
    pause: Duration,
}

impl Teller {
    fn turn(&mut self) -> Result<Turn, LogError> {
        let sources = self.sources();
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => {
                let (fetcher, since_us) = (self.log.fetcher()?, self.clock.monotonic_us());
                none.insert(Reading { fetcher, slots: BTreeMap::new(), records: 0, since_us })
            }
        };
        reading.follow(&sources)?;
        if reading.slots.is_empty() {
            return Ok(Turn::Quiet);
        }
        self.begun.store(true, Ordering::Release);
        reading.fetcher.wait(TURN)?;
        let (slots, stories) = (&reading.slots, &mut self.stories);
        let seen = reading.fetcher.fetch(RECORDS_MAX, &mut |slot, record| {
            if let Some(source) = slots.get(&slot)
                && let Some(story) = stories.get_mut(source.story)
            {
                story.read(*source, record);
            }
            ControlFlow::Continue(())
        })?;
        let now_us = self.clock.monotonic_us();
        if now_us.saturating_sub(reading.since_us) > u64::try_from(PAUSE.as_micros()).unwrap_or(u64::MAX) {
            (reading.records, reading.since_us) = (0, now_us);
            self.pause = PAUSE;
        }
        reading.records += seen;
        if reading.records >= RECORDS_MAX {
            self.stories.iter_mut().for_each(|story| story.pass());
            return Ok(Turn::Crowd);
        }
        for story in &mut self.stories {
            story.look(&self.queries);
        }
        Ok(Turn::More)
    }

    /// What is to be read of the places that run here.
    fn sources(&self) -> Vec<Source> {
        let snapshot = self.status.snapshot();
        let running = || snapshot.tasks.iter().filter(|(_, seen)| seen.state == TaskState::Running);
        let mut sources = Vec::new();
        for (story, told) in self.stories.iter().enumerate() {
            let places: BTreeSet<u32> =
                running().filter(|(task, _)| *task.topology == *told.topology()).map(|(task, _)| task.place).collect();
            let of = |place| told.topics().iter().map(move |topic| Source { story, topic, place });
            sources.extend(places.into_iter().flat_map(of));
        }
        sources
    }
}

impl Reading {
    /// Follows these sources and no others; new ones from where they stand.
    fn follow(&mut self, sources: &[Source]) -> Result<(), LogError> {
        let gone: Vec<Slot> =
            self.slots.iter().filter(|(_, source)| !sources.contains(source)).map(|(slot, _)| *slot).collect();
        for slot in gone {
            self.fetcher.unassign(slot);
            self.slots.remove(&slot);
        }
        for source in sources {
            if !self.slots.values().any(|known| known == source) {
                let partition = TopicPartition::new(source.topic, source.place);
                let end = self.fetcher.end(&partition, End::Stable)?;
                self.slots.insert(self.fetcher.assign(&partition, Start::At(end))?, *source);
            }
        }
        Ok(())
    }
}
