//! How far behind decisions are, in records and in time: what the observer has seen at its last look.

use holdfast_engine::inspect::Snapshot;
use parking_lot::RwLock;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};
use serde::Serialize;
use std::collections::BTreeSet;
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
    /// Age of the oldest record that is not decided, in ms, by its append time; unknown when it could not be read in time.
    #[serde(rename = "lagMs")]
    pub ms: Option<u64>,
    /// The place belongs to another worker, which does not answer, or to none: the position is the one that its group shows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub watched: bool,
    /// When the oldest record that is not decided was appended, in ms since the epoch.
    #[serde(skip)]
    pub oldest_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct Seen {
    lags: Vec<Lag>,
    at_ms: Option<i64>,
    /// Number of the look, from 1.
    nth: u64,
}

impl Seen {
    /// Of the places that run here.
    fn own(&self) -> impl Iterator<Item = &Lag> {
        self.lags.iter().filter(|lag| !lag.watched)
    }
}

/// The last look at the lag. Written by the observer, read by everybody.
#[derive(Debug, Clone)]
pub struct LagBoard {
    seen: Arc<RwLock<Seen>>,
    watched: Arc<RwLock<BTreeSet<u32>>>,
    records: IntGaugeVec,
    seconds: GaugeVec,
}

impl LagBoard {
    /// An empty board whose metrics are registered.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let labels = ["topology", "group", "topic", "place"];
        let records = IntGaugeVec::new(Opts::new("holdfast_lag_records", "Records not yet decided"), &labels)?;
        let seconds =
            GaugeVec::new(Opts::new("holdfast_lag_seconds", "Age of the oldest record not yet decided"), &labels)?;
        registry.register(Box::new(records.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { seen: Arc::default(), watched: Arc::default(), records, seconds })
    }

    /// Has these places looked at beside their owner, as far as they do not run here.
    pub fn watch(&self, places: BTreeSet<u32>) {
        if *self.watched.read() != places {
            *self.watched.write() = places;
        }
    }

    /// Places that are to be looked at beside their owner.
    #[must_use]
    pub fn watched(&self) -> BTreeSet<u32> {
        self.watched.read().clone()
    }

    /// Replaces what is shown.
    #[expect(clippy::cast_precision_loss, reason = "for a gauge")]
    pub fn show(&self, lags: Vec<Lag>, at_ms: i64) {
        // Places that have moved away are not shown any more.
        self.records.reset();
        self.seconds.reset();
        for lag in &lags {
            let place = lag.place.to_string();
            let labels = [&*lag.topology, &*lag.group, &*lag.topic, &*place];
            self.records.with_label_values(&labels).set(i64::try_from(lag.records).unwrap_or(i64::MAX));
            if let Some(ms) = lag.ms {
                self.seconds.with_label_values(&labels).set(ms as f64 / 1e3);
            }
        }
        let mut seen = self.seen.write();
        *seen = Seen { lags, at_ms: Some(at_ms), nth: seen.nth + 1 };
    }

    /// The last look, if it is another than the one of this number: its number, and what it saw.
    #[must_use]
    pub fn look_after(&self, nth: u64) -> Option<(u64, Vec<Lag>)> {
        let seen = self.seen.read();
        (seen.nth != nth).then(|| (seen.nth, seen.lags.clone()))
    }

    /// When the last look was, in ms since the epoch.
    #[must_use]
    pub fn looked_ms(&self) -> Option<i64> {
        self.seen.read().at_ms
    }

    /// When the last look was, in ms since the epoch, and what it saw.
    #[must_use]
    pub fn last(&self) -> (Option<i64>, Vec<Lag>) {
        let seen = self.seen.read();
        (seen.at_ms, seen.lags.clone())
    }

    /// Whether the tasks of `snapshot` have been looked at, but for those in whose place another one works.
    #[must_use]
    pub fn has_seen(&self, snapshot: &Snapshot) -> bool {
        let seen = self.seen.read();
        snapshot
            .tasks
            .keys()
            .filter(|task| !snapshot.is_held(task.place))
            .all(|task| seen.own().any(|lag| lag.topology == *task.topology && lag.place == task.place))
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
        let mut here = seen.own().filter(|lag| lag.topology == topology && lag.place == place).peekable();
        if here.peek().is_none() {
            return Some(i64::MAX);
        }
        here.filter(|lag| lag.end > next && lag.records > 0).map(|lag| lag.end).max()
    }
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
            watched: false,
            oldest_ms: None,
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
