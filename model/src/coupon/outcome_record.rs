//! The record that tells the world what became of a request.

use crate::coupon::outcome::{Refusal, Status};
use crate::json::Object;

/// The value of a record in `coupon-issue-success` or `coupon-issue-failures`.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeRecord<'a> {
    /// `eventId` of the request as it came; else the request's identity.
    pub event_id: &'a str,
    /// The request's identity.
    pub request_id: &'a str,
    /// Of which policy.
    pub policy_id: &'a str,
    /// Who asked.
    pub user_id: &'a str,
    /// The coupon, or why there is none.
    pub result: Result<&'a str, Refusal>,
    /// When it was decided.
    pub decided_ms: i64,
    /// JSON as it came.
    pub requested_at: Option<&'a str>,
    /// How many are left after this decision; unknown without a policy.
    pub remaining: Option<u64>,
    /// The outcome that this one replaces: a request given up before, and redriven.
    pub supersedes: Option<Status>,
}

impl OutcomeRecord<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let refusal = self.result.err();
        Object::begin(out)
            .text("eventId", self.event_id)
            .text("requestId", self.request_id)
            .text("policyId", self.policy_id)
            .text("userId", self.user_id)
            .text("status", refusal.map_or(Status::Success, Refusal::status).as_str())
            .text_if("couponId", self.result.ok())
            .time("issuedAt", self.decided_ms)
            .raw_if("requestedAt", self.requested_at)
            .number_if("remaining", self.remaining)
            .text_if("reason", refusal.map(Refusal::reason))
            .text_if("code", refusal.map(Refusal::code))
            .text_if("supersedes", self.supersedes.map(Status::as_str))
            .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(record: &OutcomeRecord<'_>) -> String {
        let mut out = Vec::new();
        record.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    const ISSUED: OutcomeRecord<'static> = OutcomeRecord {
        event_id: "e",
        request_id: "req_0_1",
        policy_id: "1",
        user_id: "1001",
        result: Ok("cpn_0_1_1"),
        decided_ms: 1_773_572_400_123,
        requested_at: Some("1773572400000"),
        remaining: Some(99),
        supersedes: None,
    };

    #[test]
    fn a_success_reads_so() {
        assert_eq!(
            written(&ISSUED),
            concat!(
                r#"{"eventId":"e","requestId":"req_0_1","policyId":"1","userId":"1001","status":"SUCCESS","couponId":"cpn_0_1_1","#,
                r#""issuedAt":"2026-03-15T11:00:00.123Z","requestedAt":1773572400000,"remaining":99}"#
            )
        );
    }

    #[test]
    fn a_failure_reads_so() {
        assert_eq!(
            written(&OutcomeRecord { result: Err(Refusal::SoldOut), remaining: Some(0), ..ISSUED }),
            concat!(
                r#"{"eventId":"e","requestId":"req_0_1","policyId":"1","userId":"1001","status":"OUT_OF_STOCK","#,
                r#""issuedAt":"2026-03-15T11:00:00.123Z","requestedAt":1773572400000,"remaining":0,"#,
                r#""reason":"쿠폰이 모두 소진되었습니다","code":"SOLD_OUT"}"#
            )
        );
        let unknown =
            OutcomeRecord { result: Err(Refusal::UnknownPolicy), remaining: None, requested_at: None, ..ISSUED };
        assert_eq!(
            written(&unknown),
            concat!(
                r#"{"eventId":"e","requestId":"req_0_1","policyId":"1","userId":"1001","status":"VALIDATION_FAILED","#,
                r#""issuedAt":"2026-03-15T11:00:00.123Z","reason":"쿠폰 정책을 찾을 수 없습니다","code":"POLICY_NOT_FOUND"}"#
            )
        );
    }

    #[test]
    fn a_redriven_request_says_what_it_replaces() {
        let json = written(&OutcomeRecord { supersedes: Some(Status::SystemError), ..ISSUED });
        assert!(json.ends_with(r#""remaining":99,"supersedes":"SYSTEM_ERROR"}"#), "{json}");
    }
}
