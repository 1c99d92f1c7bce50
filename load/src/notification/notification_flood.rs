//! `load notification-flood`: requests for notifications, appended to the log as the shop's topologies do.
//!
//! A backlog of LOW comes first, then requests of all types and priorities, or of one priority. They name no facts of the shop, so an audit of the same log
//! does not look for any. What a receiver got of them, [`super::notification_delivery`] reads.

use super::{ASKED_AT, event_id};
use crate::access::Access;
use crate::inbox::Inbox;
use crate::random::Random;
use crate::shape::Shape;
use crate::values::a_rate;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::notification::{INBOX, NAME, NotificationRequest, Priority};
use holdfast_tools::Failure;

/// Requests for notifications in the log: a backlog of LOW, and then others at a rate or at once.
#[derive(Debug, Clone, Args)]
pub(crate) struct NotificationFlood {
    /// Requests
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// Requests with priority LOW that are appended before them
    #[arg(long, default_value_t = 0)]
    low: u64,
    /// Priority of the requests: HIGH, MEDIUM or LOW [default: by their types]
    #[arg(long, value_parser = a_priority)]
    priority: Option<Priority>,
    /// Requests a second, at even distances [default: as fast as the log takes them]
    #[arg(long, value_parser = a_rate)]
    rate: Option<f64>,
    /// Users that they tell something, at random
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// Makes users and types; the same seed asks for the same notifications, once [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
}

fn a_priority(text: &str) -> Result<Priority, String> {
    Priority::from_name(text).ok_or_else(|| "none of HIGH, MEDIUM, LOW".to_owned())
}

/// Types that are worth telling for an hour at least, with the priority that the shop gives them.
const KINDS: [(&str, Priority); 4] = [
    ("PAYMENT_CONFIRMED", Priority::High),
    ("RESERVATION_EXPIRED", Priority::Medium),
    ("COUPON_ISSUED", Priority::Medium),
    ("TIMESALE_SUCCESS", Priority::Medium),
];
/// The type of the backlog: any that lasts longer than the backlog will do.
const LOW_KIND: &str = "COUPON_ISSUED";

impl Shape for NotificationFlood {
    fn needs_log(&self) -> bool {
        true
    }

    fn run(&self, access: &dyn Access, _: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        notification_flood(self, access)
    }
}

/// Appends the requests and says how long that took.
///
/// # Errors
/// When the log cannot be reached, or does not take a record.
fn notification_flood(flood: &NotificationFlood, access: &dyn Access) -> Result<String, Failure> {
    let inbox = Inbox::open(access, NAME, INBOX, flood.low + flood.requests)?;
    let seed = flood.seed.unwrap_or_else(|| inbox.clock.now_ms().unsigned_abs());
    let mut random = Random(seed);
    let mut value = Vec::new();
    let mut ask = |n: u64, kind: &str, priority: Priority, user: u64| {
        let (time_ms, user_id) = (inbox.clock.now_ms(), user.to_string());
        value.clear();
        let request = NotificationRequest {
            event_id: &event_id(seed, priority, n),
            time_ms,
            user_id: &user_id,
            kind,
            priority,
            title: "부하 시험",
            message: "부하 시험 알림입니다.",
            data: &[(ASKED_AT, &time_ms.to_string())],
        };
        request.write(&mut value);
        inbox.append(&user_id, &value)
    };
    let began_us = inbox.clock.monotonic_us();
    for n in 0..flood.low {
        ask(n, LOW_KIND, Priority::Low, random.below(flood.users))?;
    }
    inbox.settle()?;
    let rush_us = inbox.clock.monotonic_us();
    for n in 0..flood.requests {
        if let Some(rate) = flood.rate {
            inbox.rest_until(rush_us + due_us(n, rate));
        }
        let (kind, usual) = KINDS[usize::try_from(random.below(KINDS.len() as u64)).unwrap_or(0)];
        // Numbered behind the backlog: with LOW as their priority, too, each has an id of its own.
        ask(flood.low + n, kind, flood.priority.unwrap_or(usual), random.below(flood.users))?;
    }
    inbox.settle()?;
    let rushed_ms = (inbox.clock.monotonic_us() - rush_us) / 1_000;
    let took_ms = inbox.finish(began_us);
    Ok(format!(
        "notification-flood: {} requests in {rushed_ms} ms behind {} LOW, {} users, seed {seed}, appended in {took_ms} ms\n",
        flood.requests, flood.low, flood.users
    ))
}

/// When the `n`th request is due after the first, in µs.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "µs of a run")]
fn due_us(n: u64, rate: f64) -> u64 {
    (n as f64 * 1e6 / rate) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_over_the_whole_run() {
        assert_eq!((due_us(0, 10_000.0), due_us(1, 10_000.0), due_us(600_000, 10_000.0)), (0, 100, 60_000_000));
        assert_eq!(due_us(1, 0.5), 2_000_000);
    }
}
