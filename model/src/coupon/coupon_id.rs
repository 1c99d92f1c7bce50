//! A coupon's id: `cpn_{place}_{policyId}_{serial}`. The serial is the coupon's number within its policy, from 1: the n-th that was issued.

use crate::place_id::{self, Kind};
use std::fmt;

/// A coupon's id, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CouponId<'a> {
    /// The place that keeps it.
    pub place: u32,
    /// Its policy.
    pub policy_id: &'a str,
    /// Its number within the policy, from 1.
    pub serial: u64,
}

impl<'a> CouponId<'a> {
    /// Takes an id apart; `None` for every other shape. Whether there is such a coupon only the place knows.
    #[must_use]
    pub fn parse(id: &'a str) -> Option<Self> {
        let (place, rest) = place_id::parse(Kind::Coupon, id)?;
        // From the right: a policy's id may hold the separator.
        let (policy_id, serial) = rest.rsplit_once('_')?;
        let serial = place_id::number(serial)?;
        (!policy_id.is_empty()).then_some(Self { place, policy_id, serial })
    }

    /// Appends it. By hand: there is one for each coupon.
    pub fn write(&self, out: &mut String) {
        let (mut place, mut serial) = (itoa::Buffer::new(), itoa::Buffer::new());
        for part in ["cpn_", place.format(self.place), "_", self.policy_id, "_", serial.format(self.serial)] {
            out.push_str(part);
        }
    }
}

impl fmt::Display for CouponId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(place: u32, policy_id in "[a-z0-9_.가-힣-]{1,12}", serial: u64) {
            let id = CouponId { place, policy_id: &policy_id, serial };
            let text = id.to_string();
            prop_assert_eq!(&text, &format!("cpn_{place}_{policy_id}_{serial}"));
            prop_assert_eq!(CouponId::parse(&text), Some(id));
        }

        #[test]
        fn an_id_has_one_spelling(text in "cpn_[0-9+]{0,3}_.{0,5}_[0-9+]{0,3}") {
            if let Some(id) = CouponId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
