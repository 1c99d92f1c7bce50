//! The lines that operators of the seeds know, told of what is committed: a deadline that was set, a hold that is over, a deadline that came for nothing
//! (S0-18 to S0-21, S0-29).
//!
//! It reads behind the decisions and is never part of one. Best effort: it begins where a place stands when it comes, and a crowd is let pass and not
//! told one by one, since nobody could read it. `RUST_LOG=info,stream_worker::worker::narrator=off` silences it.

use holdfast_engine::inspect::{Queries, Status, TaskState};
use holdfast_model::reservation::message::{Command, Message};
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::{EXPIRATIONS, INBOX, NAME, RESERVATIONS, SEATS_EXPIRED, ids};
use holdfast_model::wire::{self, When};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, Log, LogError, Slot, Start};
use holdfast_ports::record::{Record, TopicPartition};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
/// How a deadline's command begins in the inbox: everything else there is passed over without being read.
const EXPIRE: &[u8] = br#"{"type":"expire","#;

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

/// Starts it, on a thread of the runtime: whoever shuts that down waits for it, since it holds the log to the last.
#[must_use]
pub fn spawn(log: Arc<dyn Log>, clock: Arc<dyn Clock>, status: Status, queries: Arc<Queries>) -> Narrator {
    let (stop, stopped) = mpsc::channel();
    let begun = Arc::new(AtomicBool::new(false));
    let (open, pause) = (VecDeque::new(), PAUSE);
    let mut teller = Teller { log, clock, status, queries, begun: begun.clone(), reading: None, open, pause };
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
    Narrator { stop, begun }
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
    topic: &'static str,
    place: u32,
}

const TOPICS: [&str; 3] = [EXPIRATIONS, SEATS_EXPIRED, INBOX];

struct Reading {
    fetcher: Box<dyn Fetcher>,
    slots: BTreeMap<Slot, Source>,
    /// Records seen since `since_us`.
    records: usize,
    since_us: u64,
}

/// A deadline's command that may not be decided yet.
struct Due {
    place: u32,
    offset: i64,
    append_ms: i64,
    reservation_id: String,
}

struct Teller {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    status: Status,
    queries: Arc<Queries>,
    begun: Arc<AtomicBool>,
    reading: Option<Reading>,
    open: VecDeque<Due>,
    /// How long the last crowd was let pass.
    pause: Duration,
}

