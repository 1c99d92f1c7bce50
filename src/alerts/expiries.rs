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

/// Facts read at one look. More wait for the next: an early one is found late, but it is found.
const FACTS_MAX: usize = 50_000;

#[derive(Debug, Default)]
struct Noted {
    early: u64,
    latest_ms: Option<u64>,
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
        noted.latest_ms = noted.latest_ms.max(Some(late_ms));
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
}

impl Expiries {
    /// A reader that notes on `board`.
    #[must_use]
    pub fn new(board: ExpiryBoard) -> Self {
        Self { board, reading: None }
    }

    /// Notes what has come since the last look in `places`; of a place that is new, what comes from now on.
    ///
    /// # Errors
    /// When the log cannot be read: the next look begins anew.
    pub fn look(&mut self, log: &dyn Log, places: &BTreeSet<u32>) -> Result<(), LogError> {
        let looked = self.read(log, places);
        if looked.is_err() {
            self.reading = None;
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
