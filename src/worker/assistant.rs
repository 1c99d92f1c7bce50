//! The thread beside the stream thread: it carries commits out while that decides on.

use holdfast_engine::runtime::{self, Commit, Outcome};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{io, thread};

/// The way to the thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Assistant {
    commits: mpsc::Sender<Commit>,
    outcomes: mpsc::Receiver<Outcome>,
}

impl Assistant {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn hire() -> io::Result<Self> {
        let (commits, orders) = mpsc::channel::<Commit>();
        let (done, outcomes) = mpsc::channel();
        thread::Builder::new().name("commit".to_owned()).spawn(move || {
            for commit in orders {
                if done.send(commit.carry_out()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { commits, outcomes })
    }
}

impl runtime::Assistant for Assistant {
    fn take(&mut self, commit: Commit) {
        // Should nobody be there any more, whoever asks for the outcome hears of it.
        let _ = self.commits.send(commit);
    }

    fn outcome(&mut self, at_most: Duration) -> Option<Outcome> {
        match self.outcomes.recv_timeout(at_most) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Outcome::lost("the commit thread has panicked")),
        }
    }
}
