//! What the inbox holds, as JSON: plain orders in the seeds' shape, and commands named by `type`.
//!
//! ```json
//! {"requestId":"ord_0_…","timeSaleId":"1","userId":"1001","quantity":1,"requestedAt":1773572400000}
//! {"timeSaleId":"1","userId":"1001","quantity":"1","requestedAt":"1773572400000"}
//! {"type":"create-sale","requestId":"…","timeSaleId":"1","title":"오늘의 타임세일","discountPrice":9900,"totalQuantity":100,"limitPerUser":5}
//! {"type":"adjust-stock","timeSaleId":"1","by":-10}
//! {"type":"cancel-order","orderId":"ord_0_…","userId":"1001"}
//! {"type":"admit","queueId":"q","ticket":57,"userId":"1001","activeUntilMs":1773573000000,"timeSaleId":"1"}     from a queue: see guard
//! ```
//! A tolerant reader: unknown fields are ignored, ids may be numbers, a quantity may be a text of digits. An order may name itself by `orderId` instead of
//! `requestId`.

mod command;
mod order;

pub use command::{AdjustStock, CancelOrder, Command, CreateSale};
pub use order::OrderRequest;

pub use crate::reading::{ID_BYTES_MAX, Unreadable};

use crate::flat::Flat;
use crate::guard::{GuardMessage, SubjectType};
use crate::place_id;
use crate::reading::{self, check_lengths, missing, not_blank, unreadable};
use crate::wire::{Id, Raw};
use serde::Deserialize;
use std::borrow::Cow;

/// One record of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// A user orders units of a sale.
    Order(OrderRequest<'a>),
    /// Anything else with a `type`.
    Command(Command),
    /// A queue that guards the sale says something.
    Guard(GuardMessage),
}

/// What every record is read as first: an order, and the type of a command.
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
    order_id: Option<Id<'a>>,
    #[serde(borrow)]
    time_sale_id: Option<Id<'a>>,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow)]
    quantity: Option<Raw<'a>>,
    #[serde(borrow)]
    requested_at: Option<Raw<'a>>,
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
        let ids = [&plain.event_id, &plain.request_id, &plain.order_id, &plain.time_sale_id, &plain.user_id];
        check_lengths(ids.into_iter().map(|id| id.as_ref().map(|id| &*id.0)))?;
        match plain.kind.as_ref().map(|kind| &*kind.0) {
            None => plain.into_order().map(Self::Order),
            Some(kind) if GuardMessage::is(kind) => GuardMessage::read(kind, text, SubjectType::Sale).map(Self::Guard),
            Some(kind) => Command::read(kind, text).map(Self::Command),
        }
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Order(order) => order.to_json(),
            Self::Command(command) => command.to_json(),
            Self::Guard(message) => message.to_json(),
        }
    }
}

impl<'a> Plain<'a> {
    /// What serde would read, if the text is flat and in the order in which [`OrderRequest::to_json`] writes.
    fn of_flat(text: &'a str) -> Option<Self> {
        let mut flat = Flat::read(text)?;
        let plain = Self {
            kind: flat.id("type"),
            event_id: flat.id("eventId"),
            request_id: flat.id("requestId"),
            order_id: flat.id("orderId"),
            time_sale_id: flat.id("timeSaleId"),
            user_id: flat.id("userId"),
            quantity: flat.raw("quantity"),
            requested_at: flat.raw("requestedAt"),
        };
        flat.is_sound().then_some(plain)
    }

    fn into_order(self) -> Result<OrderRequest<'a>, Unreadable> {
        let time_sale_id = self.time_sale_id.ok_or_else(|| missing("timeSaleId"))?.0;
        let user_id = self.user_id.ok_or_else(|| missing("userId"))?.0;
        Ok(OrderRequest {
            event_id: not_blank(self.event_id),
            request_id: not_blank(self.request_id).or_else(|| not_blank(self.order_id)),
            time_sale_id,
            user_id,
            quantity: quantity(self.quantity.ok_or_else(|| missing("quantity"))?)?,
            requested_at: self.requested_at.map(|raw| Cow::Borrowed(raw.0)),
        })
    }
}

