//! How far behind decisions are, in records and in time.

use super::Api;
use super::error::answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::Snapshot;
use holdfast_model::rfc3339;
use parking_lot::RwLock;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How far one task is behind one of its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// Topology.
    pub topology: String,
    /// Group under which the position is shown.
    pub group: String,
    /// Source.
    pub topic: String,
    /// Place: the partition.
    pub place: u32,
    /// Next offset to be decided.
    pub position: i64,
    /// Offset after the last record.
    pub end: i64,
    /// Offsets between the two: an upper bound of records.
    #[serde(rename = "lagRecords")]
    pub records: u64,
    /// Age of the oldest record that is not decided, in ms; unknown when it could not be read in time.
    #[serde(rename = "lagMs")]
    pub ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Seen {
    lags: Vec<Lag>,
    at_ms: Option<i64>,
}

/// The last look at the lag. Written by the observer, read by everybody.
#[derive(Debug, Clone)]
pub struct LagBoard {
    seen: Arc<RwLock<Seen>>,
    records: IntGaugeVec,
    seconds: GaugeVec,
}

impl LagBoard {
    /// An empty board whose metrics are registered.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let labels = ["topology", "place"];
        let records = IntGaugeVec::new(Opts::new("holdfast_lag_records", "Records not yet decided"), &labels)?;
        let seconds =
            GaugeVec::new(Opts::new("holdfast_lag_seconds", "Age of the oldest record not yet decided"), &labels)?;
        registry.register(Box::new(records.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { seen: Arc::default(), records, seconds })
    }

    /// Replaces what is shown.
    #[expect(clippy::cast_precision_loss, reason = "for a gauge")]
    pub fn show(&self, lags: Vec<Lag>, at_ms: i64) {
        // Places that have moved away are not shown any more.
        self.records.reset();
        self.seconds.reset();
        for lag in &lags {
            let place = lag.place.to_string();
            let labels = [lag.topology.as_str(), place.as_str()];
            self.records.with_label_values(&labels).add(i64::try_from(lag.records).unwrap_or(i64::MAX));
            let seconds = self.seconds.with_label_values(&labels);
            seconds.set(seconds.get().max(lag.ms.unwrap_or(0) as f64 / 1e3));
        }
        *self.seen.write() = Seen { lags, at_ms: Some(at_ms) };
    }

    /// Whether the tasks of `snapshot` have been looked at, but for those in whose place another one works.
    #[must_use]
    pub fn has_seen(&self, snapshot: &Snapshot) -> bool {
        let seen = self.seen.read();
        snapshot
            .tasks
            .keys()
            .filter(|task| !snapshot.is_held(task.place))
            .all(|task| seen.lags.iter().any(|lag| lag.topology == *task.topology && lag.place == task.place))
    }

    /// Whether the inbox of `topology` in `place` may hold records at or after `next` that were appended before this worker began to look: true
    /// until it has looked once.
    #[must_use]
    pub fn may_hold_more(&self, topology: &str, place: u32, next: i64) -> bool {
        self.may_hold_to(topology, place, next).is_some()
    }

    /// The offset before which such records lie; one that is never reached until this worker has looked once.
    #[must_use]
    pub fn may_hold_to(&self, topology: &str, place: u32, next: i64) -> Option<i64> {
        let seen = self.seen.read();
        let mut here = seen.lags.iter().filter(|lag| lag.topology == topology && lag.place == place).peekable();
        if here.peek().is_none() {
            return Some(i64::MAX);
        }
        here.filter(|lag| lag.end > next && lag.records > 0).map(|lag| lag.end).max()
    }
}

/// Answer of `/api/lag`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LagAnswer {
    /// When it was looked; missing before the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Sum over all sources of this replica.
    total_lag_records: u64,
    /// The oldest undecided record of all, in ms.
    max_lag_ms: u64,
    /// Each task and source of this replica.
    lags: Vec<Lag>,
}

/// How far this replica is behind.
#[utoipa::path(get, path = "/api/lag", tag = "operations", responses((status = 200, description = "Lag in records and ms, looked at once a second", body = LagAnswer)))]
pub(super) async fn lag(State(api): State<Api>) -> Response {
    let seen = api.lag.seen.read();
    let body = LagAnswer {
        at: seen.at_ms.map(rfc3339::to_string),
        total_lag_records: seen.lags.iter().map(|lag| lag.records).sum(),
        max_lag_ms: seen.lags.iter().filter_map(|lag| lag.ms).max().unwrap_or(0),
        lags: seen.lags.clone(),
    };
    drop(seen);
    (answer::OK, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(position: i64, end: i64) -> LagBoard {
        let board = LagBoard::register(&Registry::new()).unwrap();
        let lag = Lag {
            topology: "coupon".to_owned(),
            group: String::new(),
            topic: String::new(),
            place: 0,
            position,
            end,
            records: u64::try_from(end - position).unwrap(),
            ms: None,
        };
        board.show(vec![lag], 0);
        board
    }

    #[test]
    fn before_the_first_look_anything_may_be_there() {
        let empty = LagBoard::register(&Registry::new()).unwrap();
        assert!(empty.may_hold_more("coupon", 0, 0));
        let board = board(5, 9);
        assert!(board.may_hold_more("coupon", 0, 8));
        assert!(!board.may_hold_more("coupon", 0, 9));
        assert_eq!((board.may_hold_to("coupon", 0, 8), board.may_hold_to("coupon", 1, 9)), (Some(9), Some(i64::MAX)));
        assert!(board.may_hold_more("coupon", 1, 9));
    }
}
