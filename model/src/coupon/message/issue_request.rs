use crate::json::Object;
use std::borrow::Cow;

/// Somebody wants a coupon. Borrowed from the record: this is the hot path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueRequest<'a> {
    /// Id of the event that carries the request.
    pub event_id: Option<Cow<'a, str>>,
    /// Id of the request.
    pub request_id: Option<Cow<'a, str>>,
    /// Of which policy.
    pub policy_id: Cow<'a, str>,
    /// Who.
    pub user_id: Cow<'a, str>,
    /// When he asked, by his own watch: JSON as it came, echoed into the outcome so that anybody can measure end to end.
    pub requested_at: Option<Cow<'a, str>>,
}

impl IssueRequest<'_> {
    /// A new request, as the worker appends it.
    #[must_use]
    pub fn new<'a>(
        request_id: &'a str,
        policy_id: &'a str,
        user_id: &'a str,
        requested_at_ms: i64,
    ) -> IssueRequest<'a> {
        IssueRequest {
            event_id: None,
            request_id: Some(request_id.into()),
            policy_id: policy_id.into(),
            user_id: user_id.into(),
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
        let mut out = Vec::with_capacity(192);
        Object::begin(&mut out)
            .text_if("eventId", self.event_id.as_deref())
            .text_if("requestId", self.request_id.as_deref())
            .text("policyId", &self.policy_id)
            .text("userId", &self.user_id)
            .raw_if("requestedAt", self.requested_at.as_deref())
            .end();
        out
    }
}
