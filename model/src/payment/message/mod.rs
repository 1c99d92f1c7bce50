//! What the inbox holds, as JSON, named by `type`.
//!
//! ```json
//! {"type":"charge","requestId":"req_0_…","userId":"1001","amount":10000,"requestedAt":1773572400000}
//! {"type":"debit","requestId":"pay_2_…","paymentId":"pay_2_…","reservationId":"res_2_…","scheduleId":"schedule_456","userId":"1001",
//!  "seatNo":7,"price":50000,"amount":50000,"discount":null,"replyPlace":2}
//! {"type":"refund","requestId":"ref_pay_2_…","paymentId":"pay_2_…","reservationId":"res_2_…","userId":"1001","amount":45000,"fee":5000,
//!  "reason":"CANCELLED","replyPlace":2}
//! ```
//! A tolerant reader: unknown fields are ignored, ids may be numbers. Amounts are whole won: a number with a point is no amount. The writing side is
//! for whoever appends.

mod charge;
mod debit;
mod refund;

pub use charge::Charge;
pub use debit::{Debit, Discount};
pub use refund::Refund;

pub use crate::reading::{ID_BYTES_MAX, Unreadable};

use crate::flat::Flat;
use crate::reading::{self, missing, not_blank, unreadable};
use crate::wire::{Id, Raw};
use serde::Deserialize;
use std::borrow::Cow;

/// One record of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// Money comes in.
    Charge(Charge<'a>),
    /// A payment is to be taken.
    Debit(Debit<'a>),
    /// Something paid goes back.
    Refund(Refund<'a>),
}

/// What every record is read as: the fields of all types.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Id<'a>>,
    #[serde(borrow)]
    event_id: Option<Id<'a>>,
    #[serde(borrow)]
    request_id: Option<Id<'a>>,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow)]
    payment_id: Option<Id<'a>>,
    #[serde(borrow)]
    reservation_id: Option<Id<'a>>,
    #[serde(borrow)]
    schedule_id: Option<Id<'a>>,
    #[serde(borrow)]
    seat_no: Option<Id<'a>>,
    price: Option<i64>,
    amount: Option<i64>,
    fee: Option<i64>,
    #[serde(borrow)]
    discount: Option<PlainDiscount<'a>>,
    reply_place: Option<u32>,
    #[serde(borrow)]
    reason: Option<Id<'a>>,
    #[serde(borrow)]
    requested_at: Option<Raw<'a>>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainDiscount<'a> {
    #[serde(borrow)]
    coupon_id: Id<'a>,
    amount: i64,
}

impl<'a> Message<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no message.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let text = reading::text(value)?;
        let plain = match Plain::of_flat(text) {
            Some(plain) => plain,
            None => reading::object(text)?,
        };
        plain.check_lengths()?;
        let kind = plain.kind.as_ref().ok_or_else(|| missing("type"))?;
        match &*kind.0 {
            "charge" => plain.into_charge().map(Self::Charge),
            "debit" => plain.into_debit().map(Self::Debit),
            "refund" => plain.into_refund().map(Self::Refund),
            kind => Err(unreadable("UnknownType", format!("{kind:?} is none of charge, debit, refund"))),
        }
    }

    /// Whose money it is about: the key that places the record, and with it the decision.
    #[must_use]
    pub fn user_id(&self) -> &str {
        match self {
            Self::Charge(charge) => &charge.user_id,
            Self::Debit(debit) => &debit.user_id,
            Self::Refund(refund) => &refund.user_id,
        }
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Charge(charge) => charge.to_json(),
            Self::Debit(debit) => debit.to_json(),
            Self::Refund(refund) => refund.to_json(),
        }
    }
}

