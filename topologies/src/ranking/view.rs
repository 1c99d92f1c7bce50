//! What a query shows of one place, made of committed rows: its best, in order. The best of all places are among the best of each.
//!
//! All time and sold out read the first rows of an index. A window reads one row for each schedule that was sold in it: see [`window`](super::window).

use super::buckets;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::ranking::keys::{DayKey, PopularKey, SoldOutKey};
use holdfast_model::ranking::row::{BucketsRow, DayRow, TotalsRow};
use holdfast_model::ranking::window::{Sliding, Window};
use holdfast_model::ranking::{DAYS, POPULAR, SCHEDULES, SOLD_OUT, TOTALS};
use std::ops::ControlFlow;

/// A schedule and how often it was sold. Sorts by rank: the higher count first, then the one that came to it earlier, then the smaller id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Popular {
    /// What it is ranked by.
    pub key: PopularKey,
    /// What its concert is called.
    pub concert_title: String,
    /// Which concert, if it belongs to one.
    pub concert_id: Option<String>,
}

/// A schedule and how fast it was sold out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldOut {
    /// What it is ranked by.
    pub key: SoldOutKey,
    /// What its concert is called.
    pub concert_title: String,
    /// Which concert, if it belongs to one.
    pub concert_id: Option<String>,
    /// How long it took from the first sale, in ms.
    pub from_first_sale_ms: i64,
    /// A seat has come back since then.
    pub reopened: bool,
}

/// At most `limit` schedules of the place that were sold most in `window`, the best first. `now_ms` is when a sliding window ends.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn popular(task: &TaskView, window: Window, now_ms: i64, limit: usize) -> Result<Vec<Popular>, QueryError> {
    let keys = match window {
        Window::All => best(task, limit)?,
        Window::Sliding(window) => best_of_sliding(task, window, now_ms, limit)?,
        Window::Day(day) => best_of_day(task, day, limit)?,
    };
    let shown = |key: PopularKey| {
        let row = task.get(&SCHEDULES, &key.schedule_id)?.unwrap_or_default();
        Ok(Popular { key, concert_title: row.concert_title, concert_id: row.concert_id })
    };
    keys.into_iter().map(shown).collect()
}

fn best(task: &TaskView, limit: usize) -> Result<Vec<PopularKey>, QueryError> {
    let mut keys = Vec::new();
    task.scan(&POPULAR, &[], &mut |key, ()| {
        keys.push(key);
        if keys.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    keys.truncate(limit);
    Ok(keys)
}

fn best_of_sliding(
    task: &TaskView,
    window: &Sliding,
    now_ms: i64,
    limit: usize,
) -> Result<Vec<PopularKey>, QueryError> {
    let until_ms = task.ended_until_ms(window.table)?;
    let mut keys = Vec::new();
    task.scan(window.table.stored(), &[], &mut |schedule_id: String, row: BucketsRow| {
        if row.changed_ms > until_ms
            && let Some(buckets::Counted { count, reached_ms }) = buckets::counted(&row, window, now_ms)
        {
            keys.push(PopularKey { count, reached_ms, schedule_id });
        }
        ControlFlow::Continue(())
    })?;
    Ok(first(keys, limit))
}

fn best_of_day(task: &TaskView, day: i64, limit: usize) -> Result<Vec<PopularKey>, QueryError> {
    let until_ms = task.ended_until_ms(&DAYS)?;
    let mut keys = Vec::new();
    task.scan(DAYS.stored(), &DayKey::of_day(day), &mut |key: DayKey, row: DayRow| {
        if row.changed_ms > until_ms && row.count > 0 {
            keys.push(PopularKey { count: row.count, reached_ms: row.reached_ms, schedule_id: key.schedule_id });
        }
        ControlFlow::Continue(())
    })?;
    Ok(first(keys, limit))
}

/// The best `limit` of `keys`, the best first.
fn first(mut keys: Vec<PopularKey>, limit: usize) -> Vec<PopularKey> {
    if limit < keys.len() {
        keys.select_nth_unstable(limit);
        keys.truncate(limit);
    }
    keys.sort_unstable();
    keys
}

/// At most `limit` schedules of the place that were sold out fastest, the fastest first.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn sold_out(task: &TaskView, limit: usize) -> Result<Vec<SoldOut>, QueryError> {
    let mut keys = Vec::new();
    task.scan(&SOLD_OUT, &[], &mut |key, ()| {
        keys.push(key);
        if keys.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    keys.truncate(limit);
    let shown = |key: SoldOutKey| {
        let row = task.get(&SCHEDULES, &key.schedule_id)?.unwrap_or_default();
        let sold_out = row.sold_out.as_ref();
        Ok(SoldOut {
            from_first_sale_ms: sold_out.map_or(0, |row| row.from_first_sale_ms),
            reopened: sold_out.is_some_and(|row| row.reopened),
            key,
            concert_title: row.concert_title,
            concert_id: row.concert_id,
        })
    };
    keys.into_iter().map(shown).collect()
}

/// What the place has counted in all.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn totals(task: &TaskView) -> Result<TotalsRow, QueryError> {
    Ok(task.get(&TOTALS, &0)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_no_more_than_asked_for() {
        let key = |count, reached_ms, id: &str| PopularKey { count, reached_ms, schedule_id: id.to_owned() };
        let keys = vec![key(1, 0, "a"), key(7, 5, "b"), key(7, 5, "a"), key(7, 4, "c"), key(9, 9, "z")];
        let ids = |limit| first(keys.clone(), limit).into_iter().map(|key| key.schedule_id).collect::<Vec<_>>();
        assert_eq!(ids(10), ["z", "c", "a", "b", "a"]);
        assert_eq!(ids(2), ["z", "c"]);
        assert_eq!(ids(0), [""; 0]);
    }
}
