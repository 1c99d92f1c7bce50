//! `DEAD_LETTERS`: this worker has sent at least `ALERT_DEAD_LETTERS` records of a topology to the dead letters within a minute. Cleared when a minute
//! has passed with fewer.

use super::window::Window;
use crate::alerts::book::{Look, Now, Reading};
use crate::alerts::notice::labels;
use crate::alerts::phase::{Damping, Seen};
use holdfast_engine::inspect::EngineMetrics;
use prometheus::core::Collector;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "DEAD_LETTERS";
const WINDOW: Duration = Duration::from_secs(60);

pub(super) struct Rule {
    metrics: Option<Arc<EngineMetrics>>,
    worker: String,
    bound: u64,
    damping: Damping,
    topologies: BTreeMap<String, Growth>,
}

/// What is known of one topology.
struct Growth {
    total: u64,
    lately: Window,
}

impl Rule {
    /// `metrics`: none in a worker that decides nothing. A `bound` of 0 turns the rule off.
    pub(super) fn new(metrics: Option<Arc<EngineMetrics>>, worker: &str, bound: u64, damping: Damping) -> Self {
        Self { metrics, worker: worker.to_owned(), bound, damping, topologies: BTreeMap::new() }
    }

    /// Dead letters since the start, by topology.
    fn totals(&self) -> Option<BTreeMap<String, u64>> {
        let mut totals = BTreeMap::new();
        for family in self.metrics.as_ref()?.dead_letters.collect() {
            for metric in family.get_metric() {
                let topology = metric.get_label().iter().find(|label| label.name() == "topology");
                let Some(topology) = topology.map(|label| label.value().to_owned()) else { continue };
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter of whole steps")]
                let count = metric.get_counter().get_value() as u64;
                *totals.entry(topology).or_insert(0_u64) += count;
            }
        }
        Some(totals)
    }
}

impl super::Rule for Rule {
    fn look(&mut self, now: Now) -> Option<Look> {
        let totals = self.totals().filter(|_| self.bound > 0)?;
        let mut readings = Vec::new();
        for (topology, total) in totals {
            let of = self
                .topologies
                .entry(topology.clone())
                .or_insert_with(|| Growth { total: 0, lately: Window::new(WINDOW) });
            of.lately.add(total.saturating_sub(of.total), now.us);
            of.total = total;
            let value = of.lately.sum(now.us);
            let seen = if value >= self.bound { Seen::Breached { already: Duration::ZERO } } else { Seen::Fine };
            let summary = format!("{value} records of {topology} went to the dead letters within a minute");
            let labels = labels([("topology", &topology), ("worker", &self.worker)]);
            readings.push(Reading { labels, value, bound: self.bound, seen, since_ms: None, summary });
        }
        Some(Look { alert: NAME, damping: self.damping, readings })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rule as _;
    use super::*;
    use prometheus::Registry;

    #[test]
    fn growth_within_a_minute_counts_by_topology() {
        let metrics = EngineMetrics::register(&Registry::new()).unwrap();
        let damping = Damping { breached_for: Duration::ZERO, clear_for: Duration::ZERO };
        let mut rule = Rule::new(Some(metrics.clone()), "one", 3, damping);
        let mut look = |second: u64| {
            let look = rule.look(Now { ms: 0, us: second * 1_000_000 }).unwrap();
            look.readings
                .iter()
                .map(|r| (r.labels["topology"].clone(), r.value, r.seen != Seen::Fine))
                .collect::<Vec<_>>()
        };
        assert_eq!(look(0), []);
        metrics.dead_letters.with_label_values(&["coupon", "A"]).inc_by(2);
        metrics.dead_letters.with_label_values(&["payment", "A"]).inc();
        assert_eq!(look(10), [("coupon".to_owned(), 2, false), ("payment".to_owned(), 1, false)]);
        metrics.dead_letters.with_label_values(&["coupon", "B"]).inc();
        assert_eq!(look(20)[0], ("coupon".to_owned(), 3, true));
        assert_eq!(look(70)[0], ("coupon".to_owned(), 3, true));
        assert_eq!(look(71)[0], ("coupon".to_owned(), 1, false));
        assert_eq!(look(90)[0], ("coupon".to_owned(), 0, false));
        assert!(Rule::new(Some(metrics), "one", 0, damping).look(Now { ms: 0, us: 0 }).is_none(), "turned off");
    }
}
