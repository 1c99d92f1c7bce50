//! The wiring: one log, the stores, one stream thread, one observer, HTTP. It contains no decision.
//!
//! ```text
//!   start:  listen, answer health ─► reach the log ─► answer HTTP (not ready) ─► topics ─► join, claim, restore ─► sample data ─► the ready line
//!   stop:   not ready ─► stop accepting, answer what is under way, end calls outside ─► finish, commit, release ─► exit
//! ```
//! | module | holds |
//! |---|---|
//! | [`logs`] | opening the log that the settings name |
//! | [`descriptors`] | how many files and connections may be open, and who gets how many |
//! | [`topics`] | what the log must hold before anything runs |
//! | [`topic_watch`] | whether it still does |
//! | [`stream`] | the thread that steps |
//! | [`assistant`] | the thread that commits beside it |
//! | `effects` | the executor of effects |
//! | [`claims`] | who owns what, for a worker without that thread |
//! | [`observer`], [`watching`] | once a second: mirrored positions, lag; and the alerts that are told of it |
//! | [`narrator`] | what is committed, in the lines of the seeds |
//! | [`sample`] | the sample data |

pub mod assistant;
pub mod claims;
pub mod descriptors;
mod effects;
pub mod logs;
pub mod narrator;
pub mod observer;
mod resources;
mod run_error;
pub mod sample;
mod signals;
pub mod stream;
pub mod topic_watch;
pub mod topics;
pub mod watching;

use crate::alerts::board::AlertBoard;
use crate::alerts::breakers::BreakerBoard;
use crate::alerts::expiries::ExpiryBoard;
use crate::config::{ConfigError, Settings};
use crate::http::metrics::HttpMetrics;
use crate::http::server::{ConnectionLimit, ConnectionMetrics, Limits};
use crate::http::starting::Starting;
use crate::http::{self, Api, ApiSettings, Claims, signature};
use crate::lag::LagBoard;
pub use run_error::RunError;

use crate::effects::executor::Executor;
use crate::telemetry;
use crate::unique;
use assistant::Assistant;
use descriptors::Shares;
use holdfast_engine::inspect::{EngineMetrics, Queries, Status};
use holdfast_engine::prelude::Topology;
use holdfast_engine::runtime::{CommitConfig, Parts, StreamConfig};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_ports::membership::{Member, Owner, PeerSecret};
use holdfast_state::{RocksStores, StateConfig};
use holdfast_tools::clock::SystemClock;
use logs::OpenError;
use signals::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use topic_watch::TopicBoard;
use topics::Wanted;
use watching::Watching;

/// What this process takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Decides and answers.
    All,
    /// Answers HTTP only; decides nothing.
    Api,
    /// Decides; of HTTP it serves health, metrics, and the shop only to peers.
    Processor,
}

/// What is chosen on the command line, beside the settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// Load the sample data.
    pub sample: bool,
    /// What to run.
    pub topologies: Vec<Topology>,
    /// What to take part in.
    pub role: Role,
}

/// How long the end of the runtime may take.
const RUNTIME_STOP_MAX: Duration = Duration::from_secs(1);
/// How long requests that are under way may still take after a stop was asked for.
const HTTP_STOP_MAX: Duration = Duration::from_secs(3);
/// How long calls outside, and the decisions on their results, may still take meanwhile.
const EFFECTS_STOP_MAX: Duration = Duration::from_secs(3);
/// How long all may take: the stream thread, to finish, commit, flush and release, gets what these have left.
const STOP_MAX: Duration = Duration::from_millis(8_500);
/// How often a log that does not answer at the start is asked again.
const LOG_RETRY: Duration = Duration::from_secs(1);
/// How often it is looked whether the narrator follows what runs here.
const NARRATOR_LOOKS: u32 = 100;
/// How often it is looked whether the worker has become ready.
const READY_LOOK: Duration = Duration::from_millis(20);

/// Runs until a signal asks to stop.
///
/// # Errors
/// [`RunError`], when it could not start or could not go on.
pub fn run(settings: &Settings, options: Options) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("http")
        .build()
        .map_err(|e| RunError::failed("runtime")(&e))?;
    let outcome = runtime.block_on(serve(settings, options));
    // Waited for, because its threads may hold the log and the stores to the last, and RocksDB aborts a process that ends under it; but not for
    // long: whoever waits for us has been told 10 s.
    runtime.shutdown_timeout(RUNTIME_STOP_MAX);
    outcome
}

