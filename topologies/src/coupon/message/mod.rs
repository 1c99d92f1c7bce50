//! What the inbox holds, as JSON: plain requests in both of the seeds' shapes, and commands named by `type`.
//!
//! ```json
//! {"requestId":"req_0_…","policyId":"1","userId":"1001","requestedAt":1773572400000}
//! {"eventId":"…","userId":1001,"couponId":1,"timestamp":1773572400000,"version":1}
//! {"type":"create-policy","requestId":"…","policyId":"1","title":"첫 구매 쿠폰","totalQuantity":100}
//! {"type":"adjust-stock","policyId":"1","by":-10}
//! {"type":"use-coupon","couponId":"cpn_0_1_57","userId":"1001","orderId":"o-9"}
//! {"type":"use-coupon","requestId":"pay_2_9.coupon","couponId":"cpn_0_1_57","userId":"1001","orderId":"pay_2_9","reservationId":"res_2_7","orderAmount":50000,"replyPlace":2}
//! {"type":"return-coupon","requestId":"pay_2_9.return","couponId":"cpn_0_1_57","userId":"1001","orderId":"pay_2_9"}
//! ```
//! The last two come from reservations: a `use-coupon` with a `replyPlace` is answered there, and is known by its `orderId`, the payment.
//! A tolerant reader: unknown fields are ignored, ids may be numbers. The writing side is for whoever appends: the worker, tests, load generators.

mod command;
mod for_payment;
mod issue_request;

pub use command::{AdjustStock, Command, CreatePolicy, UseCoupon};
pub use for_payment::{ReturnCoupon, UseForPayment};
pub use issue_request::IssueRequest;

use crate::wire::Id;
use holdfast_engine::ProcessError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Longest id, in bytes: ids are keys, and a key is read and written for each request.
pub const ID_BYTES_MAX: usize = 512;

/// One record of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// Somebody wants a coupon.
    Issue(IssueRequest<'a>),
    /// Anything else with a `type`.
    Command(Command),
    /// A payment wants to be made with a coupon.
    Use(UseForPayment),
    /// A payment that had a coupon is off.
    Return(ReturnCoupon),
}

/// A record that is no message, and why: it goes to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Unreadable {
    /// `NoValue`, `InvalidUtf8`, `InvalidJson`, `InvalidField`, `MissingField`, `IdTooLong` or `UnknownType`.
    pub class: &'static str,
    /// For people.
    pub message: String,
}

impl From<Unreadable> for ProcessError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Refuse { class: unreadable.class, message: unreadable.message }
    }
}

/// What every record is read as first: the two shapes of a request, and the type of a command.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Id<'a>>,
    #[serde(borrow)]
    event_id: Option<Id<'a>>,
    #[serde(borrow)]
    request_id: Option<Id<'a>>,
    #[serde(borrow)]
    policy_id: Option<Id<'a>>,
    #[serde(borrow)]
    coupon_id: Option<Id<'a>>,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow)]
    requested_at: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    reply_place: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no message.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let value = value.ok_or_else(|| unreadable("NoValue", "the record has no value"))?;
        let text = std::str::from_utf8(value).map_err(|e| unreadable("InvalidUtf8", e.to_string()))?;
        // An array would be taken for a struct, field by field.
        if !text.trim_start().starts_with('{') {
            return Err(match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => unreadable("InvalidField", "the value is no JSON object"),
                Err(e) => unreadable("InvalidJson", e.to_string()),
            });
        }
        let plain: Plain<'a> = read(text)?;
        for id in [&plain.event_id, &plain.request_id, &plain.policy_id, &plain.coupon_id, &plain.user_id]
            .into_iter()
            .flatten()
        {
            check_length(&id.0)?;
        }
        match plain.kind.as_ref().map(|kind| &*kind.0) {
            None => plain.into_request().map(Self::Issue),
            Some("use-coupon") if plain.reply_place.is_some() => UseForPayment::read(text).map(Self::Use),
            Some("return-coupon") => ReturnCoupon::read(text).map(Self::Return),
            Some(kind) => Command::read(kind, text).map(Self::Command),
        }
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Issue(request) => request.to_json(),
            Self::Command(command) => command.to_json(),
            Self::Use(wish) => typed("use-coupon", wish),
            Self::Return(wish) => typed("return-coupon", wish),
        }
    }
}

fn typed(kind: &'static str, fields: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Typed<'a, T> {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(flatten)]
        fields: &'a T,
    }
    // Texts and numbers always encode: there is no failing Serialize in a message.
    serde_json::to_vec(&Typed { kind, fields }).unwrap_or_default()
}

