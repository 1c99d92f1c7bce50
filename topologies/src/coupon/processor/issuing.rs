//! Requests for a coupon.

use crate::coupon::{Coupon, GUARDED, decide, sinks};
use crate::guard::{self, Pass};
use crate::shell::{CommandContext, Event, set};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::coupon::coupon_id::CouponId;
use holdfast_model::coupon::message::IssueRequest;
use holdfast_model::coupon::outcome::{Refusal, Status};
use holdfast_model::coupon::outcome_record::OutcomeRecord;
use holdfast_model::coupon::row::{CouponRow, IssuedRow, PolicyRow, RequestOutcome};
use holdfast_model::coupon::{COUPONS, ISSUED, POLICIES};
use holdfast_model::notification::{self, NotificationRequest, Priority};

impl CommandContext<'_, '_, Coupon> {
    pub(super) fn issue(&mut self, request: &IssueRequest<'_>) -> Result<RequestOutcome, ProcessError> {
        set(&mut self.buffers.issued_key.user_id, &request.user_id);
        set(&mut self.buffers.issued_key.policy_id, &request.policy_id);
        let policy = self.policy()?;
        let has_coupon = policy.is_some() && self.ctx.contains(&ISSUED, &self.buffers.issued_key)?;
        let outcome = decide::issue(policy.as_ref(), has_coupon, &request.user_id, self.ctx.now_ms());
        // Last: a guard is looked for only when everything else is in order.
        let (outcome, pass) = match outcome {
            RequestOutcome::Issued(_) => {
                let pass = guard::pass(self.ctx, &GUARDED, &self.buffers.issued_key.policy_id, &request.user_id)?;
                let refusal = pass.check(Refusal::NotAdmitted).err();
                (refusal.map_or(outcome, RequestOutcome::Refused), pass)
            }
            RequestOutcome::Refused(_) => (outcome, Pass::Free),
        };
        match (outcome, policy) {
            (RequestOutcome::Issued(serial), Some(mut policy)) => {
                policy.issued = serial;
                self.store_coupon(request, serial, &policy)?;
                self.send_outcome(request, Ok(policy.remaining()))?;
                self.send_notification(request, &policy.title)?;
                if let Some(admission) = pass.admission() {
                    guard::use_up(self, &GUARDED, &request.policy_id, &request.user_id, admission)?;
                }
            }
            (RequestOutcome::Refused(refusal), policy) => {
                let remaining = policy.map(|policy| policy.remaining());
                self.send_outcome(request, Err((refusal, remaining)))?;
            }
            (RequestOutcome::Issued(_), None) => {
                return Err(ProcessError::fail("NoPolicy", "a coupon of no policy was decided"));
            }
        }
        Ok(outcome)
    }

    fn store_coupon(
        &mut self,
        request: &IssueRequest<'_>,
        serial: u64,
        policy: &PolicyRow,
    ) -> Result<(), ProcessError> {
        let Self { ctx, buffers, .. } = self;
        set(&mut buffers.coupon_key.policy_id, &request.policy_id);
        buffers.coupon_key.serial = serial;
        buffers.coupon_id.clear();
        CouponId { place: ctx.place(), policy_id: &request.policy_id, serial }.write(&mut buffers.coupon_id);
        let issued_ms = ctx.now_ms();
        ctx.put(&POLICIES, &buffers.issued_key.policy_id, policy)?;
        ctx.put(&ISSUED, &buffers.issued_key, &IssuedRow { serial })?;
        ctx.put(&COUPONS, &buffers.coupon_key, &CouponRow { user_id: &*request.user_id, issued_ms, used: None })
    }

    /// Sends the outcome; of a success with the coupon in `coupon_id`. `result` carries how many are left.
    pub(in crate::coupon) fn send_outcome(
        &mut self,
        request: &IssueRequest<'_>,
        result: Result<u64, (Refusal, Option<u64>)>,
    ) -> Result<(), ProcessError> {
        let Self { ctx, buffers, id: request_id, .. } = self;
        let (to, kind, remaining) = match result {
            Ok(remaining) => (&sinks::SUCCESS, "coupon.issued", Some(remaining)),
            Err((_, remaining)) => (&sinks::FAILURES, "coupon.refused", remaining),
        };
        // A redriven request has a second outcome: it is another event.
        let step = if self.supersedes { ".outcome.2" } else { ".outcome" };
        let event = Event {
            id: &[request_id, step],
            kind,
            to,
            // The inbox key has brought the record here, so it brings its outcome to the same place.
            place: Some(ctx.place()),
            key: &buffers.inbox_key,
        };
        let outcome = OutcomeRecord {
            event_id: request.event_id.as_deref().unwrap_or(request_id),
            request_id,
            policy_id: &request.policy_id,
            user_id: &request.user_id,
            result: result.map(|_| &*buffers.coupon_id).map_err(|(refusal, _)| refusal),
            decided_ms: ctx.now_ms(),
            requested_at: request.requested_at.as_deref(),
            remaining,
            supersedes: self.supersedes.then_some(Status::SystemError),
        };
        self.events.send(ctx, &event, |_, value| outcome.write(value))
    }

    fn send_notification(&mut self, request: &IssueRequest<'_>, title: &str) -> Result<(), ProcessError> {
        let Self { ctx, buffers, .. } = self;
        set(&mut buffers.text, title);
        buffers.text.push_str(" 발급이 완료되었습니다.");
        let event = Event {
            // Not the request's id: that is unique in its place only, and the ledger of deliveries is one for all.
            id: &[&buffers.coupon_id, ".issued"],
            kind: notification::EVENT_TYPE,
            to: &sinks::NOTIFICATIONS,
            place: None,
            key: &request.user_id,
        };
        let time_ms = ctx.now_ms();
        self.events.send(ctx, &event, |event_id, value| {
            NotificationRequest {
                event_id,
                time_ms,
                user_id: &request.user_id,
                kind: "COUPON_ISSUED",
                priority: Priority::Medium,
                title: "쿠폰 발급 완료",
                message: &buffers.text,
                data: &[("couponId", &buffers.coupon_id), ("policyId", &request.policy_id), ("couponTitle", title)],
            }
            .write(value);
        })
    }
}
