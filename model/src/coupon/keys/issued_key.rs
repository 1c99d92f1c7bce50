use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_text, take_text};

/// Key of the mark that a user has a coupon of a policy.
///
/// ```text
/// user id     text       so a user's coupons lie together, and one scan of a place lists them
/// policy id   text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssuedKey {
    /// Who has it.
    pub user_id: String,
    /// Of which policy.
    pub policy_id: String,
}

impl IssuedKey {
    /// Prefix of all marks of a user.
    #[must_use]
    pub fn prefix_of_user(user_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, user_id);
        prefix
    }
}

impl Key for IssuedKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.user_id);
        put_text(out, &self.policy_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { user_id: take_text(&mut bytes)?, policy_id: take_text(&mut bytes)? };
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
            let key = |(user_id, policy_id): &(String, String)| IssuedKey { user_id: user_id.clone(), policy_id: policy_id.clone() };
            laws::keys_come_back_and_sort(key, |fields| IssuedKey::prefix_of_user(&fields.0), &a, &b)?;
        }

        #[test]
        fn a_users_prefix_is_no_other_users(a in "[a-c]{0,3}", b in "[a-c]{0,3}", policy_id in "[a-c]{0,3}") {
            prop_assume!(a != b);
            let bytes = laws::key_bytes(&IssuedKey { user_id: a, policy_id });
            prop_assert!(!bytes.starts_with(&IssuedKey::prefix_of_user(&b)));
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = IssuedKey::decode(&bytes);
        }
    }
}
