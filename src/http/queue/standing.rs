//! Where a ticket stands: the body of answers, the text of events, and what replicas tell each other.

use axum::body::Bytes;
use holdfast_model::schema::one_of;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// The queue has not opened: the ticket has no position yet.
pub(super) const PRE_QUEUE: &str = "PRE_QUEUE";
/// The ticket waits.
pub(super) const WAITING: &str = "WAITING";
/// Its user may buy.
pub(super) const ACTIVE: &str = "ACTIVE";
/// It is worth nothing any more.
pub(super) const ENDED: &str = "ENDED";

/// An estimate that moves by less is no news: by so many seconds, and by one part in so many of what it was.
const ESTIMATE_STEP_S: u64 = 5;
const ESTIMATE_PART: u64 = 10;

/// The id of the last event of a stream. A browser repeats it when it asks again, and hears that there is nothing more.
pub(super) const LAST_EVENT: &str = "ended";

/// Where a ticket stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueStanding)]
pub(crate) struct Standing {
    /// Tickets ahead, and one more: 1 is the next. It never grows. 0 = `ACTIVE`. Missing while the queue has not opened, and when the ticket has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) queue_position: Option<u64>,
    /// How long it will take to be let in, in s, if it goes on as in the last minute. Missing where nobody can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) estimated_wait_time: Option<u64>,
    /// Always: nobody knows how long the users ahead will take.
    #[schema(example = true)]
    pub(super) is_estimate: bool,
    #[schema(schema_with = statuses)]
    pub(super) status: Cow<'static, str>,
    /// When to ask again, in ms: often near the front, seldom far behind. Missing when the ticket has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) poll_after_ms: Option<u64>,
    /// Until when the user may buy. Only while `ACTIVE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) active_until: Option<Cow<'static, str>>,
    /// Why the ticket has ended: `LEFT`, `SILENT`, `TIMED_OUT` or `PURCHASED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Cow<'static, str>>,
}

fn statuses() -> Object {
    one_of([PRE_QUEUE, WAITING, ACTIVE, ENDED])
}

/// What an event says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_wait_time: Option<u64>,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_until: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Standing {
    /// Whether the ticket is worth nothing any more.
    pub(super) fn has_ended(&self) -> bool {
        self.status == ENDED
    }

    /// Whether a client that was told `before` wants to hear this.
    pub(super) fn is_news_after(&self, before: &Self) -> bool {
        let told = |standing: &Self| (standing.queue_position, standing.active_until.clone(), standing.status.clone());
        if told(self) != told(before) {
            return true;
        }
        match (before.estimated_wait_time, self.estimated_wait_time) {
            (Some(before), Some(now)) => before.abs_diff(now) >= ESTIMATE_STEP_S.max(before / ESTIMATE_PART),
            (before, now) => before != now,
        }
    }

    /// As a server-sent event.
    pub(super) fn event(&self) -> Bytes {
        let event = Event {
            queue_position: self.queue_position,
            estimated_wait_time: self.estimated_wait_time,
            status: &self.status,
            active_until: self.active_until.as_deref(),
            reason: self.reason.as_deref(),
        };
        let mut text = Vec::with_capacity(96);
        if self.has_ended() {
            text.extend_from_slice(b"id: ");
            text.extend_from_slice(LAST_EVENT.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(b"data: ");
        // Texts and numbers always encode, and JSON has no line break of its own.
        let _ = serde_json::to_writer(&mut text, &event);
        text.extend_from_slice(b"\n\n");
        text.into()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ticket that waits.
    pub(in crate::http::queue) fn waiting(position: u64, estimate: u64) -> Standing {
        Standing {
            queue_position: Some(position),
            estimated_wait_time: Some(estimate),
            is_estimate: true,
            status: WAITING.into(),
            poll_after_ms: Some(1_000),
            active_until: None,
            reason: None,
        }
    }

    /// A ticket that was given back.
    pub(in crate::http::queue) fn left() -> Standing {
        Standing {
            queue_position: None,
            estimated_wait_time: None,
            poll_after_ms: None,
            status: ENDED.into(),
            reason: Some("LEFT".into()),
            ..waiting(1, 1)
        }
    }

    fn text(standing: &Standing) -> String {
        String::from_utf8(standing.event().to_vec()).unwrap()
    }

    #[test]
    fn an_event_says_what_the_interface_names() {
        assert_eq!(
            text(&waiting(3, 7)),
            "data: {\"queuePosition\":3,\"estimatedWaitTime\":7,\"status\":\"WAITING\"}\n\n"
        );
        assert_eq!(text(&left()), "id: ended\ndata: {\"status\":\"ENDED\",\"reason\":\"LEFT\"}\n\n");
    }

    #[test]
    fn a_place_is_news_and_an_estimate_that_hardly_moves_is_none() {
        let before = waiting(300, 100);
        assert!(!waiting(300, 100).is_news_after(&before) && !waiting(300, 109).is_news_after(&before));
        assert!(waiting(299, 100).is_news_after(&before) && waiting(300, 110).is_news_after(&before));
        assert!(waiting(300, 90).is_news_after(&before) && left().is_news_after(&before));
        assert!(!waiting(3, 4).is_news_after(&waiting(3, 1)) && waiting(3, 6).is_news_after(&waiting(3, 1)));
        let active = Standing { status: ACTIVE.into(), active_until: Some("t".into()), ..waiting(0, 0) };
        let longer = Standing { active_until: Some("u".into()), ..active.clone() };
        assert!(longer.is_news_after(&active));
    }

    #[test]
    fn a_standing_is_read_as_it_is_written() {
        for standing in [waiting(3, 7), left()] {
            let text = serde_json::to_string(&standing).unwrap();
            assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), standing);
        }
    }
}
