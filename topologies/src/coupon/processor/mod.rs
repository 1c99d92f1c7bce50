//! Load, decide, store, send: what surrounds a decision.

mod redemption;

use crate::buffer::set;
use crate::coupon::decide::{self, Creation, Seen, Use};
use crate::coupon::{invariants, sinks};
use crate::origin::Origin;
use crate::reused::reused;
use holdfast_engine::prelude::{Context, Output, ProcessError, Processor, Record, Sink};
use holdfast_model::coupon;
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::coupon_id::CouponId;
use holdfast_model::coupon::keys::{CouponKey, IssuedKey};
use holdfast_model::coupon::message::{
    AdjustStock, Command, CreatePolicy, IssueRequest, Message, ReturnCoupon, UseCoupon, UseForPayment,
};
use holdfast_model::coupon::outcome::{Refusal, Status};
use holdfast_model::coupon::outcome_record::OutcomeRecord;
use holdfast_model::coupon::row::{CommandRow, CouponRow, IssuedRow, PolicyRow, RequestOutcome, RequestRow};
use holdfast_model::coupon::{COMMANDS, COUPONS, ISSUED, POLICIES, REQUESTS, TERMS};
use holdfast_model::envelope::{self, Envelope};
use holdfast_model::notification::{self, NotificationRequest, Priority};

/// Decides the inbox of one place. Its fields are buffers, cleared for each record: nothing is carried from one to the next, so a record that is
/// rolled back leaves nothing behind.
#[derive(Debug, Default)]
pub(super) struct CouponProcessor {
    inbox_key: String,
    request_id: String,
    issued_key: IssuedKey,
    coupon_key: CouponKey,
    coupon_id: String,
    event_id: String,
    text: String,
    value: Vec<u8>,
    /// `ce_source` of all it sends: the same for the life of the task.
    source: String,
}

impl Processor for CouponProcessor {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        self.know_place(ctx);
        match Message::parse(record.value)? {
            Message::Issue(request) => self.issue(ctx, record, &request),
            Message::Command(command) => self.command(ctx, record, &command),
            Message::Use(wish) => self.redeem(ctx, record, &wish),
            Message::Return(wish) => self.give_back(ctx, record, &wish),
        }
    }

    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        // A refused record was never accepted, or it is a second one under a decided id: it has no outcome of its own.
        if matches!(why, ProcessError::Refuse { .. }) {
            return Ok(());
        }
        let Ok(message) = Message::parse(record.value) else { return Ok(()) };
        self.know_place(ctx);
        let origin = Origin::of(record);
        // What could not be forwarded: a client asks for its outcome in its own place.
        if self.is_elsewhere(ctx, &message) {
            return match briefly(message) {
                Some(brief) => ctx.give_up_at(record, self.inbox_key.as_bytes(), &brief.to_json()),
                None => Ok(()),
            };
        }
        match message {
            Message::Issue(request) => self.give_up_request(ctx, &request, &origin),
            Message::Command(command) => self.give_up_command(ctx, &command, &origin),
            Message::Use(wish) => self.give_up_redemption(ctx, &wish, &origin),
            // Nobody waits for it, and it is still owed: it comes when the record is put back.
            Message::Return(_) => Ok(()),
        }
    }
}