impl<'a> Plain<'a> {
    /// What serde would read, if the text is flat and in the order in which [`Message::to_json`] writes.
    fn of_flat(text: &'a str) -> Option<Self> {
        let mut flat = Flat::read(text)?;
        let plain = Self {
            kind: flat.id("type"),
            event_id: flat.id("eventId"),
            request_id: flat.id("requestId"),
            payment_id: flat.id("paymentId"),
            reservation_id: flat.id("reservationId"),
            schedule_id: flat.id("scheduleId"),
            user_id: flat.id("userId"),
            seat_no: flat.id("seatNo"),
            price: flat.number("price"),
            amount: flat.number("amount"),
            discount: flat.nothing("discount"),
            fee: flat.number("fee"),
            reason: flat.id("reason"),
            reply_place: flat.number("replyPlace"),
            requested_at: flat.raw("requestedAt"),
        };
        flat.is_sound().then_some(plain)
    }

    fn check_lengths(&self) -> Result<(), Unreadable> {
        let ids = [
            &self.event_id,
            &self.request_id,
            &self.user_id,
            &self.payment_id,
            &self.reservation_id,
            &self.schedule_id,
            &self.seat_no,
            &self.reason,
        ];
        let coupon_id = self.discount.as_ref().map(|discount| &*discount.coupon_id.0);
        reading::check_lengths(ids.into_iter().map(|id| id.as_ref().map(|id| &*id.0)).chain([coupon_id]))
    }

