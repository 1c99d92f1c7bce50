//! `load expiry-lateness`: how late the seats of an `expiry-cliff` were freed, read from the log.
//!
//! Late is the append time of a record less the deadline that it is about: the log's clock on both sides, whoever's clock fired. Early is a breach.
//! Reads committed records. On Kafka it may run beside the worker and waits for the last; on the embedded log the worker must be stopped.

use super::expiry_cliff;
use crate::access::Access;
use crate::latencies::{COLUMNS, Latencies};
use crate::shape::Shape;
use clap::Args;
use holdfast_engine::prelude::Record;
use holdfast_engine::runtime::ports::log::{Fetcher, Start};
use holdfast_engine::runtime::ports::record::TopicPartition;
use holdfast_model::reservation::SEATS_EXPIRED;
use holdfast_model::wire::When;
use holdfast_tools::Failure;
use holdfast_tools::reading::{self, failed};
use holdfast_tools::table::table;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Pause between two looks on Kafka.
const PAUSE: Duration = Duration::from_millis(100);
/// Looks in a row that may find no new seat before the rest is given up: half a minute.
const IDLE_LOOKS_MAX: u32 = 300;

/// How late the seats of an expiry-cliff were freed; exit code 1 when one was freed early or twice.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExpiryLateness {
    /// The seed of the cliff
    #[arg(long)]
    seed: u64,
    /// How many holds must have ended: fewer is a failure [default: as many as are found]
    #[arg(long)]
    holds: Option<u64>,
}

/// What is read of a record of [`SEATS_EXPIRED`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expired {
    schedule_id: String,
    reservation_id: String,
    expires_at: When,
    expired_at: When,
}

/// One seat that was freed; all in ms since the epoch, by the log's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Freed {
    deadline_ms: i64,
    /// When the deadline's record was appended: the time of the decision.
    decided_ms: i64,
    /// When the record that says so was appended.
    said_ms: i64,
}

/// All that were freed.
#[derive(Default)]
struct Cliff {
    freed: Vec<Freed>,
    seen: BTreeSet<String>,
    twice: u64,
}

impl Cliff {
    fn read(&mut self, prefix: &str, record: &Record<'_>) -> Result<(), Failure> {
        let unreadable =
            |why: &dyn std::fmt::Display| Failure::Failed(format!("{SEATS_EXPIRED}, offset {}: {why}", record.offset));
        let Expired { schedule_id, reservation_id, expires_at, expired_at } =
            serde_json::from_slice(record.value.unwrap_or_default()).map_err(|e| unreadable(&e))?;
        if !schedule_id.starts_with(prefix) {
            return Ok(());
        }
        let (When::Ms(deadline_ms), When::Ms(decided_ms)) = (expires_at, expired_at) else {
            return Err(unreadable(&"a time that is none"));
        };
        if !self.seen.insert(reservation_id) {
            self.twice += 1;
        }
        self.freed.push(Freed { deadline_ms, decided_ms, said_ms: record.append_ms });
        Ok(())
    }

    fn report(&self, seed: u64) -> String {
        let deadlines = || self.freed.iter().map(|freed| freed.deadline_ms);
        let (first_ms, last_ms) = (deadlines().min().unwrap_or(0), deadlines().max().unwrap_or(0));
        let (mut decided, mut said, mut from_first) =
            (Latencies::default(), Latencies::default(), Latencies::default());
        for freed in &self.freed {
            decided.note_ms(freed.decided_ms - freed.deadline_ms);
            said.note_ms(freed.said_ms - freed.deadline_ms);
            from_first.note_ms(freed.said_ms - first_ms);
        }
        let rows = [
            decided.row("expire after its deadline"),
            said.row("seats.expired after its deadline"),
            from_first.row("seats.expired after the first deadline"),
        ];
        format!(
            "expiry-lateness: {} seats freed, seed {seed}, deadlines within {} ms; {} early, {} twice\n\n{}",
            self.freed.len(),
            last_ms - first_ms,
            self.early(),
            self.twice,
            table(&COLUMNS, &rows)
        )
    }

    fn early(&self) -> usize {
        self.freed.iter().filter(|freed| freed.decided_ms.min(freed.said_ms) < freed.deadline_ms).count()
    }

    fn check(&self, holds: Option<u64>) -> Result<(), Failure> {
        let breach = |what: String| Err(Failure::Failed(format!("expiry-lateness: {what}")));
        match (self.early(), self.twice, self.seen.len() as u64) {
            (0, 0, found) if holds.is_some_and(|holds| found < holds) => {
                breach(format!("{found} of {} holds have ended", holds.unwrap_or(0)))
            }
            (0, 0, _) => Ok(()),
            (early, twice, _) => breach(format!("{early} seats were freed before their deadline, {twice} twice")),
        }
    }
}

