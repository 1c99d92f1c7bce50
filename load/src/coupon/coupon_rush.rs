//! `load coupon-rush`: many users want one coupon at once.
//!
//! The arrival times are fixed before the first request is sent, from the seed, and latency is measured from the intended time: a server that stalls
//! makes every request behind the stall late, instead of being spared them (coordinated omission). Accepted is not decided: both are counted, and each
//! accepted request is asked for its outcome.

use crate::access::Access;
use crate::client::{self, Client, Unanswered};
use crate::latencies::{COLUMNS, Latencies};
use crate::open_loop;
use crate::random::Random;
use crate::shape::Shape;
use crate::witness::{self, Witness};
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::rfc3339;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::table::table;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Outcomes asked for at the same time.
const READERS: usize = 64;

/// Many users want one coupon at once.
#[derive(Debug, Clone, Args)]
pub(crate) struct CouponRush {
    /// Users, each with a name of his own
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wish<'a> {
    policy_id: &'a str,
    user_id: &'a str,
}

/// Of any answer, what is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    status: serde_json::Value,
    code: Option<String>,
    request_id: Option<String>,
    decided_at: Option<String>,
}

/// One request: who, and when after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arrival {
    user: u64,
    at_us: u64,
}

/// What came of one request.
struct Answered {
    latency_us: u64,
    intended_ms: i64,
    /// Status and code, for counting.
    kind: String,
    accepted: Option<String>,
    outcome: Option<(String, Option<i64>)>,
}

/// Who asks when, fixed in advance: everybody once and some twice, in random order, at exponential distances (`rate`) or all at once.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and µs of a load run"
)]
fn plan(rush: &CouponRush, seed: u64) -> Vec<Arrival> {
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
            Arrival { user, at_us: at as u64 }
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

/// Runs the shape and reports.
///
/// # Errors
/// When the worker cannot be reached at all.
fn coupon_rush(rush: &CouponRush, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let clock = SystemClock::new();
    let seed = rush.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs());
    let arrivals = plan(rush, seed);
    print(&format!(
        "coupon-rush: {} requests of {} users for policy {}, {}, seed {seed}, {}\n",
        arrivals.len(),
        rush.users,
        rush.policy,
        rush.rate.map_or_else(
            || format!("closed loop of {}", rush.concurrency.unwrap_or(100)),
            |rate| format!("open loop at {rate}/s")
        ),
        rush.url
    ));
    open_loop::runtime()?.block_on(rush_at(rush, seed, arrivals, clock))
}

async fn rush_at(rush: &CouponRush, seed: u64, arrivals: Vec<Arrival>, clock: SystemClock) -> Result<String, Failure> {
    let client = Client::reach(&rush.url).await?;
    let total = arrivals.len() as u64;
    let bar = ProgressBar::new(total);
    let slots = Arc::new(Semaphore::new(if rush.rate.is_some() {
        open_loop::UNDER_WAY_MAX
    } else {
        rush.concurrency.unwrap_or(100).max(1)
    }));
    let path = format!("/api/coupons/issue?strategy={}", rush.strategy);
    let witness = Witness::open(rush.answers.as_deref(), &format!("rush-{seed}-{}", clock.now_ms()))?;
    let door = Arc::new(Door { client, witness, path });
    let policy: Arc<str> = rush.policy.as_str().into();
    let (start_us, start_ms) = (clock.monotonic_us(), clock.now_ms());
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let mut running = JoinSet::new();
    let mut answered = Vec::with_capacity(arrivals.len());
    for (n, arrival) in (0..).zip(arrivals) {
        while start_us + arrival.at_us > clock.monotonic_us() {
            tick.tick().await;
        }
        let slot = slots.clone().acquire_owned().await.map_err(|e| Failure::Failed(e.to_string()))?;
        // In a closed loop nothing is intended before there is room for it.
        let intended_us = if rush.rate.is_some() { start_us + arrival.at_us } else { clock.monotonic_us() };
        let (door, policy) = (door.clone(), policy.clone());
        running.spawn(async move {
            let outcome = door.ask(n, &policy, seed, arrival.user).await;
            drop(slot);
            let latency_us = clock.monotonic_us().saturating_sub(intended_us);
            let since_ms = i64::try_from(intended_us.saturating_sub(start_us) / 1000).unwrap_or(0);
            answer_of(outcome, latency_us, start_ms + since_ms)
        });
        while let Some(done) = running.try_join_next() {
            answered.extend(done);
            bar.inc(1);
        }
    }
    while let Some(done) = running.join_next().await {
        answered.extend(done);
        bar.inc(1);
    }
    let asked_us = clock.monotonic_us() - start_us;
    bar.finish_and_clear();
    read_outcomes(&door, &mut answered).await;
    door.witness.finish()?;
    Ok(report(&answered, asked_us, start_ms))
}

/// Where requests go, and who writes down what is answered.
struct Door {
    client: Client,
    witness: Witness,
    path: String,
}

impl Door {
    async fn ask(&self, n: u64, policy: &str, seed: u64, user: u64) -> Result<(u16, Said), Unanswered> {
        let (key, user_id) = (self.witness.key(n), format!("{seed}-{user}"));
        let wish = Wish { policy_id: policy, user_id: &user_id };
        let ask = async || {
            let body = serde_json::to_vec(&wish).map_err(|error| Unanswered::BrokenOff(error.to_string()))?;
            let request = self.client.post(&self.path, body, key.as_deref());
            self.hear(request, "POST", &self.path, key.as_deref(), Some(&wish)).await
        };
        let first = ask().await;
        if self.witness.asks_again(n) {
            // Only written down: of a request that comes again nothing else is of interest.
            drop(ask().await);
        }
        first
    }

