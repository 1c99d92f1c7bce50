//! `load coupon-backlog`: requests that already wait in the log when the worker starts.
//!
//! They are appended to the inbox directly, as any producer could, so that what is measured afterwards is deciding and not HTTP. On the embedded log
//! the worker must be stopped: one process owns the directory.

use super::random::Random;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::worker::{self, RunError};
use clap::Args;
use holdfast_engine::ports::clock::Clock;
use holdfast_engine::ports::log::{AppendError, Appender};
use holdfast_engine::ports::place::place_of;
use holdfast_engine::ports::record::{Appended, NewRecord};
use holdfast_topologies::coupon::message::{Command, CreatePolicy, IssueRequest};
use holdfast_topologies::coupon::{self, INBOX, inbox_key, request_id};
use indicatif::ProgressBar;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;

/// Appends under way at most: enough to fill a sync or a batch, little enough to stay in memory.
const AHEAD_MAX: u64 = 20_000;

/// Requests that already wait in the log.
#[derive(Debug, Clone, Args)]
pub struct CouponBacklog {
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

/// Appends that have not been acknowledged, and what went wrong with one.
#[derive(Default)]
struct Ahead {
    state: Mutex<(u64, Option<AppendError>)>,
    changed: Condvar,
}

impl Ahead {
    /// Waits until no more than `most` are under way.
    fn wait(&self, most: u64) -> Result<(), RunError> {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |(open, failure)| *open > most && failure.is_none());
        state.1.as_ref().map_or(Ok(()), |error| Err(RunError::Failed(format!("log: {error}"))))
    }

    fn ended(&self, outcome: Result<Appended, AppendError>) {
        let mut state = self.state.lock();
        state.0 -= 1;
        if let Err(error) = outcome {
            state.1.get_or_insert(error);
        }
        self.changed.notify_one();
    }

    fn append(self: &Arc<Self>, appender: &dyn Appender, record: NewRecord<'_>) -> Result<(), RunError> {
        self.wait(AHEAD_MAX)?;
        self.state.lock().0 += 1;
        let ahead = Arc::clone(self);
        appender.append(record, Box::new(move |outcome| ahead.ended(outcome)));
        Ok(())
    }
}

/// Appends the backlog and says how long that took.
///
/// # Errors
/// When the log cannot be reached, or does not take a record.
pub fn coupon_backlog(backlog: &CouponBacklog, settings: &Settings) -> Result<String, RunError> {
    let clock = SystemClock::new();
    let seed = backlog.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs());
    let log = worker::open_log(settings)?;
    let failed = |error: &dyn std::fmt::Display| RunError::Failed(format!("log: {error}"));
    let wanted = worker::topics::wanted(settings, &[coupon::topology()]);
    worker::topics::prepare(&*log, &wanted, settings.partitions).map_err(|e| failed(&e))??;
    let appender = log.appender().map_err(|e| failed(&e))?;

    let began_us = clock.monotonic_us();
    let bar = ProgressBar::new(backlog.policies + backlog.requests);
    let ahead = Arc::new(Ahead::default());
    let policy = |n: u64| format!("{seed}-{n}");
    let append = |policy_id: &str, value: &[u8]| {
        let key = inbox_key(policy_id);
        let partition = place_of(key.as_bytes(), settings.partitions);
        bar.inc(1);
        let record = NewRecord { topic: INBOX, partition, key: Some(key.as_bytes()), value: Some(value), headers: &[] };
        ahead.append(&*appender, record)
    };
    for n in 0..backlog.policies {
        let policy_id = policy(n);
        let command = Command::CreatePolicy(CreatePolicy {
            request_id: Some(format!("backlog-{policy_id}")),
            title: format!("backlog {policy_id}"),
            policy_id: policy_id.clone(),
            total_quantity: i64::try_from(backlog.stock).unwrap_or(i64::MAX),
            ..CreatePolicy::default()
        });
        append(&policy_id, &command.to_json())?;
    }
    // A request before its policy would be refused.
    ahead.wait(0)?;
    let mut random = Random(seed);
    for n in 0..backlog.requests {
        // The smaller of two draws: some policies are wanted more than others.
        let policy_id = policy(random.below(backlog.policies).min(random.below(backlog.policies)));
        let user_id = random.below(backlog.users).to_string();
        let place = place_of(inbox_key(&policy_id).as_bytes(), settings.partitions);
        let request_id = request_id(place, &format!("{seed:x}-{n:x}"));
        append(&policy_id, &IssueRequest::new(&request_id, &policy_id, &user_id, clock.now_ms()).to_json())?;
    }
    ahead.wait(0)?;
    bar.finish_and_clear();
    let took_ms = (clock.monotonic_us() - began_us) / 1_000;
    Ok(format!(
        "coupon-backlog: {} requests for {} policies of {} coupons, seed {seed}, appended in {took_ms} ms\n",
        backlog.requests, backlog.policies, backlog.stock
    ))
}
