//! What is looked at once a second, and what operators are told of it.

use super::Role;
use super::logs;
use super::observer::{self, Observer};
use crate::alerts::board::AlertBoard;
use crate::alerts::breakers::BreakerBoard;
use crate::alerts::{self, Running, Sources};
use crate::config::Settings;
use crate::http::Api;
use crate::unconfirmed::{self, Search};
use holdfast_engine::inspect::EngineMetrics;
use std::error::Error;
use std::sync::Arc;

/// The observer, the alerts and the search for payments without a confirmation, as long as they run.
#[derive(Debug)]
pub struct Watching {
    observer: Observer,
    unconfirmed: Search,
    alerts: Running,
}

/// What they are made of, beside what the API has.
pub struct Parts {
    /// This worker's name.
    pub worker: String,
    /// What the engine counts.
    pub engine: Arc<EngineMetrics>,
    /// The breakers of channels.
    pub breakers: BreakerBoard,
    /// Where alerts are shown.
    pub board: AlertBoard,
}

impl Watching {
    /// Starts them, on threads of the runtime.
    ///
    /// # Errors
    /// When connections to receivers of alerts cannot be set up, or a metric is there already.
    pub fn start(settings: &Settings, api: &Api, parts: Parts) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let role = api.settings.role;
        let sources = Sources {
            lag: api.lag.clone(),
            engine: (role != Role::Api).then_some(parts.engine),
            log: api.log.clone(),
            breakers: parts.breakers,
            expiries: api.expiries.clone(),
        };
        let (log, clock, status) = (api.log.clone(), api.clock.clone(), api.status.clone());
        let (lag, expiries) = (api.lag.clone(), sources.expiries.clone());
        let observer = observer::spawn(log, clock, status, api.topologies.clone(), lag, expiries);
        let parts = alerts::Parts {
            settings: settings.alerts.clone(),
            app: settings.app_id.clone(),
            worker: parts.worker,
            clock: api.clock.clone(),
            sources,
            peers: Arc::new(api.clone()),
            board: parts.board,
        };
        // A replica that only answers may share its directory with one that decides.
        let kept = if role == Role::Api { "alerts-api.json" } else { "alerts.json" };
        let alerts = alerts::spawn(parts, &logs::app_dir(settings).join(kept))?;
        let (queries, status, board) = (api.queries.clone(), api.status.clone(), api.unconfirmed.clone());
        let unconfirmed = unconfirmed::spawn(queries, status, api.clock.clone(), board, &api.registry)?;
        Ok(Self { observer, unconfirmed, alerts })
    }

    /// Asks them to stop.
    pub fn stop(self) {
        self.observer.stop();
        self.unconfirmed.stop();
        self.alerts.stop();
    }
}
