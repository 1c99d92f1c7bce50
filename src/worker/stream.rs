//! The thread that steps. Everything the engine does happens here; when it ends, the process ends.

use super::RunError;
use super::topics::Wanted;
use holdfast_engine::runtime::{Next, NotJoined, Parts, StreamThread};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Log, LogError};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often a log that cannot be reached is tried again at the start.
const RETRY: Duration = Duration::from_secs(1);

/// A stream thread that has been started.
#[derive(Debug)]
pub struct Running {
    stop: mpsc::Sender<()>,
    ended: Option<oneshot::Receiver<Result<(), RunError>>>,
}

impl Running {
    /// Waits until the thread has ended by itself: always an error.
    ///
    /// # Errors
    /// Why it has ended.
    pub async fn ended(&mut self) -> Result<(), RunError> {
        let Some(ended) = &mut self.ended else { return Ok(()) };
        let outcome =
            ended.await.unwrap_or_else(|_| Err(RunError::Failed("the stream thread has panicked".to_owned())));
        self.ended = None;
        outcome.and_then(|()| Err(RunError::Failed("the stream thread has ended".to_owned())))
    }

    /// Asks it to finish, commit and release, and waits for it.
    ///
    /// # Errors
    /// When it could not, or not in time.
    pub async fn stop(mut self, at_most: Duration) -> Result<(), RunError> {
        let Some(ended) = self.ended.take() else { return Ok(()) };
        // It may have ended just now.
        let _ = self.stop.send(());
        match tokio::time::timeout(at_most, ended).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(RunError::Failed("the stream thread has panicked".to_owned())),
            Err(_) => Err(RunError::Failed(format!("the stream thread did not finish within {} s", at_most.as_secs()))),
        }
    }
}

/// Starts the thread.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn(parts: Parts, wanted: Wanted) -> std::io::Result<Running> {
    let (stop, stopped) = mpsc::channel();
    let (end, ended) = oneshot::channel();
    thread::Builder::new().name("stream".to_owned()).spawn(move || {
        // A panic drops `end`: whoever waits sees it.
        let outcome = run(parts, &wanted, &stopped);
        if let Err(error) = &outcome {
            tracing::error!(%error, "stream thread ended");
        }
        let _ = end.send(outcome);
    })?;
    Ok(Running { stop, ended: Some(ended) })
}

fn run(parts: Parts, wanted: &Wanted, stopped: &mpsc::Receiver<()>) -> Result<(), RunError> {
    if !reach(&*parts.log, wanted, stopped)? {
        return Ok(());
    }
    announce(&parts);
    let clock: Arc<dyn Clock> = parts.clock.clone();
    let Some(mut stream) = join(parts, stopped)? else { return Ok(()) };
    let mut stops = false;
    loop {
        stops = stops || stopped.try_recv().is_ok();
        // Effects that are under way get the time to end and their results to be decided.
        if stops && stream.drain() {
            break;
        }
        match stream.step(clock.now_ms()).map_err(|e| RunError::Failed(e.to_string()))? {
            Next::Now => {}
            Next::Wait(at_most) => stream.wait(at_most),
        }
    }
    stream.close().map_err(|e| RunError::Failed(format!("not finished: {e}")))
}

/// Waits until the log can be reached and holds every topic. False when asked to stop before.
fn reach(log: &dyn Log, wanted: &Wanted, stopped: &mpsc::Receiver<()>) -> Result<bool, RunError> {
    loop {
        match wanted.prepare(log) {
            Ok(verdict) => return verdict.map(|()| true),
            Err(LogError::Retry(why)) => tracing::warn!(why, "log not reachable, trying again"),
            Err(error) => return Err(RunError::Failed(format!("topics: {error}"))),
        }
        if stops_meanwhile(stopped) {
            return Ok(false);
        }
    }
}

/// Joins as soon as the log lets it. `None` when asked to stop before.
fn join(mut parts: Parts, stopped: &mpsc::Receiver<()>) -> Result<Option<StreamThread>, RunError> {
    loop {
        match StreamThread::join(parts) {
            Ok(stream) => return Ok(Some(stream)),
            Err(NotJoined { error: LogError::Retry(why), parts: again }) => {
                tracing::warn!(why, "log not joined, trying again");
                parts = *again;
            }
            Err(refused) => return Err(RunError::Failed(refused.to_string())),
        }
        if stops_meanwhile(stopped) {
            return Ok(None);
        }
    }
}

/// Lets [`RETRY`] pass. True when asked to stop, or when nobody is left to ask.
fn stops_meanwhile(stopped: &mpsc::Receiver<()>) -> bool {
    !matches!(stopped.recv_timeout(RETRY), Err(RecvTimeoutError::Timeout))
}

/// The lines that operators of the seeds know.
fn announce(parts: &Parts) {
    tracing::info!(log = parts.log.kind(), "Kafka Producer connected successfully");
    for topology in &parts.topologies {
        tracing::info!(topology = %topology.name(), "Kafka Consumer connected (group: {})", topology.group());
        for source in topology.sources() {
            tracing::info!(topology = %topology.name(), "Subscribed to topic: {source}");
        }
    }
}
