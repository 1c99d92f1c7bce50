//! Alerts: operators are told when decisions lag, when the outside or the log is away, and when something happens that must not. Once each, and cleared
//! afterwards.
//!
//! ```text
//!   observer, engine, log, breakers ─► rules ─► book (a phase for each alert) ─► receivers: webhook, Slack
//!                                                 ▲ which alerts peers tell       └► /api/alerts, /metrics, log lines
//! ```
//! | module | holds |
//! |---|---|
//! | [`rules`] | what is looked at: a file and a line in the list each |
//! | [`phase`], [`book`] | the life of one alert, as a state machine; all alerts of this worker |
//! | [`notice`], [`outgoing`], [`receivers`] | what is told; what waits for a receiver; sending it |
//! | [`kept`] | what a restart must not forget |
//! | [`peers`], [`watch`] | what other workers tell; whose places are watched beside their owner |
//! | [`board`], [`breakers`], [`expiries`] | what is shown; breakers of channels; facts that holds have ended |
//!
//! All of it runs on a thread of its own: neither a crowd of requests nor a backlog of users' messages holds an alert up.

pub mod board;
pub mod book;
pub mod breakers;
pub mod expiries;
pub mod kept;
pub mod notice;
pub mod outgoing;
pub mod peers;
pub mod phase;
mod receivers;
mod rules;
pub mod watch;

use crate::config::AlertSettings;
use crate::lag::LagBoard;
use board::AlertBoard;
use book::{Book, Now};
use breakers::BreakerBoard;
use expiries::ExpiryBoard;
use holdfast_engine::inspect::EngineMetrics;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use kept::{Kept, KeptFile};
use notice::{Notice, State};
use parking_lot::Mutex;
use peers::{Duties, Peers};
use receivers::Receiver;
use rules::Rule;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// How often the rules look. They read what others measure, at their own pace.
const EVERY: Duration = Duration::from_millis(250);

/// What the rules read.
#[derive(Clone)]
pub struct Sources {
    /// The lag, as the observer has seen it.
    pub lag: LagBoard,
    /// What the engine counts; none in a worker that decides nothing.
    pub engine: Option<Arc<EngineMetrics>>,
    /// The log, for its health.
    pub log: Arc<dyn Log>,
    /// The breakers of channels.
    pub breakers: BreakerBoard,
    /// How holds have ended.
    pub expiries: ExpiryBoard,
}

/// What alerts are made of.
pub struct Parts {
    /// Their settings.
    pub settings: AlertSettings,
    /// The app.
    pub app: String,
    /// This worker's name.
    pub worker: String,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What the rules read.
    pub sources: Sources,
    /// The other workers.
    pub peers: Arc<dyn Peers>,
    /// Where it is shown.
    pub board: AlertBoard,
}

/// The alerts, as long as they run.
#[derive(Debug)]
pub struct Running {
    stop: oneshot::Sender<()>,
}

impl Running {
    /// Asks them to stop. What receivers have not taken is kept, and sent after the next start.
    pub fn stop(self) {
        // They may have ended already.
        let _ = self.stop.send(());
    }
}

/// Starts them on a thread of the runtime, which its shutdown waits for. What a restart must not forget is kept in `file`.
///
/// # Errors
/// When connections cannot be set up.
pub fn spawn(parts: Parts, file: &Path) -> Result<Running, reqwest::Error> {
    let (client, file) = (receivers::client()?, KeptFile::at(file));
    let (stop, stopped) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(run(parts, client, &file, stopped)),
            Err(error) => tracing::error!(%error, "no alert is told: the system gives no runtime"),
        }
    });
    Ok(Running { stop })
}

async fn run(parts: Parts, client: reqwest::Client, file: &KeptFile, mut stopped: oneshot::Receiver<()>) {
    let Kept { firing, outgoing } = file.read();
    let receivers = receivers::of(&parts.settings, outgoing);
    // Dropped at the end, and everything under way with it.
    let mut tasks = JoinSet::new();
    for receiver in &receivers {
        tasks.spawn(receiver.clone().deliver(client.clone(), parts.clock.clone(), parts.board.clone()));
    }
    let duties = Arc::new(Mutex::new(Duties::default()));
    tasks.spawn(peers::follow(parts.peers.clone(), duties.clone()));
    let mut desk = Desk::new(parts, firing, receivers, duties);
    let mut kept = Kept::default();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_over = tokio::select! {
            _ = tick.tick() => false,
            _ = &mut stopped => true,
        };
        if !is_over {
            desk.turn();
        }
        let now = desk.kept();
        if now != kept {
            match file.write(&now) {
                Ok(()) => kept = now,
                Err(error) => tracing::warn!(%error, "alerts cannot be kept for the next start"),
            }
        }
        if is_over {
            return;
        }
    }
}

/// Rules on one side, receivers on the other.
struct Desk {
    clock: Arc<dyn Clock>,
    lag: LagBoard,
    rules: Vec<Box<dyn Rule>>,
    book: Book,
    board: AlertBoard,
    receivers: Vec<Arc<Receiver>>,
    duties: Arc<Mutex<Duties>>,
}

impl Desk {
    fn new(parts: Parts, firing: Vec<Notice>, receivers: Vec<Arc<Receiver>>, duties: Arc<Mutex<Duties>>) -> Self {
        let Parts { settings, app, worker, clock, sources, board, .. } = parts;
        let rules = rules::all(&settings, &worker, &sources);
        let book = Book::new(&app, &worker, firing, now(&*clock));
        Self { clock, lag: sources.lag, rules, book, board, receivers, duties }
    }

    /// Looks once.
    fn turn(&mut self) {
        let (mut places, elsewhere) = {
            let duties = self.duties.lock();
            (duties.places.clone(), duties.elsewhere.clone())
        };
        for rule in &mut self.rules {
            let now = now(&*self.clock);
            let Some(look) = rule.look(now) else { continue };
            for notice in self.book.take_in(look, now, &elsewhere) {
                tell(&notice, &self.receivers);
            }
        }
        // The worker that has told of a lag tells of its end, wherever the place has gone meanwhile.
        places.extend(self.told_places());
        self.lag.watch(places);
        self.board.show(&self.book);
    }

    /// Places whose lag this worker has told of.
    fn told_places(&self) -> BTreeSet<u32> {
        let lags = self.book.firing().filter(|notice| notice.identity.alert == rules::LAG);
        lags.filter_map(|notice| notice.identity.labels.get("place")?.parse().ok()).collect()
    }

    /// What the next start has to know.
    fn kept(&self) -> Kept {
        let waiting = self.receivers.iter().map(|receiver| (receiver.name.to_owned(), receiver.waiting()));
        Kept {
            firing: self.book.firing().cloned().collect(),
            outgoing: waiting.filter(|(_, o)| !o.is_empty()).collect(),
        }
    }
}

fn now(clock: &dyn Clock) -> Now {
    Now { ms: clock.now_ms(), us: clock.monotonic_us() }
}

fn tell(notice: &Notice, receivers: &[Arc<Receiver>]) {
    let line = notice.line();
    match notice.state {
        State::Firing => tracing::warn!("{line}"),
        State::Resolved => tracing::info!("{line}"),
    }
    for receiver in receivers {
        receiver.tell(notice);
    }
}
