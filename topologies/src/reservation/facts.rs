//! The records that go out, as JSON. Shapes of the seeds stay as they are; what is added stands after it.

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
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiration<'a> {
    /// Unique for each deadline.
    pub event_id: &'a str,
    /// [`EXPIRATION`].
    pub event_type: &'a str,
    /// The deadline.
    pub event_time: At,
    /// What it is about.
    pub payload: ExpirationPayload<'a>,
    /// When the deadline was set.
    pub occurred_at: At,
}

/// What a deadline is about.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpirationPayload<'a> {
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
}

/// Seats are free again because nobody paid in time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatsExpired<'a> {
    /// Unique for each expiry.
    pub event_id: &'a str,
    /// Which seats.
    pub seat_ids: [&'a str; 1],
    /// Of which schedule.
    pub schedule_id: &'a str,
    /// When they were freed: append time of the record that did it.
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
