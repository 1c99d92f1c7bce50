//! The windows of a ranking. A sliding window is counted in buckets of a fixed length, and a query reads whole buckets: it covers at least its length, and
//! less than one bucket more. A day is a calendar day in Korea, which is 9 hours ahead of UTC and has no daylight saving time.
//!
//! | window | bucket | rows read by a query |
//! |---|---|---|
//! | `all` | – | the first rows of an index |
//! | `1h` | 1 minute | one for each schedule that was sold within the last 2 hours |
//! | `24h` | 10 minutes | one for each schedule that was sold within the last 25 hours |
//! | `7d` | 1 hour | one for each schedule that was sold within the last 7 days and 1 hour |
//! | `2026-03-15` | the day | one for each schedule that was sold on that day |
//!
//! A window can be corrected until [`GRACE_MS`] after its end: a sale that comes later is counted for all time, and as late.

use super::row::BucketsRow;
use super::{LAST_DAY, LAST_HOUR, LAST_WEEK};
use crate::rfc3339;
use holdfast_engine::prelude::EndingTable;
use std::str::FromStr;

/// How long after its end a window can be corrected, in ms.
pub const GRACE_MS: i64 = 3_600_000;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How far Korea is ahead of UTC, in ms.
const KOREA_MS: i64 = 9 * HOUR_MS;

/// A window that ends now.
#[derive(Debug)]
pub struct Sliding {
    /// As a client names it.
    pub name: &'static str,
    /// How long it is, in ms.
    pub length_ms: i64,
    /// How long a bucket is, in ms.
    pub bucket_ms: i64,
    /// Where its counts are kept.
    pub table: &'static EndingTable<String, BucketsRow>,
    /// Its bit in [`Scopes`].
    pub scope: Scopes,
}

/// The sliding windows.
pub static SLIDING: [Sliding; 3] = [
    Sliding { name: "1h", length_ms: HOUR_MS, bucket_ms: MINUTE_MS, table: &LAST_HOUR, scope: Scopes(1) },
    Sliding { name: "24h", length_ms: DAY_MS, bucket_ms: 10 * MINUTE_MS, table: &LAST_DAY, scope: Scopes(2) },
    Sliding { name: "7d", length_ms: 7 * DAY_MS, bucket_ms: HOUR_MS, table: &LAST_WEEK, scope: Scopes(4) },
];

impl Sliding {
    /// The number of the bucket of a moment in ms since the epoch.
    #[must_use]
    pub fn bucket(&self, ms: i64) -> i64 {
        ms.div_euclid(self.bucket_ms)
    }

    /// When a bucket begins, in ms since the epoch.
    #[must_use]
    pub fn begins_ms(&self, bucket: i64) -> i64 {
        bucket.saturating_mul(self.bucket_ms)
    }

    /// The first bucket of the window that ends at `now_ms`.
    #[must_use]
    pub fn first_bucket(&self, now_ms: i64) -> i64 {
        self.bucket(now_ms.saturating_sub(self.length_ms))
    }

    /// The first bucket that can be corrected at `now_ms`: a window that contains it ended at most [`GRACE_MS`] ago.
    #[must_use]
    pub fn first_open_bucket(&self, now_ms: i64) -> i64 {
        self.first_bucket(now_ms.saturating_sub(GRACE_MS))
    }

    /// How long a row is kept after its last change, in ms: until no bucket of it can be corrected any more.
    #[must_use]
    pub fn keep_ms(&self) -> i64 {
        self.length_ms + GRACE_MS + 2 * self.bucket_ms
    }
}

/// A set of windows: the sliding ones, and the day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(pub u8);

