//! What must hold of the counts, whatever happens.

use super::buckets;
use crate::rows::{all, all_kept};
use holdfast_engine::inspect::TaskView;
use holdfast_model::ranking::keys::{PopularKey, SoldOutKey};
use holdfast_model::ranking::row::{PaymentRow, ScheduleRow};
use holdfast_model::ranking::window::{SLIDING, Scopes, day_of};
use holdfast_model::ranking::{DAYS, PAYMENTS, POPULAR, SCHEDULES, SOLD_OUT, TOTALS};
use std::collections::BTreeMap;

/// Checks all rows of a task: the indexes are those of the counts, and the counts are those of the payments.
///
/// # Errors
/// The first row that is wrong, or why the view cannot be read.
pub fn check(task: &TaskView) -> Result<(), String> {
    let failed = |error: holdfast_engine::inspect::QueryError| error.to_string();
    let schedules = all(task, &SCHEDULES).map_err(failed)?;
    let mut popular = Vec::new();
    let mut sold_out = Vec::new();
    let mut visit = |key: PopularKey, ()| {
        popular.push(key);
        std::ops::ControlFlow::Continue(())
    };
    task.scan(&POPULAR, &[], &mut visit).map_err(failed)?;
    let mut visit = |key: SoldOutKey, ()| {
        sold_out.push(key);
        std::ops::ControlFlow::Continue(())
    };
    task.scan(&SOLD_OUT, &[], &mut visit).map_err(failed)?;
    indexes(&schedules, popular, sold_out)?;
    let totals = task.get(&TOTALS, &0).map_err(failed)?.unwrap_or_default();
    let of_all = |count: fn(&ScheduleRow) -> u64| schedules.values().map(count).sum::<u64>();
    if (totals.sold, totals.returned) != (of_all(|row| row.sold), of_all(|row| row.returned)) {
        return Err(format!("the totals {totals:?} are not those of the schedules"));
    }
    let (payments, until_ms) = all_kept(task, &PAYMENTS).map_err(failed)?;
    // A payment whose row has ended is counted still: a schedule with sales as old as that cannot be recounted.
    let is_whole = |row: &ScheduleRow| until_ms.is_none_or(|until_ms| row.first_sale_ms.is_none_or(|ms| ms > until_ms));
    let whole = || schedules.iter().filter(|(_, row)| is_whole(row));
    for (id, row) in whole() {
        recount(id, row, &payments)?;
    }
    let days = all_kept(task, &DAYS).map_err(failed)?.0;
    for (key, row) in days.iter().filter(|(key, _)| schedules.get(&key.schedule_id).is_some_and(is_whole)) {
        let of_day = sales(&payments, &key.schedule_id, Scopes::DAY).filter(|(ms, _)| day_of(*ms) == key.day);
        let (most, least) = of_day.fold((0, 0), |(most, least), (_, stands)| (most + 1, least + u64::from(stands)));
        if !(least..=most).contains(&row.count) {
            return Err(format!("{key:?} counts {}, which is not {least} to {most}", row.count));
        }
    }
    let now_ms = task.position().map_err(failed)?.now_ms;
    for window in &SLIDING {
        let rows = all_kept(task, window.table).map_err(failed)?.0;
        for (id, _) in whole() {
            let is_in = |ms: i64| window.bucket(ms) >= window.first_bucket(now_ms);
            let standing = sales(&payments, id, window.scope).filter(|(ms, stands)| *stands && is_in(*ms)).count();
            let counted = rows.get(id).and_then(|row| buckets::counted(row, window, now_ms));
            let found = counted.map_or(0, |counted| counted.count);
            if found != standing as u64 {
                return Err(format!("{id:?} counts {found} in {}, which is {standing} (D13)", window.name));
            }
        }
    }
    Ok(())
}

fn indexes(
    schedules: &BTreeMap<String, ScheduleRow>,
    popular: Vec<PopularKey>,
    sold_out: Vec<SoldOutKey>,
) -> Result<(), String> {
    let mut expected: Vec<PopularKey> = Vec::new();
    let mut expected_sold_out: Vec<SoldOutKey> = Vec::new();
    for (id, row) in schedules {
        if row.returned > row.sold {
            return Err(format!("{id:?} has more returns than sales: {row:?}"));
        }
        if row.count() > 0 {
            expected.push(PopularKey { count: row.count(), reached_ms: row.reached_ms, schedule_id: id.clone() });
        }
        if let Some(row) = &row.sold_out {
            let (sold_out_ms, at_ms) = (row.sold_out_ms, row.at_ms);
            expected_sold_out.push(SoldOutKey { sold_out_ms, at_ms, schedule_id: id.clone() });
        }
    }
    expected.sort_unstable();
    expected_sold_out.sort_unstable();
    if popular != expected {
        return Err(format!("the index of counts is {popular:?}, and should be {expected:?}"));
    }
    if sold_out != expected_sold_out {
        return Err(format!("the index of what is sold out is {sold_out:?}, and should be {expected_sold_out:?}"));
    }
    Ok(())
}

/// A schedule counts the payments that it has.
fn recount(id: &str, row: &ScheduleRow, payments: &BTreeMap<String, PaymentRow>) -> Result<(), String> {
    let of_schedule = payments.values().filter(|payment| payment.schedule_id == id && payment.sold.is_some());
    let (sold, returned) = of_schedule
        .fold((0, 0), |(sold, returned), payment| (sold + 1, returned + u64::from(payment.returned_ms.is_some())));
    if (row.sold, row.returned) == (sold, returned) {
        return Ok(());
    }
    Err(format!(
        "{id:?} counts {} sales and {} returns, its payments {sold} and {returned} (D13)",
        row.sold, row.returned
    ))
}

/// The sales of a schedule that were counted in `scope`: their time in ms since the epoch, and whether they were not returned.
fn sales<'a>(
    payments: &'a BTreeMap<String, PaymentRow>,
    schedule_id: &'a str,
    scope: Scopes,
) -> impl Iterator<Item = (i64, bool)> + 'a {
    let of_schedule = payments.values().filter(move |payment| payment.schedule_id == schedule_id);
    let sold = of_schedule.filter_map(|payment| Some((payment.sold?, payment.returned_ms.is_none())));
    sold.filter(move |(sold, _)| sold.scopes().has(scope)).map(|(sold, stands)| (sold.at_ms, stands))
}
