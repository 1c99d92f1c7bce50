//! What a record's value says: the fields of all commands, answers and facts, read without the shop's own readers.
//!
//! Nothing here fails on a field: one that is missing or of an odd kind has nothing to say, and whoever needs it knows what that means.

use holdfast_model::rfc3339;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::borrow::Cow;
use std::fmt;

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// Missing or null.
    #[default]
    Absent,
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number. One beyond an i64 is an id, and so a text.
    Int(i64),
    /// Anything else.
    Odd,
}

impl<'a> Field<'a> {
    /// As an id: texts and whole numbers are.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Int(number) => Some(Cow::Owned(number.to_string())),
            Self::Absent | Self::Odd => None,
        }
    }

    /// An id that is not blank.
    pub(super) fn identity(&self) -> Option<Cow<'a, str>> {
        self.id().filter(|id| !id.trim().is_empty())
    }

    /// As a number of won, seats or coupons.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// As a moment, in ms since the epoch.
    pub(super) fn when(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => {
                let text = text.trim();
                rfc3339::parse(text).or_else(|| rfc3339::parse_leap_second(text)).or_else(|| text.parse().ok())
            }
            _ => None,
        }
    }

    /// As it stands there; empty if it is no text.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Field::Text(Cow::Owned(number.to_string())), Field::Int))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field::Odd)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Odd)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Odd)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Odd)
    }
}

macro_rules! said {
    ($($(#[$doc:meta])* $field:ident = $name:literal),* $(,)?) => {
        /// The fields of a value. One that is not named here is passed over; of one that is there twice the last counts.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(super) struct Said<'a> {
            $($(#[$doc])* pub(super) $field: Field<'a>,)*
            /// What a coupon takes off.
            pub(super) discount: Discount<'a>,
            /// The seats of a new schedule.
            pub(super) seats: Seats,
            /// What an event of the seeds carries.
            pub(super) payload: Option<Box<Said<'a>>>,
            /// What a notice carries besides.
            pub(super) data: Option<Box<Said<'a>>>,
        }

        impl<'de> Visitor<'de> for SaidVisitor {
            type Value = Said<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut said = Said::default();
                while let Some(Name(name)) = map.next_key()? {
                    match &*name {
                        $($name => said.$field = map.next_value()?,)*
                        "discount" => said.discount = map.next_value()?,
                        "seats" => said.seats = map.next_value()?,
                        "payload" => said.payload = Some(Box::new(map.next_value()?)),
                        "data" => said.data = Some(Box::new(map.next_value()?)),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(said)
            }
        }
    };
}

said! {
    kind = "type", event_id = "eventId", request_id = "requestId", user_id = "userId", policy_id = "policyId", coupon_id = "couponId",
    concert_id = "concertId", schedule_id = "scheduleId", concert_schedule_id = "concertScheduleId", seat_no = "seatNo",
    reservation_id = "reservationId", payment_id = "paymentId", refund_id = "refundId", order_id = "orderId",
    amount = "amount", fee = "fee", price = "price", balance_after = "balanceAfter", reply_place = "replyPlace",
    result = "result", reason = "reason", code = "code", status = "status", remaining = "remaining", supersedes = "supersedes",
    total_quantity = "totalQuantity", by = "by", start_time = "startTime", end_time = "endTime", step = "step",
    starts_at = "startsAt", expires_at = "expiresAt", expired_at = "expiredAt", confirmed_at = "confirmedAt",
    discount_type = "discountType", discount_value = "discountValue", minimum_order_amount = "minimumOrderAmount",
    maximum_discount_amount = "maximumDiscountAmount", order_amount = "orderAmount",
    minimum_discount = "minimumDiscount", nonce = "nonce", due_at = "dueAt", message = "message", occurred_at = "occurredAt", event_time = "eventTime", issued_at = "issuedAt",
}

struct SaidVisitor;

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SaidVisitor)
    }
}

/// A field's name, borrowed where it can be.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Field::deserialize(deserializer)? {
            Field::Text(text) => Ok(Self(text)),
            _ => Err(de::Error::custom("a name is a text")),
        }
    }
}

