use crate::json::Object;
use std::borrow::Cow;

/// Money comes in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charge<'a> {
    /// Id of the event that carries it.
    pub event_id: Option<Cow<'a, str>>,
    /// Id of the charge: its outcome is found by it.
    pub request_id: Option<Cow<'a, str>>,
    /// Whose wallet.
    pub user_id: Cow<'a, str>,
    /// How much, in KRW.
    pub amount: i64,
    /// When it was asked for, by the asker's own watch: JSON as it came.
    pub requested_at: Option<Cow<'a, str>>,
}

impl Charge<'_> {
    /// A new charge, as the worker appends it.
    #[must_use]
    pub fn new<'a>(request_id: &'a str, user_id: &'a str, amount: i64, requested_at_ms: i64) -> Charge<'a> {
        Charge {
            event_id: None,
            request_id: Some(request_id.into()),
            user_id: user_id.into(),
            amount,
            requested_at: Some(requested_at_ms.to_string().into()),
        }
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
            .text("type", "charge")
            .text_if("eventId", self.event_id.as_deref())
            .text_if("requestId", self.request_id.as_deref())
            .text("userId", &self.user_id)
            .integer("amount", self.amount)
            .raw_if("requestedAt", self.requested_at.as_deref())
            .end();
        out
    }
}
