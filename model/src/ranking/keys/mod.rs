//! Keys of the rankings' indexes, a file for each kind. Schedules, payments and buckets are keyed by their id alone: the engine's text key.

mod day_key;
mod popular_key;
mod sold_out_key;

pub use day_key::DayKey;
pub use popular_key::PopularKey;
pub use sold_out_key::SoldOutKey;