/// What its outcome needs of a message; nothing of one that has none.
fn briefly(message: Message<'_>) -> Option<Message<'_>> {
    match message {
        Message::Issue(request) => Some(Message::Issue(IssueRequest { requested_at: None, ..request })),
        // Nobody waits for it, and it is still owed: it comes when the record is put back.
        Message::Return(_) => None,
        other => Some(other),
    }
}

impl CouponProcessor {
    fn know_place(&mut self, ctx: &Context<'_>) {
        if self.source.is_empty() {
            self.source = envelope::source(coupon::NAME, ctx.place());
        }
    }

    fn issue(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        request: &IssueRequest<'_>,
    ) -> Result<(), ProcessError> {
        coupon::write_inbox_key(&mut self.inbox_key, &request.policy_id);
        if ctx.place_of(self.inbox_key.as_bytes()) != ctx.place() {
            return ctx.forward(record, self.inbox_key.as_bytes());
        }
        let origin = Origin::of(record);
        if origin.is_given_up() {
            return self.give_up_request(ctx, request, &origin);
        }
        self.identify(ctx, request.identity(), &origin);
        let earlier = ctx.get(&REQUESTS, &self.request_id)?;
        let supersedes =
            match decide::seen_request(earlier.as_ref(), &request.policy_id, &request.user_id, origin.is_redriven()) {
                Seen::Never => None,
                Seen::Before => return Ok(()),
                Seen::GivenUp => Some(Status::SystemError),
                Seen::Another => return Err(reused(&self.request_id)),
            };

        set(&mut self.issued_key.user_id, &request.user_id);
        set(&mut self.issued_key.policy_id, &request.policy_id);
        let policy = self.policy(ctx)?;
        let has_coupon = policy.is_some() && ctx.contains(&ISSUED, &self.issued_key)?;
        let outcome = decide::issue(policy.as_ref(), has_coupon, &request.user_id, ctx.now_ms());

        self.store_outcome(ctx, request, outcome)?;
        match (outcome, policy) {
            (RequestOutcome::Issued(serial), Some(mut policy)) => {
                policy.issued = serial;
                self.store_coupon(ctx, request, serial, &policy)?;
                self.send_outcome(ctx, request, &origin, Ok(policy.remaining()), supersedes)?;
                self.send_notification(ctx, request, &origin, &policy.title)
            }
            (RequestOutcome::Refused(refusal), policy) => {
                let remaining = policy.map(|policy| policy.remaining());
                self.send_outcome(ctx, request, &origin, Err((refusal, remaining)), supersedes)
            }
            (RequestOutcome::Issued(_), None) => {
                Err(ProcessError::fail("NoPolicy", "a coupon of no policy was decided"))
            }
        }
    }

    /// The policy named in `issued_key`, its books checked.
    fn policy(&self, ctx: &mut Context<'_>) -> Result<Option<PolicyRow>, ProcessError> {
        let policy = ctx.get(&POLICIES, &self.issued_key.policy_id)?;
        if let Some(policy) = &policy {
            invariants::policy(&self.issued_key.policy_id, policy)
                .map_err(|broken| ProcessError::fail("BrokenPolicy", broken.to_string()))?;
        }
        Ok(policy)
    }

    /// Sets `request_id`: what the message says, or where its record entered the log.
    fn identify(&mut self, ctx: &Context<'_>, identity: Option<&str>, origin: &Origin<'_>) {
        match identity {
            Some(identity) => set(&mut self.request_id, identity),
            None => self.request_id = origin.identity((ctx.topic(), ctx.place(), ctx.offset())),
        }
    }

    fn store_outcome(
        &self,
        ctx: &mut Context<'_>,
        request: &IssueRequest<'_>,
        outcome: RequestOutcome,
    ) -> Result<(), ProcessError> {
        let decided_ms = ctx.now_ms();
        let row = RequestRow { policy_id: &*request.policy_id, user_id: &*request.user_id, decided_ms, outcome };
        ctx.put(&REQUESTS, &self.request_id, &row)
    }

    fn store_coupon(
        &mut self,
        ctx: &mut Context<'_>,
        request: &IssueRequest<'_>,
        serial: u64,
        policy: &PolicyRow,
    ) -> Result<(), ProcessError> {
        set(&mut self.coupon_key.policy_id, &request.policy_id);
        self.coupon_key.serial = serial;
        self.coupon_id.clear();
        CouponId { place: ctx.place(), policy_id: &request.policy_id, serial }.write(&mut self.coupon_id);
        let issued_ms = ctx.now_ms();
        ctx.put(&POLICIES, &self.issued_key.policy_id, policy)?;
        ctx.put(&ISSUED, &self.issued_key, &IssuedRow { serial })?;
        ctx.put(&COUPONS, &self.coupon_key, &CouponRow { user_id: &*request.user_id, issued_ms, used: None })
    }

    /// Sends the outcome; of a success with the coupon in `coupon_id`. `result` carries how many are left.
    fn send_outcome(
        &mut self,
        ctx: &mut Context<'_>,
        request: &IssueRequest<'_>,
        origin: &Origin<'_>,
        result: Result<u64, (Refusal, Option<u64>)>,
        supersedes: Option<Status>,
    ) -> Result<(), ProcessError> {
        let (to, kind, remaining) = match result {
            Ok(remaining) => (&sinks::SUCCESS, "coupon.issued", Some(remaining)),
            Err((_, remaining)) => (&sinks::FAILURES, "coupon.refused", remaining),
        };
        self.value.clear();
        OutcomeRecord {
            event_id: request.event_id.as_deref().unwrap_or(&self.request_id),
            request_id: &self.request_id,
            policy_id: &request.policy_id,
            user_id: &request.user_id,
            result: result.map(|_| &*self.coupon_id).map_err(|(refusal, _)| refusal),
            decided_ms: ctx.now_ms(),
            requested_at: request.requested_at.as_deref(),
            remaining,
            supersedes,
        }
        .write(&mut self.value);
        // A redriven request has a second outcome: it is another event.
        let step = if supersedes.is_some() { ".outcome.2" } else { ".outcome" };
        set(&mut self.event_id, &self.request_id);
        self.event_id.push_str(step);
        // The inbox key has brought the record here, so it brings its outcome to the same place.
        self.send(ctx, origin, kind, to, Some(ctx.place()), self.inbox_key.as_bytes())
    }

    fn send_notification(
        &mut self,
        ctx: &mut Context<'_>,
        request: &IssueRequest<'_>,
        origin: &Origin<'_>,
        title: &str,
    ) -> Result<(), ProcessError> {
        // Not the request's id: that is unique in its place only, and the ledger of deliveries is one for all.
        set(&mut self.event_id, &self.coupon_id);
        self.event_id.push_str(".issued");
        set(&mut self.text, title);
        self.text.push_str(" 발급이 완료되었습니다.");
        self.value.clear();
        NotificationRequest {
            event_id: &self.event_id,
            time_ms: ctx.now_ms(),
            user_id: &request.user_id,
            kind: "COUPON_ISSUED",
            priority: Priority::Medium,
            title: "쿠폰 발급 완료",
            message: &self.text,
            data: &[("couponId", &self.coupon_id), ("policyId", &request.policy_id), ("couponTitle", title)],
        }
        .write(&mut self.value);
        self.send(ctx, origin, notification::EVENT_TYPE, &sinks::NOTIFICATIONS, None, request.user_id.as_bytes())
    }

    /// Sends `value` as the event `event_id`.
    fn send(
        &self,
        ctx: &mut Context<'_>,
        origin: &Origin<'_>,
        kind: &str,
        to: &Sink,
        place: Option<u32>,
        key: &[u8],
    ) -> Result<(), ProcessError> {
        let envelope = Envelope {
            id: &self.event_id,
            source: &self.source,
            kind,
            time_ms: ctx.now_ms(),
            traceparent: origin.traceparent,
        };
        envelope.with_headers(|headers| {
            ctx.send_output(&Output { to, place, key: Some(key), value: Some(&self.value), headers })
        })
    }

    fn command(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, command: &Command) -> Result<(), ProcessError> {
        if self.is_misplaced(ctx, command) {
            return ctx.forward(record, self.inbox_key.as_bytes());
        }
        let origin = Origin::of(record);
        if origin.is_given_up() {
            return self.give_up_command(ctx, command, &origin);
        }
        self.identify(ctx, command.identity(), &origin);
        let fingerprint = command.fingerprint();
        let earlier = ctx.get(&COMMANDS, &self.request_id)?;
        match decide::seen_command(earlier.as_ref(), fingerprint, origin.is_redriven()) {
            Seen::Never | Seen::GivenUp => {}
            Seen::Before => return Ok(()),
            Seen::Another => return Err(reused(&self.request_id)),
        }
        let done = match command {
            Command::CreatePolicy(command) => self.create_policy(ctx, command)?,
            Command::AdjustStock(command) => self.adjust_stock(ctx, command)?,
            Command::UseCoupon(command) => self.use_coupon(ctx, command)?,
        };
        let row = CommandRow { fingerprint, decided_ms: ctx.now_ms(), refused: done.err() };
        ctx.put(&COMMANDS, &self.request_id, &row)
    }

    /// Whether a message belongs into another place, the one of `inbox_key` then.
    fn is_elsewhere(&mut self, ctx: &Context<'_>, message: &Message<'_>) -> bool {
        match message {
            Message::Issue(request) => {
                coupon::write_inbox_key(&mut self.inbox_key, &request.policy_id);
                ctx.place_of(self.inbox_key.as_bytes()) != ctx.place()
            }
            Message::Command(command) => self.is_misplaced(ctx, command),
            Message::Use(UseForPayment { coupon_id, .. }) | Message::Return(ReturnCoupon { coupon_id, .. }) => {
                self.home_of(ctx, coupon_id).is_some_and(|id| id.place != ctx.place())
            }
        }
    }

    /// Whether a command belongs into another place, the one of `inbox_key` then.
    fn is_misplaced(&mut self, ctx: &Context<'_>, command: &Command) -> bool {
        let home = match command {
            Command::CreatePolicy(CreatePolicy { policy_id, .. })
            | Command::AdjustStock(AdjustStock { policy_id, .. }) => {
                coupon::write_inbox_key(&mut self.inbox_key, policy_id);
                Some(ctx.place_of(self.inbox_key.as_bytes()))
            }
            Command::UseCoupon(command) => self.home_of(ctx, &command.coupon_id).map(|id| id.place),
        };
        home.is_some_and(|home| home != ctx.place())
    }

    /// Takes apart the id of a coupon that may exist, and sets `inbox_key` to its policy's. An id whose place is not its policy's was made up:
    /// it is unknown wherever it turns up.
    fn home_of<'a>(&mut self, ctx: &Context<'_>, coupon_id: &'a str) -> Option<CouponId<'a>> {
        let id = CouponId::parse(coupon_id)?;
        coupon::write_inbox_key(&mut self.inbox_key, id.policy_id);
        (id.place == ctx.place_of(self.inbox_key.as_bytes())).then_some(id)
    }

    fn create_policy(
        &mut self,
        ctx: &mut Context<'_>,
        command: &CreatePolicy,
    ) -> Result<Result<(), CommandRefusal>, ProcessError> {
        let id = &command.policy_id;
        let (policy, terms) = (ctx.get(&POLICIES, id)?, ctx.get(&TERMS, id)?);
        let created = match decide::create_policy(command, policy.as_ref().zip(terms.as_ref()), ctx.now_ms()) {
            Ok(created) => created,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Creation::New(policy, terms) = created {
            ctx.put(&POLICIES, id, &policy)?;
            ctx.put(&TERMS, id, &terms)?;
        }
        Ok(Ok(()))
    }

    fn adjust_stock(
        &mut self,
        ctx: &mut Context<'_>,
        command: &AdjustStock,
    ) -> Result<Result<(), CommandRefusal>, ProcessError> {
        set(&mut self.issued_key.policy_id, &command.policy_id);
        let policy = self.policy(ctx)?;
        match decide::adjust_stock(command, policy.as_ref()) {
            Ok(policy) => ctx.put(&POLICIES, &command.policy_id, &policy).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn use_coupon(
        &mut self,
        ctx: &mut Context<'_>,
        command: &UseCoupon,
    ) -> Result<Result<(), CommandRefusal>, ProcessError> {
        let mut coupon = None;
        if let Some(id) = self.home_of(ctx, &command.coupon_id) {
            set(&mut self.coupon_key.policy_id, id.policy_id);
            self.coupon_key.serial = id.serial;
            coupon = ctx.get(&COUPONS, &self.coupon_key)?;
        }
        match decide::use_coupon(command, coupon, ctx.now_ms()) {
            Ok(Use::New(row)) => ctx.put(&COUPONS, &self.coupon_key, &row).map(Ok),
            Ok(Use::Unchanged) => Ok(Ok(())),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn give_up_request(
        &mut self,
        ctx: &mut Context<'_>,
        request: &IssueRequest<'_>,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        coupon::write_inbox_key(&mut self.inbox_key, &request.policy_id);
        self.identify(ctx, request.identity(), origin);
        if ctx.contains(&REQUESTS, &self.request_id)? {
            return Ok(());
        }
        self.store_outcome(ctx, request, RequestOutcome::Refused(Refusal::System))?;
        self.send_outcome(ctx, request, origin, Err((Refusal::System, None)), None)
    }

    fn give_up_command(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        self.identify(ctx, command.identity(), origin);
        if ctx.contains(&COMMANDS, &self.request_id)? {
            return Ok(());
        }
        let row = CommandRow {
            fingerprint: command.fingerprint(),
            decided_ms: ctx.now_ms(),
            refused: Some(CommandRefusal::System),
        };
        ctx.put(&COMMANDS, &self.request_id, &row)
    }
}
