use holdfast_engine::key::{Key, put_text, put_u64, take_text, take_u64};

/// Key of a seat.
///
/// ```text
/// schedule id   text
/// seat number   u64      so the seats of a schedule lie together, in order
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeatKey {
    /// Of which schedule.
    pub schedule_id: String,
    /// Its number, from 1.
    pub seat_no: u64,
}

impl SeatKey {
    /// Prefix of all seats of a schedule.
    #[must_use]
    pub fn prefix_of_schedule(schedule_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, schedule_id);
        prefix
    }
}

impl Key for SeatKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.schedule_id);
        put_u64(out, self.seat_no);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { schedule_id: take_text(&mut bytes)?, seat_no: take_u64(&mut bytes)? };
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
        fn keys_come_back_and_sort_like_their_fields(a: (String, u64), b: (String, u64)) {
            let key = |(schedule_id, seat_no): &(String, u64)| SeatKey { schedule_id: schedule_id.clone(), seat_no: *seat_no };
            laws::keys_come_back_and_sort(key, |fields| SeatKey::prefix_of_schedule(&fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = SeatKey::decode(&bytes);
        }
    }
}