/// The state on the disk, being opened while the log is reached and joined.
fn open_stores(settings: &Settings, topologies: &[Topology], shares: &Shares) -> Result<Arc<RocksStores>, RunError> {
    let open_files_max = i32::try_from(shares.store_tables).unwrap_or(i32::MAX);
    let stores = RocksStores::open(StateConfig { open_files_max, ..StateConfig::new(logs::app_dir(settings)) })
        .map_err(|e| RunError::Failed(format!("DATA_DIR: {e}")))?;
    stores.open_ahead(|name| topologies.iter().find(|topology| &**topology.name() == name).map(Topology::all_stores));
    Ok(Arc::new(stores))
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

async fn serve(settings: &Settings, mut options: Options) -> Result<(), RunError> {
    if options.role == Role::Api && settings.kafka.is_none() {
        return Err(ConfigError::new(
            "kafka_brokers",
            "--role api needs a log that others can reach: set it, or use --role all",
        )
        .into());
    }
    options.topologies = settings.shown(options.topologies);
    let shares = descriptors::for_worker(settings, &options)?;
    // Listening comes first: an address that is taken is told at once, before anything is locked or joined.
    let mut listeners = Vec::new();
    for address in &settings.http_addr {
        let listener = http::server::listen(*address)
            .map_err(|e| RunError::Failed(format!("HTTP_ADDR: cannot listen on {address}: {e}")))?;
        let local = listener.local_addr().map_err(|e| RunError::failed("HTTP_ADDR")(&e))?;
        listeners.push((listener, local));
    }
    // With port 0 the address is known only now.
    let endpoint = match listeners.first() {
        Some((_, local)) if settings.http_addr.first().is_some_and(|a| a.port() == 0) => format!("http://{local}"),
        _ => settings.http_advertised.clone(),
    };

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    // One for the whole life: a signal that comes while nobody listens would be lost.
    let mut signals = Signals::listen()?;
    let (stop, stopping) = watch::channel(false);
    let registry = prometheus::Registry::new();
    let connection_metrics = ConnectionMetrics::register(&registry).map_err(|e| RunError::failed("metrics")(&e))?;
    let limits = Limits::new(count(shares.clients), count(shares.surplus));
    let limit = ConnectionLimit::new(limits, connection_metrics);
    // Served from here on: a prober that asks a bound port during an outage of the brokers must be told that this process lives.
    let starting = Starting::new(logs::kind(settings), settings.partitions, clock.clone());
    let shown = listeners.iter().map(|(_, local)| local.to_string()).collect::<Vec<_>>().join(",");
    let (mut servers, mut served) = (JoinSet::new(), Vec::new());
    for (listener, local) in listeners {
        let (routers, router) = watch::channel(http::starting::router(&starting));
        servers.spawn(http::server::serve(listener, router, limit.clone(), stopping.clone()));
        served.push((routers, local));
    }
    tracing::info!(http = shown, log = logs::kind(settings), app = settings.app_id, "listening, not yet ready");

    let stores =
        (options.role != Role::Api).then(|| open_stores(settings, &options.topologies, &shares)).transpose()?;
    resources::register(&registry, stores.as_ref()).map_err(|e| RunError::failed("metrics")(&e))?;
    let reached = tokio::select! {
        () = signals.asked_to_stop() => {
            // As below: the servers are the receivers.
            let _ = stop.send(true);
            drain(&mut servers).await;
            return Ok(());
        }
        reached = reach_log(settings, &clock, &shares, &starting) => reached,
    };
    let log = reached?;
    let (engine_metrics, http_metrics) = EngineMetrics::register(&registry)
        .and_then(|engine| Ok((engine, HttpMetrics::register(&registry)?)))
        .map_err(|e| RunError::failed("metrics")(&e))?;
    let (queries, status) = (Arc::new(Queries::default()), Status::default());
    let (lag, alert_board) = LagBoard::register(&registry)
        .and_then(|lag| Ok((lag, AlertBoard::register(&registry)?)))
        .map_err(|e| RunError::failed("metrics")(&e))?;
    http::rankings::metrics::register(&registry, queries.clone()).map_err(|e| RunError::failed("metrics")(&e))?;
    // Without a stable name each run is another worker.
    let worker = settings.worker_id.clone().unwrap_or_else(|| unique::name(&*clock));
    let appender = log.appender().map_err(|e| RunError::Failed(format!("log: {e}")))?;
    let claims = Claims::default();
    let secret = signature::draw().map_err(|e| RunError::failed("random numbers")(&e))?;
    let loaded = Arc::new(AtomicBool::new(!options.sample));
    let topic_board = TopicBoard::default();
    let api = Api::new(http::Parts {
        settings: ApiSettings {
            app: settings.app_id.clone(),
            places: settings.partitions,
            record_bytes_max: settings.record_bytes_max,
            endpoint: endpoint.clone(),
            admin_token: settings.admin_token.clone(),
            secret: secret.clone(),
            role: options.role,
            peer_connections_max: count(shares.peers),
            streams_max: count(shares.streams),
            sample: options.sample,
        },
        topologies: options.topologies.clone(),
        clock: clock.clone(),
        log: log.clone(),
        appender: appender.clone(),
        queries: queries.clone(),
        status: status.clone(),
        claims: claims.clone(),
        lag,
        alerts: alert_board.clone(),
        expiries: ExpiryBoard::default(),
        registry: registry.clone(),
        metrics: http_metrics,
        loaded: loaded.clone(),
        topics: topic_board.clone(),
        stopping: stopping.clone(),
    })
    .map_err(|e| RunError::failed("metrics")(&e))?;

    for (routers, local) in served {
        drop(routers.send_replace(http::router(api.listening_on(local))));
    }

    let (mut stream, mut executor, mut following, mut topic_watch) = (None, None, None, None);
    if let Some(stores) = stores {
        let performing =
            executor.insert(effects::start(settings, &clock, &appender, &registry, count(shares.effects))?);
        let parts = Parts {
            config: stream_config(settings, &endpoint, secret, &worker)?,
            topologies: options.topologies.clone(),
            log: log.clone(),
            stores,
            clock: clock.clone(),
            queries,
            status: status.clone(),
            metrics: engine_metrics.clone(),
            performer: performing.performer(),
            assistant: Some(Box::new(Assistant::hire().map_err(|e| RunError::failed("commit thread")(&e))?)),
        };
        let wanted = Wanted::by(settings, &options.topologies);
        topic_watch = Some(topic_watch::spawn(log.clone(), wanted.clone(), topic_board));
        stream = Some(stream::spawn(parts, wanted).map_err(|e| RunError::failed("stream thread")(&e))?);
    } else {
        let follow = claims::follow(log.clone(), &settings.app_id, settings.partitions, claims);
        following = Some(follow.map_err(|e| RunError::failed("claims thread")(&e))?);
    }
    let narrator = stream.as_ref().and_then(|_| {
        narrator::spawn(log.clone(), clock.clone(), status.clone(), api.queries.clone(), &options.topologies)
    });
    let breakers = executor.as_ref().map(|executor| BreakerBoard::of(executor.breakers())).unwrap_or_default();
    let parts = watching::Parts { worker, engine: engine_metrics, breakers, board: alert_board };
    let watching = Watching::start(settings, &api, parts).map_err(|e| RunError::failed("alerts")(&e))?;

    let ready_line = format!("stream-worker ready http={shown} log={} places={}", log.kind(), settings.partitions);
    let becoming_ready = become_ready(api.clone(), narrator.as_ref(), options.sample, loaded);
    let outcome = tokio::select! {
        outcome = until_stopped(&mut signals, &mut stream) => outcome,
        outcome = async {
            becoming_ready.await?;
            telemetry::ready(settings.log_format, &ready_line);
            std::future::pending().await
        } => outcome,
    };

    // Nothing can go wrong with the receivers gone: they are the ones who would stop.
    let _ = stop.send(true);
    tracing::info!("stopping: no new requests");
    let stopping_since_us = clock.monotonic_us();
    let wind_up = async {
        tokio::join!(drain(&mut servers), drain_effects(executor.as_ref()));
        match stream {
            Some(stream) => {
                let gone_us = clock.monotonic_us().saturating_sub(stopping_since_us);
                stream.stop(STOP_MAX.saturating_sub(Duration::from_micros(gone_us))).await
            }
            None => Ok(()),
        }
    };
    let closed = tokio::select! {
        closed = wind_up => closed,
        () = signals.asked_to_stop() => Err(RunError::Failed("asked twice to stop: stopped before everything was finished".to_owned())),
    };
    watching.stop();
    if let Some(narrator) = narrator {
        narrator.stop();
    }
    if let Some(watch) = topic_watch {
        watch.stop();
    }
    drop(executor);
    drop(following);
    drop(log);
    outcome.and(closed)?;
    tracing::info!("stopped");
    Ok(())
}

/// Waits until calls outside have ended and their results are decided: what was done is then known to have been done.
async fn drain_effects(executor: Option<&Executor>) {
    if let Some(executor) = executor
        && !executor.drain(EFFECTS_STOP_MAX).await
    {
        tracing::warn!("calls outside are cut off; those whose results are not in the log are made again");
    }
}

/// Waits until the listeners, which have been asked to stop, have answered what is under way.
async fn drain(servers: &mut JoinSet<()>) {
    let drained = tokio::time::timeout(HTTP_STOP_MAX, async { while servers.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("requests under way are cut off");
        servers.abort_all();
    }
}

/// Opens the log, for as long as it takes.
async fn reach_log(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    shares: &Shares,
    starting: &Starting,
) -> Result<Arc<dyn Log>, RunError> {
    let open_tables_max = i32::try_from(shares.log_tables).unwrap_or(i32::MAX);
    let mut again = tokio::time::interval(LOG_RETRY);
    loop {
        again.tick().await;
        let (settings, clock) = (settings.clone(), clock.clone());
        let opening = tokio::task::spawn_blocking(move || logs::open(&settings, clock, open_tables_max));
        match opening.await.map_err(|e| RunError::failed("opening the log")(&e))? {
            Ok(log) => return Ok(log),
            Err(OpenError::Retry(why)) => {
                // Once a second, for as long as an outage lasts: only what is new is worth a line.
                if starting.failed(&why) {
                    tracing::warn!(why, "log not reachable, trying again");
                }
            }
            Err(OpenError::Never(error)) => return Err(error),
        }
    }
}

/// Ends with a signal, or with the stream thread.
async fn until_stopped(signals: &mut Signals, stream: &mut Option<stream::Running>) -> Result<(), RunError> {
    match stream {
        None => signals.asked_to_stop().await,
        Some(stream) => tokio::select! {
            () = signals.asked_to_stop() => {}
            outcome = stream.ended() => return outcome,
        },
    }
    Ok(())
}

async fn become_ready(
    api: Api,
    narrator: Option<&narrator::Narrator>,
    with_sample: bool,
    loaded: Arc<AtomicBool>,
) -> Result<(), RunError> {
    let mut look = tokio::time::interval(READY_LOOK);
    while !api.every_place_runs() {
        look.tick().await;
    }
    if with_sample {
        sample::load(&api).await?;
        loaded.store(true, Ordering::Release);
    }
    // Whoever waits for the ready line sees the rest told, too; it is not worth more than a moment.
    let owns_places = !api.status.snapshot().places.is_empty();
    for _ in 0..NARRATOR_LOOKS {
        if !owns_places || narrator.is_none_or(narrator::Narrator::has_begun) {
            break;
        }
        look.tick().await;
    }
    Ok(())
}

fn stream_config(
    settings: &Settings,
    endpoint: &str,
    secret: PeerSecret,
    worker: &str,
) -> Result<StreamConfig, RunError> {
    // A successor fences a dead worker by the writer's name in its claim.
    let member =
        Member { app: settings.app_id.clone(), worker: settings.worker_id.clone(), places: settings.partitions };
    let owner = Owner::new(endpoint, format!("{}-{worker}-0", settings.app_id)).with_secret(secret);
    let commit = if settings.kafka.is_some() { CommitConfig::KAFKA } else { CommitConfig::EMBEDDED };
    let mut effect_secret = [0; 32];
    getrandom::fill(&mut effect_secret).map_err(|e| RunError::failed("random numbers")(&e))?;
    Ok(StreamConfig {
        on_lost_input: settings.on_lost_input,
        effect_secret,
        ..StreamConfig::new(member, owner, commit)
    })
}

/// The log as commands use it, without a worker.
///
/// # Errors
/// When it cannot be opened now.
pub fn open_log(settings: &Settings) -> Result<Arc<dyn Log>, RunError> {
    logs::open(settings, Arc::new(SystemClock::new()), -1).map_err(|error| match error {
        OpenError::Retry(why) => RunError::Failed(format!("log: {why}")),
        OpenError::Never(error) => error,
    })
}

/// The log as operator's verbs read it. Unlike [`open_log`], it makes nothing where nothing is.
///
/// # Errors
/// When there is none, or it cannot be opened now: the embedded log is one process's, so while a worker runs, it is the worker's.
pub fn open_log_for_reading(settings: &Settings) -> Result<Arc<dyn Log>, RunError> {
    let dir = logs::embedded_dir(settings);
    if settings.kafka.is_none() && !dir.is_dir() {
        return Err(RunError::Failed(format!("there is no log in {}", dir.display())));
    }
    open_log(settings)
}
