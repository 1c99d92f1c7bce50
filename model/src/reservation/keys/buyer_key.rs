use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_text, take_text};

/// Key of what a user has of a schedule.
///
/// ```text
/// schedule id   text
/// user id       text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuyerKey {
    /// Of which schedule.
    pub schedule_id: String,
    /// Who.
    pub user_id: String,
}

impl Key for BuyerKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.schedule_id);
        put_text(out, &self.user_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { schedule_id: take_text(&mut bytes)?, user_id: take_text(&mut bytes)? };
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
        fn keys_come_back_and_sort_like_their_fields(a: (String, String), b: (String, String)) {
            let key = |(schedule_id, user_id): &(String, String)| BuyerKey { schedule_id: schedule_id.clone(), user_id: user_id.clone() };
            laws::keys_come_back_and_sort(key, |_| Vec::new(), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = BuyerKey::decode(&bytes);
        }
    }
}
