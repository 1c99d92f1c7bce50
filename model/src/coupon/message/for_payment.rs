use crate::reading::{self, Unreadable, check_lengths};
use crate::wire;
use serde::{Deserialize, Serialize};

/// A payment wants to be made with this coupon: `use-coupon` with a place that waits for the answer. Sent by whoever sells, never by a customer.
///
/// Known by its payment: there is one answer for each, for ever ([`crate::coupon::redemption_record`]).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UseForPayment {
    /// Which coupon.
    #[serde(deserialize_with = "wire::id")]
    pub coupon_id: String,
    /// Whose it must be.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
    /// The payment: the order that the coupon is used for.
    #[serde(rename = "orderId", deserialize_with = "wire::id")]
    pub payment_id: String,
    /// For which reservation: it comes back in the answer, and is its key.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// What it costs without the coupon, in KRW.
    pub order_amount: i64,
    /// The place that waits for the answer.
    pub reply_place: u32,
    /// What it has to take off at least, in KRW, to be used. Missing in records of earlier versions, which used a coupon up for nothing.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub minimum_discount: i64,
}

/// A payment that had this coupon is off: `return-coupon`. It has no answer, and comes after its use: both are sent from one place to one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnCoupon {
    /// Which coupon.
    #[serde(deserialize_with = "wire::id")]
    pub coupon_id: String,
    /// Whose it must be.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
    /// The payment that it was used for.
    #[serde(rename = "orderId", deserialize_with = "wire::id")]
    pub payment_id: String,
}

// The signature is serde's.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "skip_serializing_if passes a reference")]
fn is_nothing(krw: &i64) -> bool {
    *krw == 0
}

impl UseForPayment {
    pub(super) fn read(text: &str) -> Result<Self, Unreadable> {
        let wish: Self = reading::fields(text)?;
        check_lengths([Some(&*wish.payment_id), Some(&*wish.reservation_id)])?;
        Ok(wish)
    }
}

impl ReturnCoupon {
    pub(super) fn read(text: &str) -> Result<Self, Unreadable> {
        let wish: Self = reading::fields(text)?;
        check_lengths([Some(&*wish.payment_id)])?;
        Ok(wish)
    }
}
