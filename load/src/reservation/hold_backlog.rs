//! `load hold-backlog`: holds that already wait in the log when the worker starts.

use super::house::{self, House};
use crate::access::Access;
use crate::inbox::Inbox;
use crate::shape::Shape;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::reservation;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;

/// Holds that already wait in the log when the worker starts.
#[derive(Debug, Clone, Args)]
pub(crate) struct HoldBacklog {
    /// Holds, each by a user of his own
    #[arg(long, default_value_t = 100_000)]
    holds: u64,
    /// Schedules they are for, created first; one = all in one partition
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// Seats of each schedule; fewer than holds = the rest is refused [default: one for each hold]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seats: Option<u64>,
    /// Makes names and order [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
}

impl Shape for HoldBacklog {
    fn needs_log(&self) -> bool {
        true
    }

    fn run(&self, access: &dyn Access, _: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        hold_backlog(self, access)
    }
}

/// Appends the backlog and says how long that took.
///
/// # Errors
/// When the log cannot be reached, or does not take a record.
fn hold_backlog(backlog: &HoldBacklog, access: &dyn Access) -> Result<String, Failure> {
    let HoldBacklog { holds, schedules, seats, seed } = *backlog;
    let seed = seed.unwrap_or_else(|| SystemClock::new().now_ms().unsigned_abs());
    let house = House::new(format!("backlog-{seed}"), schedules, seats, holds)?;
    let inbox = Inbox::open(access, reservation::NAME, reservation::INBOX, schedules + holds)?;
    let began_us = inbox.clock.monotonic_us();
    house.open(&inbox)?;
    for n in house::order(holds, seed) {
        let (key, value) = house.hold(n);
        inbox.append(&key, &value)?;
    }
    inbox.settle()?;
    let took_ms = inbox.finish(began_us);
    Ok(format!("hold-backlog: {holds} holds in {schedules} schedules, seed {seed}, appended in {took_ms} ms\n"))
}