impl Shape for ExpiryLateness {
    fn needs_log(&self) -> bool {
        true
    }

    fn run(&self, access: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        expiry_lateness(self, access, print)
    }
}

/// Reads what the cliff left in the log, and prints it.
///
/// # Errors
/// When a seat was freed early or twice, when fewer were freed than `holds`, and when the log cannot be read.
fn expiry_lateness(
    wanted: &ExpiryLateness,
    access: &dyn Access,
    print: &mut dyn FnMut(&str),
) -> Result<String, Failure> {
    let log = access.for_reading()?;
    let partitions = log.partitions(SEATS_EXPIRED).map_err(|e| failed(SEATS_EXPIRED, &e))?;
    let partitions = partitions.ok_or_else(|| Failure::Failed(format!("topic {SEATS_EXPIRED} is not there")))?;
    let mut fetcher = log.fetcher().map_err(|e| failed("log", &e))?;
    let prefix = format!("{}-", expiry_cliff::name(wanted.seed));
    let mut cliff = Cliff::default();
    let mut starts = vec![Start::Earliest; usize::try_from(partitions).unwrap_or(0)];
    // Nobody writes to the embedded log while we have it.
    let mut looks_left = if access.is_shared() { IDLE_LOOKS_MAX } else { 0 };
    loop {
        let before = cliff.freed.len();
        for (partition, start) in (0..partitions).zip(&mut starts) {
            let source = TopicPartition::new(SEATS_EXPIRED, partition);
            let mut each = |record: &Record<'_>| cliff.read(&prefix, record);
            *start = read_on(&mut *fetcher, &source, *start, &mut each)?;
        }
        let is_all = wanted.holds.is_none_or(|holds| cliff.seen.len() as u64 >= holds);
        if is_all || looks_left == 0 {
            break;
        }
        looks_left = if cliff.freed.len() > before { IDLE_LOOKS_MAX } else { looks_left - 1 };
        fetcher.wait(PAUSE).map_err(|e| failed(SEATS_EXPIRED, &e))?;
    }
    print(&cliff.report(wanted.seed));
    cliff.check(wanted.holds).map(|()| String::new())
}

/// Reads what is committed from `start` on, and returns where to go on.
fn read_on(
    fetcher: &mut dyn Fetcher,
    source: &TopicPartition,
    start: Start,
    each: &mut dyn FnMut(&Record<'_>) -> Result<(), Failure>,
) -> Result<Start, Failure> {
    let end = reading::settled_end(fetcher, source)?;
    if start == Start::At(end) || (start == Start::Earliest && end == 0) {
        return Ok(start);
    }
    reading::read(fetcher, source, start, end, each)?;
    Ok(Start::At(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_engine::runtime::ports::record::NoHeaders;

    fn read(cliff: &mut Cliff, append_ms: i64, value: &str) -> Result<(), Failure> {
        let record = Record { offset: 3, append_ms, key: None, value: Some(value.as_bytes()), headers: &NoHeaders };
        cliff.read("cliff-7-", &record)
    }

    fn value(schedule: &str, reservation: &str, expired_ms: i64) -> String {
        format!(
            r#"{{"scheduleId":"{schedule}","reservationId":"{reservation}","expiresAt":1000,"expiredAt":{expired_ms}}}"#
        )
    }

    #[test]
    fn each_seat_is_measured_against_its_own_deadline() {
        let mut cliff = Cliff::default();
        read(&mut cliff, 1_012, &value("cliff-7-1", "a", 1_005)).unwrap();
        read(&mut cliff, 9_999, &value("cliff-77-1", "b", 9_000)).unwrap();
        assert_eq!(cliff.freed, [Freed { deadline_ms: 1_000, decided_ms: 1_005, said_ms: 1_012 }]);
        assert!(cliff.report(7).contains("1 seats freed, seed 7, deadlines within 0 ms; 0 early, 0 twice"));
        assert!(cliff.check(None).is_ok() && cliff.check(Some(1)).is_ok());
        assert!(cliff.check(Some(2)).unwrap_err().to_string().contains("1 of 2 holds have ended"));
    }

    #[test]
    fn early_twice_and_unreadable_are_told() {
        let mut early = Cliff::default();
        read(&mut early, 1_000, &value("cliff-7-1", "a", 999)).unwrap();
        assert!(early.check(None).unwrap_err().to_string().contains("1 seats were freed before"));
        let mut twice = Cliff::default();
        for _ in 0..2 {
            read(&mut twice, 1_000, &value("cliff-7-1", "a", 1_000)).unwrap();
        }
        assert!(twice.check(Some(1)).unwrap_err().to_string().contains("1 twice"));
        assert!(read(&mut Cliff::default(), 0, "{").unwrap_err().to_string().contains("offset 3"));
    }
}
