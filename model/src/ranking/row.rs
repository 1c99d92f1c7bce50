//! The rows of rankings. Bincode: a field is its place, so fields are never moved or removed.

use super::window::Scopes;
use holdfast_engine::prelude::Ends;
use serde::{Deserialize, Serialize};

/// What is counted of a schedule for all time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRow {
    /// What its concert is called, as the last record said.
    pub concert_title: String,
    /// Which concert, as the last record said.
    pub concert_id: Option<String>,
    /// Payments whose sale is counted.
    pub sold: u64,
    /// Of those, the ones whose return is counted as well.
    pub returned: u64,
    /// When it came to this count: the time of the latest sale or return that is counted, in ms since the epoch.
    pub reached_ms: i64,
    /// Time of the earliest sale, in ms since the epoch; `None` before the first one.
    pub first_sale_ms: Option<i64>,
    /// Time of the latest return, counted or not, in ms since the epoch.
    pub last_return_ms: Option<i64>,
    /// How it was sold out, the first time.
    pub sold_out: Option<SoldOutRow>,
}

impl ScheduleRow {
    /// Sales that were not returned.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.sold.saturating_sub(self.returned)
    }
}

/// How a schedule was sold out. Recorded once: only `reopened` changes later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldOutRow {
    /// Time of the confirmation that filled the last seat, in ms since the epoch.
    pub at_ms: i64,
    /// How long that took from the opening of the sale, or from the first sale where nobody has set an opening, in ms.
    pub sold_out_ms: i64,
    /// How long that took from the first sale, in ms.
    pub from_first_sale_ms: i64,
    /// A seat has come back since then.
    pub reopened: bool,
}

/// A payment that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// Of which schedule.
    pub schedule_id: String,
    /// Its sale, once that has come.
    pub sold: Option<SoldRow>,
    /// Time of its return, once that has come, in ms since the epoch.
    pub returned_ms: Option<i64>,
    /// When the last of them was decided, in ms since the epoch.
    pub changed_ms: i64,
}

/// The sale of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldRow {
    /// When, in ms since the epoch.
    pub at_ms: i64,
    /// The windows in which it was counted: the bits of [`Scopes`].
    pub scopes: u8,
}

impl SoldRow {
    /// The windows in which it was counted.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        Scopes(self.scopes)
    }
}

impl Ends for PaymentRow {
    fn decided_ms(&self) -> i64 {
        self.changed_ms
    }
}

/// What is counted of a schedule on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRow {
    /// Sales of that day that were not returned while the day could be corrected.
    pub count: u64,
    /// When it came to this count: the time of the latest sale or return that is counted in it, in ms since the epoch.
    pub reached_ms: i64,
    /// When that was decided, in ms since the epoch.
    pub changed_ms: i64,
}

impl Ends for DayRow {
    fn decided_ms(&self) -> i64 {
        self.changed_ms
    }
}

/// What is counted of a schedule in the buckets of a sliding window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketsRow {
    /// Number of the first bucket.
    pub first: i64,
    /// Count of each bucket from the first one on.
    pub counts: Vec<u32>,
    /// When that was decided, in ms since the epoch.
    pub changed_ms: i64,
}

impl Ends for BucketsRow {
    fn decided_ms(&self) -> i64 {
        self.changed_ms
    }
}

/// What a place has counted in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsRow {
    /// Sales that are counted.
    pub sold: u64,
    /// Returns that are counted.
    pub returned: u64,
    /// Sales that came too late for the last hour.
    pub late_1h: u64,
    /// Sales that came too late for the last 24 hours.
    pub late_24h: u64,
    /// Sales that came too late for the last 7 days.
    pub late_7d: u64,
    /// Sales that came too late for their day.
    pub late_day: u64,
    /// Records older than payments are kept: nobody knows whether they were counted, so they are not.
    pub too_old: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes as bytes;
    use holdfast_engine::inspect::codec;

    /// Rows written by this version must be readable by the next: a change that breaks this needs a new store instead.
    #[test]
    fn the_layout_of_rows_stands() {
        let schedule = ScheduleRow {
            concert_title: "t".to_owned(),
            concert_id: Some("c".to_owned()),
            sold: 1,
            returned: 2,
            reached_ms: 3,
            first_sale_ms: Some(4),
            last_return_ms: Some(5),
            sold_out: Some(SoldOutRow { at_ms: 6, sold_out_ms: 7, from_first_sale_ms: 8, reopened: true }),
        };
        let written = bytes(&schedule);
        assert_eq!(written, [1, 1, b't', 1, 1, b'c', 1, 2, 6, 1, 8, 1, 10, 1, 12, 14, 16, 1]);
        assert_eq!(codec::decode::<ScheduleRow>(&written).unwrap(), schedule);
        let sold = Some(SoldRow { at_ms: 1, scopes: 15 });
        let payment = PaymentRow { schedule_id: "s".to_owned(), sold, returned_ms: Some(2), changed_ms: 3 };
        assert_eq!(bytes(&payment), [1, 1, b's', 1, 2, 15, 1, 4, 6]);
        assert_eq!(bytes(&DayRow { count: 1, reached_ms: 2, changed_ms: 3 }), [1, 1, 4, 6]);
        assert_eq!(bytes(&BucketsRow { first: 1, counts: vec![2, 3], changed_ms: 4 }), [1, 2, 2, 2, 3, 8]);
        let totals = TotalsRow { sold: 1, returned: 2, late_1h: 3, late_24h: 4, late_7d: 5, late_day: 6, too_old: 7 };
        assert_eq!(bytes(&totals), [1, 1, 2, 3, 4, 5, 6, 7]);
    }
}
