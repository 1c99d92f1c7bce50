//! Every ten seconds: whether the topics are still as decisions need them. A topic that is altered beside a running worker makes that worker not ready.

use super::topics::Wanted;
use holdfast_ports::log::{Log, LogError};
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(10);

/// What was found wrong at the last look: written by the watch, read by `/health/ready`.
#[derive(Debug, Clone, Default)]
pub struct TopicBoard(Arc<RwLock<Vec<String>>>);

impl TopicBoard {
    /// A sentence for each thing that is wrong with a topic now.
    #[must_use]
    pub fn hindrances(&self) -> Vec<String> {
        self.0.read().clone()
    }

    fn show(&self, found: Vec<String>) {
        let before = std::mem::replace(&mut *self.0.write(), found.clone());
        for line in found.iter().filter(|line| !before.contains(line)) {
            tracing::error!(why = line, "a topic is not as this worker needs it: not ready");
        }
        if found.is_empty() && !before.is_empty() {
            tracing::info!("the topics are as they should be again");
        }
    }
}

/// The watch, as long as it runs.
#[derive(Debug)]
pub struct TopicWatch {
    stop: mpsc::Sender<()>,
}

impl TopicWatch {
    /// Asks it to stop.
    pub fn stop(&self) {
        // It may be gone already.
        let _ = self.stop.send(());
    }
}

/// Starts it, on a thread of its own: it waits for brokers. The runtime's shutdown waits for that thread, since it holds the log.
#[must_use]
pub fn spawn(log: Arc<dyn Log>, wanted: Wanted, board: TopicBoard) -> TopicWatch {
    let (stop, stopped) = mpsc::channel();
    tokio::task::spawn_blocking(move || {
        while matches!(stopped.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout)) {
            if let Err(error) = look(&*log, &wanted, &board) {
                // What was seen last still stands.
                tracing::debug!(%error, "settings of topics not seen");
            }
        }
    });
    TopicWatch { stop }
}

fn look(log: &dyn Log, wanted: &Wanted, board: &TopicBoard) -> Result<(), LogError> {
    board.show(wanted.hindrances(&log.check_topics(&wanted.specs)?));
    Ok(())
}
