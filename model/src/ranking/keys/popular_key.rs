use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_i64, put_text, put_u64, take_i64, take_text, take_u64};
use std::cmp::{Ordering, Reverse};

/// Names a schedule in the order of its rank: the higher count first, then the one that came to it earlier, then the smaller id.
///
/// ```text
/// u64::MAX - count   u64
/// reached            i64
/// schedule           text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PopularKey {
    /// Sales that were not returned.
    pub count: u64,
    /// When it came to this count, in ms since the epoch.
    pub reached_ms: i64,
    /// Which schedule.
    pub schedule_id: String,
}

impl Ord for PopularKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |key: &Self| (Reverse(key.count), key.reached_ms);
        rank(self).cmp(&rank(other)).then_with(|| self.schedule_id.cmp(&other.schedule_id))
    }
}

impl PartialOrd for PopularKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Key for PopularKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, u64::MAX - self.count);
        put_i64(out, self.reached_ms);
        put_text(out, &self.schedule_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let count = u64::MAX - take_u64(&mut bytes)?;
        let key = Self { count, reached_ms: take_i64(&mut bytes)?, schedule_id: take_text(&mut bytes)? };
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
        fn keys_come_back_and_sort_like_their_fields(a: (u64, i64, String), b: (u64, i64, String)) {
            let key = |(count, reached_ms, id): &(Reverse<u64>, i64, String)| {
                PopularKey { count: count.0, reached_ms: *reached_ms, schedule_id: id.clone() }
            };
            let fields = |(count, reached_ms, id): (u64, i64, String)| (Reverse(count), reached_ms, id);
            let (a, b) = (fields(a), fields(b));
            laws::keys_come_back_and_sort(key, |_| Vec::new(), &a, &b)?;
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = PopularKey::decode(&bytes);
        }
    }
}
