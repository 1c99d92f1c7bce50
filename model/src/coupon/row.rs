//! What is stored. Rows are bincode: a field is its place and a variant its number, so fields are never moved and variants only added at the end.

use crate::coupon::command_outcome::CommandRefusal;
use crate::coupon::outcome::{Refusal, Status};
use holdfast_engine::prelude::{EncodeLike, Ends};
use serde::{Deserialize, Serialize};

/// What a request needs to know of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// How many coupons there are, given away or not.
    pub total: u64,
    /// How many have been given away: also the serial of the last one.
    pub issued: u64,
    /// First moment of the window; none = always was open.
    pub starts_ms: Option<i64>,
    /// First moment after the window; none = never closes.
    pub ends_ms: Option<i64>,
    /// What it is called: here, since each notification names it.
    pub title: String,
}

impl PolicyRow {
    /// How many are left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        // `issued ≤ total` is checked when the row is loaded; a broken row has nothing left.
        self.total.saturating_sub(self.issued)
    }

    /// Whether `now_ms` is in its window `[start, end)`.
    #[must_use]
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.starts_ms.is_none_or(|start| now_ms >= start) && self.ends_ms.is_none_or(|end| now_ms < end)
    }
}

/// What only people read of a policy, as it was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsRow {
    /// Stock at creation: the same create command again is recognised by it, whatever has been adjusted since.
    pub total_at_creation: u64,
    /// A longer text.
    pub description: Option<String>,
    /// What a coupon takes off the price.
    pub discount: Option<Discount>,
    /// Smallest order it may be used for, in KRW.
    pub minimum_order_amount: Option<u64>,
    /// The most it takes off, in KRW.
    pub maximum_discount_amount: Option<u64>,
    /// When it was created.
    pub created_ms: i64,
}

/// What a coupon takes off the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Discount {
    /// So many KRW.
    FixedAmount(u64),
    /// So many percent, 1 to 100.
    Percentage(u64),
}

impl Discount {
    /// As `discountType` writes it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::FixedAmount(_) => "FIXED_AMOUNT",
            Self::Percentage(_) => "PERCENTAGE",
        }
    }

    /// All that `discountType` may be, for the OpenAPI document.
    #[must_use]
    pub fn kinds() -> utoipa::openapi::Object {
        crate::schema::one_of([Self::FixedAmount(0), Self::Percentage(0)].map(Self::kind))
    }

    /// As `discountValue` writes it.
    #[must_use]
    pub fn value(self) -> u64 {
        match self {
            Self::FixedAmount(value) | Self::Percentage(value) => value,
        }
    }
}

/// The outcome of a request. Written from borrowed texts, read into owned ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRow<S = String> {
    /// Of which policy a coupon was asked for.
    pub policy_id: S,
    /// Who asked.
    pub user_id: S,
    /// When it was decided.
    pub decided_ms: i64,
    /// What became of it.
    pub outcome: RequestOutcome,
}

impl<S> Ends for RequestRow<S> {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

impl EncodeLike<RequestRow> for RequestRow<&str> {}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestOutcome {
    /// It got the coupon with this serial.
    Issued(u64),
    /// It got none.
    Refused(Refusal),
}

impl RequestOutcome {
    /// Which of the six it is.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Issued(_) => Status::Success,
            Self::Refused(refusal) => refusal.status(),
        }
    }
}

/// The mark that a user has a coupon of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedRow {
    /// Which one.
    pub serial: u64,
}

/// A coupon. Written from borrowed texts, read into owned ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponRow<S = String> {
    /// Whose it is.
    pub user_id: S,
    /// When it was issued.
    pub issued_ms: i64,
    /// How it was used, once it was.
    pub used: Option<Used<S>>,
}

impl EncodeLike<CouponRow> for CouponRow<&str> {}

/// How a coupon was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used<S = String> {
    /// For which order.
    pub order_id: S,
    /// When.
    pub used_ms: i64,
}

/// What became of the wish to make a payment with a coupon, by payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedemptionRow {
    /// Which coupon, as it was named: there need not be one.
    pub coupon_id: String,
    /// Who pays.
    pub user_id: String,
    /// What it costs without the coupon, in KRW.
    pub order_amount: i64,
    /// When it was decided.
    pub decided_ms: i64,
    /// What became of it.
    pub outcome: RedemptionOutcome,
}

