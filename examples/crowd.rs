//! A scene: 500 buyers on a worker, first alone, then beside 2,000 slow and 2,500 idle connections. It shows what the crowd costs the buyers and the worker,
//! and that every request that was accepted is decided. `make soak` starts a worker and runs it.
//!
//! Arguments: the worker's URL, its process id, and how many seconds each half takes (30 unless given). Exit code 1: something did not hold.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement: its panic is its report, and it looks at the clock"
)]

use axum::body::Bytes;
use axum::http::{Method, Request, header};
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, interval_at, timeout};

const BUYERS: u64 = 500;
const SLOW: u64 = 2_000;
const IDLE: u64 = 2_500;
/// What a buyer does between two requests takes so long.
const THOUGHT: Duration = Duration::from_millis(500);
/// A slow client sends a byte as often as this.
const DRIP: Duration = Duration::from_secs(1);
const RSS_MAX_MB: u64 = 300;
/// So many unanswered probes in a row and an orchestrator restarts the worker.
const MISSES_MAX: u64 = 3;

#[derive(Clone)]
struct Scene {
    address: Arc<str>,
    policy: Arc<str>,
    done: Arc<AtomicBool>,
    users: Arc<AtomicU64>,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    latency_us: Histogram<u64>,
    answers: BTreeMap<String, u64>,
    accepted: Vec<String>,
}

impl Seen {
    fn new() -> Self {
        Self {
            latency_us: Histogram::new_with_bounds(1, 60_000_000, 3).unwrap(),
            answers: BTreeMap::new(),
            accepted: Vec::new(),
        }
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        Duration::from_micros(self.latency_us.value_at_quantile(quantile)).as_secs_f64() * 1e3
    }
}

/// One connection, opened again when it is closed.
struct Client {
    address: Arc<str>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    async fn ask(&mut self, method: Method, path: &str, body: String) -> Result<(u16, Bytes), String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &*self.address)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        let answer =
            timeout(Duration::from_secs(30), self.exchange(request)).await.unwrap_or(Err("no answer".to_owned()));
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), String> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(&*self.address).await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let (sender, connection) =
                http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let connection = self.connection.as_mut().ok_or("no connection")?;
        connection.ready().await.map_err(|error| error.to_string())?;
        let answer = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes()))
    }
}

