//! What records about coupons say.

use crate::record::{Field, Identity, record};
use crate::times::Stamps;
use std::borrow::Cow;

record! {
    /// A record of the inbox: a request for a coupon if it has no `type`, else a command.
    pub(super) struct Message<'a> {
        kind: Field<'a> = "type",
        policy_id: Field<'a> = "policyId",
        coupon_id: Field<'a> = "couponId",
        user_id: Field<'a> = "userId",
        order_id: Field<'a> = "orderId",
        /// KRW.
        order_amount: Field<'a> = "orderAmount",
        /// KRW.
        minimum_discount: Field<'a> = "minimumDiscount",
        /// A payment asks, and is answered there.
        reply_place: Field<'a> = "replyPlace",
        total_quantity: Field<'a> = "totalQuantity",
        by: Field<'a> = "by",
        start_time: Field<'a> = "startTime",
        end_time: Field<'a> = "endTime",
        discount_type: Field<'a> = "discountType",
        discount_value: Field<'a> = "discountValue",
        minimum_order_amount: Field<'a> = "minimumOrderAmount",
        maximum_discount_amount: Field<'a> = "maximumDiscountAmount",
        ..ids: Identity<'a>,
    }
}

impl<'a> Message<'a> {
    /// The policy that a request is for: the older shape calls it a coupon.
    pub(super) fn policy(&self) -> Option<Cow<'a, str>> {
        self.policy_id.id().or_else(|| self.coupon_id.id())
    }
}

record! {
    /// An outcome.
    pub(super) struct Outcome<'a> {
        request_id: Field<'a> = "requestId",
        policy_id: Field<'a> = "policyId",
        user_id: Field<'a> = "userId",
        coupon_id: Field<'a> = "couponId",
        status: Field<'a> = "status",
        /// Coupons that are left after this one.
        remaining: Field<'a> = "remaining",
        /// The outcome that this one replaces.
        supersedes: Field<'a> = "supersedes",
        ..stamps: Stamps<'a>,
    }
}
