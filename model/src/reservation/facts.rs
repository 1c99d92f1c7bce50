//! The records that go out, as JSON. Shapes of the seeds stay as they are; what is added stands after it.

use crate::json::Object;
use crate::reservation::row::Refund;
use crate::rfc3339;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// `eventType` of a deadline's record.
pub const EXPIRATION: &str = "reservation.expiration";

/// A moment, written as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub i64);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(rfc3339::format(self.0).as_str())
    }
}

/// A hold has this deadline. The seeds' record: `eventTime` is the deadline, `occurredAt` is when the seat was held.
#[derive(Debug, Clone, Copy)]
pub struct Deadline<'a> {
    /// Unique for each deadline.
    pub event_id: &'a str,
    /// Which reservation.
    pub reservation_id: &'a str,
    /// Whose.
    pub user_id: &'a str,
    /// Which seat, as the seeds name it.
    pub seat_id: &'a str,
    /// First moment at which it is over.
    pub expires_at: At,
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// Which seat.
    pub seat_no: u64,
    /// When the deadline was set.
    pub occurred_at: At,
}

impl Deadline<'_> {
    /// Appends it as JSON. By hand: there is one for each hold.
    pub fn write(&self, out: &mut Vec<u8>) {
        Object::begin(out)
            .text("eventId", self.event_id)
            .text("eventType", EXPIRATION)
            .time("eventTime", self.expires_at.0)
            .object("payload", |payload| {
                payload
                    .text("reservationId", self.reservation_id)
                    .text("userId", self.user_id)
                    .text("seatId", self.seat_id)
                    .time("expiresAt", self.expires_at.0)
                    .text("scheduleId", self.schedule_id)
                    .number("seatNo", self.seat_no)
            })
            .time("occurredAt", self.occurred_at.0)
            .end();
    }
}

/// Seats are free again because nobody paid in time.
#[derive(Debug, Clone, Copy)]
pub struct SeatsExpired<'a> {
    /// Unique for each expiry.
    pub event_id: &'a str,
    /// Which seat, as the seeds name it.
    pub seat_id: &'a str,
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// When it was freed: append time of the record that did it.
    pub expired_at: At,
    /// The deadline.
    pub expires_at: At,
    /// Which reservation.
    pub reservation_id: &'a str,
    /// Whose.
    pub user_id: &'a str,
    /// Which seat.
    pub seat_no: u64,
}

impl SeatsExpired<'_> {
    /// Appends it as JSON. By hand: a cliff of deadlines makes a hundred thousand of them.
    pub fn write(&self, out: &mut Vec<u8>) {
        Object::begin(out)
            .text("eventId", self.event_id)
            .texts("seatIds", [self.seat_id])
            .text("scheduleId", self.schedule_id)
            .time("expiredAt", self.expired_at.0)
            .time("expiresAt", self.expires_at.0)
            .text("reservationId", self.reservation_id)
            .text("userId", self.user_id)
            .number("seatNo", self.seat_no)
            .end();
    }
}

/// A reservation is paid.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmed<'a> {
    /// Which.
    pub reservation_id: &'a str,
    /// Whose.
    pub user_id: &'a str,
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// Which seat.
    pub seat_no: u64,
    /// KRW.
    pub amount: u64,
    /// By which payment.
    pub payment_id: &'a str,
    /// What the concert is called.
    pub concert_title: &'a str,
    /// When.
    pub confirmed_at: At,
}

/// A seat was sold or came back: what rankings count.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranked<'a> {
    /// Unique for each sale and each return.
    pub event_id: &'a str,
    /// `SEAT_SOLD` or `SEAT_RETURNED`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// Of which concert.
    pub concert_id: Option<&'a str>,
    /// What it is called.
    pub concert_title: &'a str,
    /// Which reservation.
    pub reservation_id: &'a str,
    /// By which payment.
    pub payment_id: &'a str,
    /// How many seats are sold now.
    pub reserved: u64,
    /// How many there are.
    pub capacity: u64,
    /// When the sale began, as far as it had a beginning.
    pub sale_start: Option<At>,
    /// When.
    pub occurred_at: At,
}

