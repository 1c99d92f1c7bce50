//! What must hold of the rows at every commit. The processor asks before it decides, the auditor and the simulator ask after.

use crate::rows;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::coupon::coupon_id::CouponId;
use holdfast_model::coupon::keys::{CouponKey, IssuedKey};
use holdfast_model::coupon::row::{
    CouponRow, IssuedRow, PolicyRow, RedemptionOutcome, RedemptionRow, RequestOutcome, RequestRow,
};
use holdfast_model::coupon::{COUPONS, ISSUED, POLICIES, REDEMPTIONS, REQUESTS};
use std::collections::BTreeMap;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// More coupons were given away than there are.
    #[error("policy {policy_id}: {issued} issued of {total}")]
    Oversold {
        /// Of which policy.
        policy_id: String,
        /// So many.
        issued: u64,
        /// Out of so many.
        total: u64,
    },
    /// The policy counts other coupons than there are: their serials must be 1, 2 … `issued`.
    #[error("policy {policy_id}: {issued} issued by its row, but coupon number {at} has serial {serial:?}")]
    Miscounted {
        /// Of which policy.
        policy_id: String,
        /// So many by its row.
        issued: u64,
        /// The first place in the row of coupons that is wrong, from 1.
        at: u64,
        /// The coupon found there.
        serial: Option<u64>,
    },
    /// A coupon without exactly one mark that its user has it, or a mark without its coupon.
    #[error("user {user_id}, policy {policy_id}: marked coupon {marked:?}, the coupons say {found:?}")]
    Unmarked {
        /// Whose.
        user_id: String,
        /// Of which policy.
        policy_id: String,
        /// Serial in the mark.
        marked: Option<u64>,
        /// Serial of the coupon.
        found: Option<u64>,
    },
    /// A request that says it got a coupon which is not its user's, or a coupon that no request or more than one got.
    #[error("coupon {serial} of policy {policy_id}: {requests} requests got it")]
    Unrequested {
        /// Of which policy.
        policy_id: String,
        /// Which coupon.
        serial: u64,
        /// So many requests.
        requests: usize,
    },
    /// A payment says that it has a coupon, and the coupon says otherwise; or it takes off more than the order.
    #[error("payment {payment_id}: {redemption:?}, and its coupon: {coupon:?}")]
    Redeemed {
        /// Which payment.
        payment_id: String,
        /// What its row says.
        redemption: Box<RedemptionRow>,
        /// What the coupon's row says.
        coupon: Option<Box<CouponRow>>,
    },
}

/// Checks one policy by itself.
///
/// # Errors
/// [`Broken::Oversold`].
pub fn policy(policy_id: &str, row: &PolicyRow) -> Result<(), Broken> {
    // remaining + issued = total holds by the way `remaining` is computed, as long as this does.
    if row.issued <= row.total {
        Ok(())
    } else {
        Err(Broken::Oversold { policy_id: policy_id.to_owned(), issued: row.issued, total: row.total })
    }
}

/// All rows of a place that must agree with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// By policy id.
    pub policies: BTreeMap<String, PolicyRow>,
    /// By user and policy.
    pub issued: BTreeMap<IssuedKey, IssuedRow>,
    /// By policy and serial.
    pub coupons: BTreeMap<CouponKey, CouponRow>,
    /// By request id: those that have not ended.
    pub requests: BTreeMap<String, RequestRow>,
    /// Requests that were decided at this time or before have ended, in ms since the epoch; `None` = none has.
    pub requests_ended_ms: Option<i64>,
    /// By payment id.
    pub redemptions: BTreeMap<String, RedemptionRow>,
}

impl Books {
    /// Reads a place. Exact only while nothing is committed there: each table is read by a scan of its own.
    ///
    /// # Errors
    /// [`QueryError`] when the view cannot be read.
    pub fn load(task: &TaskView) -> Result<Self, QueryError> {
        let (requests, requests_ended_ms) = rows::all_kept(task, &REQUESTS)?;
        Ok(Self {
            policies: rows::all(task, &POLICIES)?,
            issued: rows::all(task, &ISSUED)?,
            coupons: rows::all(task, &COUPONS)?,
            requests,
            requests_ended_ms,
            redemptions: rows::all(task, &REDEMPTIONS)?,
        })
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        for (policy_id, row) in &self.policies {
            policy(policy_id, row)?;
            self.check_count(policy_id, row.issued)?;
        }
        self.check_marks()?;
        self.check_requests()?;
        self.check_redemptions()
    }

