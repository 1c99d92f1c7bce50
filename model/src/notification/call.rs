//! What a notification's effect carries: all that a channel needs for one try but the contact, which the channel reads from the committed contacts when
//! it calls. Written by the notification topology, read by the worker.
//!
//! ```json
//! {"notificationId":"evt_1","channel":"kakao","type":"PAYMENT_CONFIRMED","userId":"1001","title":"결제 완료","message":"콘서트 예약이 확정되었습니다.",
//!  "data":{"reservationId":"res_0_1"},"attempt":1,"locale":"ko","templateVersion":1,"createdAt":1773561600000,"validUntil":1774166400000}
//! ```

use super::channel::Channel;
use super::locale::Locale;
use crate::json::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One try to tell a user something through one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationCall {
    /// Names the notification for ever; with `channel` it names what must arrive once.
    pub notification_id: String,
    /// Name of the channel, [`super::channel::Channel::as_str`].
    pub channel: String,
    /// What it is about: `PAYMENT_CONFIRMED` …
    #[serde(rename = "type")]
    pub kind: String,
    /// Who is told.
    pub user_id: String,
    /// Rendered title.
    pub title: String,
    /// Rendered text, in the form that the channel shows.
    pub message: String,
    /// What the request brought besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
    /// 1 for the first try.
    pub attempt: u32,
    /// Language of title and text: `ko` or `en`.
    pub locale: String,
    /// Version of the template they were rendered from; 0 = the request brought them itself.
    #[serde(default)]
    pub template_version: u32,
    /// When the notification was asked for, in ms since the epoch.
    pub created_at: i64,
    /// From this moment on it is not sent any more, in ms since the epoch. None = it is never too late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<i64>,
}

impl NotificationCall {
    /// As the effect carries it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts, numbers and a map whose keys are texts always encode.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`NotificationCall::to_json`] wrote; `None` for anything else.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}

/// The same, to be written without copies: what the topology has in hand.
#[derive(Debug, Clone, Copy)]
pub struct CallText<'a> {
    /// See [`NotificationCall::notification_id`].
    pub notification_id: &'a str,
    /// Through which channel.
    pub channel: Channel,
    /// What it is about.
    pub kind: &'a str,
    /// Who is told.
    pub user_id: &'a str,
    /// Rendered title.
    pub title: &'a str,
    /// Rendered text.
    pub message: &'a str,
    /// A JSON object, or empty.
    pub data: &'a str,
    /// 1 for the first try.
    pub attempt: u32,
    /// Language of title and text.
    pub locale: Locale,
    /// Version of the template; 0 = none.
    pub template_version: u32,
    /// In ms since the epoch.
    pub created_at: i64,
    /// In ms since the epoch.
    pub valid_until: i64,
}

impl CallText<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        Object::begin(out)
            .text("notificationId", self.notification_id)
            .text("channel", self.channel.as_str())
            .text("type", self.kind)
            .text("userId", self.user_id)
            .text("title", self.title)
            .text("message", self.message)
            .raw_if("data", (!self.data.is_empty()).then_some(self.data))
            .number("attempt", self.attempt.into())
            .text("locale", self.locale.as_str())
            .number("templateVersion", self.template_version.into())
            .integer("createdAt", self.created_at)
            .integer("validUntil", self.valid_until)
            .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_comes_back_as_it_was_written() {
        let call = NotificationCall {
            notification_id: "evt_1".to_owned(),
            channel: "kakao".to_owned(),
            kind: "PAYMENT_CONFIRMED".to_owned(),
            user_id: "1001".to_owned(),
            title: "결제 완료".to_owned(),
            message: "콘서트 예약이 확정되었습니다.".to_owned(),
            data: BTreeMap::from([("reservationId".to_owned(), json!("res_0_1")), ("n".to_owned(), json!(3))]),
            attempt: 1,
            locale: "ko".to_owned(),
            template_version: 1,
            created_at: 1_773_561_600_000,
            valid_until: Some(1_774_166_400_000),
        };
        let text = call.to_json();
        assert_eq!(
            serde_json::from_slice::<Value>(&text).unwrap(),
            json!({
                "notificationId": "evt_1", "channel": "kakao", "type": "PAYMENT_CONFIRMED", "userId": "1001", "title": "결제 완료",
                "message": "콘서트 예약이 확정되었습니다.", "data": {"reservationId": "res_0_1", "n": 3}, "attempt": 1, "locale": "ko",
                "templateVersion": 1, "createdAt": 1_773_561_600_000_i64, "validUntil": 1_774_166_400_000_i64
            })
        );
        let written = CallText {
            notification_id: "evt_1",
            channel: Channel::Kakao,
            kind: "PAYMENT_CONFIRMED",
            user_id: "1001",
            title: "결제 완료",
            message: "콘서트 예약이 확정되었습니다.",
            data: r#"{"reservationId":"res_0_1","n":3}"#,
            attempt: 1,
            locale: Locale::Ko,
            template_version: 1,
            created_at: 1_773_561_600_000,
            valid_until: 1_774_166_400_000,
        };
        let mut out = Vec::new();
        written.write(&mut out);
        assert_eq!(NotificationCall::parse(&out), Some(call.clone()));
        assert_eq!(NotificationCall::parse(&text), Some(call));
        assert_eq!(NotificationCall::parse(b"{}"), None);
    }

    #[test]
    fn what_an_earlier_version_did_not_write_may_be_missing() {
        let text = br#"{"notificationId":"e","channel":"log","type":"T","userId":"1","title":"","message":"","attempt":1,"locale":"ko","createdAt":0}"#;
        let call = NotificationCall::parse(text).unwrap();
        assert_eq!((call.data.len(), call.template_version, call.valid_until), (0, 0, None));
    }
}
