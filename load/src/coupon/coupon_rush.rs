//! `load coupon-rush`: many users want one coupon at once.

use crate::access::Access;
use crate::client::Client;
use crate::open_loop;
use crate::random::Random;
use crate::rush::{self, Arrival, Crowd, Pace};
use crate::shape::Shape;
use crate::witness::Witness;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Many users want one coupon at once.
#[derive(Debug, Clone, Args)]
pub(crate) struct CouponRush {
    /// Users, each with a name of its own
    #[arg(long, default_value_t = 1_000)]
    users: u64,
    /// The coupon policy
    #[arg(long, default_value = "1")]
    policy: String,
    /// Open loop: requests a second, at times drawn from the seed
    #[arg(long, conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// Closed loop: this many requests under way, the next as soon as one is answered [default: 100]
    #[arg(long)]
    concurrency: Option<usize>,
    /// The worker
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Makes users, order and times; the same seed asks for the same things [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Write what is answered into this file, for `audit --answers`; every request gets a key then, and each fifth is asked again under it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Part of the users who ask twice
    #[arg(long, default_value_t = 0.2)]
    duplicates: f64,
    /// v1, v2 or v3
    #[arg(long, default_value = "v3")]
    strategy: String,
}

/// Who asks when, fixed in advance: everybody once and some twice, in random order, at exponential distances (`rate`) or all at once.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and µs of a load run"
)]
fn plan(rush: &CouponRush, seed: u64) -> Vec<Arrival<u64>> {
    let mut random = Random(seed);
    let twice = (rush.users as f64 * rush.duplicates.clamp(0.0, 1.0)).round() as u64;
    let mut users: Vec<u64> = (0..rush.users).collect();
    users.extend((0..twice).map(|_| random.below(rush.users)));
    random.shuffle(&mut users);
    let mut at = 0.0;
    users
        .into_iter()
        .map(|user| {
            if let Some(rate) = rush.rate {
                at += random.distance_us(rate);
            }
            Arrival { wish: user, at_us: at as u64 }
        })
        .collect()
}

impl Shape for CouponRush {
    fn needs_log(&self) -> bool {
        false
    }

    fn run(&self, _: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        coupon_rush(self, print)
    }
}

/// Users of one policy.
struct Users {
    path: String,
    policy: String,
    seed: u64,
}

impl Crowd for Users {
    type Wish = u64;

    fn request(&self, user: u64) -> (String, Value) {
        let user_id = format!("{}-{user}", self.seed);
        (self.path.clone(), json!({"policyId": self.policy, "userId": user_id}))
    }

    fn status_path(&self, request_id: &str) -> String {
        format!("/api/coupons/requests/{request_id}")
    }
}

/// Runs the shape and reports.
///
/// # Errors
/// When the worker cannot be reached at all.
fn coupon_rush(rush: &CouponRush, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let clock = SystemClock::new();
    let seed = rush.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs());
    let (arrivals, pace) = (plan(rush, seed), Pace { rate: rush.rate, concurrency: rush.concurrency });
    print(&format!(
        "coupon-rush: {} requests of {} users for policy {}, {pace}, seed {seed}, {}\n",
        arrivals.len(),
        rush.users,
        rush.policy,
        rush.url
    ));
    let path = format!("/api/coupons/issue?strategy={}", rush.strategy);
    let users = Users { path, policy: rush.policy.clone(), seed };
    open_loop::runtime()?.block_on(async {
        let client = Client::reach(&rush.url).await?;
        let witness = Witness::open(rush.answers.as_deref(), &format!("rush-{seed}-{}", clock.now_ms()))?;
        let rushed = rush::run(users, arrivals, pace, client, witness, clock).await?;
        Ok(rushed.report())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rush(rate: Option<f64>) -> CouponRush {
        CouponRush {
            users: 1_000,
            policy: "1".to_owned(),
            rate,
            concurrency: None,
            url: String::new(),
            seed: None,
            answers: None,
            duplicates: 0.2,
            strategy: "v3".to_owned(),
        }
    }

    #[test]
    fn the_same_seed_asks_for_the_same_things() {
        let one = plan(&rush(Some(1_000.0)), 7);
        assert_eq!(one, plan(&rush(Some(1_000.0)), 7));
        assert_ne!(one, plan(&rush(Some(1_000.0)), 8));
    }

    #[test]
    fn everybody_asks_and_some_ask_twice_at_about_the_rate() {
        let arrivals = plan(&rush(Some(1_000.0)), 7);
        assert_eq!(arrivals.len(), 1_200);
        let mut users: Vec<_> = arrivals.iter().map(|a| a.wish).collect();
        users.sort_unstable();
        users.dedup();
        assert_eq!(users.len(), 1_000);
        assert!(arrivals.windows(2).all(|pair| pair[0].at_us <= pair[1].at_us));
        let last_us = arrivals.last().unwrap().at_us;
        assert!((1_000_000..1_450_000).contains(&last_us), "{last_us}");
        assert!(plan(&rush(None), 7).iter().all(|a| a.at_us == 0));
    }
}
