use holdfast_engine::key::{Key, put_text, put_u64, take_text, take_u64};

/// Key of a coupon.
///
/// ```text
/// policy id   text
/// serial      u64        so the coupons of a policy lie together, in the order in which they were issued
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CouponKey {
    /// Its policy.
    pub policy_id: String,
    /// Its number within the policy, from 1.
    pub serial: u64,
}

impl CouponKey {
    /// Prefix of all coupons of a policy.
    #[must_use]
    pub fn prefix_of_policy(policy_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, policy_id);
        prefix
    }
}

impl Key for CouponKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.policy_id);
        put_u64(out, self.serial);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = Self { policy_id: take_text(&mut bytes)?, serial: take_u64(&mut bytes)? };
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
            let key = |(policy_id, serial): &(String, u64)| CouponKey { policy_id: policy_id.clone(), serial: *serial };
            laws::keys_come_back_and_sort(key, |fields| CouponKey::prefix_of_policy(&fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = CouponKey::decode(&bytes);
        }
    }
}