impl<'a> Plain<'a> {
    fn into_request(self) -> Result<IssueRequest<'a>, Unreadable> {
        let missing = |field| unreadable("MissingField", format!("missing field `{field}`"));
        // The older shape calls the policy `couponId` and the time `timestamp`.
        let policy_id = self.policy_id.or(self.coupon_id).ok_or_else(|| missing("policyId"))?.0;
        let user_id = self.user_id.ok_or_else(|| missing("userId"))?.0;
        Ok(IssueRequest {
            event_id: not_blank(self.event_id),
            request_id: not_blank(self.request_id),
            policy_id,
            user_id,
            requested_at: self.requested_at.or(self.timestamp).map(|raw| Cow::Borrowed(raw.get())),
        })
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let class = match error.classify() {
            // serde has no kind for it, only these words; a test would notice others.
            serde_json::error::Category::Data if message.starts_with("missing field") => "MissingField",
            serde_json::error::Category::Data => "InvalidField",
            _ => "InvalidJson",
        };
        unreadable(class, message)
    })
}

fn check_length(id: &str) -> Result<(), Unreadable> {
    if id.len() <= ID_BYTES_MAX {
        Ok(())
    } else {
        Err(unreadable("IdTooLong", format!("an id of {} bytes: at most {ID_BYTES_MAX}", id.len())))
    }
}

