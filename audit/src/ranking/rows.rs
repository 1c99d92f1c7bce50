//! The rows of a place against its recount: all time, sold out, the indexes over both, and the windows.

use super::book::{Book, Payment};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::Rebuilt;
use holdfast_model::ranking::keys::{DayKey, PopularKey, SoldOutKey};
use holdfast_model::ranking::row::{BucketsRow, DayRow, ScheduleRow};
use holdfast_model::ranking::{DAYS, LAST_DAY, LAST_HOUR, LAST_WEEK, POPULAR, SCHEDULES, SOLD_OUT};
use holdfast_tools::Failure;
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How far Korea is ahead of UTC, in ms.
const KOREA_MS: i64 = 9 * HOUR_MS;
/// How long after its end a window may be corrected, in ms.
const GRACE_MS: i64 = HOUR_MS;

/// Compares `state` with `book`, which has counted all of its inbox.
pub(super) fn compare(book: &Book, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    all_time(book, state, findings)?;
    for (table, length_ms, bucket_ms) in
        [(&LAST_HOUR, HOUR_MS, MINUTE_MS), (&LAST_DAY, DAY_MS, 10 * MINUTE_MS), (&LAST_WEEK, 7 * DAY_MS, HOUR_MS)]
    {
        let name = table.spec().name;
        let first = |now_ms: i64| now_ms.saturating_sub(length_ms).div_euclid(bucket_ms);
        let is_open = |at_ms: i64, now_ms: i64| at_ms.div_euclid(bucket_ms) >= first(now_ms.saturating_sub(GRACE_MS));
        let since = first(book.now_ms);
        let mut expected = standing(book, is_open, |at_ms| (at_ms.div_euclid(bucket_ms) >= since).then_some(0));
        state.each(table.stored(), &mut |id: String, row: BucketsRow| {
            let buckets = (row.first..).zip(&row.counts).filter(|(bucket, _)| *bucket >= since);
            let found: u64 = buckets.map(|(_, count)| u64::from(*count)).sum();
            let at = format!("{name} of {id}");
            let known = expected.remove(&(0, id));
            judge(&at, found, known.unwrap_or(0), findings);
        })?;
        missing(name, &expected, findings);
    }
    let day_of = |ms: i64| ms.saturating_add(KOREA_MS).div_euclid(DAY_MS);
    let is_open = |at_ms: i64, now_ms: i64| day_of(at_ms) >= day_of(now_ms.saturating_sub(GRACE_MS));
    let mut expected = standing(book, is_open, |at_ms| Some(day_of(at_ms)));
    state.each(DAYS.stored(), &mut |key: DayKey, row: DayRow| {
        let known = expected.remove(&(key.day, key.schedule_id.clone()));
        if !state.has_ended(DAYS.id(), row.changed_ms) {
            judge(&format!("day {} of {}", key.day, key.schedule_id), row.count, known.unwrap_or(0), findings);
        }
    })?;
    // Days as old as that may have ended.
    expected.retain(|(day, _), _| !state.has_ended(DAYS.id(), (day + 1) * DAY_MS - KOREA_MS + GRACE_MS));
    missing(DAYS.spec().name, &expected, findings);
    Ok(())
}

fn judge(at: &str, found: u64, expected: u64, findings: &mut Findings) {
    if found == expected {
        findings.count(Invariant::Ranking, "counts of windows", 1);
    } else {
        findings.breach(Invariant::Ranking, at, format!("it counts {found}, by the log it is {expected}"));
    }
}

fn missing(name: &str, expected: &BTreeMap<(i64, String), u64>, findings: &mut Findings) {
    for ((_, id), count) in expected {
        findings.breach(
            Invariant::Ranking,
            format!("{name} of {id}"),
            format!("there is no row, by the log it is {count}"),
        );
    }
}

/// Sales that stand in a window, by the part of it that `part` says (`None`: outside) and by schedule: sold and returned while that could be counted.
fn standing(
    book: &Book,
    is_open: impl Fn(i64, i64) -> bool,
    part: impl Fn(i64) -> Option<i64>,
) -> BTreeMap<(i64, String), u64> {
    let stands = |payment: &Payment| {
        let sold = payment.sold?;
        let is_returned = payment.returned.is_some_and(|returned| {
            // A return that came first has kept its sale out of every window.
            returned.decided_ms <= sold.decided_ms || is_open(sold.at_ms, returned.decided_ms)
        });
        (is_open(sold.at_ms, sold.decided_ms) && !is_returned).then_some(sold.at_ms)
    };
    let mut counts = BTreeMap::new();
    for payment in book.payments.values() {
        if let Some(part) = stands(payment).and_then(&part) {
            *counts.entry((part, payment.schedule.clone())).or_default() += 1;
        }
    }
    counts
}

/// All time, sold out, and the indexes.
fn all_time(book: &Book, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let (mut popular, mut sold_out) = (Vec::new(), Vec::new());
    let mut left: BTreeMap<&str, _> = book.schedules.iter().map(|(id, schedule)| (&**id, schedule)).collect();
    state.each(&SCHEDULES, &mut |id: String, row: ScheduleRow| {
        let at = format!("{} of {id}", SCHEDULES.spec().name);
        let Some(schedule) = left.remove(&*id) else {
            findings.breach(Invariant::Ranking, at, "nothing in the log is about it");
            return;
        };
        let expected = (schedule.sold, schedule.returned, schedule.reached_ms);
        if (row.sold, row.returned, row.reached_ms) != expected {
            let what = format!("it counts {row:?}, by the log that is {expected:?}");
            findings.breach(Invariant::Ranking, &at, what);
        } else {
            findings.count(Invariant::Ranking, "schedules that are counted right", 1);
        }
        let recorded =
            row.sold_out.as_ref().map(|row| (row.at_ms, row.sold_out_ms, row.from_first_sale_ms, row.reopened));
        let expected = schedule.sold_out.map(|s| (s.at_ms, s.took_ms, s.from_first_ms, s.is_reopened));
        if recorded != expected {
            let what = format!("it was sold out {recorded:?}, by the log that is {expected:?}");
            findings.breach(Invariant::Ranking, &at, what);
        } else if expected.is_some() {
            findings.count(Invariant::Ranking, "schedules sold out, recorded once", 1);
        }
        if row.count() > 0 {
            let (count, reached_ms) = (row.count(), row.reached_ms);
            popular.push(PopularKey { count, reached_ms, schedule_id: id.clone() });
        }
        if let Some((at_ms, sold_out_ms, ..)) = recorded {
            sold_out.push(SoldOutKey { sold_out_ms, at_ms, schedule_id: id });
        }
    })?;
    for id in left.keys() {
        let at = format!("{} of {id}", SCHEDULES.spec().name);
        findings.breach(Invariant::Ranking, at, "it was sold or returned, and has no row");
    }
    popular.sort_unstable();
    sold_out.sort_unstable();
    let (mut by_count, mut by_speed) = (Vec::new(), Vec::new());
    state.each(&POPULAR, &mut |key: PopularKey, ()| by_count.push(key))?;
    state.each(&SOLD_OUT, &mut |key: SoldOutKey, ()| by_speed.push(key))?;
    let at = |name: &str| format!("{}, store {name}", state.source());
    if by_count != popular {
        findings.breach(Invariant::Ranking, at(POPULAR.spec().name), "it does not rank what is counted");
    }
    if by_speed != sold_out {
        findings.breach(Invariant::Ranking, at(SOLD_OUT.spec().name), "it does not rank what is sold out");
    }
    Ok(())
}
