//! Whether the process lives, and whether it should be sent customers.

use super::Api;
use super::error::answer;
use crate::worker::Role;
use axum::extract;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::{RestoreProgress, Snapshot};
use holdfast_ports::log::Health;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A restore that has not come further for so long waits for a transaction that nobody ends: longer than any may be open (10 s).
const STALLED_MS: u64 = 20_000;

/// Answer of `/health/live`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Live {
    /// `UP`.
    status: &'static str,
}

/// Answer of `/health/ready`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    /// `READY` or `NOT_READY`.
    status: &'static str,
    /// Why it is not.
    reasons: Vec<String>,
    log: LogHealth,
    /// Places owned by this replica.
    places: Vec<u32>,
    /// Places of the app.
    places_total: u32,
    tasks: Vec<TaskHealth>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogHealth {
    /// `kafka` or `embedded`.
    kind: &'static str,
    /// `UP` or `DOWN`.
    status: &'static str,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskHealth {
    topology: String,
    place: u32,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore: Option<RestoreHealth>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RestoreHealth {
    /// Changelog records applied.
    records: u64,
    /// Changelog offsets still to go.
    remaining: u64,
    mb_per_s: f64,
    records_per_s: u64,
    /// Time left at this speed, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_ms: Option<u64>,
    /// Time since it last came further, in ms.
    stalled_ms: u64,
}

impl Ready {
    pub(super) fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

impl From<RestoreProgress> for RestoreHealth {
    fn from(progress: RestoreProgress) -> Self {
        Self {
            records: progress.records,
            remaining: progress.remaining,
            mb_per_s: (progress.mb_per_s() * 10.0).round() / 10.0,
            records_per_s: progress.records_per_s(),
            left_ms: progress.left_ms(),
            stalled_ms: progress.stalled_ms,
        }
    }
}

/// The process lives.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, description = "Alive", body = Live)))]
pub(super) async fn live() -> Response {
    (answer::OK, axum::Json(Live { status: "UP" })).into_response()
}

/// Every place has an owner, ours are restored, the log can be written to. A worker that has been ready stays so while it warms up for a place that another
/// one still serves.
#[utoipa::path(get, path = "/health/ready", tag = "operations", responses(
    (status = 200, description = "Ready", body = Ready),
    (status = 503, description = "Not ready, and why", body = Ready),
))]
pub(super) async fn ready(extract::State(api): extract::State<Api>) -> Response {
    answer_of(look(&api))
}

/// 200 or 503.
pub(super) fn answer_of(ready: Ready) -> Response {
    if ready.reasons.is_empty() {
        return (answer::OK, axum::Json(ready)).into_response();
    }
    let mut response = (answer::NOT_READY, axum::Json(ready)).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn look(api: &Api) -> Ready {
    let snapshot = api.status.snapshot();
    let health = api.log.health();
    let reasons = reasons(api, &snapshot, &health);
    let (status, why) = match health {
        Health::Up => ("UP", None),
        Health::Down { why } => ("DOWN", Some(why)),
    };
    Ready {
        status: if reasons.is_empty() { "READY" } else { "NOT_READY" },
        reasons,
        log: LogHealth { kind: api.log.kind(), status, why },
        places: snapshot.places.clone(),
        places_total: api.settings.places,
        tasks: snapshot
            .tasks
            .iter()
            .map(|(task, seen)| TaskHealth {
                topology: task.topology.to_string(),
                place: task.place,
                state: format!("{:?}", seen.state),
                restore: seen.restore.map(RestoreHealth::from),
            })
            .collect(),
    }
}

/// Of a worker whose log is not open yet, and why it is not.
pub(super) fn without_log(kind: &'static str, why: String, places_total: u32) -> Ready {
    Ready {
        status: "NOT_READY",
        reasons: vec![format!("log: {why}")],
        log: LogHealth { kind, status: "DOWN", why: Some(why) },
        places: Vec::new(),
        places_total,
        tasks: Vec::new(),
    }
}

fn reasons(api: &Api, snapshot: &Snapshot, health: &Health) -> Vec<String> {
    let mut reasons = Vec::new();
    if api.is_stopping() {
        reasons.push("stopping".to_owned());
    }
    if let Health::Down { why } = health {
        reasons.push(format!("log: {why}"));
    }
    reasons.extend(api.topics.hindrances());
    if let Some(trouble) = &snapshot.trouble {
        reasons.push(format!("stream thread: {trouble}"));
    }
    if let Some(ended) = &snapshot.ended {
        reasons.push(format!("stream thread ended: {ended}"));
    }
    if !api.every_place_runs() {
        if api.settings.role != Role::Api && !snapshot.joined {
            reasons.push("the group has not given this worker its share of the places yet".to_owned());
        }
        for (task, seen) in snapshot.hindrances() {
            reasons.push(format!("task {task} is {:?}", seen.state));
            if let Some(lost) = &seen.lost {
                reasons.push(format!(
                    "task {task}: {lost}; with ON_LOST_INPUT=stop nothing is decided there any more, with ON_LOST_INPUT=continue and a restart it goes on without them"
                ));
            }
            if let Some(stalled_ms) = seen.restore.map(|restore| restore.stalled_ms).filter(|ms| *ms >= STALLED_MS) {
                reasons.push(format!(
                    "the restore of {task} has stood still for {} s: a transaction in its changelog does not end, see docs/operations.md",
                    stalled_ms / 1000
                ));
            }
        }
        let orphans =
            (0..api.settings.places).filter(|p| !api.has_owner(*p)).map(|p| p.to_string()).collect::<Vec<_>>();
        if !orphans.is_empty() {
            reasons.push(format!("places without an owner: {}", orphans.join(", ")));
        }
        if reasons.is_empty() {
            reasons.push("places are being taken over".to_owned());
        }
    } else if !api.is_loaded() {
        reasons.push("sample data is being loaded".to_owned());
    }
    reasons
}
