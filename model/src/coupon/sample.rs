//! The sample policy of `run --sample`: policy `1`, 100 coupons, open at once and for ever.

use crate::coupon::message::{Command, CreatePolicy};
use crate::coupon::{COMMANDS, inbox_key};
use crate::feature::{Sample, SampleCommand};

/// The sample.
pub const SAMPLE: Sample = Sample {
    commands: || {
        let policy = policy();
        let (key, id) = (inbox_key(&policy.policy_id), policy.request_id.clone().unwrap_or_default());
        vec![SampleCommand { key, id, value: Command::CreatePolicy(policy).to_json(), secret: None }]
    },
    is_decided: |view, id| view.get_kept(&COMMANDS, id).is_ok_and(|row| row.is_some()),
};

/// The command that creates it. It brings its own id, so a second start changes nothing and adds nothing.
#[must_use]
pub fn policy() -> CreatePolicy {
    CreatePolicy {
        request_id: Some("sample-coupon-policy-1".to_owned()),
        policy_id: "1".to_owned(),
        title: "첫 구매 쿠폰".to_owned(),
        description: Some("첫 구매 고객을 위한 선착순 할인 쿠폰".to_owned()),
        total_quantity: 100,
        discount_type: Some("FIXED_AMOUNT".to_owned()),
        discount_value: Some(5_000),
        minimum_order_amount: Some(10_000),
        ..CreatePolicy::default()
    }
}
