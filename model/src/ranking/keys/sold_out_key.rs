use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_i64, put_text, take_i64, take_text};

/// Names a schedule that was sold out, in the order of its rank: the shorter time first, then the one that was sold out earlier, then the smaller id.
///
/// ```text
/// sold out in ms   i64
/// sold out at      i64
/// schedule         text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SoldOutKey {
    /// How long it took, in ms.
    pub sold_out_ms: i64,
    /// When it was sold out, in ms since the epoch.
    pub at_ms: i64,
    /// Which schedule.
    pub schedule_id: String,
}

impl Key for SoldOutKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_i64(out, self.sold_out_ms);
        put_i64(out, self.at_ms);
        put_text(out, &self.schedule_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let (sold_out_ms, at_ms) = (take_i64(&mut bytes)?, take_i64(&mut bytes)?);
        let key = Self { sold_out_ms, at_ms, schedule_id: take_text(&mut bytes)? };
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
        fn keys_come_back_and_sort_like_their_fields(a: (i64, i64, String), b: (i64, i64, String)) {
            let key = |(sold_out_ms, at_ms, id): &(i64, i64, String)| {
                SoldOutKey { sold_out_ms: *sold_out_ms, at_ms: *at_ms, schedule_id: id.clone() }
            };
            laws::keys_come_back_and_sort(key, |_| Vec::new(), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = SoldOutKey::decode(&bytes);
        }
    }
}
