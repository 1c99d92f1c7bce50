//! The records that tell the world what became of an order.

use crate::json::Object;
use crate::timesale::outcome::{Refusal, Status};

/// The value of a record in `timesale-order-success` or `timesale-order-failures`: the outcome of an order, or that a confirmed order was cancelled.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeRecord<'a> {
    /// `eventId` of the order's record as it came, else its request id. Of a cancellation: the id of this event.
    pub event_id: &'a str,
    /// The identity of the order's record; of a cancellation, of the command.
    pub request_id: &'a str,
    /// The order.
    pub order_id: &'a str,
    /// In which sale.
    pub time_sale_id: &'a str,
    /// Whose order.
    pub user_id: &'a str,
    /// How many units, as the order says it.
    pub quantity: i64,
    /// What became of it.
    pub result: Outcome,
    /// When the order was decided.
    pub ordered_ms: i64,
    /// `requestedAt` of the order: JSON as it came.
    pub requested_at: Option<&'a str>,
    /// How many units are left after this decision; unknown without a sale.
    pub remaining: Option<u64>,
    /// The outcome that this one replaces: an order given up before, and redriven.
    pub supersedes: Option<Status>,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All its units are the buyer's, each at this price in KRW.
    Confirmed {
        /// In KRW.
        unit_price: u64,
    },
    /// It has none.
    Refused(Refusal),
    /// They were the buyer's and are for sale again.
    Cancelled {
        /// In KRW.
        unit_price: u64,
        /// When it was cancelled.
        cancelled_ms: i64,
    },
}

impl Outcome {
    /// As outcome records say it.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Confirmed { .. } => Status::Success,
            Self::Refused(refusal) => refusal.status(),
            Self::Cancelled { .. } => Status::Cancelled,
        }
    }
}

impl OutcomeRecord<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (unit_price, refusal, cancelled_ms) = match self.result {
            Outcome::Confirmed { unit_price } => (Some(unit_price), None, None),
            Outcome::Refused(refusal) => (None, Some(refusal), None),
            Outcome::Cancelled { unit_price, cancelled_ms } => (Some(unit_price), None, Some(cancelled_ms)),
        };
        // Price and quantity of a confirmed order are bounded, so the product is exact.
        let amount = unit_price.map(|price| price.saturating_mul(self.quantity.unsigned_abs()));
        let object = Object::begin(out)
            .text("eventId", self.event_id)
            .text("requestId", self.request_id)
            .text("orderId", self.order_id)
            .text("timeSaleId", self.time_sale_id)
            .text("userId", self.user_id)
            .integer("quantity", self.quantity)
            .text("status", self.result.status().as_str())
            .number_if("unitPrice", unit_price)
            .number_if("amount", amount)
            .time("orderedAt", self.ordered_ms);
        let object = match cancelled_ms {
            Some(ms) => object.time("cancelledAt", ms),
            None => object,
        };
        object
            .raw_if("requestedAt", self.requested_at)
            .number_if("remaining", self.remaining)
            .text_if("reason", refusal.map(Refusal::reason))
            .text_if("code", refusal.map(Refusal::code))
            .text_if("supersedes", self.supersedes.map(Status::as_str))
            .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(record: &OutcomeRecord<'_>) -> String {
        let mut out = Vec::new();
        record.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    const CONFIRMED: OutcomeRecord<'static> = OutcomeRecord {
        event_id: "e",
        request_id: "ord_0_1",
        order_id: "ord_0_1",
        time_sale_id: "1",
        user_id: "1001",
        quantity: 3,
        result: Outcome::Confirmed { unit_price: 9_900 },
        ordered_ms: 1_773_572_400_123,
        requested_at: Some("1773572400000"),
        remaining: Some(97),
        supersedes: None,
    };

    #[test]
    fn a_success_reads_so() {
        assert_eq!(
            written(&CONFIRMED),
            concat!(
                r#"{"eventId":"e","requestId":"ord_0_1","orderId":"ord_0_1","timeSaleId":"1","userId":"1001","quantity":3,"status":"SUCCESS","#,
                r#""unitPrice":9900,"amount":29700,"orderedAt":"2026-03-15T11:00:00.123Z","requestedAt":1773572400000,"remaining":97}"#
            )
        );
    }

    #[test]
    fn a_failure_reads_so() {
        let refused = OutcomeRecord {
            request_id: "r",
            result: Outcome::Refused(Refusal::InsufficientStock),
            remaining: Some(2),
            supersedes: Some(Status::SystemError),
            ..CONFIRMED
        };
        assert_eq!(
            written(&refused),
            concat!(
                r#"{"eventId":"e","requestId":"r","orderId":"ord_0_1","timeSaleId":"1","userId":"1001","quantity":3,"status":"OUT_OF_STOCK","#,
                r#""orderedAt":"2026-03-15T11:00:00.123Z","requestedAt":1773572400000,"remaining":2,"#,
                r#""reason":"재고가 부족합니다","code":"INSUFFICIENT_STOCK","supersedes":"SYSTEM_ERROR"}"#
            )
        );
    }

    #[test]
    fn a_cancellation_reads_so() {
        let cancelled = OutcomeRecord {
            event_id: "ord_0_1.cancelled",
            request_id: "req_0_2",
            result: Outcome::Cancelled { unit_price: 9_900, cancelled_ms: 1_773_572_401_000 },
            requested_at: None,
            remaining: Some(100),
            ..CONFIRMED
        };
        assert_eq!(
            written(&cancelled),
            concat!(
                r#"{"eventId":"ord_0_1.cancelled","requestId":"req_0_2","orderId":"ord_0_1","timeSaleId":"1","userId":"1001","quantity":3,"#,
                r#""status":"CANCELLED","unitPrice":9900,"amount":29700,"orderedAt":"2026-03-15T11:00:00.123Z","#,
                r#""cancelledAt":"2026-03-15T11:00:01.000Z","remaining":100}"#
            )
        );
    }
}
