//! `load expiry-cliff`: holds whose deadlines come together, or at a steady pace.
//!
//! A deadline is the append time of its hold plus `HOLD_MS`, so holds can only be due at one ms if they were appended at one ms. As many as the log takes in a
//! batch are; the rest follows as fast as it can be appended, and how far apart they are is said here. [`super::expiry_lateness`] measures each against
//! its own deadline, and all against the first, which bounds what they would show if all were due then.

use super::house::House;
use crate::access::Access;
use crate::inbox::Inbox;
use crate::shape::Shape;
use crate::values::a_rate;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::reservation;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;

/// Holds whose deadlines come together, or at a steady pace; HOLD_MS is the worker's.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExpiryCliff {
    /// Holds, each of a seat and by a user of its own
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    holds: u64,
    /// Schedules they are in, created first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// Holds a second, evenly [default: all at once]
    #[arg(long, value_parser = a_rate)]
    rate: Option<f64>,
    /// Names them; `expiry-lateness` wants it [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
}

/// What the schedules of a cliff are called.
pub(super) fn name(seed: u64) -> String {
    format!("cliff-{seed}")
}

impl Shape for ExpiryCliff {
    fn needs_log(&self) -> bool {
        true
    }

    fn run(&self, access: &dyn Access, _: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        expiry_cliff(self, access)
    }
}

/// Appends the holds and says how far apart they, and so their deadlines, are.
///
/// # Errors
/// When the log cannot be reached, or does not take a record.
fn expiry_cliff(cliff: &ExpiryCliff, access: &dyn Access) -> Result<String, Failure> {
    let ExpiryCliff { holds, schedules, rate, seed } = *cliff;
    let seed = seed.unwrap_or_else(|| SystemClock::new().now_ms().unsigned_abs());
    let house = House::new(name(seed), schedules, None, holds)?;
    let inbox = Inbox::open(access, reservation::NAME, reservation::INBOX, schedules + holds)?;
    house.open(&inbox)?;
    // Written down before the first is appended: nothing but appending takes time between them.
    let written: Vec<_> = (0..holds).map(|n| house.hold(n)).collect();
    let began_us = inbox.clock.monotonic_us();
    for (n, (key, value)) in written.iter().enumerate() {
        if let Some(rate) = rate {
            inbox.rest_until(began_us + due_us(n, rate));
        }
        inbox.append(key, value)?;
    }
    let span = inbox.settle()?;
    inbox.finish(began_us);
    let apart_ms = span.map_or(0, |span| span.last_ms - span.first_ms);
    Ok(format!(
        "expiry-cliff: {holds} holds in {schedules} schedules, seed {seed}, appended within {apart_ms} ms of the log's time, due HOLD_MS later\n"
    ))
}

/// When the nth of a steady pace is due, in µs after the first.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and µs of a load run"
)]
fn due_us(n: usize, rate: f64) -> u64 {
    (n as f64 / rate * 1e6) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_even() {
        assert_eq!([0, 1, 100].map(|n| due_us(n, 100.0)), [0, 10_000, 1_000_000]);
    }
}
