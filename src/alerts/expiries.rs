//! Facts that holds have ended, read where they lie: how many ended early, and how late the latest was.
//!
//! A restart begins with the facts that come after it: what was told before it is not told again.

use holdfast_model::topics::reservation::SEATS_EXPIRED;
use holdfast_model::wire::When;
use holdfast_ports::log::{End, Fetcher, Log, LogError, Slot, Start};
use holdfast_ports::record::TopicPartition;
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Facts read at one look. More wait for the next: an early one is found late, but it is found.
const FACTS_MAX: usize = 50_000;
const LOOKS_LEFT_OUT: u32 = 30;

#[derive(Debug, Default)]
struct Noted {
    early: u64,
    latest_ms: Option<u64>,
    total: u64,
    latest_shown_ms: Option<u64>,
}

/// What operators see of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Holds that have ended by their deadline, since the start.
    pub total: u64,
    /// Those of them that ended before it.
    pub early: u64,
    /// How late the latest was since this was asked last, in ms; `None`: no hold has ended since.
    pub latest_ms: Option<u64>,
}

/// What the facts have told. Written by the observer, read by rules.
#[derive(Debug, Clone, Default)]
pub struct ExpiryBoard(Arc<Mutex<Noted>>);

impl ExpiryBoard {
    /// Notes a hold: its deadline, when it was decided that it is over, and when the fact was appended; all in ms since the epoch.
    pub fn note(&self, deadline_ms: i64, decided_ms: i64, appended_ms: i64) {
        let mut noted = self.0.lock();
        noted.early += u64::from(decided_ms < deadline_ms);
        let late_ms = u64::try_from(appended_ms.saturating_sub(deadline_ms)).unwrap_or(0);
        noted.total += 1;
        noted.latest_ms = noted.latest_ms.max(Some(late_ms));
        noted.latest_shown_ms = noted.latest_shown_ms.max(Some(late_ms));
    }

    /// What is shown to operators. Rules have a latest of their own, so neither takes it from the other.
    #[must_use]
    pub fn take_told(&self) -> Told {
        let mut noted = self.0.lock();
        Told { total: noted.total, early: noted.early, latest_ms: noted.latest_shown_ms.take() }
    }

    /// Holds that were ended before their deadline, since the start.
    #[must_use]
    pub fn early(&self) -> u64 {
        self.0.lock().early
    }

    /// How late the latest was since this was asked last, in ms.
    #[must_use]
    pub fn take_latest_ms(&self) -> Option<u64> {
        self.0.lock().latest_ms.take()
    }
}

/// What is read of a fact.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fact {
    expired_at: When,
    expires_at: When,
}

/// Reads the facts of the places that this worker owns.
pub struct Expiries {
    board: ExpiryBoard,
    reading: Option<(Box<dyn Fetcher>, BTreeMap<u32, Slot>)>,
    /// Looks that are left out after one that failed: a new fetcher costs brokers more than a look.
    pause: u32,
}

impl Expiries {
    /// A reader that notes on `board`.
    #[must_use]
    pub fn new(board: ExpiryBoard) -> Self {
        Self { board, reading: None, pause: 0 }
    }

    /// Notes what has come since the last look in `places`; of a place that is new, what comes from now on.
    ///
    /// # Errors
    /// When the log cannot be read: a later look begins anew, with what comes from then on.
    pub fn look(&mut self, log: &dyn Log, places: &BTreeSet<u32>) -> Result<(), LogError> {
        self.pause = self.pause.saturating_sub(1);
        if self.pause > 0 || places.is_empty() {
            return Ok(());
        }
        let looked = self.read(log, places);
        if looked.is_err() {
            (self.reading, self.pause) = (None, LOOKS_LEFT_OUT);
        }
        looked
    }

