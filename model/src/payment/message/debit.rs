use crate::json::Object;
use std::borrow::Cow;

/// A payment is to be taken from a wallet. Borrowed from the record: this is the hot path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Debit<'a> {
    /// Which payment: debited once, for ever.
    pub payment_id: Cow<'a, str>,
    /// For which reservation.
    pub reservation_id: Cow<'a, str>,
    /// Of which schedule: the key of the reply.
    pub schedule_id: Cow<'a, str>,
    /// Who pays.
    pub user_id: Cow<'a, str>,
    /// Which seat.
    pub seat_no: Cow<'a, str>,
    /// What the seat costs, in KRW.
    pub price: i64,
    /// What is paid: price less discount, in KRW.
    pub amount: i64,
    /// What a coupon takes off.
    pub discount: Option<Discount<'a>>,
    /// The place of whoever waits for the reply.
    pub reply_place: u32,
}

/// What a coupon takes off a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount<'a> {
    /// Which coupon.
    pub coupon_id: Cow<'a, str>,
    /// How much, in KRW.
    pub amount: i64,
}

impl Debit<'_> {
    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(320);
        let object = Object::begin(&mut out)
            .text("type", "debit")
            .text("requestId", &self.payment_id)
            .text("paymentId", &self.payment_id)
            .text("reservationId", &self.reservation_id)
            .text("scheduleId", &self.schedule_id)
            .text("userId", &self.user_id)
            .text("seatNo", &self.seat_no)
            .integer("price", self.price)
            .integer("amount", self.amount);
        let object = match &self.discount {
            Some(discount) => object.object("discount", |fields| {
                fields.text("couponId", &discount.coupon_id).integer("amount", discount.amount)
            }),
            None => object,
        };
        object.number("replyPlace", u64::from(self.reply_place)).end();
        out
    }
}
