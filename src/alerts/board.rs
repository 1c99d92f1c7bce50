//! What `/api/alerts`, `/` and `/metrics` show of the alerts of this worker.

use super::book::Book;
use super::notice::{Identity, Labels, Notice, State};
use holdfast_model::rfc3339;
use parking_lot::RwLock;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// One alert, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// Its name: `LAG`, `DEAD_LETTERS`, `BROKER_AWAY`, `BREAKER_OPEN`, `EARLY_EXPIRY` or `LATE_EXPIRY`.
    pub alert: String,
    /// `FIRING`, or `RESOLVED` within the last hour.
    pub state: State,
    /// What it is about.
    pub labels: Labels,
    /// One line for humans.
    pub summary: String,
    /// What was measured last: ms, or a number of records.
    pub value: u64,
    /// What it may be.
    pub bound: u64,
    /// Since when the bound was exceeded.
    pub since: String,
    /// When this was told.
    pub at: String,
    /// The worker that told it.
    pub worker: String,
}

impl From<&Notice> for AlertView {
    fn from(notice: &Notice) -> Self {
        Self {
            alert: notice.identity.alert.clone(),
            state: notice.state,
            labels: notice.identity.labels.clone(),
            summary: notice.summary.clone(),
            value: notice.value,
            bound: notice.bound,
            since: rfc3339::to_string(notice.since_ms),
            at: rfc3339::to_string(notice.at_ms),
            worker: notice.worker.clone(),
        }
    }
}

impl AlertView {
    /// Which alert it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { alert: self.alert.clone(), labels: self.labels.clone() }
    }
}

/// Written by the alerts' thread, read by everybody.
#[derive(Debug, Clone)]
pub struct AlertBoard {
    shown: Arc<RwLock<Vec<AlertView>>>,
    firing: IntGaugeVec,
    sent: IntCounterVec,
    waiting: IntGaugeVec,
}

impl AlertBoard {
    /// An empty board whose metrics are registered.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let firing =
            IntGaugeVec::new(Opts::new("holdfast_alerts_firing", "Alerts of this worker that are out"), &["alert"])?;
        let sent = IntCounterVec::new(
            Opts::new("holdfast_alerts_sent_total", "Notices sent to receivers of alerts, by what became of it"),
            &["receiver", "outcome"],
        )?;
        let waiting = IntGaugeVec::new(
            Opts::new("holdfast_alerts_waiting", "Notices that a receiver of alerts has not taken yet"),
            &["receiver"],
        )?;
        registry.register(Box::new(firing.clone()))?;
        registry.register(Box::new(sent.clone()))?;
        registry.register(Box::new(waiting.clone()))?;
        Ok(Self { shown: Arc::default(), firing, sent, waiting })
    }

    /// The alerts that are out, then those that are over, the latest first.
    #[must_use]
    pub fn shown(&self) -> Vec<AlertView> {
        self.shown.read().clone()
    }

    pub(super) fn show(&self, book: &Book) {
        let views: Vec<AlertView> = book.firing().chain(book.cleared().rev()).map(AlertView::from).collect();
        self.firing.reset();
        for notice in book.firing() {
            self.firing.with_label_values(&[&notice.identity.alert]).inc();
        }
        *self.shown.write() = views;
    }

    pub(super) fn count_sent(&self, receiver: &str, outcome: &str) {
        self.sent.with_label_values(&[receiver, outcome]).inc();
    }

    pub(super) fn show_waiting(&self, receiver: &str, notices: usize) {
        self.waiting.with_label_values(&[receiver]).set(i64::try_from(notices).unwrap_or(i64::MAX));
    }
}