/// What a coupon takes off: an answer of coupons says how much, a debit which coupon as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Discount<'a> {
    /// There is no coupon.
    #[default]
    None,
    /// KRW.
    Of(Field<'a>),
}

impl Discount<'_> {
    /// KRW; 0 without a coupon.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::None => Some(0),
            Self::Of(amount) => amount.int(),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Discount<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |value: &serde_json::Value| value.as_i64().map_or(Field::Odd, Field::Int);
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Object(fields) => Self::Of(fields.get("amount").map_or(Field::Odd, number)),
            other => Self::Of(number(&other)),
        })
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
        let number =
            |value: &serde_json::Value| value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        Ok(match &value {
            serde_json::Value::Array(seats) => {
                let read = |seat: &serde_json::Value| Some((number(&seat["seatNo"])?, seat["price"].as_i64()?));
                Self::Each(seats.iter().filter_map(read).collect())
            }
            _ => match (value["count"].as_u64(), value["price"].as_i64()) {
                (Some(count), Some(price)) => Self::Block(count, price),
                _ => Self::None,
            },
        })
    }
}

impl<'a> Said<'a> {
    /// Reads a value; `None` when it is no JSON object.
    pub(super) fn read(value: Option<&'a [u8]>) -> Option<Self> {
        // All of it is looked at once: text by text that takes longer.
        serde_json::from_str(std::str::from_utf8(value?).ok()?).ok()
    }

    /// Under which id a request is known, if it brings one.
    pub(super) fn identity(&self) -> Option<Cow<'a, str>> {
        self.request_id.identity().or_else(|| self.event_id.identity())
    }

    /// The event inside the seeds' envelope, or what stands there by itself.
    pub(super) fn inner(&self) -> &Self {
        self.payload.as_deref().unwrap_or(self)
    }
}

/// Whether a user may be called that: something that is not blank at its ends, without control characters, and no step in a path.
pub(super) fn is_user(id: &str) -> bool {
    id.trim() == id && !["", ".", ".."].contains(&id) && !id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_odd_ones_say_nothing() {
        let value = concat!(
            r#"{"type":"hold","requestId":" ","eventId":7,"userId":"u\n","seatNo":1.5,"amount":"5","price":5,"x":{"y":[1]},"#,
            r#""expiresAt":"1970-01-01T09:00:00.005+09:00","discount":{"couponId":"c","amount":3},"seats":[{"seatNo":"2","price":9}]}"#
        );
        let said = Said::read(Some(value.as_bytes())).unwrap();
        assert_eq!(said.identity().as_deref(), Some("7"));
        assert_eq!(said.user_id.id().as_deref(), Some("u\n"));
        assert_eq!((said.seat_no.id(), said.amount.int(), said.price.int()), (None, None, Some(5)));
        let large = Said::read(Some(br#"{"userId":18446744073709551615,"amount":18446744073709551615}"#)).unwrap();
        assert_eq!(
            (large.user_id.id().as_deref(), large.amount.int(), large.amount.when()),
            (Some("18446744073709551615"), None, None)
        );
        assert_eq!(said.expires_at.when(), Some(5));
        assert_eq!(said.discount.int(), Some(3));
        let discount = |json: &str| Said::read(Some(json.as_bytes())).unwrap().discount.int();
        assert_eq!(
            (discount(r#"{"discount":5}"#), discount(r#"{"discount":null}"#), discount("{}")),
            (Some(5), Some(0), Some(0))
        );
        assert_eq!(discount(r#"{"discount":{"couponId":"c"}}"#), None);
        assert_eq!(said.seats, Seats::Each(vec![(2, 9)]));
        assert_eq!(Said::read(Some(br#"{"seats":{"count":5,"price":7}}"#)).unwrap().seats, Seats::Block(5, 7));
        for bad in [&b"[]"[..], b"null", b"{", b"5", b"\xff"] {
            assert_eq!(Said::read(Some(bad)), None);
        }
        assert_eq!(Said::read(None), None);
    }
}
