//! Coupons of payments.

use super::CouponProcessor;
use crate::buffer::set;
use crate::coupon::decide::{self, Return};
use crate::coupon::sinks;
use crate::origin::Origin;
use crate::reused::reused;
use holdfast_engine::prelude::{Context, ProcessError, Record};
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::message::{ReturnCoupon, UseForPayment};
use holdfast_model::coupon::redemption_record::{EVENT_TYPE, RedemptionRecord};
use holdfast_model::coupon::row::{RedemptionOutcome, RedemptionRow, TermsRow, Used};
use holdfast_model::coupon::{COUPONS, REDEMPTIONS, TERMS};

impl CouponProcessor {
    /// Uses a coupon for a payment, and answers. A payment that has asked before has its answer, put back by an operator or not: whoever holds the seat has been
    /// told.
    pub(super) fn redeem(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        wish: &UseForPayment,
    ) -> Result<(), ProcessError> {
        if wish.reply_place >= ctx.places() {
            let (place, places) = (wish.reply_place, ctx.places());
            return Err(ProcessError::refuse("InvalidField", format!("replyPlace {place}: there are {places} places")));
        }
        let is_known = match self.home_of(ctx, &wish.coupon_id) {
            Some(id) if id.place != ctx.place() => return ctx.forward(record, self.inbox_key.as_bytes()),
            Some(id) => {
                set(&mut self.coupon_key.policy_id, id.policy_id);
                self.coupon_key.serial = id.serial;
                true
            }
            None => false,
        };
        let origin = Origin::of(record);
        if origin.is_given_up() {
            return self.give_up_redemption(ctx, wish, &origin);
        }
        if let Some(earlier) = ctx.get(&REDEMPTIONS, &wish.payment_id)? {
            return check_same(wish, &earlier);
        }
        let (coupon, terms) = if is_known {
            (ctx.get(&COUPONS, &self.coupon_key)?, ctx.get(&TERMS, &self.coupon_key.policy_id)?)
        } else {
            (None, None)
        };
        let decided = decide::redeem(wish, coupon.as_ref(), terms.as_ref());
        if let (Ok(_), Some(coupon)) = (decided, coupon) {
            let row = decide::used(coupon, &wish.payment_id, ctx.now_ms());
            ctx.put(&COUPONS, &self.coupon_key, &row)?;
        }
        let outcome = match decided {
            Ok(discount) => RedemptionOutcome::Used { discount },
            Err(refusal) => RedemptionOutcome::Refused(refusal),
        };
        store(ctx, wish, outcome)?;
        let result = match (decided, &terms) {
            (Ok(discount), Some(terms)) => Ok((discount, terms)),
            (Ok(_), None) => return Err(ProcessError::fail("NoTerms", "a discount of no terms was decided")),
            (Err(refusal), _) => Err(refusal),
        };
        self.send_redemption(ctx, wish, &origin, result)
    }

    /// Gives a coupon back that a payment had.
    pub(super) fn give_back(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        wish: &ReturnCoupon,
    ) -> Result<(), ProcessError> {
        let Some(id) = self.home_of(ctx, &wish.coupon_id) else {
            return Err(ProcessError::refuse("UnknownCoupon", format!("{:?} is no coupon of ours", wish.coupon_id)));
        };
        if id.place != ctx.place() {
            return ctx.forward(record, self.inbox_key.as_bytes());
        }
        set(&mut self.coupon_key.policy_id, id.policy_id);
        self.coupon_key.serial = id.serial;
        let earlier = ctx.get(&REDEMPTIONS, &wish.payment_id)?;
        let decided = decide::give_back(wish, earlier.as_ref())
            .map_err(|why| ProcessError::refuse("UnexpectedReturn", format!("{:?}: {why}", wish.payment_id)))?;
        let now_ms = ctx.now_ms();
        let (decided_ms, order_amount) = earlier.map_or((now_ms, 0), |row| (row.decided_ms, row.order_amount));
        let discount = match decided {
            Return::Unchanged => return Ok(()),
            Return::Forestalled => 0,
            Return::Back { discount } => {
                let coupon = ctx.get(&COUPONS, &self.coupon_key)?;
                let used_for = |used: &Used| used.order_id == wish.payment_id;
                let Some(mut coupon) = coupon.filter(|coupon| coupon.used.as_ref().is_some_and(used_for)) else {
                    return Err(ProcessError::fail("NotUsed", format!("{:?} has no coupon", wish.payment_id)));
                };
                coupon.used = None;
                ctx.put(&COUPONS, &self.coupon_key, &coupon)?;
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

    /// Whoever holds the seat waits for an answer, and nothing was used: so it is told.
    pub(super) fn give_up_redemption(
        &mut self,
        ctx: &mut Context<'_>,
        wish: &UseForPayment,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        let is_at_home = self.home_of(ctx, &wish.coupon_id).is_none_or(|id| id.place == ctx.place());
        if !is_at_home || ctx.contains(&REDEMPTIONS, &wish.payment_id)? {
            return Ok(());
        }
        store(ctx, wish, RedemptionOutcome::Refused(CommandRefusal::System))?;
        self.send_redemption(ctx, wish, origin, Err(CommandRefusal::System))
    }

    fn send_redemption(
        &mut self,
        ctx: &mut Context<'_>,
        wish: &UseForPayment,
        origin: &Origin<'_>,
        result: Result<(i64, &TermsRow), CommandRefusal>,
    ) -> Result<(), ProcessError> {
        set(&mut self.event_id, &wish.payment_id);
        self.event_id.push_str(".coupon");
        self.value.clear();
        RedemptionRecord { request_id: &self.event_id, wish, result }.write(&mut self.value);
        self.send(ctx, origin, EVENT_TYPE, &sinks::REPLIES, Some(wish.reply_place), wish.reservation_id.as_bytes())
    }
}

fn store(ctx: &mut Context<'_>, wish: &UseForPayment, outcome: RedemptionOutcome) -> Result<(), ProcessError> {
    let row = RedemptionRow {
        coupon_id: wish.coupon_id.clone(),
        user_id: wish.user_id.clone(),
        order_amount: wish.order_amount,
        decided_ms: ctx.now_ms(),
        outcome,
    };
    ctx.put(&REDEMPTIONS, &wish.payment_id, &row)
}

/// The same wish again has its answer; another one under the payment's id gets none.
fn check_same(wish: &UseForPayment, earlier: &RedemptionRow) -> Result<(), ProcessError> {
    let is_forestalled = matches!(earlier.outcome, RedemptionOutcome::Returned { discount: 0, .. });
    let is_same = earlier.coupon_id == wish.coupon_id
        && earlier.user_id == wish.user_id
        && (earlier.order_amount == wish.order_amount || is_forestalled);
    if is_same { Ok(()) } else { Err(reused(&wish.payment_id)) }
}
