use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_i64, put_text, take_i64, take_text};

/// Names the count of a schedule on a day.
///
/// ```text
/// day        i64       so what was sold on a day lies together
/// schedule   text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    /// Which day, as [`crate::ranking::window::day_of`] counts it.
    pub day: i64,
    /// Of which schedule.
    pub schedule_id: String,
}

impl DayKey {
    /// Prefix of all schedules of a day.
    #[must_use]
    pub fn of_day(day: i64) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_i64(&mut prefix, day);
        prefix
    }
}

impl Key for DayKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_i64(out, self.day);
        put_text(out, &self.schedule_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { day: take_i64(&mut bytes)?, schedule_id: take_text(&mut bytes)? };
        bytes.is_empty().then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_come_back_and_sort_like_their_fields(a: (i64, String), b: (i64, String)) {
            let key = |(day, schedule): &(i64, String)| DayKey { day: *day, schedule_id: schedule.clone() };
            laws::keys_come_back_and_sort(key, |fields| DayKey::of_day(fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = DayKey::decode(&bytes);
        }
    }
}
