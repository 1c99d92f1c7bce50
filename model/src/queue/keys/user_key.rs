use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_text, take_text};

/// Key of the live ticket of a user.
///
/// ```text
/// queue id    text       so the users of a queue lie together
/// user id     text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserKey {
    /// Of which queue.
    pub queue_id: String,
    /// Which user.
    pub user_id: String,
}

impl UserKey {
    /// Prefix of all users of a queue.
    #[must_use]
    pub fn prefix_of_queue(queue_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, queue_id);
        prefix
    }
}

impl Key for UserKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.queue_id);
        put_text(out, &self.user_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { queue_id: take_text(&mut bytes)?, user_id: take_text(&mut bytes)? };
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
            let key = |(queue, user): &(String, String)| UserKey { queue_id: queue.clone(), user_id: user.clone() };
            laws::keys_come_back_and_sort(key, |fields| UserKey::prefix_of_queue(&fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = UserKey::decode(&bytes);
        }
    }
}
