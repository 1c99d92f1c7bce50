//! Reading one partition up to an end that was asked for before: what operator's verbs do.

use crate::failure::Failure;
use holdfast_engine::inspect::ports::log::{End, Fetcher, LogError, Start};
use holdfast_engine::inspect::ports::record::{Headers, TopicPartition};
use holdfast_engine::prelude::Record;
use std::ops::ControlFlow;
use std::time::Duration;

/// Records taken at once.
const FETCH_RECORDS_MAX: usize = 10_000;
/// How long one look waits.
const LOOK: Duration = Duration::from_millis(20);
/// Looks in a row that may find nothing, or a log that cannot be reached: a minute. A transaction that nobody ends lasts a sixth of that.
const LOOKS_MAX: u32 = 3_000;

/// Headers that somebody is about to write, to be read like those of a record in the log.
pub struct Given<'h>(pub &'h [(&'h str, &'h [u8])]);

impl Headers for Given<'_> {
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a str, Option<&'a [u8]>)) {
        for (name, content) in self.0 {
            visit(name, Some(content));
        }
    }
}

/// What the log answered, as the verb's own failure.
pub fn failed(what: impl std::fmt::Display, error: &LogError) -> Failure {
    Failure::Failed(format!("{what}: {error}"))
}

/// Hands over the committed records of `source` from `start` to before `end`, and returns the offset at which reading began: with [`Start::Earliest`],
/// the first that is still there.
///
/// # Errors
/// What `each` says, and when the log cannot be read or does not get to `end` within a minute of silence.
pub fn read<E: From<Failure>>(
    fetcher: &mut dyn Fetcher,
    source: &TopicPartition,
    start: Start,
    end: i64,
    each: &mut dyn FnMut(&Record<'_>) -> Result<(), E>,
) -> Result<i64, E> {
    let slot = fetcher.assign(source, start).map_err(|e| failed(source, &e))?;
    let first = fetcher.position(slot);
    let mut outcome = Ok(first);
    let mut looks = 0;
    while outcome.is_ok() && fetcher.position(slot) < end {
        let fetched = fetcher.fetch(FETCH_RECORDS_MAX, &mut |from, record| {
            if from != slot {
                return ControlFlow::Continue(());
            }
            if record.offset >= end {
                return ControlFlow::Break(());
            }
            match each(record) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    outcome = Err(error);
                    ControlFlow::Break(())
                }
            }
        });
        match fetched {
            Ok(0) | Err(LogError::Retry(_)) if looks < LOOKS_MAX => {
                looks += 1;
                // An error shows again in the next fetch.
                let _ = fetcher.wait(LOOK);
            }
            Ok(0) => {
                outcome = Err(Failure::Failed(format!("{source}: nothing readable before offset {end}")).into());
            }
            Ok(_) => looks = 0,
            Err(error) => outcome = Err(failed(source, &error).into()),
        }
    }
    fetcher.unassign(slot);
    outcome
}

/// An end of `source` before which everything is committed or gone, not below what is written now.
///
/// # Errors
/// When the log cannot be asked, or a transaction stays open for longer than any does.
pub fn settled_end(fetcher: &mut dyn Fetcher, source: &TopicPartition) -> Result<i64, Failure> {
    let written = end(fetcher, source, End::Written)?;
    for _ in 0..LOOKS_MAX {
        let stable = end(fetcher, source, End::Stable)?;
        if stable >= written {
            return Ok(stable);
        }
        fetcher.wait(LOOK).map_err(|e| failed(source, &e))?;
    }
    Err(Failure::Failed(format!("{source}: a transaction stays open")))
}

/// [`Fetcher::end`] with the verb's own failure.
///
/// # Errors
/// When the log cannot be asked.
pub fn end(fetcher: &mut dyn Fetcher, source: &TopicPartition, which: End) -> Result<i64, Failure> {
    fetcher.end(source, which).map_err(|e| failed(source, &e))
}

/// The first offset of `source` that is still there.
///
/// # Errors
/// When the log cannot be asked.
pub fn earliest(fetcher: &mut dyn Fetcher, source: &TopicPartition) -> Result<i64, Failure> {
    let slot = fetcher.assign(source, Start::Earliest).map_err(|e| failed(source, &e))?;
    let first = fetcher.position(slot);
    fetcher.unassign(slot);
    Ok(first)
}
