//! The records of `notification.request`, read: requests in the seeds' shape, and commands named by `type`.
//!
//! ```json
//! {"eventId":"evt_1","eventType":"notification.request","eventTime":"2026-03-15T11:00:00.000Z",
//!  "payload":{"userId":"1001","type":"PAYMENT_CONFIRMED","priority":"HIGH","title":"…","message":"…","data":{"reservationId":"res_0_1"}}}
//! {"type":"set-preferences","requestId":"…","userId":"1001","locale":"en","channels":{"sms":false},"types":{"QUEUE_ENTERED":false},
//!  "quietHours":{"from":"22:00","to":"08:00"}}
//! ```
//! A tolerant reader: unknown fields are ignored and ids may be numbers. A request needs `payload.userId` and `payload.type`; a type without a template
//! needs title and message, too.

use super::Priority;
use super::preferences::SetPreferences;
use crate::id_rule;
use crate::reading::{self, Unreadable, check_lengths, missing, not_blank, unreadable};
use crate::wire::{Id, When};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Longest title, in bytes.
pub const TITLE_BYTES_MAX: usize = 1_024;
/// Longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 8_192;
/// Longest `data`, in bytes of JSON.
pub const DATA_BYTES_MAX: usize = 16_384;
/// Longest type, in bytes.
pub const TYPE_BYTES_MAX: usize = 64;

/// One record of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// Somebody is to be told something.
    Request(Request<'a>),
    /// A user prefers something.
    SetPreferences(SetPreferences),
}

/// A request. Borrowed from the record where it can be: this is the hot path.
#[derive(Debug, Clone, PartialEq)]
pub struct Request<'a> {
    /// Names the notification for ever; none = where the record entered the log does.
    pub event_id: Option<Cow<'a, str>>,
    /// When the fact happened, in ms since the epoch; none = when the record entered the log.
    pub event_ms: Option<i64>,
    /// Who is told.
    pub user_id: Cow<'a, str>,
    /// What it is about: `PAYMENT_CONFIRMED` …
    pub kind: Cow<'a, str>,
    /// Its lane; none = that of its type.
    pub priority: Option<Priority>,
    /// Title and text, if the request brings both.
    pub words: Option<(Cow<'a, str>, Cow<'a, str>)>,
    /// What it brings besides: a JSON object, or empty.
    pub data: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Id<'a>>,
    #[serde(borrow)]
    event_id: Option<Id<'a>>,
    event_time: Option<When>,
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Id<'a>>,
    #[serde(borrow)]
    priority: Option<Id<'a>>,
    #[serde(borrow)]
    title: Option<Id<'a>>,
    #[serde(borrow)]
    message: Option<Id<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no message.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let text = reading::text(value)?;
        let plain: Plain<'_> = reading::object(text)?;
        match &plain.kind {
            None => plain.into_request().map(Self::Request),
            Some(kind) if &*kind.0 == SetPreferences::TYPE => SetPreferences::read(text).map(Self::SetPreferences),
            Some(kind) => Err(unreadable("UnknownType", format!("there is no command {:?}", kind.0))),
        }
    }
}

impl<'a> Plain<'a> {
    fn into_request(self) -> Result<Request<'a>, Unreadable> {
        let payload = self.payload.ok_or_else(|| missing("payload"))?;
        let event_id = not_blank(self.event_id);
        check_lengths([event_id.as_deref()])?;
        let user_id = user_id(payload.user_id)?;
        let kind = payload.kind.ok_or_else(|| missing("type"))?.0;
        if kind.len() > TYPE_BYTES_MAX || id_rule::check(&kind).is_err() {
            return Err(unreadable("InvalidField", "type: must be a name of 1 to 64 bytes"));
        }
        let priority = match payload.priority {
            None => None,
            Some(name) => match Priority::from_name(&name.0) {
                Some(priority) => Some(priority),
                None => return Err(unreadable("InvalidField", "priority: must be HIGH, MEDIUM or LOW")),
            },
        };
        let words = match (not_blank(payload.title), not_blank(payload.message)) {
            (Some(title), Some(message)) => Some((title, message)),
            // Without a title, a notice is called by its type.
            (None, Some(message)) => Some((kind.clone(), message)),
            (_, None) => None,
        };
        let data = payload.data.map_or("", RawValue::get);
        if !data.is_empty() && !data.starts_with('{') {
            return Err(unreadable("InvalidField", "data: must be an object"));
        }
        let (title_bytes, message_bytes) = words.as_ref().map_or((0, 0), |(title, text)| (title.len(), text.len()));
        for (field, bytes, max) in [
            ("title", title_bytes, TITLE_BYTES_MAX),
            ("message", message_bytes, MESSAGE_BYTES_MAX),
            ("data", data.len(), DATA_BYTES_MAX),
        ] {
            if bytes > max {
                return Err(unreadable("TooLong", format!("{field}: {bytes} bytes, at most {max}")));
            }
        }
        Ok(Request { event_id, event_ms: event_ms(self.event_time)?, user_id, kind, priority, words, data })
    }
}

