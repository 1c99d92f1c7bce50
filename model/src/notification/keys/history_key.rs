use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_i64, put_text, take_i64, take_text};

/// Names a notification of a user, the newest first.
///
/// ```text
/// user             text
/// i64::MAX - time  i64       so that what came later lies before what came earlier
/// notification     text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryKey {
    /// Whose.
    pub user_id: String,
    /// When it was asked for, in ms since the epoch; never negative.
    pub created_ms: i64,
    /// Which.
    pub notification_id: String,
}

impl HistoryKey {
    /// What all keys of a user begin with.
    #[must_use]
    pub fn of_user(user_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, user_id);
        prefix
    }
}

impl Key for HistoryKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.user_id);
        put_i64(out, i64::MAX - self.created_ms.max(0));
        put_text(out, &self.notification_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let user_id = take_text(&mut bytes)?;
        let created_ms = i64::MAX.checked_sub(take_i64(&mut bytes)?)?;
        let notification_id = take_text(&mut bytes)?;
        bytes.is_empty().then_some(Self { user_id, created_ms, notification_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use proptest::prelude::*;
    use std::cmp::Reverse;

    proptest! {
        #[test]
        fn keys_come_back_and_sort_like_their_fields(a: (String, u32, String), b: (String, u32, String)) {
            let key = |(user, ms, id): &(String, Reverse<i64>, String)| {
                HistoryKey { user_id: user.clone(), created_ms: ms.0, notification_id: id.clone() }
            };
            let fields = |(user, ms, id): (String, u32, String)| (user, Reverse(i64::from(ms)), id);
            laws::keys_come_back_and_sort(key, |fields| HistoryKey::of_user(&fields.0), &fields(a), &fields(b))?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = HistoryKey::decode(&bytes);
        }
    }
}
