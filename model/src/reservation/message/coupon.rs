use crate::wire;
use serde::{Deserialize, Serialize};

/// The coupon is used for the payment. Its place has computed what it takes off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CouponUsed {
    /// For which payment.
    #[serde(deserialize_with = "wire::id")]
    pub payment_id: String,
    /// Of which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// Which coupon.
    #[serde(deserialize_with = "wire::id")]
    pub coupon_id: String,
    /// Of what it takes something off, in KRW.
    pub order_amount: i64,
    /// How much, in KRW.
    pub discount: i64,
}

/// The coupon is not used for the payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CouponRefused {
    /// For which payment.
    #[serde(deserialize_with = "wire::id")]
    pub payment_id: String,
    /// Of which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// Which coupon.
    #[serde(deserialize_with = "wire::id")]
    pub coupon_id: String,
    /// Why, for machines: the payment fails with it.
    pub code: String,
}
