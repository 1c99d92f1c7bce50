//! Coupons of payments.

use crate::coupon::decide::{self, Return};
use crate::coupon::{Coupon, sinks};
use crate::shell::{CommandContext, Event};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::message::{ReturnCoupon, UseForPayment};
use holdfast_model::coupon::redemption_record::{EVENT_TYPE, RedemptionRecord};
use holdfast_model::coupon::row::{RedemptionOutcome, RedemptionRow, TermsRow, Used};
use holdfast_model::coupon::{COUPONS, REDEMPTIONS, TERMS};

impl CommandContext<'_, '_, Coupon> {
    /// Uses a coupon for a payment, and answers.
    pub(super) fn redeem(&mut self, wish: &UseForPayment) -> Result<RedemptionOutcome, ProcessError> {
        let Self { ctx, buffers, .. } = self;
        let (coupon, terms) = if buffers.names_coupon {
            (ctx.get(&COUPONS, &buffers.coupon_key)?, ctx.get(&TERMS, &buffers.coupon_key.policy_id)?)
        } else {
            (None, None)
        };
        let decided = decide::redeem(wish, coupon.as_ref(), terms.as_ref());
        if let (Ok(_), Some(coupon)) = (decided, coupon) {
            let row = decide::used(coupon, &wish.payment_id, ctx.now_ms());
            ctx.put(&COUPONS, &buffers.coupon_key, &row)?;
        }
        let (outcome, result) = match (decided, &terms) {
            (Ok(discount), Some(terms)) => (RedemptionOutcome::Used { discount }, Ok((discount, terms))),
            (Ok(_), None) => return Err(ProcessError::fail("NoTerms", "a discount of no terms was decided")),
            (Err(refusal), _) => (RedemptionOutcome::Refused(refusal), Err(refusal)),
        };
        self.send_redemption(wish, result)?;
        Ok(outcome)
    }

    /// Gives a coupon back that a payment had.
    pub(super) fn give_back(&mut self, wish: &ReturnCoupon) -> Result<(), ProcessError> {
        let Self { ctx, buffers, .. } = self;
        let earlier = ctx.get(&REDEMPTIONS, &wish.payment_id)?;
        let decided = decide::give_back(wish, earlier.as_ref())
            .map_err(|why| ProcessError::refuse("UnexpectedReturn", format!("{:?}: {why}", wish.payment_id)))?;
        let now_ms = ctx.now_ms();
        let (decided_ms, order_amount) = earlier.map_or((now_ms, 0), |row| (row.decided_ms, row.order_amount));
        let discount = match decided {
            Return::Unchanged => return Ok(()),
            Return::Forestalled => 0,
            Return::Back { discount } => {
                let coupon = ctx.get(&COUPONS, &buffers.coupon_key)?;
                let used_for = |used: &Used| used.order_id == wish.payment_id;
                let Some(mut coupon) = coupon.filter(|coupon| coupon.used.as_ref().is_some_and(used_for)) else {
                    return Err(ProcessError::fail("NotUsed", format!("{:?} has no coupon", wish.payment_id)));
                };
                coupon.used = None;
                ctx.put(&COUPONS, &buffers.coupon_key, &coupon)?;
                discount
            }
        };
        let row = RedemptionRow {
            coupon_id: wish.coupon_id.clone(),
            user_id: wish.user_id.clone(),
            order_amount,
            decided_ms,
            outcome: RedemptionOutcome::Returned { discount, returned_ms: now_ms },
        };
        ctx.put(&REDEMPTIONS, &wish.payment_id, &row)
    }

    /// Answers the reservation that waits.
    pub(in crate::coupon) fn send_redemption(
        &mut self,
        wish: &UseForPayment,
        result: Result<(i64, &TermsRow), CommandRefusal>,
    ) -> Result<(), ProcessError> {
        let event = Event {
            id: &[&wish.payment_id, ".coupon"],
            kind: EVENT_TYPE,
            to: &sinks::REPLIES,
            place: Some(wish.reply_place),
            key: &wish.reservation_id,
        };
        self.events
            .send(self.ctx, &event, |request_id, value| RedemptionRecord { request_id, wish, result }.write(value))
    }
}
