//! `load coupon-backlog`: requests that already wait in the log when the worker starts.

use crate::access::Access;
use crate::inbox::Inbox;
use crate::random::Random;
use crate::shape::Shape;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::coupon;
use holdfast_model::coupon::message::{Command, CreatePolicy, IssueRequest};
use holdfast_model::coupon::{inbox_key, request_id};
use holdfast_tools::Failure;

/// Requests that already wait in the log when the worker starts.
#[derive(Debug, Clone, Args)]
pub(crate) struct CouponBacklog {
    /// Requests
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// Policies they are for, created first; one = all in one partition
    #[arg(long, default_value_t = 1_000)]
    policies: u64,
    /// Coupons of each policy
    #[arg(long, default_value_t = 1_000)]
    stock: u64,
    /// Users they come from, at random
    #[arg(long, default_value_t = 500_000)]
    users: u64,
    /// Makes users and order; the same seed names the same policies and requests [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
}

impl Shape for CouponBacklog {
    fn needs_log(&self) -> bool {
        true
    }

    fn run(&self, access: &dyn Access, _: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        coupon_backlog(self, access)
    }
}

/// Appends the backlog and says how long that took.
///
/// # Errors
/// When the log cannot be reached, or does not take a record.
fn coupon_backlog(backlog: &CouponBacklog, access: &dyn Access) -> Result<String, Failure> {
    let inbox = Inbox::open(access, coupon::NAME, coupon::INBOX, backlog.policies + backlog.requests)?;
    let seed = backlog.seed.unwrap_or_else(|| inbox.clock.now_ms().unsigned_abs());
    let began_us = inbox.clock.monotonic_us();
    let policy = |n: u64| format!("{seed}-{n}");
    for n in 0..backlog.policies {
        let policy_id = policy(n);
        let command = Command::CreatePolicy(CreatePolicy {
            request_id: Some(format!("backlog-{policy_id}")),
            title: format!("backlog {policy_id}"),
            policy_id: policy_id.clone(),
            total_quantity: i64::try_from(backlog.stock).unwrap_or(i64::MAX),
            ..CreatePolicy::default()
        });
        inbox.append(&inbox_key(&policy_id), &command.to_json())?;
    }
    // A request before its policy would be refused.
    inbox.settle()?;
    let mut random = Random(seed);
    for n in 0..backlog.requests {
        // The smaller of two draws: some policies are wanted more than others.
        let policy_id = policy(random.below(backlog.policies).min(random.below(backlog.policies)));
        let user_id = random.below(backlog.users).to_string();
        let key = inbox_key(&policy_id);
        let request_id = request_id(inbox.place_of(&key), &format!("{seed:x}-{n:x}"));
        let request = IssueRequest::new(&request_id, &policy_id, &user_id, inbox.clock.now_ms());
        inbox.append(&key, &request.to_json())?;
    }
    inbox.settle()?;
    let took_ms = inbox.finish(began_us);
    Ok(format!(
        "coupon-backlog: {} requests for {} policies of {} coupons, seed {seed}, appended in {took_ms} ms\n",
        backlog.requests, backlog.policies, backlog.stock
    ))
}
