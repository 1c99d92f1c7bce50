//! The words of rankings: the sales and returns that they count, the windows that they count them in, and the rows that keep the counts.
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | the records of [`INBOX`], read |
//! | [`window`] | all time, the last hour, day and week, and a day in Korea: lengths, buckets, grace |
//! | [`row`], [`keys`] | what is stored |
//! | [`settings`] | what an operator may set |

pub mod keys;
pub mod message;
pub mod published;
pub mod row;
pub mod settings;
pub mod window;

pub use crate::topics::ranking::{DEAD_LETTERS, INBOX};
pub use settings::Settings;

use crate::feature::{Feature, Sample, Settable};
use crate::settings::SettingsRow;
use holdfast_engine::prelude::{EndingTable, Table};
use keys::{DayKey, PopularKey, SoldOutKey};
use row::{BucketsRow, DayRow, PaymentRow, ScheduleRow, TotalsRow};

/// Name of the topology.
pub const NAME: &str = "ranking";
/// Group under which its positions are shown.
pub const GROUP: &str = "ranking-service-group";

/// What all rooms need to know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: INBOX, settings: Some(Settable::of::<Settings>()), sample: Sample::NONE };

/// What is counted of each schedule for all time, and when it was sold out, by schedule id.
pub const SCHEDULES: Table<String, ScheduleRow> = Table::new(16, "schedules");
/// The payments that are counted, by payment id: what comes again is recognised by its row. A row ends with its retention.
pub const PAYMENTS: EndingTable<String, PaymentRow> = EndingTable::new(17, "payments");
/// The schedules of [`SCHEDULES`] whose count is above 0, the highest first.
pub const POPULAR: Table<PopularKey, ()> = Table::new(18, "popular");
/// The schedules of [`SCHEDULES`] that were sold out, the fastest first.
pub const SOLD_OUT: Table<SoldOutKey, ()> = Table::new(19, "sold-out");
/// Counts of each day in Korea, by day and schedule. A row ends with its retention.
pub const DAYS: EndingTable<DayKey, DayRow> = EndingTable::new(20, "days");
/// Counts of the last hour, by schedule id. A row ends when all its buckets have left the window.
pub const LAST_HOUR: EndingTable<String, BucketsRow> = EndingTable::new(21, "last-hour");
/// Counts of the last 24 hours, by schedule id, as [`LAST_HOUR`].
pub const LAST_DAY: EndingTable<String, BucketsRow> = EndingTable::new(22, "last-day");
/// Counts of the last 7 days, by schedule id, as [`LAST_HOUR`].
pub const LAST_WEEK: EndingTable<String, BucketsRow> = EndingTable::new(23, "last-week");
/// What the place has counted in all, under the key 0.
pub const TOTALS: Table<u64, TotalsRow> = Table::new(24, "totals");
/// Settings by the offset of the first record that was decided with them. No query reads them.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(25, "settings");
