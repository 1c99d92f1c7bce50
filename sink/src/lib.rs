//! An HTTP receiver for tests: the outside, as far as Holdfast calls it. It answers as it is told, and records what it got. Nothing that ships knows it.
//!
//! | module | holds |
//! |---|---|
//! | [`rule`] | what is answered |
//! | [`record`] | what was received |
//! | `server` | the routes |

pub mod record;
pub mod rule;
mod server;

use record::{Counts, Ledger, Received};
use rule::Rule;
use server::Shared;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How often the file is brought up to date.
const FLUSH: Duration = Duration::from_millis(100);

/// A sink that runs, on threads of its own, until it is dropped.
pub struct Sink {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Sink {
    /// Starts one at a free port of this machine.
    ///
    /// # Errors
    /// When the system gives no port or thread.
    pub fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), None)
    }

    /// Starts one at `address`, which appends what it gets to `file`.
    ///
    /// # Errors
    /// When it cannot listen there, or the file cannot be opened.
    pub fn start_at(address: SocketAddr, file: Option<&Path>) -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().thread_name("sink").build()?;
        let ledger = Ledger::open(file)?;
        let shared = Arc::new(Shared { rules: Default::default(), ledger, up: watch::Sender::new(true) });
        // A test may run on a runtime of its own, in which nothing may be waited for.
        let listener = {
            let _here = runtime.enter();
            server::listen(address)?
        };
        let address = listener.local_addr()?;
        runtime.spawn(server::serve(shared.clone(), listener, address));
        if file.is_some() {
            let shared = shared.clone();
            runtime.spawn(async move {
                let mut again = tokio::time::interval(FLUSH);
                loop {
                    again.tick().await;
                    if let Err(error) = shared.ledger.flush() {
                        eprintln!("sink: the file cannot be written: {error}");
                    }
                }
            });
        }
        Ok(Self { shared, address, runtime: Some(runtime) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on it answers like this.
    pub fn answer(&self, rules: Vec<Rule>) {
        *self.shared.rules.write() = rules;
    }

    /// Closes all connections and takes no other one.
    pub fn go_down(&self) {
        self.shared.up.send_replace(false);
    }

    /// Takes connections again.
    pub fn come_up(&self) {
        self.shared.up.send_replace(true);
    }

    /// What it got, oldest first; at most the first 200,000.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.ledger.received()
    }

    /// How many.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.ledger.counts()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if let Err(error) = self.shared.ledger.flush() {
            eprintln!("sink: the file cannot be written: {error}");
        }
    }
}
