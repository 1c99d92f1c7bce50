//! `load waiting-streams`: a crowd in a waiting room that does not ask where it stands, but listens.
//!
//! Makes a room of its own, joins, opens a stream for each ticket, and reads them: no place may fall back, and no stream may end before its ticket.

use super::books::Books;
use super::room::{self, TOKEN};
use crate::access::Access;
use crate::client::Client;
use crate::latencies::{COLUMNS, Latencies};
use crate::open_loop;
use crate::shape::Shape;
use crate::target::{Said, Target};
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::table::table;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

/// Requests under way while the crowd joins and its streams are opened.
const UNDER_WAY_MAX: usize = 200;

/// A crowd listens where it stands; exit code 1 when a place falls back or a stream breaks.
#[derive(Debug, Clone, Args)]
pub(crate) struct WaitingStreams {
    /// Streams, each of a user of its own
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    streams: u64,
    /// How long all of them are listened to, in s
    #[arg(long, default_value_t = 60)]
    for_s: u64,
    /// Tickets that may be active at a time
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    max_active: u64,
    /// Tickets that are let in a second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    admit_per_second: u64,
    /// The worker; its admin routes have to be open to us
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
}

/// What was heard on a stream.
enum Heard {
    Stands {
        user: usize,
        position: Option<u64>,
        is_over: bool,
    },
    /// It has ended, and nobody has asked for that.
    Broken,
}

/// What one line of an event says of where a ticket stands.
fn stands(user: usize, line: &str) -> Option<Heard> {
    let said: Value = serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()?;
    let is_over = said["status"] == "ENDED";
    Some(Heard::Stands { user, position: said["queuePosition"].as_u64(), is_over })
}

/// Reads a stream until its end, or until `stop`.
async fn listen(user: usize, mut stream: Incoming, tell: mpsc::Sender<Heard>, mut stop: watch::Receiver<bool>) {
    let (mut text, mut is_over) = (String::new(), false);
    loop {
        let frame = tokio::select! {
            frame = stream.frame() => frame,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Some(Ok(frame)) = frame else { break };
        text.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap_or_default()));
        while let Some(end) = text.find('\n') {
            let line: String = text.drain(..=end).collect();
            if let Some(heard) = stands(user, line.trim_end()) {
                is_over |= matches!(heard, Heard::Stands { is_over: true, .. });
                // The other end counts; without it nobody wants to know.
                let _ = tell.send(heard).await;
            }
        }
    }
    if !is_over {
        let _ = tell.send(Heard::Broken).await;
    }
}

/// Does `ask` for each user, some at a time.
async fn each<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    users: usize,
    ask: impl Fn(usize) -> F,
) -> Result<Vec<(usize, T)>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let (slots, mut asking) = (Arc::new(Semaphore::new(UNDER_WAY_MAX)), JoinSet::new());
    let mut all = Vec::with_capacity(users);
    for user in 0..users {
        let slot = slots.clone().acquire_owned().await.map_err(|error| failed(&error))?;
        let ask = ask(user);
        asking.spawn(async move {
            let answer = ask.await;
            drop(slot);
            (user, answer)
        });
        while let Some(done) = asking.try_join_next() {
            all.push(done.map_err(|error| failed(&error))?);
        }
    }
    while let Some(done) = asking.join_next().await {
        all.push(done.map_err(|error| failed(&error))?);
    }
    Ok(all)
}

impl Shape for WaitingStreams {
    fn needs_log(&self) -> bool {
        false
    }

    fn run(&self, _: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        waiting_streams(self, print)
    }
}