impl Scene {
    fn client(&self) -> Client {
        Client { address: self.address.clone(), connection: None }
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    async fn buyer(self, nth: u64) {
        let mut client = self.client();
        let mut thought = interval(THOUGHT);
        thought.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Not all at once.
        let _ = timeout(
            THOUGHT * u32::try_from(nth).unwrap() / u32::try_from(BUYERS).unwrap(),
            std::future::pending::<()>(),
        )
        .await;
        while !self.is_done() {
            thought.tick().await;
            let user = self.users.fetch_add(1, Ordering::Relaxed);
            let body = format!("{{\"policyId\":\"{}\",\"userId\":\"u{user}\"}}", self.policy);
            let begun = Instant::now();
            let answer = client.ask(Method::POST, "/api/coupons/issue", body).await;
            let took = u64::try_from(begun.elapsed().as_micros()).unwrap();
            let mut seen = self.seen.lock();
            let kind = match answer {
                Ok((202, body)) => {
                    seen.latency_us.saturating_record(took);
                    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    seen.accepted.push(told["requestId"].as_str().unwrap().to_owned());
                    "202".to_owned()
                }
                Ok((status, _)) => status.to_string(),
                Err(why) => why,
            };
            *seen.answers.entry(kind).or_default() += 1;
        }
    }

    /// Sends a request byte by byte, and begins again when it is cut off.
    async fn slow(self, nth: u64) {
        let head = "POST /api/coupons/issue HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n";
        // Half of them are slow with the head, half with the body.
        let at_once = if nth.is_multiple_of(2) { 0 } else { head.len() };
        let bytes = format!("{head}{}", " ".repeat(900));
        let mut drip = spread(nth, SLOW);
        drip.tick().await;
        while !self.is_done() {
            let Ok(stream) = TcpStream::connect(&*self.address).await else {
                drip.tick().await;
                continue;
            };
            let mut sent = 0;
            while !self.is_done() && sent < bytes.len() {
                let end = at_once.max(sent + 1);
                match stream.try_write(&bytes.as_bytes()[sent..end]) {
                    Ok(n) => sent += n,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
                drip.tick().await;
                let mut answer = [0; 512];
                // An answer, or the end: the worker has lost patience.
                if !matches!(stream.try_read(&mut answer), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
                {
                    break;
                }
            }
        }
    }

    /// Keeps a connection that it uses once.
    async fn idle(self, nth: u64) {
        let mut look = spread(nth, IDLE);
        look.tick().await;
        let mut client = self.client();
        while !self.is_done() {
            if client.connection.as_ref().is_none_or(SendRequest::is_closed) {
                let _ = client.ask(Method::GET, "/health/live", String::new()).await;
            }
            look.tick().await;
        }
    }

    /// Asks again and again, each time on a new connection, whether the worker lives. How often it said so within a second, how often not, and how often not in
    /// a row.
    async fn probe(self) -> (u64, u64, u64) {
        let (mut lived, mut not, mut in_a_row, mut row_max) = (0_u64, 0_u64, 0_u64, 0_u64);
        let mut look = interval(Duration::from_millis(200));
        while !self.is_done() {
            look.tick().await;
            let alive =
                timeout(Duration::from_secs(1), self.client().ask(Method::GET, "/health/live", String::new())).await;
            if matches!(alive, Ok(Ok((200, _)))) {
                (lived, in_a_row) = (lived + 1, 0);
            } else {
                (not, in_a_row) = (not + 1, in_a_row + 1);
            }
            row_max = row_max.max(in_a_row);
        }
        (lived, not, row_max)
    }

    /// How many of the accepted requests have no outcome.
    async fn undecided(&self, accepted: Vec<String>) -> usize {
        let (rest, mut workers) = (Arc::new(Mutex::new(accepted)), JoinSet::new());
        for _ in 0..64 {
            let (scene, rest) = (self.clone(), rest.clone());
            workers.spawn(async move {
                let (mut client, mut missing) = (scene.client(), 0);
                loop {
                    let Some(id) = rest.lock().pop() else { return missing };
                    let path = format!("/api/coupons/requests/{id}?waitMs=10000");
                    let told = client.ask(Method::GET, &path, String::new()).await;
                    let told = told.ok().and_then(|(_, body)| serde_json::from_slice::<serde_json::Value>(&body).ok());
                    missing += usize::from(told.is_none_or(|told| told["status"] != "SUCCESS"));
                }
            });
        }
        workers.join_all().await.into_iter().sum()
    }
}

/// A tick every [`DRIP`], client `nth` of `many` at a moment of its own: in step they would keep this one thread busy once a second, and it measures.
fn spread(nth: u64, many: u64) -> Interval {
    let own = DRIP.mul_f64(nth as f64 / many as f64);
    interval_at(tokio::time::Instant::now() + own, DRIP)
}

fn rss_mb(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The buyers, beside a crowd or alone. What they have seen, the largest memory of the worker, and the probes.
async fn half(scene: &Scene, pid: &str, crowded: bool, seconds: u64) -> (Seen, u64, (u64, u64, u64)) {
    scene.done.store(false, Ordering::Relaxed);
    let mut crowd = JoinSet::new();
    if crowded {
        for nth in 0..SLOW {
            crowd.spawn(scene.clone().slow(nth));
        }
        for nth in 0..IDLE {
            crowd.spawn(scene.clone().idle(nth));
        }
    }
    let mut buyers = JoinSet::new();
    for nth in 0..BUYERS {
        buyers.spawn(scene.clone().buyer(nth));
    }
    let probe = tokio::spawn(scene.clone().probe());
    let (mut second, mut rss) = (interval(Duration::from_millis(250)), 0);
    for tick in 0..=seconds * 4 {
        second.tick().await;
        rss = rss.max(rss_mb(pid));
        if tick == 8 {
            // The first two seconds are for everybody to come.
            let mut seen = scene.seen.lock();
            *seen = Seen { accepted: std::mem::take(&mut seen.accepted), ..Seen::new() };
        }
    }
    scene.done.store(true, Ordering::Relaxed);
    buyers.join_all().await;
    let probes = probe.await.unwrap();
    crowd.join_all().await;
    (std::mem::replace(&mut *scene.seen.lock(), Seen::new()), rss, probes)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, pid, seconds @ ..] = &arguments[..] else {
        eprintln!("crowd URL PID [SECONDS]");
        return ExitCode::from(2);
    };
    let seconds = seconds.first().map_or(30, |seconds| seconds.parse().unwrap());
    let scene = Scene {
        address: url.trim_start_matches("http://").into(),
        policy: format!("soak-{}", std::process::id()).into(),
        done: Arc::default(),
        users: Arc::default(),
        seen: Arc::new(Mutex::new(Seen::new())),
    };
    let policy = format!("{{\"policyId\":\"{}\",\"title\":\"soak\",\"totalQuantity\":100000000}}", scene.policy);
    let made = scene.client().ask(Method::POST, "/api/coupons/policies", policy).await;
    assert!(matches!(made, Ok((201 | 202, _))), "{url}: {made:?}");

    let mut p99 = Vec::new();
    let (mut accepted, mut holds) = (Vec::new(), true);
    for crowded in [false, true] {
        let (seen, rss, (lived, not, in_a_row)) = half(&scene, pid, crowded, seconds).await;
        println!(
            "{}: {} accepted, p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms; answers {:?}; memory {rss} MB; /health/live answered {lived} of {}",
            if crowded { "beside the crowd" } else { "alone" },
            seen.latency_us.len(),
            seen.quantile_ms(0.5),
            seen.quantile_ms(0.99),
            seen.quantile_ms(1.0),
            seen.answers,
            lived + not,
        );
        holds &= in_a_row < MISSES_MAX && rss <= RSS_MAX_MB;
        p99.push(seen.quantile_ms(0.99));
        accepted.extend(seen.accepted);
    }
    let all = accepted.len();
    let undecided = scene.undecided(accepted).await;
    let ratio = p99[1] / p99[0];
    println!(
        "{undecided} of {all} accepted requests have no outcome; p99 beside the crowd is {ratio:.2} times that alone"
    );
    holds &= undecided == 0 && ratio <= 2.0;
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
