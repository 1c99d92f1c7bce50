//! How many connections there may be. Each takes a file descriptor, and what the log, the stores and the peers need is not the crowd's to take.

use super::activity::{Late, Timeouts};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bounds of what clients may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections that are served.
    pub connections: usize,
    /// Connections beyond them, which hear that there are too many.
    pub surplus: usize,
    /// How long clients may take while there is room.
    pub usual: Timeouts,
    /// How long while most connections are taken.
    pub crowded: Timeouts,
}

impl Limits {
    /// This many connections.
    #[must_use]
    pub fn new(connections: usize, surplus: usize) -> Self {
        Self { connections, surplus, usual: Timeouts::USUAL, crowded: Timeouts::CROWDED }
    }
}

/// What is counted of connections.
#[derive(Debug, Clone)]
pub struct ConnectionMetrics {
    open: IntGauge,
    max: IntGauge,
    turned_away: IntCounter,
    accept_failures: IntCounter,
    late: IntCounterVec,
}

impl ConnectionMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let made = Self {
            open: IntGauge::new("holdfast_http_connections", "Connections that are served")?,
            max: IntGauge::new("holdfast_http_connections_max", "Connections that may be served at a time")?,
            turned_away: IntCounter::new(
                "holdfast_http_connections_turned_away_total",
                "Connections beyond that number, answered with 503",
            )?,
            accept_failures: IntCounter::new(
                "holdfast_http_accept_failures_total",
                "Connections that the system could not hand over",
            )?,
            late: IntCounterVec::new(
                Opts::new(
                    "holdfast_http_timeouts_total",
                    "Connections closed or requests refused with 408, by what took too long",
                ),
                &["what"],
            )?,
        };
        for late in Late::ALL {
            // Shown from the start, so that a rate can be taken of it.
            made.late.with_label_values(&[late.name()]);
        }
        registry.register(Box::new(made.open.clone()))?;
        registry.register(Box::new(made.max.clone()))?;
        registry.register(Box::new(made.turned_away.clone()))?;
        registry.register(Box::new(made.accept_failures.clone()))?;
        registry.register(Box::new(made.late.clone()))?;
        Ok(made)
    }
}

/// The connections of all listeners together.
#[derive(Debug)]
pub struct ConnectionLimit {
    limits: Limits,
    room: Arc<Semaphore>,
    metrics: ConnectionMetrics,
}

/// Held by a connection that is served, until it is closed.
#[derive(Debug)]
pub(super) struct Admission {
    _room: OwnedSemaphorePermit,
    open: IntGauge,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl ConnectionLimit {
    /// Of these limits.
    #[must_use]
    pub fn new(limits: Limits, metrics: ConnectionMetrics) -> Arc<Self> {
        metrics.max.set(i64::try_from(limits.connections).unwrap_or(i64::MAX));
        let room = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { limits, room, metrics })
    }

    /// Room for one more connection; `None`: there are too many.
    pub(super) fn admit(&self) -> Option<Admission> {
        let room = self.room.clone().try_acquire_owned().ok()?;
        let open = self.metrics.open.clone();
        open.inc();
        Some(Admission { _room: room, open })
    }

    pub(super) fn note_turned_away(&self) {
        self.metrics.turned_away.inc();
    }

    pub(super) fn surplus(&self) -> usize {
        self.limits.surplus
    }

    /// How long clients may take now: less while more than three quarters of the connections are taken.
    pub(super) fn timeouts(&self) -> &Timeouts {
        let is_crowded = self.room.available_permits() < self.limits.connections / 4;
        if is_crowded { &self.limits.crowded } else { &self.limits.usual }
    }

    pub(super) fn note_late(&self, late: Late) {
        self.metrics.late.with_label_values(&[late.name()]).inc();
    }

    pub(super) fn note_accept_failure(&self) {
        self.metrics.accept_failures.inc();
    }
}
