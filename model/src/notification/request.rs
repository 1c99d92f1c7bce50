//! The record that asks for a notification: what every other topology sends and the notification topology reads.
//!
//! ```json
//! {"eventId":"…","eventType":"notification.request","eventTime":"2026-03-15T11:00:00.000Z",
//!  "payload":{"userId":"1001","type":"COUPON_ISSUED","priority":"MEDIUM","title":"…","message":"…","data":{"couponId":"cpn_0_1_1"}}}
//! ```
//! The seeds' shape, with `priority` added. The key is the user, so that one person's notices keep their order.

use crate::json::Object;
use serde::{Deserialize, Serialize};

/// `eventType` and `ce_type` of a request.
pub const EVENT_TYPE: &str = "notification.request";

/// How soon a notification is sent. A stored row keeps the variant's number: variants are only added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Priority {
    /// 높음: the user can act on it now.
    High,
    /// 중간: the user should know.
    Medium,
    /// 낮음: nice to know.
    Low,
}

impl Priority {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }

    /// The priority of this name, in capitals or not.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::High, Self::Medium, Self::Low].into_iter().find(|priority| priority.as_str().eq_ignore_ascii_case(name))
    }

    /// The urgency of its effects: 0 is performed first.
    #[must_use]
    pub fn urgency(self) -> u8 {
        match self {
            Self::High => 0,
            Self::Medium => 1,
            Self::Low => 2,
        }
    }
}

/// One request. Whoever sends it makes the id out of what caused it, so that a repetition is recognised.
#[derive(Debug, Clone, Copy)]
pub struct NotificationRequest<'a> {
    /// Names this notification for ever: the ledger of deliveries is keyed by it.
    pub event_id: &'a str,
    /// When the fact happened, in ms since the epoch.
    pub time_ms: i64,
    /// Who is told.
    pub user_id: &'a str,
    /// What about: `COUPON_ISSUED` …
    pub kind: &'a str,
    /// How soon.
    pub priority: Priority,
    /// Korean title.
    pub title: &'a str,
    /// Korean text.
    pub message: &'a str,
    /// What a template or an app needs besides.
    pub data: &'a [(&'a str, &'a str)],
}

impl NotificationRequest<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        Object::begin(out)
            .text("eventId", self.event_id)
            .text("eventType", EVENT_TYPE)
            .time("eventTime", self.time_ms)
            .object("payload", |payload| {
                payload
                    .text("userId", self.user_id)
                    .text("type", self.kind)
                    .text("priority", self.priority.as_str())
                    .text("title", self.title)
                    .text("message", self.message)
                    .object("data", |data| self.data.iter().fold(data, |data, (name, text)| data.text(name, text)))
            })
            .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_seeds_shape() {
        let request = NotificationRequest {
            event_id: "evt_1",
            time_ms: 0,
            user_id: "user_1",
            kind: "PAYMENT_CONFIRMED",
            priority: Priority::High,
            title: "결제 완료",
            message: "아이유 콘서트 예약이 확정되었습니다.",
            data: &[("reservationId", "res_1"), ("concertDate", "2026-03-15")],
        };
        let mut out = Vec::new();
        request.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"eventId":"evt_1","eventType":"notification.request","eventTime":"1970-01-01T00:00:00.000Z","#,
                r#""payload":{"userId":"user_1","type":"PAYMENT_CONFIRMED","priority":"HIGH","title":"결제 완료","#,
                r#""message":"아이유 콘서트 예약이 확정되었습니다.","data":{"reservationId":"res_1","concertDate":"2026-03-15"}}}"#
            )
        );
    }
}