    async fn outcome(&self, request_id: &str) -> Result<(u16, Said), Unanswered> {
        let path = format!("/api/coupons/requests/{request_id}?waitMs=30000");
        self.hear(self.client.get(&path), "GET", &path, None, None).await
    }

    async fn hear(
        &self,
        request: impl Future<Output = Result<client::Answered, Unanswered>>,
        method: &'static str,
        path: &str,
        key: Option<&str>,
        asked: Option<&Wish<'_>>,
    ) -> Result<(u16, Said), Unanswered> {
        let began_us = self.witness.begin();
        let heard = request.await;
        let (status, text) = heard.as_ref().map_or((0, &[][..]), |(status, body)| (*status, &**body));
        let said = self.witness.body(text);
        self.witness.note(&witness::Answered { method, path, began_us, status, key, asked, said });
        heard.map(|(status, body)| (status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

fn answer_of(outcome: Result<(u16, Said), Unanswered>, latency_us: u64, intended_ms: i64) -> Answered {
    let (kind, said) = match outcome {
        Ok((status, said)) => {
            let word = said.code.clone().or_else(|| said.status.as_str().map(str::to_owned)).unwrap_or_default();
            (format!("{status} {word}"), Some((status, said)))
        }
        Err(error) => (error.kind().to_owned(), None),
    };
    let (accepted, outcome) = match said {
        Some((202, said)) => (said.request_id, None),
        Some((200, said)) => (None, said.status.as_str().map(|status| (status.to_owned(), decided_ms(&said)))),
        _ => (None, None),
    };
    Answered { latency_us, intended_ms, kind, accepted, outcome }
}

fn decided_ms(said: &Said) -> Option<i64> {
    said.decided_at.as_deref().and_then(rfc3339::parse)
}

async fn read_outcomes(door: &Arc<Door>, answered: &mut [Answered]) {
    let bar = ProgressBar::new(answered.len() as u64);
    let slots = Arc::new(Semaphore::new(READERS));
    let mut running = JoinSet::new();
    for (i, one) in answered.iter().enumerate() {
        let Some(request_id) = &one.accepted else { continue };
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let (door, request_id) = (door.clone(), request_id.clone());
        running.spawn(async move {
            let (_, said) = door.outcome(&request_id).await.unwrap_or_default();
            drop(slot);
            (i, said)
        });
    }
    while let Some(done) = running.join_next().await {
        bar.inc(1);
        let Ok((i, said)) = done else { continue };
        if let Some(one) = answered.get_mut(i) {
            let status = said.code.clone().filter(|_| said.decided_at.is_none());
            let status =
                status.or_else(|| said.status.as_str().map(str::to_owned)).unwrap_or_else(|| "no answer".to_owned());
            one.outcome = Some((status, decided_ms(&said)));
        }
    }
    bar.finish_and_clear();
}

#[expect(clippy::cast_precision_loss, reason = "rates for display")]
fn report(answered: &[Answered], asked_us: u64, start_ms: i64) -> String {
    let mut answers = BTreeMap::<&str, u64>::new();
    let mut outcomes = BTreeMap::<&str, u64>::new();
    let mut answer_us = Latencies::default();
    let mut decision_us = Latencies::default();
    let mut last_decided_ms = start_ms;
    let mut decided = 0u64;
    for one in answered {
        *answers.entry(&one.kind).or_default() += 1;
        answer_us.note(one.latency_us);
        let Some((status, at_ms)) = &one.outcome else { continue };
        *outcomes.entry(status).or_default() += 1;
        if let Some(at_ms) = at_ms {
            decided += 1;
            last_decided_ms = last_decided_ms.max(*at_ms);
            decision_us.note(u64::try_from((at_ms - one.intended_ms).max(0)).unwrap_or(0) * 1000);
        }
    }
    let accepted = answered.iter().filter(|one| one.accepted.is_some()).count() as u64;
    let per_s = |n: u64, us: u64| format!("{:.0}", n as f64 * 1e6 / us.max(1) as f64);
    let decided_us = u64::try_from(last_decided_ms - start_ms).unwrap_or(0) * 1000;
    let count = |of: &BTreeMap<&str, u64>| {
        of.iter().map(|(kind, n)| vec![(*kind).to_owned(), n.to_string()]).collect::<Vec<_>>()
    };
    let mut out = String::new();
    let rates = [
        vec!["answered".to_owned(), answered.len().to_string(), per_s(answered.len() as u64, asked_us)],
        vec!["accepted".to_owned(), accepted.to_string(), per_s(accepted, asked_us)],
        vec!["decided".to_owned(), decided.to_string(), per_s(decided, decided_us)],
    ];
    // Writing into a String cannot fail.
    let _ = write!(out, "\n{}", table(&["WHAT", "REQUESTS", "PER SECOND"], &rates));
    let latencies = [answer_us.row("answer"), decision_us.row("decision (ms precision)")];
    let _ = write!(out, "\n{}", table(&COLUMNS, &latencies));
    let _ = write!(out, "\n{}", table(&["ANSWER", "REQUESTS"], &count(&answers)));
    let _ = write!(out, "\n{}", table(&["OUTCOME", "REQUESTS"], &count(&outcomes)));
    out
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
        let mut users: Vec<_> = arrivals.iter().map(|a| a.user).collect();
        users.sort_unstable();
        users.dedup();
        assert_eq!(users.len(), 1_000);
        assert!(arrivals.windows(2).all(|pair| pair[0].at_us <= pair[1].at_us));
        let last_us = arrivals.last().unwrap().at_us;
        assert!((1_000_000..1_450_000).contains(&last_us), "{last_us}");
        assert!(plan(&rush(None), 7).iter().all(|a| a.at_us == 0));
    }
}
