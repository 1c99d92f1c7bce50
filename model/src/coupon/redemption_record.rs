//! The answer to a payment that wants a coupon.
//!
//! ```json
//! {"type":"coupon-used","requestId":"pay_2_9.coupon","paymentId":"pay_2_9","reservationId":"res_2_7","couponId":"cpn_0_1_57","userId":"1001","orderAmount":50000,
//!  "discount":5000,"discountType":"PERCENTAGE","discountValue":15,"minimumOrderAmount":10000,"maximumDiscountAmount":5000}
//! {"type":"coupon-refused","requestId":"pay_2_9.coupon","paymentId":"pay_2_9","reservationId":"res_2_7","couponId":"cpn_0_1_57","userId":"1001","orderAmount":50000,
//!  "code":"COUPON_NOT_USABLE","reason":"사용 가능한 쿠폰이 아닙니다"}
//! ```
//! `discount` is whole KRW, rounded down, never more than `orderAmount`: what is owed is their difference. The terms it was computed of stand beside it, so
//! that anybody can compute it again; a term that the policy has not is left out.

use crate::coupon::command_outcome::CommandRefusal;
use crate::coupon::message::UseForPayment;
use crate::coupon::row::{Discount, TermsRow};
use crate::json::Object;

/// `ce_type` of the answer.
pub const EVENT_TYPE: &str = "coupon.redemption";

/// The value of an answer.
#[derive(Debug, Clone, Copy)]
pub struct RedemptionRecord<'a> {
    /// Names the answer for ever: made of the payment's id.
    pub request_id: &'a str,
    /// What was wished.
    pub wish: &'a UseForPayment,
    /// What the coupon takes off, in KRW, by which terms; or why it is not used.
    pub result: Result<(i64, &'a TermsRow), CommandRefusal>,
}

impl RedemptionRecord<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let kind = if self.result.is_ok() { "coupon-used" } else { "coupon-refused" };
        let object = Object::begin(out)
            .text("type", kind)
            .text("requestId", self.request_id)
            .text("paymentId", &self.wish.payment_id)
            .text("reservationId", &self.wish.reservation_id)
            .text("couponId", &self.wish.coupon_id)
            .text("userId", &self.wish.user_id)
            .integer("orderAmount", self.wish.order_amount);
        match self.result {
            Ok((discount, terms)) => object
                .integer("discount", discount)
                .text_if("discountType", terms.discount.map(Discount::kind))
                .number_if("discountValue", terms.discount.map(Discount::value))
                .number_if("minimumOrderAmount", terms.minimum_order_amount)
                .number_if("maximumDiscountAmount", terms.maximum_discount_amount),
            Err(refusal) => object.text("code", refusal.code()).text("reason", refusal.reason()),
        }
        .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(result: Result<(i64, &TermsRow), CommandRefusal>) -> String {
        let wish = UseForPayment {
            coupon_id: "cpn_0_1_57".to_owned(),
            user_id: "1001".to_owned(),
            payment_id: "pay_2_9".to_owned(),
            reservation_id: "res_2_7".to_owned(),
            order_amount: 50_000,
            reply_place: 2,
            minimum_discount: 0,
        };
        let mut out = Vec::new();
        RedemptionRecord { request_id: "pay_2_9.coupon", wish: &wish, result }.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_says_what_is_taken_off_and_of_which_terms() {
        let terms = TermsRow {
            total_at_creation: 1,
            description: None,
            discount: Some(Discount::Percentage(15)),
            minimum_order_amount: None,
            maximum_discount_amount: Some(5_000),
            created_ms: 0,
        };
        assert_eq!(
            written(Ok((5_000, &terms))),
            concat!(
                r#"{"type":"coupon-used","requestId":"pay_2_9.coupon","paymentId":"pay_2_9","reservationId":"res_2_7","couponId":"cpn_0_1_57","#,
                r#""userId":"1001","orderAmount":50000,"discount":5000,"discountType":"PERCENTAGE","discountValue":15,"maximumDiscountAmount":5000}"#
            )
        );
        assert_eq!(
            written(Err(CommandRefusal::NotUsable)),
            concat!(
                r#"{"type":"coupon-refused","requestId":"pay_2_9.coupon","paymentId":"pay_2_9","reservationId":"res_2_7","couponId":"cpn_0_1_57","#,
                r#""userId":"1001","orderAmount":50000,"code":"COUPON_NOT_USABLE","reason":"사용 가능한 쿠폰이 아닙니다"}"#
            )
        );
    }
}
