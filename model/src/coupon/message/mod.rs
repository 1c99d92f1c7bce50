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
//! {"type":"admit","queueId":"q","ticket":57,"userId":"1001","activeUntilMs":1773573000000,"policyId":"1"}
//! ```
//! The last comes from a queue that guards the policy ([`crate::guard`]), the two before it come from reservations: a `use-coupon` with a `replyPlace` is answered there, and is known by its `orderId`, the payment.
//! A tolerant reader: unknown fields are ignored, ids may be numbers. The writing side is for whoever appends: the worker, tests, load generators.

mod command;
mod for_payment;
mod issue_request;

pub use command::{AdjustStock, Command, CreatePolicy, UseCoupon};
pub use for_payment::{ReturnCoupon, UseForPayment};
pub use issue_request::IssueRequest;

pub use crate::reading::{ID_BYTES_MAX, Unreadable};

use crate::flat::Flat;
use crate::guard::{GuardMessage, SubjectType};
use crate::reading::{self, check_lengths, missing, not_blank};
use crate::wire::{Id, Raw};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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
    /// A queue that guards the policy says something.
    Guard(GuardMessage),
}

/// What every record is read as first: the two shapes of a request, and the type of a command.
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
    policy_id: Option<Id<'a>>,
    #[serde(borrow)]
    coupon_id: Option<Id<'a>>,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow)]
    requested_at: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    reply_place: Option<Raw<'a>>,
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
        let ids = [&plain.event_id, &plain.request_id, &plain.policy_id, &plain.coupon_id, &plain.user_id];
        check_lengths(ids.into_iter().map(|id| id.as_ref().map(|id| &*id.0)))?;
        match plain.kind.as_ref().map(|kind| &*kind.0) {
            None => plain.into_request().map(Self::Issue),
            Some("use-coupon") if plain.reply_place.is_some() => UseForPayment::read(text).map(Self::Use),
            Some("return-coupon") => ReturnCoupon::read(text).map(Self::Return),
            Some(kind) if GuardMessage::is(kind) => {
                GuardMessage::read(kind, text, SubjectType::Policy).map(Self::Guard)
            }
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
            Self::Guard(message) => message.to_json(),
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
    /// What serde would read, if the text is flat and in the order in which [`IssueRequest::to_json`] writes.
    fn of_flat(text: &'a str) -> Option<Self> {
        let mut flat = Flat::read(text)?;
        let plain = Self {
            kind: flat.id("type"),
            event_id: flat.id("eventId"),
            request_id: flat.id("requestId"),
            policy_id: flat.id("policyId"),
            user_id: flat.id("userId"),
            coupon_id: flat.id("couponId"),
            requested_at: flat.raw("requestedAt"),
            timestamp: flat.raw("timestamp"),
            reply_place: flat.raw("replyPlace"),
        };
        flat.is_sound().then_some(plain)
    }

    fn into_request(self) -> Result<IssueRequest<'a>, Unreadable> {
        // The older shape calls the policy `couponId` and the time `timestamp`.
        let policy_id = self.policy_id.or(self.coupon_id).ok_or_else(|| missing("policyId"))?.0;
        let user_id = self.user_id.ok_or_else(|| missing("userId"))?.0;
        Ok(IssueRequest {
            event_id: not_blank(self.event_id),
            request_id: not_blank(self.request_id),
            policy_id,
            user_id,
            requested_at: self.requested_at.or(self.timestamp).map(|raw| Cow::Borrowed(raw.0)),
        })
    }
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

    #[test]
    fn what_is_appended_is_flat() {
        let json = IssueRequest::new("req_0_1", "1", "홍길동", 5).to_json();
        assert!(Plain::of_flat(std::str::from_utf8(&json).unwrap()).is_some());
    }

    proptest! {
        #[test]
        fn a_flat_record_is_read_as_serde_reads_it(
            json in r#"\{("(type|policyId|couponId|userId|requestId|eventId|requestedAt|timestamp|replyPlace|version)":("[a-z0-9]{0,2}"|-?[1-9][0-9]{0,10}|1.5|null|\[\]),?){1,5}\}"#
        ) {
            if let Some(plain) = Plain::of_flat(&json) {
                prop_assert_eq!(Ok(plain), reading::object(&json));
            }
        }
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
