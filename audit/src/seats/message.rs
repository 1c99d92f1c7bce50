//! What records about seats say.

use crate::record::{Field, Identity, record, whole_number};
use crate::times::Stamps;
use crate::wallets::Discount;
use serde::{Deserialize, Deserializer};

record! {
    /// A record of the inbox: a command, a deadline or an answer. Amounts are in KRW.
    pub(super) struct Message<'a> {
        kind: Field<'a> = "type",
        user_id: Field<'a> = "userId",
        concert_id: Field<'a> = "concertId",
        schedule_id: Field<'a> = "scheduleId",
        seat_no: Field<'a> = "seatNo",
        reservation_id: Field<'a> = "reservationId",
        payment_id: Field<'a> = "paymentId",
        refund_id: Field<'a> = "refundId",
        coupon_id: Field<'a> = "couponId",
        amount: Field<'a> = "amount",
        /// What a coupon takes off.
        discount: Discount = "discount",
        balance_after: Field<'a> = "balanceAfter",
        result: Field<'a> = "result",
        step: Field<'a> = "step",
        starts_at: Field<'a> = "startsAt",
        sale_start: Field<'a> = "saleStart",
        sale_end: Field<'a> = "saleEnd",
        /// What becomes of a seat that is released while users wait.
        waitlist: Field<'a> = "waitlist",
        waitlist_notify: Field<'a> = "waitlistNotify",
        due_at: Field<'a> = "dueAt",
        /// The seats of a new schedule.
        seats: Seats = "seats",
        /// What cannot be guessed, and names what the record makes.
        nonce: Field<'a> = "nonce",
        ..ids: Identity<'a>,
    }
}

record! {
    /// A fact: an envelope with the fact inside, or the fact by itself.
    pub(super) struct Envelope<'a> {
        payload: Option<Fact<'a>> = "payload",
        ..fact: Fact<'a>,
    }
}

impl<'a> Envelope<'a> {
    /// What is told.
    pub(super) fn inner(&self) -> &Fact<'a> {
        self.payload.as_ref().unwrap_or(&self.fact)
    }
}

record! {
    /// What is told about a seat or a payment.
    pub(super) struct Fact<'a> {
        reservation_id: Field<'a> = "reservationId",
        payment_id: Field<'a> = "paymentId",
        schedule_id: Field<'a> = "scheduleId",
        seat_no: Field<'a> = "seatNo",
        user_id: Field<'a> = "userId",
        /// KRW.
        amount: Field<'a> = "amount",
        ..stamps: Stamps<'a>,
    }
}

/// The seats of a new schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Seats {
    /// None that could be read.
    #[default]
    None,
    /// So many, from 1, at one price in KRW.
    Block(u64, i64),
    /// Number and price in KRW of each.
    Each(Vec<(u64, i64)>),
}

impl<'de> Deserialize<'de> for Seats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(match &value {
            serde_json::Value::Array(seats) => {
                let read = |seat: &serde_json::Value| Some((whole_number(&seat["seatNo"])?, seat["price"].as_i64()?));
                Self::Each(seats.iter().filter_map(read).collect())
            }
            _ => match (value["count"].as_u64(), value["price"].as_i64()) {
                (Some(count), Some(price)) => Self::Block(count, price),
                _ => Self::None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    #[test]
    fn seats_are_a_block_or_a_list() {
        let seats = |json: &str| record::read::<Message<'_>>(Some(json.as_bytes())).unwrap().seats;
        assert_eq!(seats(r#"{"seats":[{"seatNo":"2","price":9}]}"#), Seats::Each(vec![(2, 9)]));
        assert_eq!(seats(r#"{"seats":{"count":5,"price":7}}"#), Seats::Block(5, 7));
        assert_eq!((seats(r#"{"seats":{"count":5}}"#), seats("{}")), (Seats::None, Seats::None));
    }
}
