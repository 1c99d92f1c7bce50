//! What records of `payment.requests` say.

use crate::record::{Field, Identity, record};
use serde::{Deserialize, Deserializer};

record! {
    /// A charge, a debit or a refund. Amounts are in KRW.
    pub(super) struct Message<'a> {
        kind: Field<'a> = "type",
        user_id: Field<'a> = "userId",
        payment_id: Field<'a> = "paymentId",
        reservation_id: Field<'a> = "reservationId",
        amount: Field<'a> = "amount",
        price: Field<'a> = "price",
        discount: Discount = "discount",
        fee: Field<'a> = "fee",
        ..ids: Identity<'a>,
    }
}

/// What a coupon takes off: an answer of coupons says how much, a debit which coupon as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Discount {
    /// There is no coupon.
    #[default]
    None,
    /// KRW; none = what stands there is no amount.
    Of(Option<i64>),
}

impl Discount {
    /// KRW; 0 without a coupon.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::None => Some(0),
            Self::Of(amount) => *amount,
        }
    }
}

impl<'de> Deserialize<'de> for Discount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Object(fields) => Self::Of(fields.get("amount").and_then(serde_json::Value::as_i64)),
            other => Self::Of(other.as_i64()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    #[test]
    fn a_discount_is_an_amount_or_a_coupon_with_one() {
        let discount = |json: &str| record::read::<Message<'_>>(Some(json.as_bytes())).unwrap().discount.int();
        assert_eq!(
            (discount(r#"{"discount":5}"#), discount(r#"{"discount":null}"#), discount("{}")),
            (Some(5), Some(0), Some(0))
        );
        assert_eq!(discount(r#"{"discount":{"couponId":"c","amount":3}}"#), Some(3));
        assert_eq!(discount(r#"{"discount":{"couponId":"c"}}"#), None);
    }
}