impl Teller {
    fn turn(&mut self) -> Result<Turn, LogError> {
        let places = self.places();
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => {
                let (fetcher, since_us) = (self.log.fetcher()?, self.clock.monotonic_us());
                none.insert(Reading { fetcher, slots: BTreeMap::new(), records: 0, since_us })
            }
        };
        reading.follow(&places)?;
        if reading.slots.is_empty() {
            return Ok(Turn::Quiet);
        }
        self.begun.store(true, Ordering::Release);
        reading.fetcher.wait(TURN)?;
        let (slots, open) = (&reading.slots, &mut self.open);
        let seen = reading.fetcher.fetch(RECORDS_MAX, &mut |slot, record| {
            if let Some(source) = slots.get(&slot) {
                open.extend(tell(*source, record));
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
            self.open.clear();
            return Ok(Turn::Crowd);
        }
        self.tell_what_came_for_nothing();
        Ok(Turn::More)
    }

    /// The places whose seats are sold here.
    fn places(&self) -> BTreeSet<u32> {
        let snapshot = self.status.snapshot();
        let runs =
            snapshot.tasks.iter().filter(|(task, seen)| *task.topology == *NAME && seen.state == TaskState::Running);
        runs.map(|(task, _)| task.place).collect()
    }

    /// Deadlines whose commands are decided by now, and have changed nothing.
    fn tell_what_came_for_nothing(&mut self) {
        let queries = &self.queries;
        self.open.retain(|due| {
            // A place that has left is told of by whoever has it.
            let Ok(view) = queries.task(NAME, due.place) else { return false };
            if view.next_offset() <= due.offset {
                return true;
            }
            let serial = ids::parse_reservation(&due.reservation_id).map(|(_, serial)| serial);
            let row = serial.and_then(|serial| view.get(&RESERVATIONS, &serial).ok().flatten());
            if let Some(row) = row.filter(|row| came_for_nothing(row.state, row.changed_ms, due.append_ms)) {
                let (reservation, state) = (&*due.reservation_id, row.state.as_str());
                tracing::info!(
                    reservation,
                    state,
                    "[ReservationExpirationConsumer] Reservation was already expired or confirmed"
                );
            }
            false
        });
    }
}

/// Whether a deadline's command, appended at `append_ms`, has found nothing to do: the reservation is what it is since before.
fn came_for_nothing(state: State, changed_ms: i64, append_ms: i64) -> bool {
    match state {
        // Too early: it is asked again.
        State::Held => false,
        State::Expired => changed_ms < append_ms,
        State::Paying | State::Confirmed | State::Cancelled | State::Refunded => true,
    }
}

impl Reading {
    /// Follows these places and no others; new ones from where they stand.
    fn follow(&mut self, places: &BTreeSet<u32>) -> Result<(), LogError> {
        let gone: Vec<Slot> =
            self.slots.iter().filter(|(_, source)| !places.contains(&source.place)).map(|(slot, _)| *slot).collect();
        for slot in gone {
            self.fetcher.unassign(slot);
            self.slots.remove(&slot);
        }
        for source in places.iter().flat_map(|place| TOPICS.map(|topic| Source { topic, place: *place })) {
            if !self.slots.values().any(|known| *known == source) {
                let partition = TopicPartition::new(source.topic, source.place);
                let end = self.fetcher.end(&partition, End::Stable)?;
                self.slots.insert(self.fetcher.assign(&partition, Start::At(end))?, source);
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deadline {
    event_id: String,
    occurred_at: When,
    payload: DeadlinePayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeadlinePayload {
    expires_at: When,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expired {
    #[serde(deserialize_with = "wire::id")]
    reservation_id: String,
}

/// Tells of a record. A deadline's command is returned, since what it has done is seen later.
fn tell(source: Source, record: &Record<'_>) -> Option<Due> {
    let value = record.value?;
    match source.topic {
        EXPIRATIONS => {
            let deadline: Deadline = serde_json::from_slice(value).ok()?;
            let (When::Ms(from_ms), When::Ms(to_ms)) = (deadline.occurred_at, deadline.payload.expires_at) else {
                return None;
            };
            let (topic, place, event, ms) = (source.topic, source.place, deadline.event_id, to_ms - from_ms);
            tracing::info!("[KafkaProducerService] Message sent to topic: {topic}");
            tracing::info!("[ReservationExpirationConsumer] Received expiration event from {topic}-{place}: {event}");
            tracing::info!("[ReservationExpirationConsumer] Waiting {ms}ms until expiration time...");
            None
        }
        SEATS_EXPIRED => {
            let id = serde_json::from_slice::<Expired>(value).ok()?.reservation_id;
            tracing::info!("[ReservationExpirationConsumer] Reservation {id} expired successfully");
            None
        }
        _ if value.starts_with(EXPIRE) => {
            let Command::Expire(expire) = Message::parse(Some(value)).ok()?.command else { return None };
            let (place, offset, append_ms) = (source.place, record.offset, record.append_ms);
            Some(Due { place, offset, append_ms, reservation_id: expire.reservation_id })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::reservation::message::{Expire, Hold};
    use holdfast_ports::record::NoHeaders;

    fn due(command: Command) -> Option<String> {
        let value = Message::new("id", command).to_json();
        let record = Record { offset: 7, append_ms: 5, key: None, value: Some(&value), headers: &NoHeaders };
        tell(Source { topic: INBOX, place: 2 }, &record).map(|due| due.reservation_id)
    }

    #[test]
    fn deadlines_are_found_among_other_commands() {
        let expire = Expire { reservation_id: "res_2_1".to_owned(), expires_at: Some(When::Ms(0)), due_at: Some(1) };
        assert_eq!(due(Command::Expire(expire)).as_deref(), Some("res_2_1"));
        assert_eq!(due(Command::Hold(Hold::default())), None);
    }

    #[test]
    fn only_a_deadline_that_changed_nothing_came_for_nothing() {
        assert!(!came_for_nothing(State::Held, 1, 5));
        assert!(!came_for_nothing(State::Expired, 5, 5), "it has done it");
        assert!(came_for_nothing(State::Expired, 4, 5), "another one has");
        assert!(came_for_nothing(State::Confirmed, 4, 5));
    }
}