/// A whole number, or a text that is one.
fn quantity(raw: Raw<'_>) -> Result<i64, Unreadable> {
    let bad = || unreadable("InvalidField", format!("{} is no quantity: a whole number", raw.0));
    let digits = match raw.0.strip_prefix('"') {
        Some(_) => serde_json::from_str::<Id<'_>>(raw.0).map_err(|_| bad())?.0,
        None => Cow::Borrowed(raw.0),
    };
    let (is_negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, &*digits),
    };
    let number = place_id::number(digits).and_then(|number| i64::try_from(number).ok()).ok_or_else(bad)?;
    Ok(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::When;
    use proptest::prelude::*;

    fn order(json: &str) -> OrderRequest<'_> {
        match Message::parse(Some(json.as_bytes())).unwrap() {
            Message::Order(order) => order,
            other => panic!("{other:?}"),
        }
    }

    fn command(json: &str) -> Command {
        match Message::parse(Some(json.as_bytes())).unwrap() {
            Message::Command(command) => command,
            other => panic!("{other:?}"),
        }
    }

    fn class(value: &[u8]) -> &'static str {
        Message::parse(Some(value)).unwrap_err().class
    }

    #[test]
    fn the_seeds_order_is_read() {
        let plain = order(r#"{"timeSaleId":"1","userId":"1001","quantity":1}"#);
        assert_eq!((plain.identity(), &*plain.time_sale_id, &*plain.user_id, plain.quantity), (None, "1", "1001", 1));
        let texts = order(r#"{"timeSaleId":"1","userId":"1001","quantity":"12","requestedAt":"1773572400000"}"#);
        assert_eq!((texts.quantity, texts.requested_at.as_deref()), (12, Some(r#""1773572400000""#)));
        let full = order(
            r#"{"eventId":"e","requestId":"r","orderId":"o","timeSaleId":1,"userId":1001,"quantity":5,"more":[1,{}]}"#,
        );
        assert_eq!((full.identity(), full.event_id.as_deref(), &*full.time_sale_id), (Some("r"), Some("e"), "1"));
        assert_eq!(
            order(r#"{"eventId":"e","orderId":"o","timeSaleId":1,"userId":1,"quantity":1}"#).identity(),
            Some("o")
        );
    }

    #[test]
    fn a_quantity_is_a_whole_number_or_its_digits() {
        let read = |raw: &str| {
            let json = format!(r#"{{"timeSaleId":"1","userId":"u","quantity":{raw}}}"#);
            Message::parse(Some(json.as_bytes())).map(|message| match message {
                Message::Order(order) => order.quantity,
                other => panic!("{other:?}"),
            })
        };
        for (raw, quantity) in [
            ("1", 1),
            ("0", 0),
            ("-2", -2),
            (r#""5""#, 5),
            (r#""-5""#, -5),
            (r#""\u0035""#, 5),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(read(raw), Ok(quantity), "{raw}");
        }
        for raw in [
            "1.0",
            "1e3",
            "true",
            "[]",
            "{}",
            r#""""#,
            r#"" 5""#,
            r#""+5""#,
            r#""05""#,
            r#""five""#,
            "9223372036854775808",
        ] {
            assert_eq!(read(raw).unwrap_err().class, "InvalidField", "{raw}");
        }
        assert_eq!(read("null").unwrap_err().class, "MissingField");
    }

    #[test]
    fn a_hot_order_copies_nothing() {
        let order = order(r#"{"requestId":"r","timeSaleId":"1","userId":"홍길동","quantity":1,"requestedAt":1}"#);
        for text in [&order.time_sale_id, &order.user_id, &order.request_id.unwrap(), &order.requested_at.unwrap()] {
            assert!(matches!(text, Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn a_blank_identity_is_none() {
        let json = r#"{"eventId":"","requestId":" ","orderId":"","timeSaleId":"1","userId":"u","quantity":1}"#;
        assert_eq!(order(json).identity(), None);
        assert_eq!(command(r#"{"type":"adjust-stock","requestId":"","timeSaleId":"1","by":1}"#).identity(), None);
    }

    #[test]
    fn commands_are_read_by_type() {
        let create = command(
            r#"{"type":"create-sale","timeSaleId":1,"title":"세일","productId":7,"originalPrice":20000,"discountPrice":9900,"totalQuantity":100,"limitPerUser":5,"endTime":"2026-03-15T20:00:00+09:00","x":0}"#,
        );
        let expected = CreateSale {
            time_sale_id: "1".to_owned(),
            title: "세일".to_owned(),
            product_id: Some("7".to_owned()),
            original_price: Some(20_000),
            discount_price: 9_900,
            total_quantity: 100,
            limit_per_user: Some(5),
            end_time: Some(When::Ms(1_773_572_400_000)),
            ..CreateSale::default()
        };
        assert_eq!(create, Command::CreateSale(expected));
        let adjust = command(r#"{"type":"adjust-stock","eventId":"e","timeSaleId":"1","by":-3}"#);
        assert!(matches!(&adjust, Command::AdjustStock(c) if c.by == -3));
        assert_eq!(adjust.identity(), Some("e"));
        let cancel = command(r#"{"type":"cancel-order","orderId":"ord_0_1","userId":1}"#);
        assert!(matches!(&cancel, Command::CancelOrder(c) if c.order_id == "ord_0_1" && c.user_id == "1"));
        assert_eq!(cancel.identity(), None, "the order that it cancels is not its own name");
    }

    #[test]
    fn what_is_written_is_read() {
        let order = OrderRequest::new("ord_0_1", "1", "홍\"길동", 5, 7);
        assert_eq!(Message::parse(Some(&order.to_json())).unwrap(), Message::Order(order.clone()));
        let create = Command::CreateSale(CreateSale {
            request_id: Some("r".to_owned()),
            time_sale_id: "1".to_owned(),
            title: "t".to_owned(),
            start_time: Some(When::Ms(1)),
            ..CreateSale::default()
        });
        let adjust =
            Command::AdjustStock(AdjustStock { time_sale_id: "1".to_owned(), by: 5, ..AdjustStock::default() });
        let cancel = Command::CancelOrder(CancelOrder { order_id: "o".to_owned(), ..CancelOrder::default() });
        for command in [create, adjust, cancel] {
            let message = Message::Command(command);
            assert_eq!(Message::parse(Some(&message.to_json())).unwrap(), message);
        }
    }

    #[test]
    fn the_same_words_have_the_same_fingerprint_whatever_their_ids() {
        let one = command(r#"{"type":"adjust-stock","requestId":"a","timeSaleId":"1","by":5}"#).fingerprint();
        assert_eq!(one, command(r#"{"by":5,"timeSaleId":1,"type":"adjust-stock"}"#).fingerprint());
        assert_ne!(one, command(r#"{"type":"adjust-stock","requestId":"a","timeSaleId":"1","by":6}"#).fingerprint());
        // Stored, so it must never change.
        assert_eq!(one, 15_761_015_916_768_307_591);
    }

    #[test]
    fn every_kind_of_bad_input_has_its_class() {
        assert_eq!(Message::parse(None).unwrap_err().class, "NoValue");
        let long = format!(r#"{{"timeSaleId":"1","userId":"{}","quantity":1}}"#, "가".repeat(200));
        for (value, expected) in [
            (b"".as_slice(), "InvalidJson"),
            (b"{", "InvalidJson"),
            (br#"{"timeSaleId":"1","userId":"u","quantity":1} x"#, "InvalidJson"),
            (b"{\"userId\":\"\xff\xfe\"}", "InvalidUtf8"),
            (br#"["e","r","1","u"]"#, "InvalidField"),
            (b"null", "InvalidField"),
            (br#"{"timeSaleId":"1","userId":true,"quantity":1}"#, "InvalidField"),
            (br#"{"timeSaleId":1.5,"userId":"u","quantity":1}"#, "InvalidField"),
            (br#"{"timeSaleId":"1","timeSaleId":"2","userId":"u","quantity":1}"#, "InvalidField"),
            (b"{}", "MissingField"),
            (br#"{"timeSaleId":"1","userId":"u"}"#, "MissingField"),
            (br#"{"timeSaleId":"1","quantity":1}"#, "MissingField"),
            (br#"{"userId":"u","quantity":1}"#, "MissingField"),
            (br#"{"type":"create-sale","timeSaleId":"1","title":"t","totalQuantity":1}"#, "MissingField"),
            (
                br#"{"type":"create-sale","timeSaleId":"1","title":"t","discountPrice":1,"totalQuantity":"x"}"#,
                "InvalidField",
            ),
            (br#"{"type":"adjust-stock","timeSaleId":"1"}"#, "MissingField"),
            (br#"{"type":"cancel-order","orderId":"o"}"#, "MissingField"),
            (br#"{"type":"destroy","timeSaleId":"1","userId":"u"}"#, "UnknownType"),
            (long.as_bytes(), "IdTooLong"),
        ] {
            assert_eq!(class(value), expected, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn what_is_appended_is_flat() {
        let json = OrderRequest::new("ord_0_1", "1", "홍길동", 5, 7).to_json();
        assert!(Plain::of_flat(std::str::from_utf8(&json).unwrap()).is_some());
    }

    proptest! {
        #[test]
        fn a_flat_record_is_read_as_serde_reads_it(
            json in r#"\{("(type|timeSaleId|orderId|userId|requestId|eventId|quantity|requestedAt|version)":("[a-z0-9]{0,2}"|-?[1-9][0-9]{0,10}|1.5|null|\[\]),?){1,5}\}"#
        ) {
            if let Some(plain) = Plain::of_flat(&json) {
                prop_assert_eq!(Ok(plain), reading::object(&json));
            }
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String, object in r#"\{("(type|timeSaleId|userId|quantity|by)":("?[a-z0-9]{0,3}"?|null),?){0,5}\}"#) {
            let _ = Message::parse(Some(&bytes));
            let _ = Message::parse(Some(text.as_bytes()));
            let _ = Message::parse(Some(object.as_bytes()));
        }

        #[test]
        fn any_order_comes_back(sale in ".{0,20}", user_id in ".{0,20}", quantity: i64, request_id in proptest::option::of("[^ ].{0,20}[^ ]")) {
            // The smallest number has no positive twin, and no order means it.
            prop_assume!(quantity != i64::MIN);
            let order = OrderRequest {
                request_id: request_id.filter(|id| !id.trim().is_empty()).map(Cow::Owned),
                time_sale_id: sale.into(),
                user_id: user_id.into(),
                quantity,
                ..OrderRequest::default()
            };
            let json = order.to_json();
            prop_assert_eq!(Message::parse(Some(&json)).unwrap(), Message::Order(order));
        }
    }
}