/// A user that can be told something.
pub(super) fn user_id(id: Option<Id<'_>>) -> Result<Cow<'_, str>, Unreadable> {
    let id = id.ok_or_else(|| missing("userId"))?.0;
    check_lengths([Some(&*id)])?;
    match id_rule::check(&id) {
        Ok(()) => Ok(id),
        Err(fault) => Err(unreadable("InvalidField", format!("userId: {fault:?}"))),
    }
}

/// A time, if there is one.
pub(super) fn event_ms(when: Option<When>) -> Result<Option<i64>, Unreadable> {
    match when.map(When::ms) {
        None => Ok(None),
        Some(Some(ms)) => Ok(Some(ms)),
        Some(None) => Err(unreadable("InvalidField", "eventTime is no time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::NotificationRequest;
    use proptest::prelude::*;

    fn request(json: &str) -> Request<'_> {
        match Message::parse(Some(json.as_bytes())) {
            Ok(Message::Request(request)) => request,
            other => panic!("{json}: {other:?}"),
        }
    }

    #[test]
    fn the_seeds_record_is_read() {
        let json = concat!(
            r#"{"eventId":"evt_9876543210","eventType":"notification.request","eventTime":"1970-01-01T00:00:00.007Z","x":1,"#,
            r#""payload":{"userId":"user_123","type":"PAYMENT_CONFIRMED","title":"결제 완료","message":"예약이 \"확정\"되었습니다.","#,
            r#""data":{"reservationId":"res_789","concertTitle":"아이유 콘서트"},"unheardOf":[]}}"#
        );
        assert_eq!(
            request(json),
            Request {
                event_id: Some("evt_9876543210".into()),
                event_ms: Some(7),
                user_id: "user_123".into(),
                kind: "PAYMENT_CONFIRMED".into(),
                priority: None,
                words: Some(("결제 완료".into(), "예약이 \"확정\"되었습니다.".into())),
                data: r#"{"reservationId":"res_789","concertTitle":"아이유 콘서트"}"#,
            }
        );
        let least = request(r#"{"payload":{"userId":1001,"type":"T","priority":"low","message":"m","data":null}}"#);
        assert_eq!((&*least.user_id, least.event_id, least.event_ms, least.data), ("1001", None, None, ""));
        assert_eq!((least.priority, least.words), (Some(Priority::Low), Some(("T".into(), "m".into()))));
    }

    #[test]
    fn every_kind_of_bad_input_has_its_class() {
        let payload = |fields: &str| format!(r#"{{"payload":{{{fields}}}}}"#);
        for (json, class) in [
            ("{".to_owned(), "InvalidJson"),
            ("[]".to_owned(), "InvalidField"),
            ("{}".to_owned(), "MissingField"),
            (r#"{"payload":7}"#.to_owned(), "InvalidField"),
            (payload(r#""type":"T""#), "MissingField"),
            (payload(r#""userId":"u""#), "MissingField"),
            (payload(r#""userId":" u","type":"T""#), "InvalidField"),
            (payload(r#""userId":"u","type":" ""#), "InvalidField"),
            (payload(&format!(r#""userId":"u","type":"{}""#, "T".repeat(65))), "InvalidField"),
            (payload(r#""userId":"u","type":"T","priority":"URGENT""#), "InvalidField"),
            (payload(r#""userId":"u","type":"T","data":[1]"#), "InvalidField"),
            (payload(&format!(r#""userId":"u","type":"T","title":"{}","message":"m""#, "t".repeat(1_025))), "TooLong"),
            (payload(&format!(r#""userId":"u","type":"T","message":"{}""#, "t".repeat(8_193))), "TooLong"),
            (payload(&format!(r#""userId":"u","type":"T","data":{{"a":"{}"}}"#, "t".repeat(16_384))), "TooLong"),
            (payload(&format!(r#""userId":"{}","type":"T""#, "u".repeat(513))), "IdTooLong"),
            (r#"{"eventTime":"soon","payload":{"userId":"u","type":"T"}}"#.to_owned(), "InvalidField"),
            (r#"{"type":"forget-user","userId":"u"}"#.to_owned(), "UnknownType"),
        ] {
            assert_eq!(Message::parse(Some(json.as_bytes())).unwrap_err().class, class, "{json}");
        }
        assert_eq!(Message::parse(None).unwrap_err().class, "NoValue");
    }

    proptest! {
        #[test]
        fn what_the_shop_writes_is_read(id in "[a-z]{1,9}", user in "[a-z]{1,9}", title in "[^\\s].{0,20}", text in "[^\\s].{0,20}", value: String, ms in 0..4_000_000_000_000_i64) {
            let written = NotificationRequest {
                event_id: &id,
                time_ms: ms,
                user_id: &user,
                kind: "COUPON_ISSUED",
                priority: Priority::High,
                title: &title,
                message: &text,
                data: &[("couponTitle", &value)],
            };
            let mut json = Vec::new();
            written.write(&mut json);
            let Ok(Message::Request(read)) = Message::parse(Some(&json)) else { panic!("unreadable") };
            prop_assert_eq!((&*read.user_id, read.event_id.as_deref(), read.event_ms), (&*user, Some(&*id), Some(ms)));
            prop_assert_eq!(read.words, Some((title.into(), text.into())));
            let data: serde_json::Value = serde_json::from_str(read.data).unwrap();
            prop_assert_eq!(&data["couponTitle"], &serde_json::Value::from(value));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, object in r#"\{("(type|eventId|eventTime|payload|userId)":("?[a-z0-9]{0,3}"?|null|\{\}),?){0,5}\}"#) {
            let _ = Message::parse(Some(&bytes));
            let _ = Message::parse(Some(object.as_bytes()));
        }
    }
}