    fn read(&mut self, log: &dyn Log, places: &BTreeSet<u32>) -> Result<(), LogError> {
        let (fetcher, slots) = match &mut self.reading {
            Some(reading) => reading,
            none => none.insert((log.fetcher()?, BTreeMap::new())),
        };
        slots.retain(|place, slot| {
            let stays = places.contains(place);
            if !stays {
                fetcher.unassign(*slot);
            }
            stays
        });
        for place in places {
            if !slots.contains_key(place) {
                let source = TopicPartition::new(SEATS_EXPIRED, *place);
                let end = fetcher.end(&source, End::Stable)?;
                slots.insert(*place, fetcher.assign(&source, Start::At(end))?);
            }
        }
        // Has what lies ready fetched; nothing is waited for.
        fetcher.wait(Duration::ZERO)?;
        let board = &self.board;
        let mut left = FACTS_MAX;
        while left > 0 {
            let seen = fetcher.fetch(left, &mut |_, record| {
                let fact = record.value.and_then(|value| serde_json::from_slice::<Fact>(value).ok());
                if let Some((deadline, decided)) = fact.and_then(|fact| fact.expires_at.ms().zip(fact.expired_at.ms()))
                {
                    board.note(deadline, decided, record.append_ms);
                }
                ControlFlow::Continue(())
            })?;
            if seen == 0 {
                break;
            }
            left = left.saturating_sub(seen);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
    use holdfast_ports::clock::Clock;
    use holdfast_ports::log::{Cleanup, TopicSpec};
    use holdfast_ports::record::NewRecord;
    use holdfast_tools::clock::SystemClock;
    use std::sync::mpsc;

    #[test]
    fn facts_of_own_places_are_read_from_now_on() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), SystemClock::new());
        let log = EmbeddedLog::open(EmbeddedConfig::new(dir.path().join("log"), Arc::new(clock))).unwrap();
        let cleanup = Cleanup::Delete { retention_ms: 60_000 };
        log.create_topics(&[TopicSpec { name: SEATS_EXPIRED.to_owned(), partitions: 2, replication: None, cleanup }])
            .unwrap();
        let append = |place: u32, value: &str| {
            let (tell, told) = mpsc::channel();
            let value = Some(value.as_bytes());
            let record = NewRecord { topic: SEATS_EXPIRED, partition: place, key: None, value, headers: &[] };
            log.appender().unwrap().append(record, Box::new(move |result| tell.send(result).unwrap()));
            told.recv().unwrap().unwrap();
        };
        let now_ms = clock.now_ms();
        let fact =
            |early_ms: i64| format!("{{\"seatNo\":1,\"expiredAt\":{},\"expiresAt\":{now_ms}}}", now_ms - early_ms);
        let board = ExpiryBoard::default();
        let mut expiries = Expiries::new(board.clone());
        append(0, &fact(1));
        expiries.look(&*log, &BTreeSet::from([0])).unwrap();
        assert_eq!((board.early(), board.take_latest_ms()), (0, None), "what was told before is not told again");
        append(0, &fact(0));
        append(0, "no fact");
        append(0, &fact(2));
        append(1, &fact(3));
        let wait = |expiries: &mut Expiries, places: &[u32], early: u64| {
            let places = places.iter().copied().collect();
            // A look takes what is ready.
            for _ in 0..1_000 {
                expiries.look(&*log, &places).unwrap();
                if board.early() >= early {
                    break;
                }
                std::thread::yield_now();
            }
            assert_eq!(board.early(), early);
        };
        wait(&mut expiries, &[0], 1);
        assert!(board.take_latest_ms().is_some_and(|late| late < 60_000));
        let told = board.take_told();
        assert!((told.total, told.early) == (2, 1) && told.latest_ms.is_some_and(|late| late < 60_000), "{told:?}");
        assert_eq!(board.take_told().latest_ms, None, "it is taken once");
        // The other place is new: what came before is not read.
        expiries.look(&*log, &BTreeSet::from([1])).unwrap();
        append(1, &fact(4));
        append(0, &fact(5));
        wait(&mut expiries, &[1], 2);
    }
}
