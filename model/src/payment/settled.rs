//! The reply to a debit: what whoever holds the seat has been waiting for.

use crate::json::Object;
use crate::payment::outcome::{Refusal, Status};

/// `ce_type` of the reply.
pub const EVENT_TYPE: &str = "payment.settled";

/// The value of a reply to a debit.
#[derive(Debug, Clone, Copy)]
pub struct Settled<'a> {
    /// Names the reply for ever: made of the payment's id.
    pub request_id: &'a str,
    /// Which payment.
    pub payment_id: &'a str,
    /// For which reservation.
    pub reservation_id: &'a str,
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// Who pays.
    pub user_id: &'a str,
    /// Why nothing was taken; none = it was.
    pub refused: Option<Refusal>,
    /// What was to be paid, in KRW.
    pub amount: i64,
    /// What the wallet holds now, in KRW.
    pub balance_after: i64,
}

impl Settled<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let result = match self.refused.map(Refusal::status) {
            None => "DEBITED",
            Some(Status::InsufficientPoints) => "INSUFFICIENT_POINTS",
            Some(_) => "REFUSED",
        };
        let object = Object::begin(out)
            .text("type", "settled")
            .text("requestId", self.request_id)
            .text("paymentId", self.payment_id)
            .text("reservationId", self.reservation_id)
            .text("scheduleId", self.schedule_id)
            .text("userId", self.user_id)
            .text("result", result);
        match self.refused {
            None => object.raw_if("reason", Some("null")),
            Some(refusal) => object.text("reason", refusal.code()),
        }
        .integer("amount", self.amount)
        .integer("balanceAfter", self.balance_after)
        .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(refused: Option<Refusal>) -> String {
        let settled = Settled {
            request_id: "pay_2_1.settled",
            payment_id: "pay_2_1",
            reservation_id: "res_2_1",
            schedule_id: "schedule_456",
            user_id: "user_123",
            refused,
            amount: 50_000,
            balance_after: 950_000,
        };
        let mut out = Vec::new();
        settled.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_says_what_was_agreed() {
        assert_eq!(
            written(None),
            concat!(
                r#"{"type":"settled","requestId":"pay_2_1.settled","paymentId":"pay_2_1","reservationId":"res_2_1","#,
                r#""scheduleId":"schedule_456","userId":"user_123","result":"DEBITED","reason":null,"amount":50000,"balanceAfter":950000}"#
            )
        );
        for (refusal, result) in [
            (Refusal::InsufficientPoints, r#""result":"INSUFFICIENT_POINTS","reason":"INSUFFICIENT_POINTS""#),
            (Refusal::AmountMismatch, r#""result":"REFUSED","reason":"AMOUNT_MISMATCH""#),
            (Refusal::System, r#""result":"REFUSED","reason":"SYSTEM_ERROR""#),
        ] {
            assert!(written(Some(refusal)).contains(result), "{refusal:?}");
        }
    }
}
