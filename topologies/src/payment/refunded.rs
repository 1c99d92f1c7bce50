//! The reply to a refund that was paid.

use crate::json::Object;

/// `ce_type` of the reply.
pub const EVENT_TYPE: &str = "payment.refunded";

/// The value of a reply to a refund.
#[derive(Debug, Clone, Copy)]
pub struct Refunded<'a> {
    /// Names the reply for ever: made of the refund's id.
    pub request_id: &'a str,
    /// Which refund.
    pub refund_id: &'a str,
    /// Of which payment.
    pub payment_id: &'a str,
    /// For which reservation.
    pub reservation_id: &'a str,
    /// Who got it.
    pub user_id: &'a str,
    /// What went back, in KRW.
    pub amount: i64,
}

impl Refunded<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        Object::begin(out)
            .text("type", "refunded")
            .text("requestId", self.request_id)
            .text("refundId", self.refund_id)
            .text("paymentId", self.payment_id)
            .text("reservationId", self.reservation_id)
            .text("userId", self.user_id)
            .integer("amount", self.amount)
            .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_agreed() {
        let refunded = Refunded {
            request_id: "ref_pay_2_1.refunded",
            refund_id: "ref_pay_2_1",
            payment_id: "pay_2_1",
            reservation_id: "res_2_1",
            user_id: "user_123",
            amount: 45_000,
        };
        let mut out = Vec::new();
        refunded.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"type":"refunded","requestId":"ref_pay_2_1.refunded","refundId":"ref_pay_2_1","paymentId":"pay_2_1","#,
                r#""reservationId":"res_2_1","userId":"user_123","amount":45000}"#
            )
        );
    }
}
