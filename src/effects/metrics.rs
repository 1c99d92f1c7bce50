//! What the executor counts, by channel.

use super::breaker::Shown;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    exponential_buckets,
};

/// The executor's metrics, registered once a process.
#[derive(Debug, Clone)]
pub struct EffectMetrics {
    calls: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGaugeVec,
    buffered: IntGaugeVec,
    pulled: IntCounterVec,
    breaker: IntGaugeVec,
    opened: IntCounterVec,
    appends_failed: IntCounterVec,
    unknown: IntCounterVec,
}

/// Those of one channel.
#[derive(Debug, Clone)]
pub(crate) struct ChannelMetrics {
    calls: IntCounterVec,
    channel: &'static str,
    /// Time of a call, in seconds.
    pub(crate) seconds: Histogram,
    /// Effects begun whose results are not in the log yet.
    pub(crate) in_flight: IntGauge,
    /// Effects in memory that are not begun.
    pub(crate) buffered: IntGauge,
    /// Effects that left their lane to be performed; again when they come back.
    pub(crate) pulled: IntCounter,
    breaker: IntGauge,
    opened: IntCounter,
    /// Appends of results that failed, and are tried again.
    pub(crate) appends_failed: IntCounter,
}

impl EffectMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok(vec)
        };
        let gauges = |name: &str, help: &str| -> Result<IntGaugeVec, prometheus::Error> {
            let vec = IntGaugeVec::new(Opts::new(name, help), &["channel"])?;
            registry.register(Box::new(vec.clone()))?;
            Ok(vec)
        };
        // 0.5 ms to 33 s.
        let buckets = exponential_buckets(0.000_5, 2.0, 17)?;
        let opts = HistogramOpts::new("holdfast_effect_call_seconds", "Time of a call outside").buckets(buckets);
        let seconds = HistogramVec::new(opts, &["channel"])?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self {
            calls: counters("holdfast_effect_calls_total", "Calls outside, by how they ended", &["channel", "ended"])?,
            seconds,
            in_flight: gauges("holdfast_effects_in_flight", "Effects begun whose results are not yet in the log")?,
            buffered: gauges("holdfast_effects_buffered", "Effects pulled into memory that are not yet begun")?,
            pulled: counters(
                "holdfast_effects_pulled_total",
                "Effects taken from their lanes to be performed",
                &["channel"],
            )?,
            breaker: gauges("holdfast_effect_breaker", "0: closed, 1: half open, 2: open and nothing is called")?,
            opened: counters("holdfast_effect_breaker_opened_total", "How often the breaker opened", &["channel"])?,
            appends_failed: counters(
                "holdfast_effect_result_appends_failed_total",
                "Appends of results that failed and are tried again",
                &["channel"],
            )?,
            unknown: counters(
                "holdfast_effects_unknown_channel_total",
                "Times a lane was filled whose channel this worker does not have: its effects stay pending",
                &["channel"],
            )?,
        })
    }

    /// The gauge of breakers, by channel: 0 where one is closed.
    #[must_use]
    pub fn breakers(&self) -> IntGaugeVec {
        self.breaker.clone()
    }

    /// Those of `channel`.
    pub(crate) fn of(&self, channel: &'static str) -> ChannelMetrics {
        let of = &[channel];
        ChannelMetrics {
            calls: self.calls.clone(),
            channel,
            seconds: self.seconds.with_label_values(of),
            in_flight: self.in_flight.with_label_values(of),
            buffered: self.buffered.with_label_values(of),
            pulled: self.pulled.with_label_values(of),
            breaker: self.breaker.with_label_values(of),
            opened: self.opened.with_label_values(of),
            appends_failed: self.appends_failed.with_label_values(of),
        }
    }

    /// A lane of a channel that this worker does not have was filled. Names of channels come from topologies, so there are few.
    pub(crate) fn unknown_channel(&self, channel: &str) {
        self.unknown.with_label_values(&[channel]).inc();
    }
}

impl ChannelMetrics {
    /// A call ended like this.
    pub(crate) fn ended(&self, how: &str) {
        self.calls.with_label_values(&[self.channel, how]).inc();
    }

    /// The breaker looks like this now.
    pub(crate) fn breaker(&self, shown: Shown) {
        let now = match shown {
            Shown::Closed => 0,
            Shown::HalfOpen => 1,
            Shown::Open => 2,
        };
        if now == 2 && self.breaker.get() != 2 {
            self.opened.inc();
        }
        self.breaker.set(now);
    }
}
