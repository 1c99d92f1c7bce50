//! Appending to an inbox as fast as the log takes it, as any producer could.
//!
//! What is measured afterwards is deciding and not HTTP. On the embedded log the worker must be stopped: one process owns the directory.

use crate::access::Access;
use holdfast_engine::prelude::place_of;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_engine::runtime::ports::log::{AppendError, Appender, Log};
use holdfast_engine::runtime::ports::record::{Appended, NewRecord, Topic};
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use indicatif::ProgressBar;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// Appends under way at most: enough to fill a sync or a batch, little enough to stay in memory.
const AHEAD_MAX: u64 = 20_000;

/// Append times of the first and the last of some records, by the log's clock, in ms since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
}

/// The way into the inbox of a topology.
pub(crate) struct Inbox {
    appender: Arc<dyn Appender>,
    topic: Topic,
    partitions: u32,
    ahead: Arc<Ahead>,
    bar: ProgressBar,
    pub(crate) clock: SystemClock,
    /// Lives as long as its appender.
    _log: Arc<dyn Log>,
}

/// Appends that have not been acknowledged, and what was said about the others.
#[derive(Default)]
struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    under_way: u64,
    span: Option<Span>,
    failure: Option<AppendError>,
}

impl State {
    fn check(&self) -> Result<(), Failure> {
        self.failure.as_ref().map_or(Ok(()), |error| Err(Failure::Failed(format!("log: {error}"))))
    }
}

impl Ahead {
    fn ended(&self, outcome: Result<Appended, AppendError>) {
        let mut state = self.state.lock();
        state.under_way -= 1;
        match outcome {
            Ok(Appended { append_ms: at, .. }) => {
                let span = state.span.get_or_insert(Span { first_ms: at, last_ms: at });
                *span = Span { first_ms: span.first_ms.min(at), last_ms: span.last_ms.max(at) };
            }
            Err(error) => {
                state.failure.get_or_insert(error);
            }
        }
        self.changed.notify_one();
    }
}

impl Inbox {
    /// Opens the log with the topics of `topology` in place, for `total` records to its `inbox`.
    ///
    /// # Errors
    /// When the log cannot be reached, is another process's, or has topics of another shape.
    pub(crate) fn open(access: &dyn Access, topology: &str, inbox: &str, total: u64) -> Result<Self, Failure> {
        let (log, partitions) = access.for_appending(topology)?;
        Ok(Self {
            appender: log.appender().map_err(|error| Failure::Failed(format!("log: {error}")))?,
            topic: inbox.into(),
            partitions,
            ahead: Arc::default(),
            bar: ProgressBar::new(total),
            clock: SystemClock::new(),
            _log: log,
        })
    }

    /// The place of a key.
    pub(crate) fn place_of(&self, key: &str) -> u32 {
        place_of(key.as_bytes(), self.partitions)
    }

    /// Appends a record to the place of its key; waits only while too many are under way.
    ///
    /// # Errors
    /// When one of the records so far was not taken.
    pub(crate) fn append(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        {
            let mut state = self.ahead.state.lock();
            let is_full = |state: &mut State| state.under_way > AHEAD_MAX && state.failure.is_none();
            self.ahead.changed.wait_while(&mut state, is_full);
            state.check()?;
            state.under_way += 1;
        }
        let (topic, partition) = (&*self.topic, self.place_of(key));
        let record = NewRecord { topic, partition, key: Some(key.as_bytes()), value: Some(value), headers: &[] };
        let ahead = Arc::clone(&self.ahead);
        self.appender.append(record, Box::new(move |outcome| ahead.ended(outcome)));
        self.bar.inc(1);
        Ok(())
    }

    /// Waits until all so far are in the log, and says when those since the last call were taken; `None` if there were none.
    ///
    /// # Errors
    /// When one was not taken.
    pub(crate) fn settle(&self) -> Result<Option<Span>, Failure> {
        let mut state = self.ahead.state.lock();
        self.ahead.changed.wait_while(&mut state, |state| state.under_way > 0 && state.failure.is_none());
        state.check()?;
        Ok(state.span.take())
    }

    /// Lets the clock come to `due_us`.
    pub(crate) fn rest_until(&self, due_us: u64) {
        let mut state = self.ahead.state.lock();
        loop {
            let left_us = due_us.saturating_sub(self.clock.monotonic_us());
            if left_us == 0 || state.failure.is_some() {
                return;
            }
            self.ahead.changed.wait_for(&mut state, Duration::from_micros(left_us));
        }
    }

    /// All is appended: takes the progress bar away and says how long it took since `began_us`, in ms.
    pub(crate) fn finish(&self, began_us: u64) -> u64 {
        self.bar.finish_and_clear();
        (self.clock.monotonic_us() - began_us) / 1_000
    }
}
