use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_text, take_text};

/// Key of what a user has bought in a sale.
///
/// ```text
/// sale id     text       so the buyers of a sale lie together
/// user id     text
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuyerKey {
    /// Of which sale.
    pub time_sale_id: String,
    /// Which user.
    pub user_id: String,
}

impl BuyerKey {
    /// Prefix of all buyers of a sale.
    #[must_use]
    pub fn prefix_of_sale(time_sale_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, time_sale_id);
        prefix
    }
}

impl Key for BuyerKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.time_sale_id);
        put_text(out, &self.user_id);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { time_sale_id: take_text(&mut bytes)?, user_id: take_text(&mut bytes)? };
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
            let key = |(sale, user): &(String, String)| BuyerKey { time_sale_id: sale.clone(), user_id: user.clone() };
            laws::keys_come_back_and_sort(key, |fields| BuyerKey::prefix_of_sale(&fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = BuyerKey::decode(&bytes);
        }
    }
}
