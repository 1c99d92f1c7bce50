//! Coupons that are used: by hand, or for a payment that is told what the coupon takes off and may give it back.
//!
//! A coupon is used once at a time, by whom it was given to. FIXED_AMOUNT takes off so many won, PERCENTAGE so much of the order, rounded down, at most the
//! maximum and the order itself, and nothing of an order below the minimum.

use super::message::Message;
use crate::known::{Print, print};
use rustc_hash::FxHashMap;

/// What the coupons of a policy take off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Terms {
    fixed: Option<i64>,
    percent: Option<i64>,
    minimum: Option<i64>,
    maximum: Option<i64>,
}

impl Terms {
    /// As a policy is created with.
    pub(super) fn of(said: &Message<'_>) -> Self {
        let value = said.discount_value.int();
        Self {
            fixed: value.filter(|_| said.discount_type.text() == "FIXED_AMOUNT"),
            percent: value.filter(|_| said.discount_type.text() == "PERCENTAGE"),
            minimum: said.minimum_order_amount.int(),
            maximum: said.maximum_discount_amount.int(),
        }
    }

    /// What is taken off an order, in KRW; none when nothing can be.
    fn off(self, order: i64) -> Option<i64> {
        if order < 0 || self.minimum.is_some_and(|minimum| order < minimum) {
            return None;
        }
        // At most 100 percent of an i64.
        let part = |percent: i64| i64::try_from(i128::from(order) * i128::from(percent) / 100).ok();
        let full = self.fixed.or_else(|| self.percent.and_then(part))?;
        Some(full.min(self.maximum.unwrap_or(order)).min(order))
    }
}

/// The coupons of a place, as far as they were given out.
#[derive(Debug, Default)]
pub(super) struct Redemptions {
    owners: FxHashMap<Print, Print>,
    /// What each used coupon was used for.
    used: FxHashMap<Print, Print>,
    /// Payments that have asked, and the coupon each has, if it has.
    payments: FxHashMap<Print, Option<Print>>,
}

impl Redemptions {
    /// `coupon` was given to `user`.
    pub(super) fn give(&mut self, coupon: &str, user: &str) {
        self.owners.insert(print(coupon), print(user));
    }

    /// How many were given out.
    pub(super) fn given(&self) -> usize {
        self.owners.len()
    }

    /// Whether `coupon` is `user`'s, and used for this order, or for none.
    pub(super) fn is_as(&self, coupon: &str, user: &str, order: Option<&str>) -> bool {
        self.is_his(coupon, user) && self.used.get(&print(coupon)).copied() == order.map(print)
    }

    fn is_his(&self, coupon: &str, user: &str) -> bool {
        self.owners.get(&print(coupon)) == Some(&print(user))
    }

    /// A customer uses it for an order.
    pub(super) fn use_by_hand(&mut self, coupon: &str, user: &str, order: &str) {
        if self.is_his(coupon, user) {
            self.used.entry(print(coupon)).or_insert_with(|| print(order));
        }
    }

    /// A payment wants it, if it takes off so much of the order at least; `None` when it has asked before, else what it takes off.
    pub(super) fn use_for(
        &mut self,
        payment: &str,
        coupon: &str,
        user: &str,
        (order, least): (i64, i64),
        terms: Terms,
    ) -> Option<Option<i64>> {
        if self.payments.contains_key(&print(payment)) {
            return None;
        }
        let is_free = self.is_his(coupon, user) && !self.used.contains_key(&print(coupon));
        let off = if is_free { terms.off(order).filter(|off| *off >= least) } else { None };
        self.payments.insert(print(payment), off.map(|_| print(coupon)));
        if off.is_some() {
            self.used.insert(print(coupon), print(payment));
        }
        Some(off)
    }

    /// A payment gives it back: it may be used again. One that has not asked yet may not any more.
    pub(super) fn give_back(&mut self, payment: &str) {
        if let Some(coupon) = self.payments.insert(print(payment), None).flatten() {
            self.used.remove(&coupon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_take_off_what_they_say() {
        let fixed = Terms { fixed: Some(5_000), minimum: Some(10_000), ..Terms::default() };
        let percent = Terms { percent: Some(15), maximum: Some(5_000), ..Terms::default() };
        for (terms, order, off) in [
            (fixed, 50_000, Some(5_000)),
            (fixed, 10_000, Some(5_000)),
            (fixed, 9_999, None),
            (percent, 50_000, Some(5_000)),
            (percent, 99, Some(14)),
            (percent, 0, Some(0)),
            (percent, i64::MAX, Some(5_000)),
            (Terms { fixed: Some(7), ..Terms::default() }, 5, Some(5)),
            (Terms::default(), 5, None),
            (fixed, -1, None),
        ] {
            assert_eq!(terms.off(order), off, "{terms:?} {order}");
        }
    }

    #[test]
    fn a_coupon_is_used_once_at_a_time_by_its_owner() {
        let terms = Terms { fixed: Some(5), ..Terms::default() };
        let mut coupons = Redemptions::default();
        coupons.give("c", "u");
        assert_eq!(coupons.use_for("p1", "c", "v", (9, 1), terms), Some(None), "somebody else's");
        assert_eq!(coupons.use_for("p2", "c", "u", (9, 1), terms), Some(Some(5)));
        assert_eq!(coupons.use_for("p2", "c", "u", (9, 1), terms), None, "known");
        assert_eq!(coupons.use_for("p3", "c", "u", (9, 1), terms), Some(None), "used");
        coupons.give_back("p2");
        coupons.give_back("p5");
        assert_eq!(coupons.use_for("p4", "c", "u", (9, 1), terms), Some(Some(5)));
        coupons.give_back("p2");
        assert_eq!(coupons.use_for("p6", "c", "u", (9, 1), terms), Some(None), "returned once");
        assert_eq!(coupons.use_for("p5", "c", "u", (9, 1), terms), None, "its return was first");
        assert!(coupons.is_as("c", "u", Some("p4")) && coupons.given() == 1);
        coupons.give_back("p4");
        for (user, order, is_so) in [("u", None, true), ("u", Some("p4"), false), ("v", None, false)] {
            assert_eq!(coupons.is_as("c", user, order), is_so, "{user} {order:?}");
        }
        assert_eq!(coupons.use_for("p8", "c", "u", (9, 6), terms), Some(None), "it takes off too little");
        assert!(coupons.is_as("c", "u", None));
        coupons.use_by_hand("c", "u", "order");
        assert_eq!(coupons.use_for("p7", "c", "u", (9, 1), terms), Some(None));
    }
}
