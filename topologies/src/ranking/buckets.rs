//! The buckets of a sliding window: counts by time, the oldest first, no longer than the window with its grace.

use holdfast_model::ranking::row::BucketsRow;
use holdfast_model::ranking::window::Sliding;

/// What a window counts of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Sales in the window that were not returned.
    pub count: u64,
    /// Beginning of the newest bucket that has any, in ms since the epoch: when it came to this count, as far as buckets tell.
    pub reached_ms: i64,
}

/// Adds a sale of `at_ms` at `now_ms`. Buckets that cannot be corrected any more are dropped. `at_ms` can be corrected, and is not after `now_ms`.
pub fn add(row: &mut BucketsRow, window: &Sliding, at_ms: i64, now_ms: i64) {
    trim(row, window, now_ms);
    let bucket = window.bucket(at_ms);
    if row.counts.is_empty() {
        row.first = bucket;
    }
    if bucket < row.first {
        let missing = vec![0; usize::try_from(row.first - bucket).unwrap_or(0)];
        row.counts.splice(0..0, missing);
        row.first = bucket;
    }
    let nth = usize::try_from(bucket - row.first).unwrap_or(0);
    if row.counts.len() <= nth {
        row.counts.resize(nth + 1, 0);
    }
    if let Some(count) = row.counts.get_mut(nth) {
        *count = count.saturating_add(1);
    }
    row.changed_ms = now_ms;
}

/// Takes a sale of `at_ms` back at `now_ms`. False when its bucket counts none.
#[must_use]
pub fn take(row: &mut BucketsRow, window: &Sliding, at_ms: i64, now_ms: i64) -> bool {
    trim(row, window, now_ms);
    row.changed_ms = now_ms;
    let nth = usize::try_from(window.bucket(at_ms).saturating_sub(row.first)).ok();
    match nth.and_then(|nth| row.counts.get_mut(nth)).filter(|count| **count > 0) {
        Some(count) => *count -= 1,
        None => return false,
    }
    trim(row, window, now_ms);
    true
}

/// What the window that ends at `now_ms` counts; `None` when that is nothing. Buckets of a time after `now_ms` count as well: the clock of the worker that is
/// asked may be behind that of the log.
#[must_use]
pub fn counted(row: &BucketsRow, window: &Sliding, now_ms: i64) -> Option<Counted> {
    let skipped = usize::try_from(window.first_bucket(now_ms).saturating_sub(row.first)).unwrap_or(0);
    let mut counted = None;
    for (bucket, count) in (row.first..).zip(&row.counts).skip(skipped).filter(|(_, count)| **count > 0) {
        let before = counted.map_or(0, |counted: Counted| counted.count);
        counted = Some(Counted { count: before + u64::from(*count), reached_ms: window.begins_ms(bucket) });
    }
    counted
}

/// Drops buckets that cannot be corrected any more, and those without a count at both ends.
fn trim(row: &mut BucketsRow, window: &Sliding, now_ms: i64) {
    let closed = usize::try_from(window.first_open_bucket(now_ms).saturating_sub(row.first)).unwrap_or(0);
    let empty = row.counts.iter().skip(closed).take_while(|count| **count == 0).count();
    let dropped = (closed + empty).min(row.counts.len());
    row.counts.drain(..dropped);
    row.first = row.first.saturating_add(i64::try_from(dropped).unwrap_or(0));
    let last = row.counts.iter().rposition(|count| *count > 0);
    row.counts.truncate(last.map_or(0, |last| last + 1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::ranking::window::{GRACE_MS, SLIDING};
    use proptest::prelude::*;

    const NOW_MS: i64 = 1_773_550_000_000;
    const MINUTE_MS: i64 = 60_000;

    fn hour() -> &'static Sliding {
        &SLIDING[0]
    }

    #[test]
    fn a_sale_is_counted_until_its_bucket_leaves_the_window() {
        let mut row = BucketsRow::default();
        add(&mut row, hour(), NOW_MS, NOW_MS);
        add(&mut row, hour(), NOW_MS + 5 * MINUTE_MS, NOW_MS + 5 * MINUTE_MS);
        let count = |row: &BucketsRow, after_ms: i64| counted(row, hour(), NOW_MS + after_ms).map(|c| c.count);
        assert_eq!(count(&row, 5 * MINUTE_MS), Some(2));
        assert_eq!(count(&row, 62 * MINUTE_MS), Some(1));
        assert_eq!(count(&row, 67 * MINUTE_MS), None);
        assert_eq!(count(&row, -MINUTE_MS), Some(2), "a clock that is behind");
        assert!(take(&mut row, hour(), NOW_MS, NOW_MS + 6 * MINUTE_MS));
        assert_eq!(count(&row, 5 * MINUTE_MS), Some(1));
        assert!(!take(&mut row, hour(), NOW_MS, NOW_MS + 6 * MINUTE_MS), "there is none left");
    }

    #[test]
    fn a_late_sale_is_counted_at_its_time() {
        let mut row = BucketsRow::default();
        add(&mut row, hour(), NOW_MS, NOW_MS);
        add(&mut row, hour(), NOW_MS - 50 * MINUTE_MS, NOW_MS);
        assert_eq!((row.counts.len(), row.counts[0], row.counts[50]), (51, 1, 1));
        let reached_ms = hour().begins_ms(hour().bucket(NOW_MS));
        assert_eq!(counted(&row, hour(), NOW_MS), Some(Counted { count: 2, reached_ms }));
        assert_eq!(counted(&row, hour(), NOW_MS + 11 * MINUTE_MS).map(|c| c.count), Some(1));
    }

    proptest! {
        /// Any order of sales and returns within the grace counts what a recount of all of them counts, and rows stay short.
        #[test]
        fn it_is_a_recount(steps in proptest::collection::vec((0..40_i64, 0..110_i64, any::<bool>()), 0..60)) {
            let mut row = BucketsRow::default();
            let (mut now_ms, mut sales) = (NOW_MS, Vec::new());
            for (passed, age, is_return) in steps {
                now_ms += passed * MINUTE_MS / 2;
                let at_ms = now_ms - age * MINUTE_MS;
                let is_open = |at_ms: i64| hour().bucket(at_ms) >= hour().first_open_bucket(now_ms);
                if is_return {
                    if let Some(nth) = sales.iter().position(|at_ms| is_open(*at_ms)) {
                        prop_assert!(take(&mut row, hour(), sales.remove(nth), now_ms));
                    }
                } else {
                    add(&mut row, hour(), at_ms, now_ms);
                    sales.push(at_ms);
                }
                let is_in = |at_ms: &&i64| hour().bucket(**at_ms) >= hour().first_bucket(now_ms);
                let expected = sales.iter().filter(is_in).count() as u64;
                prop_assert_eq!(counted(&row, hour(), now_ms).map_or(0, |c| c.count), expected);
                let most = (hour().length_ms + GRACE_MS) / hour().bucket_ms + 1;
                prop_assert!(i64::try_from(row.counts.len()).unwrap() <= most);
            }
        }
    }
}
