//! What the registry has counted at one moment, and what can be said of two moments.

use prometheus::Registry;
use prometheus::proto::{Histogram, Metric, MetricFamily};
use std::collections::BTreeMap;

/// Every series at one moment.
pub(super) struct Counted {
    at_us: u64,
    families: Vec<MetricFamily>,
}

/// The value of a label; empty when the series has no such label.
pub(super) fn label<'a>(metric: &'a Metric, name: &str) -> &'a str {
    metric.get_label().iter().find(|pair| pair.name() == name).map_or("", |pair| pair.value())
}

/// The number of a counter or gauge.
pub(super) fn number(metric: &Metric) -> f64 {
    // A series is of one kind; of the other kind it says 0.
    metric.get_counter().get_value() + metric.get_gauge().get_value()
}

impl Counted {
    /// Reads `registry` at this moment of the monotonic clock, in µs.
    pub(super) fn read(registry: &Registry, at_us: u64) -> Self {
        Self { at_us, families: registry.gather() }
    }

    /// When it was read, in µs.
    pub(super) fn at_us(&self) -> u64 {
        self.at_us
    }

    /// The series of a metric; none while it has none.
    pub(super) fn series(&self, name: &str) -> &[Metric] {
        self.families.iter().find(|family| family.name() == name).map_or(&[], MetricFamily::get_metric)
    }

    /// The sum over the series that pass.
    pub(super) fn sum(&self, name: &str, passes: impl Fn(&Metric) -> bool) -> f64 {
        self.series(name).iter().filter(|metric| passes(metric)).map(number).sum()
    }

    /// Sums by the value of a label.
    pub(super) fn by(&self, name: &str, by: &str) -> BTreeMap<&str, f64> {
        let mut sums = BTreeMap::new();
        for metric in self.series(name) {
            *sums.entry(label(metric, by)).or_default() += number(metric);
        }
        sums
    }

    /// The times of the series that pass, together.
    pub(super) fn times(&self, name: &str, passes: impl Fn(&Metric) -> bool) -> Times {
        let mut times = Times::default();
        self.series(name).iter().filter(|metric| passes(metric)).for_each(|metric| times.add(metric.get_histogram()));
        times
    }
}

/// A number at two moments, as a rate per second.
pub(super) fn per_second(now: f64, before: f64, took_us: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let seconds = took_us.max(1) as f64 / 1e6;
    // A counter that is smaller than before has begun anew.
    rounded((now - before).max(0.0) / seconds)
}

/// One digit after the point is what a reader can use.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// How long things took: how many took at most `bounds[i]` seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    bounds: Vec<f64>,
    upto: Vec<u64>,
    all: u64,
}

impl Times {
    fn add(&mut self, histogram: &Histogram) {
        let buckets = histogram.get_bucket();
        if self.bounds.is_empty() {
            self.bounds = buckets.iter().map(|bucket| bucket.upper_bound()).collect();
            self.upto = vec![0; self.bounds.len()];
        }
        for (sum, bucket) in self.upto.iter_mut().zip(buckets) {
            *sum += bucket.cumulative_count();
        }
        self.all += histogram.get_sample_count();
    }

    /// Those that came since.
    pub(super) fn since(&self, before: &Self) -> Self {
        let earlier = |nth: usize| before.upto.get(nth).copied().unwrap_or(0);
        let upto = self.upto.iter().enumerate().map(|(nth, count)| count.saturating_sub(earlier(nth))).collect();
        Self { bounds: self.bounds.clone(), upto, all: self.all.saturating_sub(before.all) }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.all
    }

    /// The time, in ms, that a part `q` (0 to 1) of them took at most: interpolated within its bucket, so it is as exact as the buckets are narrow. `None`
    /// of nothing. What is beyond the last bound is told as that bound.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn quantile_ms(&self, q: f64) -> Option<f64> {
        if self.all == 0 {
            return None;
        }
        let rank = q * self.all as f64;
        let (mut low, mut below) = (0.0, 0);
        for (bound, upto) in self.bounds.iter().zip(&self.upto) {
            if *upto as f64 >= rank && *upto > below {
                let within = (rank - below as f64) / (*upto - below) as f64;
                let ms = (low + (bound - low) * within.clamp(0.0, 1.0)) * 1e3;
                return Some((ms * 100.0).round() / 100.0);
            }
            (low, below) = (*bound, *upto);
        }
        Some(low * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

    #[test]
    fn rates_and_quantiles_are_of_what_came_between() {
        let registry = Registry::new();
        let calls = IntCounterVec::new(Opts::new("calls", "h"), &["route", "status"]).unwrap();
        let opts = HistogramOpts::new("seconds", "h").buckets(vec![0.001, 0.01, 0.1]);
        let seconds = HistogramVec::new(opts, &["method"]).unwrap();
        registry.register(Box::new(calls.clone())).unwrap();
        registry.register(Box::new(seconds.clone())).unwrap();
        calls.with_label_values(&["a", "200"]).inc_by(3);
        seconds.with_label_values(&["GET"]).observe(0.05);
        let before = Counted::read(&registry, 1_000_000);
        calls.with_label_values(&["a", "200"]).inc_by(4);
        calls.with_label_values(&["a", "404"]).inc_by(1);
        calls.with_label_values(&["b", "200"]).inc_by(9);
        for _ in 0..100 {
            seconds.with_label_values(&["GET"]).observe(0.000_5);
        }
        let now = Counted::read(&registry, 3_000_000);
        let of_a = |counted: &Counted| counted.by("calls", "route").get("a").copied().unwrap_or_default();
        let rate = per_second(of_a(&now), of_a(&before), now.at_us() - before.at_us());
        assert!((rate - 2.5).abs() < 0.01, "{rate}");
        assert!((now.sum("calls", |metric| label(metric, "status") == "200") - 16.0).abs() < 0.01);
        let of = |counted: &Counted| counted.times("seconds", |metric| label(metric, "method") == "GET");
        let between = of(&now).since(&of(&before));
        assert_eq!(between.count(), 100);
        assert_eq!((between.quantile_ms(0.5), between.quantile_ms(0.99)), (Some(0.5), Some(0.99)));
        assert_eq!(of(&before).quantile_ms(1.0), Some(100.0));
        assert_eq!(of(&before).since(&of(&before)).quantile_ms(0.5), None);
        assert_eq!(now.times("none", |_| true).quantile_ms(0.5), None);
    }

    #[test]
    fn what_is_beyond_the_last_bound_is_told_as_that_bound() {
        let times = Times { bounds: vec![0.1], upto: vec![1], all: 10 };
        assert_eq!(times.quantile_ms(0.99), Some(100.0));
        assert!(per_second(1.0, 5.0, 1_000_000).abs() < f64::EPSILON);
    }
}