fn not_blank(id: Option<Id<'_>>) -> Option<Cow<'_, str>> {
    id.map(|id| id.0).filter(|id| !id.trim().is_empty())
}

fn unreadable(class: &'static str, message: impl Into<String>) -> Unreadable {
    Unreadable { class, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::When;
    use proptest::prelude::*;

    fn request(json: &str) -> IssueRequest<'_> {
        match Message::parse(Some(json.as_bytes())).unwrap() {
            Message::Issue(request) => request,
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
    fn both_shapes_of_a_request_are_read() {
        let s4 = request(r#"{"policyId":"1","userId":"1001"}"#);
        assert_eq!((s4.identity(), &*s4.policy_id, &*s4.user_id, s4.requested_at.as_ref()), (None, "1", "1001", None));
        let full = request(
            r#"{"eventId":"e","requestId":"r","policyId":1,"userId":1001,"requestedAt":1773572400000,"more":[1,{}]}"#,
        );
        assert_eq!(
            (full.identity(), full.event_id.as_deref(), full.requested_at.as_deref()),
            (Some("r"), Some("e"), Some("1773572400000"))
        );
        let s3 = request(r#"{"eventId":"e","userId":16,"couponId":1,"timestamp":12,"version":1}"#);
        assert_eq!(
            (s3.identity(), &*s3.policy_id, &*s3.user_id, s3.requested_at.as_deref()),
            (Some("e"), "1", "16", Some("12"))
        );
    }

    #[test]
    fn what_was_asked_when_is_echoed_as_it_came() {
        for raw in ["1.50", r#""2026-03-15T20:00:00+09:00""#, r#"{"a": 1}"#, "-0"] {
            let json = format!(r#"{{"policyId":"1","userId":"u","requestedAt":{raw}}}"#);
            assert_eq!(request(&json).requested_at.as_deref(), Some(raw));
        }
    }

    #[test]
    fn a_hot_request_copies_nothing() {
        let request = request(r#"{"requestId":"r","policyId":"1","userId":"홍길동","requestedAt":1}"#);
        for text in [&request.policy_id, &request.user_id, &request.request_id.unwrap(), &request.requested_at.unwrap()]
        {
            assert!(matches!(text, Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn a_blank_identity_is_none() {
        assert_eq!(request(r#"{"eventId":"","requestId":" ","policyId":"1","userId":"u"}"#).identity(), None);
        assert_eq!(request(r#"{"eventId":"e","requestId":null,"policyId":"1","userId":"u"}"#).identity(), Some("e"));
        assert_eq!(command(r#"{"type":"adjust-stock","requestId":"","policyId":"1","by":1}"#).identity(), None);
    }

    #[test]
    fn commands_are_read_by_type() {
        let create = command(
            r#"{"type":"create-policy","policyId":1,"title":"쿠폰","totalQuantity":100,"endTime":"2026-03-15T20:00:00+09:00","x":0}"#,
        );
        let expected = CreatePolicy {
            policy_id: "1".to_owned(),
            title: "쿠폰".to_owned(),
            total_quantity: 100,
            end_time: Some(When::Ms(1_773_572_400_000)),
            ..CreatePolicy::default()
        };
        assert_eq!(create, Command::CreatePolicy(expected));
        let adjust = command(r#"{"type":"adjust-stock","eventId":"e","policyId":"1","by":-3}"#);
        assert!(matches!(&adjust, Command::AdjustStock(c) if c.by == -3));
        assert_eq!(adjust.identity(), Some("e"));
        let used = command(r#"{"type":"use-coupon","couponId":"cpn_0_1_1","userId":1,"orderId":9}"#);
        assert!(matches!(&used, Command::UseCoupon(c) if c.order_id == "9" && c.user_id == "1"));
    }

    #[test]
    fn what_is_written_is_read() {
        let issue = IssueRequest::new("req_0_1", "1", "홍\"길동", 5);
        assert_eq!(Message::parse(Some(&issue.to_json())).unwrap(), Message::Issue(issue.clone()));
        let create = Command::CreatePolicy(CreatePolicy {
            request_id: Some("r".to_owned()),
            policy_id: "1".to_owned(),
            title: "t".to_owned(),
            start_time: Some(When::Ms(1)),
            discount_type: Some("PERCENTAGE".to_owned()),
            discount_value: Some(10),
            ..CreatePolicy::default()
        });
        let adjust = Command::AdjustStock(AdjustStock { policy_id: "1".to_owned(), by: 5, ..AdjustStock::default() });
        let used = Command::UseCoupon(UseCoupon { coupon_id: "c".to_owned(), ..UseCoupon::default() });
        for command in [create, adjust, used] {
            let message = Message::Command(command);
            assert_eq!(Message::parse(Some(&message.to_json())).unwrap(), message);
        }
    }

    #[test]
    fn the_same_words_have_the_same_fingerprint_whatever_their_ids() {
        let one = command(r#"{"type":"adjust-stock","requestId":"a","policyId":"1","by":5}"#).fingerprint();
        assert_eq!(one, command(r#"{"by":5,"policyId":1,"type":"adjust-stock"}"#).fingerprint());
        assert_ne!(one, command(r#"{"type":"adjust-stock","requestId":"a","policyId":"1","by":6}"#).fingerprint());
        // Stored, so it must never change.
        assert_eq!(one, 8_894_205_957_124_067_627);
    }

    #[test]
    fn every_kind_of_bad_input_has_its_class() {
        assert_eq!(Message::parse(None).unwrap_err().class, "NoValue");
        let long = format!(r#"{{"policyId":"1","userId":"{}"}}"#, "가".repeat(200));
        for (value, expected) in [
            (b"".as_slice(), "InvalidJson"),
            (b"{", "InvalidJson"),
            (b"not json", "InvalidJson"),
            (br#"{"policyId":"1","userId":"u"} x"#, "InvalidJson"),
            (b"\xef\xbb\xbf{}", "InvalidJson"),
            (b"{\"userId\":\"\xff\xfe\"}", "InvalidUtf8"),
            (br#"["e","r","1","u"]"#, "InvalidField"),
            (b"null", "InvalidField"),
            (b"7", "InvalidField"),
            (br#"{"policyId":"1","userId":true}"#, "InvalidField"),
            (br#"{"policyId":1.5,"userId":"u"}"#, "InvalidField"),
            (br#"{"policyId":{"a":1},"userId":"u"}"#, "InvalidField"),
            (br#"{"policyId":"1","policyId":"2","userId":"u"}"#, "InvalidField"),
            (b"{}", "MissingField"),
            (br#"{"policyId":"1"}"#, "MissingField"),
            (br#"{"userId":"u"}"#, "MissingField"),
            (br#"{"policyId":null,"userId":"u"}"#, "MissingField"),
            (br#"{"type":"create-policy","policyId":"1","totalQuantity":1}"#, "MissingField"),
            (br#"{"type":"create-policy","policyId":"1","title":"t","totalQuantity":"many"}"#, "InvalidField"),
            (br#"{"type":"adjust-stock","policyId":"1"}"#, "MissingField"),
            (br#"{"type":"adjust-stock","policyId":"1","by":1e30}"#, "InvalidField"),
            (br#"{"type":"use-coupon","couponId":"c","userId":"u"}"#, "MissingField"),
            (br#"{"type":"destroy","policyId":"1","userId":"u"}"#, "UnknownType"),
            (br#"{"type":7,"policyId":"1","userId":"u"}"#, "UnknownType"),
            (long.as_bytes(), "IdTooLong"),
        ] {
            assert_eq!(class(value), expected, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn a_huge_value_is_no_harm() {
        let json = format!(r#"{{"policyId":"1","userId":"u","padding":"{}"}}"#, "x".repeat(4_000_000));
        assert_eq!(&*request(&json).user_id, "u");
        let deep = format!(r#"{{"policyId":"1","userId":"u","deep":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let _ = Message::parse(Some(deep.as_bytes()));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String, object in r#"\{("(type|policyId|userId|requestId|by)":("?[a-z0-9]{0,3}"?|null),?){0,4}\}"#) {
            let _ = Message::parse(Some(&bytes));
            let _ = Message::parse(Some(text.as_bytes()));
            let _ = Message::parse(Some(object.as_bytes()));
        }

        #[test]
        fn any_request_comes_back(policy_id in ".{0,20}", user_id in ".{0,20}", request_id in proptest::option::of("[^ ].{0,20}[^ ]")) {
            let request = IssueRequest {
                request_id: request_id.filter(|id| !id.trim().is_empty()).map(Cow::Owned),
                policy_id: policy_id.into(),
                user_id: user_id.into(),
                ..IssueRequest::default()
            };
            let json = request.to_json();
            prop_assert_eq!(Message::parse(Some(&json)).unwrap(), Message::Issue(request));
        }
    }
}