impl Scopes {
    /// The calendar day.
    pub const DAY: Self = Self(8);
    /// All of them.
    pub const ALL: Self = Self(15);
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Whether `scope` is one of them.
    #[must_use]
    pub fn has(self, scope: Self) -> bool {
        self.0 & scope.0 == scope.0
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The others.
    #[must_use]
    pub fn others(self) -> Self {
        Self(Self::ALL.0 & !self.0)
    }

    /// The windows in which something of `at_ms` can be counted or corrected at `now_ms`.
    #[must_use]
    pub fn open(at_ms: i64, now_ms: i64) -> Self {
        let day = if is_day_open(day_of(at_ms), now_ms) { Self::DAY } else { Self::NONE };
        let open = SLIDING.iter().filter(|window| window.bucket(at_ms) >= window.first_open_bucket(now_ms));
        Self(open.fold(day.0, |bits, window| bits | window.scope.0))
    }
}

/// The calendar day in Korea of a moment in ms since the epoch, counted from 1970-01-01.
#[must_use]
pub fn day_of(ms: i64) -> i64 {
    ms.saturating_add(KOREA_MS).div_euclid(DAY_MS)
}

/// Whether a day can be corrected at `now_ms`.
fn is_day_open(day: i64, now_ms: i64) -> bool {
    day >= day_of(now_ms.saturating_sub(GRACE_MS))
}

/// The window that a client asks for.
#[derive(Debug, Clone, Copy, Default)]
pub enum Window {
    /// All time.
    #[default]
    All,
    /// One that ends now.
    Sliding(&'static Sliding),
    /// A calendar day in Korea, as [`day_of`] counts it.
    Day(i64),
}

impl FromStr for Window {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(window) = SLIDING.iter().find(|window| window.name == text) {
            return Ok(Self::Sliding(window));
        }
        let is_date = text.len() == "2026-03-15".len();
        let midnight = is_date.then(|| rfc3339::parse(&[text, "T00:00:00Z"].concat())).flatten();
        midnight.map(|ms| Self::Day(ms.div_euclid(DAY_MS))).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-15T00:00:00+09:00.
    const MIDNIGHT_MS: i64 = 1_773_500_400_000;

    #[test]
    fn a_window_is_named_or_a_day() {
        let day = |text: &str| match text.parse() {
            Ok(Window::Day(day)) => Some(day),
            _ => None,
        };
        assert_eq!(day("2026-03-15"), Some(day_of(MIDNIGHT_MS)));
        assert_eq!(day("1970-01-01"), Some(0));
        assert!(matches!("all".parse(), Ok(Window::All)));
        for window in &SLIDING {
            assert!(matches!(window.name.parse(), Ok(Window::Sliding(found)) if found.name == window.name));
        }
        for wrong in
            ["", "ALL", "2h", "2026-3-15", "2026-02-30", "2026-03-15T00:00:00Z", "0000-00-00", "20260315", "오늘"]
        {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_korea() {
        assert_eq!(day_of(MIDNIGHT_MS) - day_of(MIDNIGHT_MS - 1), 1);
        assert_eq!(day_of(MIDNIGHT_MS), day_of(MIDNIGHT_MS + DAY_MS - 1));
    }

    #[test]
    fn a_window_can_be_corrected_for_an_hour_after_its_end() {
        let noon = MIDNIGHT_MS + 12 * HOUR_MS;
        let open = |after_ms: i64| Scopes::open(noon, noon + after_ms);
        let names = |scopes: Scopes| {
            let sliding = SLIDING.iter().filter(|window| scopes.has(window.scope)).map(|window| window.name);
            sliding.chain(scopes.has(Scopes::DAY).then_some("day")).collect::<Vec<_>>()
        };
        assert_eq!(names(open(0)), ["1h", "24h", "7d", "day"]);
        assert_eq!(names(open(2 * HOUR_MS + MINUTE_MS - 1)), ["1h", "24h", "7d", "day"]);
        assert_eq!(names(open(2 * HOUR_MS + MINUTE_MS)), ["24h", "7d", "day"]);
        assert_eq!(names(open(13 * HOUR_MS - 1)), ["24h", "7d", "day"]);
        assert_eq!(names(open(13 * HOUR_MS)), ["24h", "7d"]);
        assert_eq!(names(open(25 * HOUR_MS + 10 * MINUTE_MS)), ["7d"]);
        assert_eq!(names(open(7 * DAY_MS + 2 * HOUR_MS)), [""; 0]);
        assert_eq!(open(13 * HOUR_MS).others().and(Scopes::DAY), Scopes::DAY);
    }

    #[test]
    fn buckets_cover_the_whole_window_and_less_than_one_more() {
        for window in &SLIDING {
            for now_ms in [MIDNIGHT_MS, MIDNIGHT_MS + 1, MIDNIGHT_MS + window.bucket_ms - 1] {
                let covered_ms = now_ms - window.begins_ms(window.first_bucket(now_ms));
                assert!(
                    (window.length_ms..window.length_ms + window.bucket_ms).contains(&covered_ms),
                    "{}",
                    window.name
                );
            }
            assert!(window.first_open_bucket(MIDNIGHT_MS) < window.first_bucket(MIDNIGHT_MS));
        }
    }
}
