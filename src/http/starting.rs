//! HTTP before the API exists. A port is served from the moment it is bound, while the log may take as long as an outage of its brokers to answer.
//!
//! `/health/live` says that the process lives, `/health/ready` says why it is not ready, and every other route answers 503. Once the API exists, the same
//! listener serves it, on open connections too.

use super::error::{self, ApiError};
use super::language::Language;
use super::{finish, health};
use crate::unique;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use holdfast_ports::clock::Clock;
use parking_lot::RwLock;
use std::sync::Arc;

/// What is known before the log is open. All listeners share it.
#[derive(Clone)]
pub struct Starting {
    /// `kafka` or `embedded`.
    log: &'static str,
    /// Number of places of the app.
    places: u32,
    clock: Arc<dyn Clock>,
    /// Why the log is not open.
    why: Arc<RwLock<String>>,
}

impl Starting {
    /// For a log of this kind that nothing has been asked of yet.
    #[must_use]
    pub fn new(log: &'static str, places: u32, clock: Arc<dyn Clock>) -> Self {
        Self { log, places, clock, why: Arc::new(RwLock::new("it is being opened".to_owned())) }
    }

    /// Notes why the log could not be opened; `/health/ready` shows it. True when this is another reason than the last one.
    pub fn failed(&self, why: &str) -> bool {
        let mut last = self.why.write();
        let is_new = *last != why;
        why.clone_into(&mut last);
        is_new
    }
}

/// Serves health, until the listener is given the API.
pub fn router(starting: &Starting) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(ready))
        .fallback(not_yet)
        .with_state(starting.clone())
}

async fn ready(State(starting): State<Starting>) -> Response {
    let why = starting.why.read().clone();
    health::answer_of(health::without_log(starting.log, why, starting.places))
}

async fn not_yet(State(starting): State<Starting>, request: Request) -> Response {
    let id = finish::request_id_of(request.headers()).unwrap_or_else(|| unique::name(&*starting.clock));
    let language = Language::wanted(request.headers());
    error::problem(&ApiError::LogUnavailable, request.uri().path(), &id, language)
}