    fn check_count(&self, policy_id: &str, issued: u64) -> Result<(), Broken> {
        let from = CouponKey { policy_id: policy_id.to_owned(), serial: 0 };
        let mut serials =
            self.coupons.range(from..).take_while(|(key, _)| key.policy_id == policy_id).map(|(key, _)| key.serial);
        // One beyond the last: there must be no more.
        for at in 1..=issued + 1 {
            let serial = serials.next();
            if serial != (at <= issued).then_some(at) {
                return Err(Broken::Miscounted { policy_id: policy_id.to_owned(), issued, at, serial });
            }
        }
        Ok(())
    }

    /// Each coupon has its mark and each mark its coupon, so a user has at most one of a policy: the marks are keyed by both.
    fn check_marks(&self) -> Result<(), Broken> {
        for (key, coupon) in &self.coupons {
            let mark = IssuedKey { user_id: coupon.user_id.clone(), policy_id: key.policy_id.clone() };
            let marked = self.issued.get(&mark).map(|row| row.serial);
            if marked != Some(key.serial) {
                return Err(Broken::Unmarked {
                    user_id: mark.user_id,
                    policy_id: mark.policy_id,
                    marked,
                    found: Some(key.serial),
                });
            }
        }
        for (mark, row) in &self.issued {
            let key = CouponKey { policy_id: mark.policy_id.clone(), serial: row.serial };
            if self.coupons.get(&key).is_none_or(|coupon| coupon.user_id != mark.user_id) {
                let IssuedKey { user_id, policy_id } = mark.clone();
                return Err(Broken::Unmarked { user_id, policy_id, marked: Some(row.serial), found: None });
            }
        }
        Ok(())
    }

    /// Each coupon was got by exactly one request, of its user; they were decided at once, so they tell whether that one has ended.
    fn check_requests(&self) -> Result<(), Broken> {
        let mut got: BTreeMap<CouponKey, usize> = self.coupons.keys().map(|key| (key.clone(), 0)).collect();
        for row in self.requests.values() {
            let RequestOutcome::Issued(serial) = row.outcome else { continue };
            let key = CouponKey { policy_id: row.policy_id.clone(), serial };
            let is_his = self.coupons.get(&key).is_some_and(|coupon| coupon.user_id == row.user_id);
            match got.get_mut(&key) {
                Some(requests) if is_his => *requests += 1,
                _ => return Err(Broken::Unrequested { policy_id: key.policy_id, serial, requests: 0 }),
            }
        }
        let expected = |key: &CouponKey| {
            let issued_ms = self.coupons.get(key).map(|coupon| coupon.issued_ms);
            usize::from(issued_ms > self.requests_ended_ms)
        };
        match got.into_iter().find(|(key, requests)| *requests != expected(key)) {
            None => Ok(()),
            Some((key, requests)) => {
                Err(Broken::Unrequested { policy_id: key.policy_id, serial: key.serial, requests })
            }
        }
    }

