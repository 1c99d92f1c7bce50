//! The executor of effects: what the stream thread tells it, and the dispatchers that it tells.
//!
//! It has a small runtime of its own, so that calls outside take turns with each other and not with requests of clients.

use super::breaker::Pauses;
use super::channel::Channel;
use super::dispatcher::{Dispatcher, Event, Surroundings};
use super::metrics::EffectMetrics;
use super::session::Session;
use holdfast_engine::inspect::QueryError;
use holdfast_engine::runtime::{Lane, Performer, TaskEffects};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Appender;
use holdfast_ports::store::TaskId;
use parking_lot::Mutex;
use prometheus::IntGaugeVec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Threads that calls run on.
const THREADS: usize = 2;
/// How often it is looked whether everything is drained, and tried to read what waits in a task.
const LOOK: Duration = Duration::from_millis(10);
const READ_AGAIN: Duration = Duration::from_secs(1);

/// What an executor is made of.
pub struct Parts {
    /// The ways out.
    pub channels: Vec<Arc<dyn Channel>>,
    /// Where results go.
    pub appender: Arc<dyn Appender>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What it counts.
    pub metrics: EffectMetrics,
    /// How long a breaker stays open.
    pub pauses: Pauses,
    /// Calls of one channel under way at one time, at most, whatever the channel would stand.
    pub in_flight_max: usize,
    /// Places of the app: rates are shared by them.
    pub places: u32,
}

/// Performs effects for one worker. Dropping it cuts off what is under way.
pub struct Executor {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("channels", &self.shared.dispatchers.keys()).finish_non_exhaustive()
    }
}

struct Shared {
    dispatchers: BTreeMap<&'static str, UnboundedSender<Event>>,
    sessions: Mutex<Sessions>,
    metrics: EffectMetrics,
    places: usize,
    on: Handle,
}

#[derive(Default)]
struct Sessions {
    by_task: BTreeMap<TaskId, Arc<Session>>,
    last_id: u64,
    /// The worker stops: whatever is opened now begins nothing.
    stopping: bool,
    unknown_channels: BTreeSet<String>,
}

impl Executor {
    /// Starts the dispatchers of all channels.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .thread_name("effects")
            .build()?;
        let Parts { channels, appender, clock, metrics, pauses, in_flight_max, places } = parts;
        let around = Arc::new(Surroundings { appender, clock, pauses, in_flight_max });
        let mut dispatchers = BTreeMap::new();
        for channel in channels {
            let name = channel.name();
            let (own, told) = unbounded_channel();
            let dispatcher = Dispatcher::new(channel, around.clone(), metrics.of(name), own.clone());
            runtime.spawn(dispatcher.run(told));
            dispatchers.insert(name, own);
        }
        let shared = Shared {
            dispatchers,
            sessions: Mutex::default(),
            metrics,
            places: usize::try_from(places).unwrap_or(usize::MAX),
            on: runtime.handle().clone(),
        };
        Ok(Self { shared: Arc::new(shared), runtime: Some(runtime) })
    }

    /// What a stream thread tells it through.
    #[must_use]
    pub fn performer(&self) -> Box<dyn Performer> {
        Box::new(Told(self.shared.clone()))
    }

    /// The gauge of breakers, by channel: 0 where one is closed.
    #[must_use]
    pub fn breakers(&self) -> IntGaugeVec {
        self.shared.metrics.breakers()
    }

    /// Begins nothing more, for no task. Returns when nothing is under way and all results are decided, or after `at_most`: false then.
    pub async fn drain(&self, at_most: Duration) -> bool {
        let sessions: Vec<_> = {
            let mut sessions = self.shared.sessions.lock();
            sessions.stopping = true;
            sessions.by_task.values().cloned().collect()
        };
        let drained = async {
            let mut look = tokio::time::interval(LOOK);
            // All of them each time: none may begin anything while another one is waited for.
            while sessions.iter().filter(|session| !session.drain()).count() > 0
                || !sessions.iter().all(|session| session.is_decided())
            {
                look.tick().await;
            }
        };
        tokio::time::timeout(at_most, drained).await.is_ok()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        for session in std::mem::take(&mut self.shared.sessions.lock().by_task).into_values() {
            session.close();
        }
        if let Some(runtime) = self.runtime.take() {
            // Waits for nobody: it may be dropped by a thread of another runtime.
            runtime.shutdown_background();
        }
    }
}

/// The stream thread's end.
struct Told(Arc<Shared>);

impl Performer for Told {
    fn open(&self, effects: TaskEffects) {
        self.0.open(effects);
    }

    fn committed(&self, task: &TaskId, lanes: &[Lane]) {
        let session = self.0.sessions.lock().by_task.get(task).cloned();
        if let Some(session) = session {
            for lane in lanes {
                self.0.added(&session, lane.clone());
            }
        }
    }

    fn drain(&self, task: &TaskId) -> bool {
        let session = self.0.sessions.lock().by_task.get(task).cloned();
        session.is_none_or(|session| session.drain())
    }

    fn close(&self, task: &TaskId) {
        self.0.close(task);
    }
}

impl Shared {
    fn open(self: &Arc<Self>, effects: TaskEffects) {
        self.close(effects.task());
        let session = {
            let mut sessions = self.sessions.lock();
            sessions.last_id += 1;
            let session = Arc::new(Session::new(sessions.last_id, effects));
            if sessions.stopping {
                session.drain();
            }
            sessions.by_task.insert(session.effects().task().clone(), session.clone());
            session
        };
        self.tell_share();
        // What waits already is looked for elsewhere: reading takes time, and the stream thread has none to give.
        let shared = self.clone();
        self.on.spawn(async move {
            let mut again = tokio::time::interval(READ_AGAIN);
            loop {
                again.tick().await;
                let reading = session.clone();
                let read = tokio::task::spawn_blocking(move || reading.effects().lanes()).await;
                match read {
                    Ok(Ok(lanes)) => return lanes.into_iter().for_each(|lane| shared.added(&session, lane)),
                    Ok(Err(QueryError::Failed(why))) => {
                        tracing::warn!(task = %session.effects().task(), why, "effects cannot be read, trying again");
                    }
                    // It has left, or the runtime ends.
                    Ok(Err(QueryError::NotHere(_))) | Err(_) => return,
                }
            }
        });
    }

    fn close(&self, task: &TaskId) {
        let Some(session) = self.sessions.lock().by_task.remove(task) else { return };
        session.close();
        for dispatcher in self.dispatchers.values() {
            // Gone only when the executor is.
            drop(dispatcher.send(Event::Closed(super::lanes::Source::id(&*session))));
        }
        self.tell_share();
    }

    /// Something may wait in `lane`.
    fn added(&self, session: &Arc<Session>, lane: Lane) {
        match self.dispatchers.get(lane.channel.as_str()) {
            Some(dispatcher) => drop(dispatcher.send(Event::Added(session.clone(), lane))),
            None => {
                self.metrics.unknown_channel(&lane.channel);
                if self.sessions.lock().unknown_channels.insert(lane.channel.clone()) {
                    let task = session.effects().task();
                    tracing::warn!(%task, channel = lane.channel, "this worker has no such channel: its effects stay pending");
                }
            }
        }
    }

    fn tell_share(&self) {
        let owned = {
            let sessions = self.sessions.lock();
            sessions.by_task.keys().map(|task| task.place).collect::<BTreeSet<_>>().len()
        };
        for dispatcher in self.dispatchers.values() {
            drop(dispatcher.send(Event::Share { owned, total: self.places }));
        }
    }
}
