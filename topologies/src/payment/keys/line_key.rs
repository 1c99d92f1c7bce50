use holdfast_engine::key::{Key, put_text, put_u64, take_text, take_u64};

/// Key of a line of a statement.
///
/// ```text
/// user id     text
/// sequence    u64        so a wallet's lines lie together, in the order in which they were posted
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineKey {
    /// Whose wallet.
    pub user_id: String,
    /// Its number in the statement, from 1.
    pub sequence: u64,
}

impl LineKey {
    /// Prefix of all lines of a wallet.
    #[must_use]
    pub fn prefix_of_user(user_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, user_id);
        prefix
    }
}

impl Key for LineKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.user_id);
        put_u64(out, self.sequence);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { user_id: take_text(&mut bytes)?, sequence: take_u64(&mut bytes)? };
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
            let key = |(user_id, sequence): &(String, u64)| LineKey { user_id: user_id.clone(), sequence: *sequence };
            laws::keys_come_back_and_sort(key, |fields| LineKey::prefix_of_user(&fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = LineKey::decode(&bytes);
        }
    }
}