    /// A payment that has a coupon has its owner's, and the coupon says so: it names one payment, so no two have it. None takes off more than the order.
    fn check_redemptions(&self) -> Result<(), Broken> {
        for (payment_id, redemption) in &self.redemptions {
            let coupon = CouponId::parse(&redemption.coupon_id)
                .and_then(|id| self.coupons.get(&CouponKey { policy_id: id.policy_id.to_owned(), serial: id.serial }));
            let is_its = coupon.is_some_and(|coupon| {
                coupon.user_id == redemption.user_id
                    && coupon.used.as_ref().is_some_and(|used| used.order_id == *payment_id)
            });
            let within = |discount| (0..=redemption.order_amount).contains(&discount);
            let fits = match redemption.outcome {
                RedemptionOutcome::Used { discount } => is_its && within(discount),
                RedemptionOutcome::Returned { discount, .. } => within(discount),
                // By hand it may be used for an order of any name.
                RedemptionOutcome::Refused(_) => true,
            };
            if !fits {
                return Err(Broken::Redeemed {
                    payment_id: payment_id.clone(),
                    redemption: Box::new(redemption.clone()),
                    coupon: coupon.cloned().map(Box::new),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::coupon::row::Used;

    fn coupon_key(serial: u64) -> CouponKey {
        CouponKey { policy_id: "1".to_owned(), serial }
    }

    fn mark(user_id: &str) -> IssuedKey {
        IssuedKey { user_id: user_id.to_owned(), policy_id: "1".to_owned() }
    }

    fn got(user_id: &str, serial: u64) -> RequestRow {
        RequestRow {
            policy_id: "1".to_owned(),
            user_id: user_id.to_owned(),
            decided_ms: 0,
            outcome: RequestOutcome::Issued(serial),
        }
    }

    fn good() -> Books {
        let mut books = Books::default();
        books.policies.insert(
            "1".to_owned(),
            PolicyRow { total: 3, issued: 2, starts_ms: None, ends_ms: None, title: String::new() },
        );
        for (serial, user_id) in [(1, "a"), (2, "b")] {
            books.issued.insert(mark(user_id), IssuedRow { serial });
            books
                .coupons
                .insert(coupon_key(serial), CouponRow { user_id: user_id.to_owned(), issued_ms: 0, used: None });
            books.requests.insert(format!("r{serial}"), got(user_id, serial));
        }
        books.coupons.get_mut(&coupon_key(2)).unwrap().used = Some(Used { order_id: "p2".to_owned(), used_ms: 1 });
        let redemption = |outcome| RedemptionRow {
            coupon_id: "cpn_0_1_2".to_owned(),
            user_id: "b".to_owned(),
            order_amount: 9,
            decided_ms: 0,
            outcome,
        };
        let returned = RedemptionOutcome::Returned { discount: 9, returned_ms: 0 };
        books.redemptions.insert("p1".to_owned(), redemption(returned));
        books.redemptions.insert("p2".to_owned(), redemption(RedemptionOutcome::Used { discount: 5 }));
        books
    }

    #[test]
    fn good_books_are_good() {
        assert_eq!(good().check(), Ok(()));
        assert_eq!(Books::default().check(), Ok(()));
    }

    #[test]
    fn each_way_of_being_wrong_is_found() {
        fn paid<'a>(books: &'a mut Books, id: &str) -> &'a mut RedemptionRow {
            books.redemptions.get_mut(id).unwrap()
        }
        let spoils: [fn(&mut Books); 19] = [
            |b| b.coupons.get_mut(&coupon_key(2)).unwrap().used = None,
            |b| b.coupons.get_mut(&coupon_key(2)).unwrap().used.as_mut().unwrap().order_id = "p1".to_owned(),
            |b| paid(b, "p1").outcome = RedemptionOutcome::Used { discount: 5 },
            |b| paid(b, "p2").outcome = RedemptionOutcome::Used { discount: 10 },
            |b| paid(b, "p2").outcome = RedemptionOutcome::Used { discount: -1 },
            |b| paid(b, "p1").outcome = RedemptionOutcome::Returned { discount: 10, returned_ms: 0 },
            |b| paid(b, "p2").coupon_id = "cpn_0_1_3".to_owned(),
            |b| paid(b, "p2").user_id = "a".to_owned(),
            |b| b.policies.get_mut("1").unwrap().total = 1,
            |b| b.policies.get_mut("1").unwrap().issued = 1,
            |b| b.policies.get_mut("1").unwrap().issued = 3,
            |b| b.coupons.retain(|key, _| key.serial != 1),
            |b| b.issued.retain(|mark, _| mark.user_id != "a"),
            |b| b.issued.get_mut(&mark("a")).unwrap().serial = 2,
            |b| b.coupons.get_mut(&coupon_key(2)).unwrap().user_id = "a".to_owned(),
            |b| b.issued.extend([(mark("c"), IssuedRow { serial: 1 })]),
            |b| b.requests.retain(|id, _| id != "r1"),
            |b| b.requests.extend([("r3".to_owned(), got("a", 1))]),
            |b| b.requests.extend([("r3".to_owned(), got("c", 2))]),
        ];
        for (n, spoil) in spoils.into_iter().enumerate() {
            let mut books = good();
            spoil(&mut books);
            assert!(books.check().is_err(), "case {n}");
        }
    }
}
