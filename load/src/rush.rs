//! Many clients that want something at once, and are told at once that they are queued or what became of it.
//!
//! The arrival times are fixed before the first request is sent, from the seed, and latency is measured from the intended time: a server that stalls
//! makes every request behind the stall late, instead of being spared them (coordinated omission). Accepted is not decided: both are counted, and each
//! accepted request is asked for its outcome.

use crate::client::{self, Client, Unanswered};
use crate::latencies::{COLUMNS, Latencies};
use crate::open_loop;
use crate::witness::{self, Witness};
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::rfc3339;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::table::table;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Outcomes asked for at the same time.
const READERS: usize = 64;

/// What the clients want.
pub(crate) trait Crowd: Send + Sync + 'static {
    /// One request.
    type Wish: Copy + Send + 'static;

    /// Path and body of its POST.
    fn request(&self, wish: Self::Wish) -> (String, Value);

    /// The path under which the outcome of an accepted request is found.
    fn status_path(&self, id: &str) -> String;
}

/// One request: what, and when after the start, in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival<W> {
    pub(crate) wish: W,
    pub(crate) at_us: u64,
}

/// How fast requests come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Open loop: requests a second.
    pub(crate) rate: Option<f64>,
    /// Closed loop: requests under way.
    pub(crate) concurrency: Option<usize>,
}

impl Pace {
    fn under_way_max(self) -> usize {
        if self.rate.is_some() { open_loop::UNDER_WAY_MAX } else { self.concurrency.unwrap_or(100).max(1) }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rate {
            None => write!(f, "closed loop of {}", self.concurrency.unwrap_or(100)),
            Some(rate) => write!(f, "open loop at {rate}/s"),
        }
    }
}

/// Of any answer, what is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    status: Value,
    code: Option<String>,
    #[serde(alias = "orderId")]
    request_id: Option<String>,
    #[serde(alias = "orderedAt")]
    decided_at: Option<String>,
}

/// What came of one request.
pub(crate) struct Answered<W> {
    pub(crate) wish: W,
    latency_us: u64,
    intended_ms: i64,
    /// Status and code, for counting.
    kind: String,
    accepted: Option<String>,
    outcome: Option<(String, Option<i64>)>,
}

impl<W> Answered<W> {
    /// The status of its outcome; none = it was refused before it was accepted, or nobody knows.
    pub(crate) fn outcome(&self) -> Option<&str> {
        self.outcome.as_ref().filter(|(_, decided_ms)| decided_ms.is_some()).map(|(status, _)| &**status)
    }

    /// Whether the worker has said that it will never be decided.
    pub(crate) fn is_refused(&self) -> bool {
        self.kind.starts_with('4')
    }
}

/// What came of all of them.
pub(crate) struct Rushed<W> {
    pub(crate) answered: Vec<Answered<W>>,
    asked_us: u64,
    start_ms: i64,
}

/// Sends the requests and asks for their outcomes.
///
/// # Errors
/// When a request could not be awaited, or `witness` not written.
pub(crate) async fn run<C: Crowd>(
    crowd: C,
    arrivals: Vec<Arrival<C::Wish>>,
    pace: Pace,
    client: Client,
    witness: Witness,
    clock: SystemClock,
) -> Result<Rushed<C::Wish>, Failure> {
    let bar = ProgressBar::new(arrivals.len() as u64);
    let slots = Arc::new(Semaphore::new(pace.under_way_max()));
    let door = Arc::new(Door { client, witness, crowd });
    let (start_us, start_ms) = (clock.monotonic_us(), clock.now_ms());
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let mut running = JoinSet::new();
    let mut answered = Vec::with_capacity(arrivals.len());
    for (n, Arrival { wish, at_us }) in (0..).zip(arrivals) {
        while start_us + at_us > clock.monotonic_us() {
            tick.tick().await;
        }
        let slot = slots.clone().acquire_owned().await.map_err(|e| Failure::Failed(e.to_string()))?;
        // In a closed loop nothing is intended before there is room for it.
        let intended_us = if pace.rate.is_some() { start_us + at_us } else { clock.monotonic_us() };
        let door = door.clone();
        running.spawn(async move {
            let outcome = door.ask(n, wish).await;
            drop(slot);
            let latency_us = clock.monotonic_us().saturating_sub(intended_us);
            let since_ms = i64::try_from(intended_us.saturating_sub(start_us) / 1000).unwrap_or(0);
            answer_of(wish, outcome, latency_us, start_ms + since_ms)
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
    Ok(Rushed { answered, asked_us, start_ms })
}

/// Where requests go, and who writes down what is answered.
struct Door<C> {
    client: Client,
    witness: Witness,
    crowd: C,
}

impl<C: Crowd> Door<C> {
    async fn ask(&self, n: u64, wish: C::Wish) -> Result<(u16, Said), Unanswered> {
        let (key, (path, body)) = (self.witness.key(n), self.crowd.request(wish));
        let ask = async || {
            let request = self.client.post(&path, body.to_string().into_bytes(), key.as_deref());
            self.hear(request, "POST", &path, key.as_deref(), Some(&body)).await
        };
        let first = ask().await;
        if self.witness.asks_again(n) {
            // Only written down: of a request that comes again nothing else is of interest.
            drop(ask().await);
        }
        first
    }

    async fn outcome(&self, id: &str) -> Result<(u16, Said), Unanswered> {
        let path = format!("{}?waitMs=30000", self.crowd.status_path(id));
        self.hear(self.client.get(&path), "GET", &path, None, None).await
    }

    async fn hear(
        &self,
        request: impl Future<Output = Result<client::Answered, Unanswered>>,
        method: &'static str,
        path: &str,
        key: Option<&str>,
        asked: Option<&Value>,
    ) -> Result<(u16, Said), Unanswered> {
        let began_us = self.witness.begin();
        let heard = request.await;
        let (status, text) = heard.as_ref().map_or((0, &[][..]), |(status, body)| (*status, &**body));
        let said = self.witness.body(text);
        self.witness.note(&witness::Answered { method, path, began_us, status, key, asked, said });
        heard.map(|(status, body)| (status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

fn answer_of<W>(wish: W, outcome: Result<(u16, Said), Unanswered>, latency_us: u64, intended_ms: i64) -> Answered<W> {
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
    Answered { wish, latency_us, intended_ms, kind, accepted, outcome }
}

fn decided_ms(said: &Said) -> Option<i64> {
    said.decided_at.as_deref().and_then(rfc3339::parse)
}

async fn read_outcomes<C: Crowd>(door: &Arc<Door<C>>, answered: &mut [Answered<C::Wish>]) {
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

impl<W> Rushed<W> {
    /// Rates, latencies, and what was answered.
    #[expect(clippy::cast_precision_loss, reason = "rates for display")]
    pub(crate) fn report(&self) -> String {
        let Self { answered, asked_us, start_ms } = self;
        let (asked_us, start_ms) = (*asked_us, *start_ms);
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
}