/// The wallet shall pay.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Debit<'a> {
    /// `debit`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The payment's id: one debit for each, for ever.
    pub request_id: &'a str,
    /// The same.
    pub payment_id: &'a str,
    /// For which reservation.
    pub reservation_id: &'a str,
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// Whose wallet.
    pub user_id: &'a str,
    /// Which seat.
    pub seat_no: u64,
    /// What it costs, in KRW.
    pub price: u64,
    /// What is owed, in KRW.
    pub amount: u64,
    /// What a coupon takes off.
    pub discount: Option<DiscountFact<'a>>,
    /// The place that waits for the answer.
    pub reply_place: u32,
    /// What the concert is called.
    pub concert_title: &'a str,
    /// When he asked, by his own watch.
    pub requested_at: Option<&'a Value>,
}

/// What a coupon takes off a price.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscountFact<'a> {
    /// Which coupon.
    pub coupon_id: &'a str,
    /// KRW.
    pub amount: u64,
}

/// A coupon shall be used for a payment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UseCoupon<'a> {
    /// `use-coupon`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Made of the payment's id: one use for each, for ever.
    pub request_id: &'a str,
    /// Which coupon.
    pub coupon_id: &'a str,
    /// Whose it must be.
    pub user_id: &'a str,
    /// The payment.
    pub order_id: &'a str,
    /// For which reservation.
    pub reservation_id: &'a str,
    /// What it costs without the coupon, in KRW.
    pub order_amount: u64,
    /// The place that waits for the answer.
    pub reply_place: u32,
    /// What it has to take off at least, in KRW; missing = nothing, as by the first rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_discount: Option<i64>,
}

/// A coupon shall be free again.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnCoupon<'a> {
    /// `return-coupon`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Made of the payment's id.
    pub request_id: &'a str,
    /// Which coupon.
    pub coupon_id: &'a str,
    /// Whose it is.
    pub user_id: &'a str,
    /// The payment that had it.
    pub order_id: &'a str,
    /// For which reservation.
    pub reservation_id: &'a str,
}

/// The wallet shall get money back.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundRequest<'a> {
    /// `refund`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The refund's id: one for each payment.
    pub request_id: &'a str,
    /// Of which payment.
    pub payment_id: &'a str,
    /// For which reservation.
    pub reservation_id: &'a str,
    /// Whose wallet.
    pub user_id: &'a str,
    /// How much, and what is kept.
    #[serde(flatten)]
    pub refund: Refund,
    /// `CANCELLED`, `SCHEDULE_CANCELLED` or `NOT_CONFIRMED`.
    pub reason: &'a str,
    /// The place that waits for the answer.
    pub reply_place: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn deadlines_have_the_seeds_shape() {
        let deadline = Deadline {
            event_id: "evt_res_2_7.expiration",
            reservation_id: "res_2_7",
            user_id: "user_\"1\"",
            seat_id: "seat_schedule_456_1",
            expires_at: At(300_000),
            schedule_id: "schedule_456",
            seat_no: 1,
            occurred_at: At(0),
        };
        assert_eq!(
            written(|out| deadline.write(out)),
            concat!(
                r#"{"eventId":"evt_res_2_7.expiration","eventType":"reservation.expiration","eventTime":"1970-01-01T00:05:00.000Z","#,
                r#""payload":{"reservationId":"res_2_7","userId":"user_\"1\"","seatId":"seat_schedule_456_1","#,
                r#""expiresAt":"1970-01-01T00:05:00.000Z","scheduleId":"schedule_456","seatNo":1},"occurredAt":"1970-01-01T00:00:00.000Z"}"#
            )
        );
    }

    #[test]
    fn expiries_have_their_shape() {
        let expired = SeatsExpired {
            event_id: "evt_res_2_7.expired",
            seat_id: "seat_schedule_456_1",
            schedule_id: "schedule_456",
            expired_at: At(300_001),
            expires_at: At(300_000),
            reservation_id: "res_2_7",
            user_id: "user_1",
            seat_no: 1,
        };
        assert_eq!(
            written(|out| expired.write(out)),
            concat!(
                r#"{"eventId":"evt_res_2_7.expired","seatIds":["seat_schedule_456_1"],"scheduleId":"schedule_456","#,
                r#""expiredAt":"1970-01-01T00:05:00.001Z","expiresAt":"1970-01-01T00:05:00.000Z","reservationId":"res_2_7","#,
                r#""userId":"user_1","seatNo":1}"#
            )
        );
    }
}
