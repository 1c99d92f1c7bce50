use crate::numbered_key::numbered_key;

numbered_key! {
    /// Key of a coupon: the coupons of a policy lie together, in the order in which they were issued.
    CouponKey {
        /// Its policy.
        policy_id,
        /// Its number within the policy, from 1.
        serial,
    }
    /// Prefix of all coupons of a policy.
    prefix_of_policy
}