/// Runs the shape, reports, and checks.
///
/// # Errors
/// When the worker cannot be reached or refuses a ticket or a stream, and when what was heard cannot be true.
fn waiting_streams(shape: &WaitingStreams, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let clock = SystemClock::new();
    let users = usize::try_from(shape.streams).unwrap_or(usize::MAX);
    print(&format!("waiting-streams: {} streams for {} s, {}\n", shape.streams, shape.for_s, shape.url));
    open_loop::runtime()?.block_on(async {
        let target = Target::reach(&shape.url).await?;
        let client = Arc::new(Client::reach(&shape.url).await?);
        let queue_id = format!("streams-{}", clock.now_ms());
        room::create(&target, &queue_id, shape.max_active, shape.admit_per_second).await?;
        let mut books = Books::new(users);
        let joined = each(users, |user| {
            let (target, queue_id) = (target.clone(), queue_id.clone());
            async move {
                let user_id = format!("{queue_id}-user-{user}");
                target.post(TOKEN, &json!({"userId": user_id, "queueId": queue_id})).await
            }
        });
        for (user, Said { status, kind, body }) in joined.await? {
            let token = body["token"].as_str().filter(|_| status == 201);
            let token = token.ok_or_else(|| Failure::Failed(format!("user {user} got no ticket: {kind}")))?;
            books.was_given(user, token);
        }
        let opening_us = clock.monotonic_us();
        let tokens: Vec<Option<Arc<str>>> =
            (0..users).map(|user| books.of(user).and_then(|known| known.token.clone())).collect();
        let opened = each(users, |user| {
            let (client, token) = (client.clone(), tokens.get(user).cloned().flatten());
            async move { client.listen_as("/api/queue/stream", &token.unwrap_or_default()).await }
        });
        let (tell, told) = mpsc::channel(UNDER_WAY_MAX);
        let (stop, stopping) = watch::channel(false);
        let mut listening = JoinSet::new();
        for (user, stream) in opened.await? {
            match stream {
                Ok((200, stream)) => drop(listening.spawn(listen(user, stream, tell.clone(), stopping.clone()))),
                other => return Err(Failure::Failed(format!("stream of user {user} refused: {other:?}"))),
            }
        }
        let opened_us = clock.monotonic_us();
        print(&format!("{users} streams opened in {:.2} s\n", seconds(opened_us - opening_us)));
        let heard = hear(&clock, Duration::from_secs(shape.for_s), told, &mut books).await;
        // Receivers are the listeners: without any there is nobody to stop.
        let _ = stop.send(true);
        print(&heard.report(seconds(clock.monotonic_us() - opened_us)));
        let shown = room::shown(&target, &queue_id).await;
        let mut breaches = books.breaches(room::tickets(&shown), 0);
        breaches.extend((heard.broken > 0).then(|| format!("{} streams broke", heard.broken)));
        if breaches.is_empty() {
            return Ok("\nNo place has fallen back, and no stream has ended before its ticket.\n".to_owned());
        }
        Err(Failure::Failed(format!("waiting-streams: {}", breaches.join("; "))))
    })
}

#[expect(clippy::cast_precision_loss, reason = "times for display")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// What was heard on all streams.
#[derive(Default)]
struct Events {
    events: u64,
    ended: u64,
    broken: u64,
    /// Between two events on any stream: how the work is spread.
    pauses: Latencies,
}

async fn hear(clock: &SystemClock, at_most: Duration, mut told: mpsc::Receiver<Heard>, books: &mut Books) -> Events {
    let (mut events, mut last_us) = (Events::default(), clock.monotonic_us());
    let listening = async {
        while let Some(heard) = told.recv().await {
            match heard {
                Heard::Stands { user, position, is_over } => {
                    let now_us = clock.monotonic_us();
                    events.pauses.note(now_us - std::mem::replace(&mut last_us, now_us));
                    events.events += 1;
                    events.ended += u64::from(is_over);
                    books.stands(user, position, is_over);
                }
                Heard::Broken => events.broken += 1,
            }
        }
    };
    // The end of the time is the usual end.
    let _ = tokio::time::timeout(at_most, listening).await;
    events
}

impl Events {
    #[expect(clippy::cast_precision_loss, reason = "rates for display")]
    fn report(&self, took_s: f64) -> String {
        let Self { events, ended, broken, pauses } = self;
        let mut out = format!(
            "\n{events} events in {took_s:.1} s, {:.0} a second; {ended} tickets ended, {broken} streams broke\n",
            *events as f64 / took_s.max(0.001)
        );
        // Writing into a String cannot fail.
        let _ = write!(out, "\n{}", table(&COLUMNS, &[pauses.row("between two events")]));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_the_rest_is_not() {
        let Some(Heard::Stands { user, position, is_over }) =
            stands(7, r#"data: {"queuePosition":3,"estimatedWaitTime":1,"status":"WAITING"}"#)
        else {
            panic!()
        };
        assert_eq!((user, position, is_over), (7, Some(3), false));
        for other in [":", "", "retry: 1000", "id: ended", "data: x"] {
            assert!(stands(7, other).is_none(), "{other}");
        }
    }
}
