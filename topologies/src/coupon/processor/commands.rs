//! Commands about policies and coupons.

use crate::coupon::Coupon;
use crate::coupon::decide::{self, Creation, Use};
use crate::shell::{CommandContext, set};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::message::{AdjustStock, Command, CreatePolicy, UseCoupon};
use holdfast_model::coupon::{COUPONS, POLICIES, TERMS};

/// Whether a command was done, or why not.
type Done = Result<Result<(), CommandRefusal>, ProcessError>;

impl CommandContext<'_, '_, Coupon> {
    pub(super) fn command(&mut self, command: &Command) -> Done {
        match command {
            Command::CreatePolicy(command) => self.create_policy(command),
            Command::AdjustStock(command) => self.adjust_stock(command),
            Command::UseCoupon(command) => self.use_coupon(command),
        }
    }

    fn create_policy(&mut self, command: &CreatePolicy) -> Done {
        let id = &command.policy_id;
        let (policy, terms) = (self.ctx.get(&POLICIES, id)?, self.ctx.get(&TERMS, id)?);
        match decide::create_policy(command, policy.as_ref().zip(terms.as_ref()), self.ctx.now_ms()) {
            Ok(Creation::New(policy, terms)) => {
                self.ctx.put(&POLICIES, id, &policy)?;
                self.ctx.put(&TERMS, id, &terms).map(Ok)
            }
            Ok(Creation::Unchanged) => Ok(Ok(())),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn adjust_stock(&mut self, command: &AdjustStock) -> Done {
        set(&mut self.buffers.issued_key.policy_id, &command.policy_id);
        let policy = self.policy()?;
        match decide::adjust_stock(command, policy.as_ref()) {
            Ok(policy) => self.ctx.put(&POLICIES, &command.policy_id, &policy).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn use_coupon(&mut self, command: &UseCoupon) -> Done {
        let Self { ctx, buffers, .. } = self;
        let coupon = if buffers.names_coupon { ctx.get(&COUPONS, &buffers.coupon_key)? } else { None };
        match decide::use_coupon(command, coupon, ctx.now_ms()) {
            Ok(Use::New(row)) => ctx.put(&COUPONS, &buffers.coupon_key, &row).map(Ok),
            Ok(Use::Unchanged) => Ok(Ok(())),
            Err(refusal) => Ok(Err(refusal)),
        }
    }
}
