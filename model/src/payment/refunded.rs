//! The reply to a refund: that it was paid, or why not. Whoever gives something back waits for it, so there is one for each.

use crate::json::Object;
use crate::payment::outcome::Refusal;

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
    /// Whose money it is.
    pub user_id: &'a str,
    /// Why nothing went back; none = it did.
    pub refused: Option<Refusal>,
    /// What was to go back, in KRW.
    pub amount: i64,
}

impl Refunded<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let object = Object::begin(out)
            .text("type", "refunded")
            .text("requestId", self.request_id)
            .text("refundId", self.refund_id)
            .text("paymentId", self.payment_id)
            .text("reservationId", self.reservation_id)
            .text("userId", self.user_id)
            .text("result", if self.refused.is_none() { "REFUNDED" } else { "REFUSED" });
        match self.refused {
            None => object.raw_if("reason", Some("null")),
            Some(refusal) => object.text("reason", refusal.code()),
        }
        .integer("amount", self.amount)
        .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(request_id: &str, refused: Option<Refusal>) -> String {
        let refunded = Refunded {
            request_id,
            refund_id: "ref_pay_2_1",
            payment_id: "pay_2_1",
            reservation_id: "res_2_1",
            user_id: "user_123",
            refused,
            amount: 45_000,
        };
        let mut out = Vec::new();
        refunded.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_says_what_was_agreed() {
        assert_eq!(
            written("ref_pay_2_1.refunded", None),
            concat!(
                r#"{"type":"refunded","requestId":"ref_pay_2_1.refunded","refundId":"ref_pay_2_1","paymentId":"pay_2_1","#,
                r#""reservationId":"res_2_1","userId":"user_123","result":"REFUNDED","reason":null,"amount":45000}"#
            )
        );
        assert_eq!(
            written("ref_pay_2_1.refused", Some(Refusal::WalletFull)),
            concat!(
                r#"{"type":"refunded","requestId":"ref_pay_2_1.refused","refundId":"ref_pay_2_1","paymentId":"pay_2_1","#,
                r#""reservationId":"res_2_1","userId":"user_123","result":"REFUSED","reason":"WALLET_LIMIT_EXCEEDED","amount":45000}"#
            )
        );
    }
}