/// What became of the wish to make a payment with a coupon. `Used` becomes `Returned`, once, and that is the only move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedemptionOutcome {
    /// The coupon is used for it.
    Used {
        /// What it takes off, in KRW.
        discount: i64,
    },
    /// It is not, and never will be.
    Refused(CommandRefusal),
    /// It was, and the payment is off.
    Returned {
        /// What it took off, in KRW.
        discount: i64,
        /// When it came back.
        returned_ms: i64,
    },
}

/// The outcome of a command.
pub type CommandRow = crate::command_row::CommandRow<CommandRefusal>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::{borrowed_form_encodes_like, row_bytes as bytes};
    use proptest::prelude::*;

    /// Rows written by this version must be readable by the next: whoever breaks this needs a new variant instead.
    #[test]
    fn the_layout_of_rows_stands() {
        let policy = PolicyRow { total: 100, issued: 3, starts_ms: Some(1), ends_ms: None, title: "t".to_owned() };
        assert_eq!(bytes(&policy), [1, 100, 3, 1, 2, 0, 1, b't']);
        let request = RequestRow {
            policy_id: "1",
            user_id: "u",
            decided_ms: 1,
            outcome: RequestOutcome::Refused(Refusal::SoldOut),
        };
        assert_eq!(bytes(&request), [1, 1, b'1', 1, b'u', 2, 1, 4]);
        let coupon = CouponRow { user_id: "u", issued_ms: 1, used: Some(Used { order_id: "o", used_ms: 2 }) };
        assert_eq!(bytes(&coupon), [1, 1, b'u', 2, 1, 1, b'o', 4]);
        assert_eq!(bytes(&IssuedRow { serial: 7 }), [1, 7]);
        let command = CommandRow { fingerprint: 5, decided_ms: 1, refused: Some(CommandRefusal::NotUsable) };
        assert_eq!(bytes(&command), [1, 5, 2, 1, 10]);
        let redemption = |outcome| RedemptionRow {
            coupon_id: "c".to_owned(),
            user_id: "u".to_owned(),
            order_amount: 5,
            decided_ms: 1,
            outcome,
        };
        let start = [1, 1, b'c', 1, b'u', 10, 2];
        for (outcome, rest) in [
            (RedemptionOutcome::Used { discount: 3 }, [0, 6].as_slice()),
            (RedemptionOutcome::Refused(CommandRefusal::BelowMinimum), &[1, 13]),
            (RedemptionOutcome::Returned { discount: 3, returned_ms: 2 }, &[2, 6, 4]),
        ] {
            assert_eq!(bytes(&redemption(outcome)), [&start, rest].concat());
        }
        for (number, refusal) in (0u8..).zip(Refusal::ALL) {
            assert_eq!(bytes(&refusal), [1, number]);
        }
        for (number, refusal) in (0u8..).zip(CommandRefusal::ALL) {
            assert_eq!(bytes(&refusal), [1, number]);
        }
    }

    proptest! {
        #[test]
        fn borrowed_forms_encode_like_their_rows(a: String, b: String, decided_ms: i64, serial: u64, used: Option<(String, i64)>) {
            let outcome = RequestOutcome::Issued(serial);
            let request = RequestRow { policy_id: a.clone(), user_id: b.clone(), decided_ms, outcome };
            borrowed_form_encodes_like(&RequestRow { policy_id: &*a, user_id: &*b, decided_ms, outcome }, &request)?;
            let of_borrowed = used.as_ref().map(|(order_id, used_ms)| Used { order_id: &**order_id, used_ms: *used_ms });
            let borrowed = CouponRow { user_id: &*a, issued_ms: decided_ms, used: of_borrowed };
            let used = used.clone().map(|(order_id, used_ms)| Used { order_id, used_ms });
            borrowed_form_encodes_like(&borrowed, &CouponRow { user_id: a.clone(), issued_ms: decided_ms, used })?;
        }
    }

    #[test]
    fn a_window_holds_its_first_moment_and_not_its_last() {
        let policy = PolicyRow { total: 1, issued: 0, starts_ms: Some(10), ends_ms: Some(20), title: String::new() };
        assert_eq!([9, 10, 19, 20].map(|now| policy.is_open(now)), [false, true, true, false]);
        let always = PolicyRow { starts_ms: None, ends_ms: None, ..policy };
        assert!(always.is_open(i64::MIN) && always.is_open(i64::MAX));
    }
}