    fn into_charge(self) -> Result<Charge<'a>, Unreadable> {
        Ok(Charge {
            event_id: not_blank(self.event_id),
            request_id: not_blank(self.request_id),
            user_id: self.user_id.ok_or_else(|| missing("userId"))?.0,
            amount: self.amount.ok_or_else(|| missing("amount"))?,
            requested_at: self.requested_at.map(|raw| Cow::Borrowed(raw.0)),
        })
    }

    fn into_debit(self) -> Result<Debit<'a>, Unreadable> {
        Ok(Debit {
            payment_id: not_blank(self.payment_id).ok_or_else(|| missing("paymentId"))?,
            reservation_id: self.reservation_id.ok_or_else(|| missing("reservationId"))?.0,
            schedule_id: self.schedule_id.ok_or_else(|| missing("scheduleId"))?.0,
            user_id: self.user_id.ok_or_else(|| missing("userId"))?.0,
            seat_no: self.seat_no.ok_or_else(|| missing("seatNo"))?.0,
            price: self.price.ok_or_else(|| missing("price"))?,
            amount: self.amount.ok_or_else(|| missing("amount"))?,
            discount: self
                .discount
                .map(|discount| Discount { coupon_id: discount.coupon_id.0, amount: discount.amount }),
            reply_place: self.reply_place.ok_or_else(|| missing("replyPlace"))?,
        })
    }

    fn into_refund(self) -> Result<Refund<'a>, Unreadable> {
        Ok(Refund {
            event_id: not_blank(self.event_id),
            request_id: not_blank(self.request_id),
            payment_id: self.payment_id.ok_or_else(|| missing("paymentId"))?.0,
            reservation_id: self.reservation_id.ok_or_else(|| missing("reservationId"))?.0,
            user_id: self.user_id.ok_or_else(|| missing("userId"))?.0,
            amount: self.amount.ok_or_else(|| missing("amount"))?,
            fee: self.fee.unwrap_or(0),
            reason: self.reason.map(|reason| reason.0).unwrap_or_default(),
            reply_place: self.reply_place.ok_or_else(|| missing("replyPlace"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Message<'_> {
        Message::parse(Some(json.as_bytes())).unwrap()
    }

    fn class(value: &[u8]) -> &'static str {
        Message::parse(Some(value)).unwrap_err().class
    }

    const DEBIT: &str = concat!(
        r#"{"type":"debit","requestId":"pay_2_1","paymentId":"pay_2_1","reservationId":"res_2_1","scheduleId":"s","userId":"홍길동","#,
        r#""seatNo":"7","price":50000,"amount":45000,"discount":{"couponId":"cpn_0_1_1","amount":5000},"replyPlace":2,"#,
        r#""concertTitle":"아이유 콘서트","requestedAt":1773572400000}"#
    );

    fn debit() -> Debit<'static> {
        Debit {
            payment_id: "pay_2_1".into(),
            reservation_id: "res_2_1".into(),
            schedule_id: "s".into(),
            user_id: "홍길동".into(),
            seat_no: "7".into(),
            price: 50_000,
            amount: 45_000,
            discount: Some(Discount { coupon_id: "cpn_0_1_1".into(), amount: 5_000 }),
            reply_place: 2,
        }
    }

    fn refund() -> Refund<'static> {
        Refund {
            event_id: None,
            request_id: Some("ref_pay_2_1".into()),
            payment_id: "pay_2_1".into(),
            reservation_id: "res_2_1".into(),
            user_id: "1001".into(),
            amount: 45_000,
            fee: 5_000,
            reason: "CANCELLED".into(),
            reply_place: 2,
        }
    }

    #[test]
    fn each_type_is_read() {
        assert_eq!(read(DEBIT), Message::Debit(debit()));
        let charge =
            read(r#"{"type":"charge","requestId":"req_0_1","userId":1001,"amount":10000,"requestedAt":5,"x":[{}]}"#);
        assert_eq!(charge, Message::Charge(Charge::new("req_0_1", "1001", 10_000, 5)));
        let json = concat!(
            r#"{"type":"refund","requestId":"ref_pay_2_1","paymentId":"pay_2_1","reservationId":"res_2_1","userId":"1001","#,
            r#""amount":45000,"fee":5000,"reason":"CANCELLED","replyPlace":2}"#
        );
        assert_eq!(read(json), Message::Refund(refund()));
    }

    #[test]
    fn what_is_appended_is_flat() {
        let flat = [
            Message::Debit(Debit { discount: None, ..debit() }),
            Message::Charge(Charge::new("req_0_1", "1001", 10_000, 5)),
            Message::Refund(refund()),
        ];
        for message in flat {
            let json = String::from_utf8(message.to_json()).unwrap();
            assert!(Plain::of_flat(&json).is_some(), "{json}");
            assert_eq!(read(&json), message);
        }
    }

    #[test]
    fn a_hot_debit_copies_nothing() {
        let Message::Debit(debit) = read(DEBIT) else { panic!("no debit") };
        let coupon_id = debit.discount.unwrap().coupon_id;
        for text in [debit.payment_id, debit.reservation_id, debit.schedule_id, debit.user_id, debit.seat_no, coupon_id]
        {
            assert!(matches!(text, Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn a_blank_identity_is_none() {
        let identity = |json| match read(json) {
            Message::Charge(charge) => charge.identity().map(str::to_owned),
            other => panic!("{other:?}"),
        };
        assert_eq!(identity(r#"{"type":"charge","requestId":" ","eventId":"","userId":"u","amount":1}"#), None);
        assert_eq!(
            identity(r#"{"type":"charge","requestId":null,"eventId":"e","userId":"u","amount":1}"#).as_deref(),
            Some("e")
        );
        assert_eq!(
            identity(r#"{"type":"charge","requestId":7,"eventId":"e","userId":"u","amount":1}"#).as_deref(),
            Some("7")
        );
    }

    #[test]
    fn every_kind_of_bad_input_has_its_class() {
        assert_eq!(Message::parse(None).unwrap_err().class, "NoValue");
        let long = format!(r#"{{"type":"charge","userId":"{}","amount":1}}"#, "가".repeat(200));
        let without = |field: &str| DEBIT.replace(&format!("\"{field}\""), "\"other\"");
        let mut cases: Vec<(Vec<u8>, &str)> = vec![
            (b"".to_vec(), "InvalidJson"),
            (b"not json".to_vec(), "InvalidJson"),
            (b"{\"userId\":\"\xff\xfe\"}".to_vec(), "InvalidUtf8"),
            (br#"["charge"]"#.to_vec(), "InvalidField"),
            (b"null".to_vec(), "InvalidField"),
            (b"{}".to_vec(), "MissingField"),
            (br#"{"userId":"u","amount":1}"#.to_vec(), "MissingField"),
            (br#"{"type":"charge","userId":"u"}"#.to_vec(), "MissingField"),
            (br#"{"type":"charge","amount":1}"#.to_vec(), "MissingField"),
            (br#"{"type":"charge","userId":"u","amount":"1000"}"#.to_vec(), "InvalidField"),
            (br#"{"type":"charge","userId":"u","amount":1000.0}"#.to_vec(), "InvalidField"),
            (br#"{"type":"charge","userId":"u","amount":9223372036854775808}"#.to_vec(), "InvalidField"),
            (br#"{"type":"charge","userId":"u","amount":1e3}"#.to_vec(), "InvalidField"),
            (br#"{"type":"charge","userId":"u","amount":1,"amount":2}"#.to_vec(), "InvalidField"),
            (br#"{"type":"transfer","userId":"u","amount":1}"#.to_vec(), "UnknownType"),
            (
                br#"{"type":"refund","paymentId":"p","reservationId":"r","userId":"u","amount":1}"#.to_vec(),
                "MissingField",
            ),
            (DEBIT.replace(r#""paymentId":"pay_2_1""#, r#""paymentId":" ""#).into_bytes(), "MissingField"),
            (DEBIT.replace(r#""replyPlace":2"#, r#""replyPlace":-1"#).into_bytes(), "InvalidField"),
            (DEBIT.replace(r#""couponId":"cpn_0_1_1","#, "").into_bytes(), "MissingField"),
            (long.into_bytes(), "IdTooLong"),
            (DEBIT.replace("cpn_0_1_1", &"c".repeat(513)).into_bytes(), "IdTooLong"),
        ];
        for field in ["paymentId", "reservationId", "scheduleId", "userId", "seatNo", "price", "replyPlace"] {
            cases.push((without(field).into_bytes(), "MissingField"));
        }
        for (value, expected) in cases {
            assert_eq!(class(&value), expected, "{}", String::from_utf8_lossy(&value));
        }
    }

    #[test]
    fn a_huge_value_is_no_harm() {
        let deep = format!(
            r#"{{"type":"charge","userId":"u","amount":1,"d":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        let _ = Message::parse(Some(deep.as_bytes()));
        let wide = format!(r#"{{"type":"charge","userId":"u","amount":1,"d":"{}"}}"#, "x".repeat(4_000_000));
        assert_eq!(read(&wide).user_id(), "u");
    }

    proptest! {
        #[test]
        fn a_flat_record_is_read_as_serde_reads_it(
            json in r#"\{"type":"(debit|charge)"(,"(requestId|paymentId|userId|seatNo|price|amount|fee|discount|replyPlace|reason|requestedAt|x)":("[a-z0-9]{0,2}"|-?[1-9][0-9]{0,10}|1.5|null|\[\])){0,5}\}"#
        ) {
            if let Some(plain) = Plain::of_flat(&json) {
                prop_assert_eq!(Ok(plain), reading::object(&json));
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String, object in r#"\{("(type|userId|amount|price|discount)":("?(charge|debit|[0-9]{0,3})"?|null),?){0,5}\}"#) {
            let _ = Message::parse(Some(&bytes));
            let _ = Message::parse(Some(text.as_bytes()));
            let _ = Message::parse(Some(object.as_bytes()));
        }

        #[test]
        fn what_is_written_is_read(text in ".{1,20}", amount: i64, price: i64, fee: i64, reply_place: u32, has_discount: bool) {
            prop_assume!(!text.trim().is_empty());
            let text = || Cow::Borrowed(text.as_str());
            let charge = Charge { event_id: Some(text()), request_id: None, user_id: text(), amount, requested_at: None };
            let debit = Debit {
                payment_id: text(),
                reservation_id: text(),
                user_id: text(),
                price,
                amount,
                discount: has_discount.then(|| Discount { coupon_id: text(), amount: fee }),
                reply_place,
                ..debit()
            };
            let refund = Refund { request_id: Some(text()), reason: text(), amount, fee, reply_place, ..refund() };
            for message in [Message::Charge(charge), Message::Debit(debit), Message::Refund(refund)] {
                let json = message.to_json();
                prop_assert_eq!(Message::parse(Some(&json)).unwrap(), message);
            }
        }
    }
}
