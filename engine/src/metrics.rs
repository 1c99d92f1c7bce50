//! What the engine counts and measures.

use holdfast_ports::store::TaskId;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, exponential_buckets,
};
use std::sync::Arc;

/// The engine's metrics, registered once a process.
#[derive(Debug)]
pub struct EngineMetrics {
    /// Input records decided, by topology.
    pub records: IntCounterVec,
    /// Records skipped because their offset had been decided before, by topology.
    pub known_duplicates: IntCounterVec,
    /// Offsets of inboxes that retention deleted before they were decided, by topology and place. Counted when they are missed, so again after a restart.
    pub lost_input_offsets: IntCounterVec,
    /// Records sent to the dead letters, by topology and class.
    pub dead_letters: IntCounterVec,
    /// Outputs sent, changelog included.
    pub outputs: IntCounter,
    /// Time of a commit in seconds: from the decision to commit to the stores' batches.
    pub commit_seconds: Histogram,
    /// The part of it spent in the log's transaction, in seconds.
    pub log_commit_seconds: Histogram,
    /// Input records in a commit.
    pub commit_records: Histogram,
    /// Commits that did not go through, by reaction.
    pub setbacks: IntCounterVec,
    /// Effects by topology and what became of them: `asked` and `ended` with a commit; `repeated` and `forged` results when they are decided.
    pub effects: IntCounterVec,
    /// Rows deleted because the time was over for which they are kept, by topology and place.
    pub ended_rows: IntCounterVec,
    /// Delayed messages sent, by topology.
    pub delayed_sent: IntCounterVec,
    /// How late delayed messages were sent, in seconds, by topology.
    pub delayed_lateness_seconds: HistogramVec,
    /// Changelog records applied by restores, by topology.
    pub restored_records: IntCounterVec,
    /// Changelog bytes applied by restores, by topology.
    pub restored_bytes: IntCounterVec,
    /// Changelog offsets still to restore, by topology and place.
    pub restore_remaining: IntGaugeVec,
    /// 1 for the state a task is in, by topology, place and state.
    pub task_state: IntGaugeVec,
}

/// What is counted of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Committed, to be performed.
    Asked,
    /// Their result is decided and committed.
    Ended,
    /// Records with the result of one that had ended before: it was performed twice, or its result was appended twice.
    Repeated,
    /// Records that said they bring a result, and were not written by an executor.
    Forged,
}

impl What {
    /// Label of the metric.
    fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Ended => "ended",
            Self::Repeated => "repeated",
            Self::Forged => "forged",
        }
    }
}

impl EngineMetrics {
    pub(crate) fn count_effects(&self, task: &TaskId, what: What, count: u64) {
        if count > 0 {
            self.effects.with_label_values(&[&*task.topology, what.name()]).inc_by(count);
        }
    }

    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Arc<Self>, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok(vec)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec, prometheus::Error> {
            let vec = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok(vec)
        };
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| -> Result<Histogram, prometheus::Error> {
            let one = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?;
            registry.register(Box::new(one.clone()))?;
            Ok(one)
        };
        // 0.1 ms to 1.6 s, 0.5 ms to 16 s.
        let latency = exponential_buckets(0.000_1, 2.0, 15)?;
        let lateness = exponential_buckets(0.000_5, 2.0, 16)?;
        let outputs = IntCounter::new("holdfast_outputs_total", "Records sent, changelog included")?;
        registry.register(Box::new(outputs.clone()))?;
        let delayed_lateness_seconds = HistogramVec::new(
            HistogramOpts::new("holdfast_delayed_lateness_seconds", "Lateness of the latest message of each sending")
                .buckets(lateness),
            &["topology"],
        )?;
        registry.register(Box::new(delayed_lateness_seconds.clone()))?;
        Ok(Arc::new(Self {
            records: counters("holdfast_records_total", "Input records decided", &["topology"])?,
            known_duplicates: counters(
                "holdfast_known_duplicates_total",
                "Records below the decided position, skipped",
                &["topology"],
            )?,
            lost_input_offsets: counters(
                "holdfast_lost_input_offsets_total",
                "Inbox offsets deleted by retention before they were decided",
                &["topology", "place"],
            )?,
            dead_letters: counters("holdfast_dead_letters_total", "Records given up", &["topology", "class"])?,
            outputs,
            commit_seconds: histogram("holdfast_commit_seconds", "Time of a commit", latency.clone())?,
            log_commit_seconds: histogram(
                "holdfast_log_commit_seconds",
                "Time of the log's part of a commit",
                latency,
            )?,
            commit_records: histogram(
                "holdfast_commit_records",
                "Input records in a commit",
                exponential_buckets(1.0, 4.0, 9)?,
            )?,
            setbacks: counters("holdfast_setbacks_total", "Transactions that did not go through", &["reaction"])?,
            effects: counters(
                "holdfast_effects_total",
                "Effects asked for and ended, results repeated and forged",
                &["topology", "what"],
            )?,
            ended_rows: counters(
                "holdfast_ended_rows_total",
                "Rows deleted after the time for which they are kept",
                &["topology", "place"],
            )?,
            delayed_sent: counters("holdfast_delayed_sent_total", "Delayed messages sent", &["topology"])?,
            delayed_lateness_seconds,
            restored_records: counters(
                "holdfast_restored_records_total",
                "Changelog records applied by restores",
                &["topology"],
            )?,
            restored_bytes: counters(
                "holdfast_restored_bytes_total",
                "Changelog bytes applied by restores",
                &["topology"],
            )?,
            restore_remaining: gauges(
                "holdfast_restore_remaining",
                "Changelog offsets still to restore",
                &["topology", "place"],
            )?,
            task_state: gauges("holdfast_task_state", "1 for the state a task is in", &["topology", "place", "state"])?,
        }))
    }
}
