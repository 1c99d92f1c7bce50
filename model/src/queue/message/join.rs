use crate::fingerprint::{self, START};
use crate::json::Object;
use std::borrow::Cow;

/// A user wants a ticket. Borrowed from the record: this is the hot path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Join<'a> {
    /// Id of the event that carries it.
    pub event_id: Option<Cow<'a, str>>,
    /// Id of the request: its outcome is found by it.
    pub request_id: Option<Cow<'a, str>>,
    /// Of which queue.
    pub queue_id: Cow<'a, str>,
    /// Which user.
    pub user_id: Cow<'a, str>,
}

impl Join<'_> {
    /// A new join, as the worker appends it.
    #[must_use]
    pub fn new<'a>(request_id: &'a str, queue_id: &'a str, user_id: &'a str) -> Join<'a> {
        Join { event_id: None, request_id: Some(request_id.into()), queue_id: queue_id.into(), user_id: user_id.into() }
    }

    /// What it is recognised by when it comes again; none = by where it entered the log.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.request_id.as_deref().or(self.event_id.as_deref())
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        Object::begin(&mut out)
            .text("type", "join")
            .text_if("eventId", self.event_id.as_deref())
            .text_if("requestId", self.request_id.as_deref())
            .text("queueId", &self.queue_id)
            .text("userId", &self.user_id)
            .end();
        out
    }

    /// Hash of what it says, its ids apart. Stored: it never changes.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let hash = fingerprint::and(START, br#"{"type":"join","queueId":"#);
        let hash = fingerprint::and_text(hash, &self.queue_id);
        fingerprint::and_text(fingerprint::and(hash, br#","userId":"#), &self.user_id)
    }
}
