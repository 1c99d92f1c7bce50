//! Results on their way into the log. Many are under way at a time; one that the log does not take is tried again until its task is closed, since
//! without its result the effect would be performed again.

use super::session::Session;
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::CallResult;
use holdfast_model::envelope::Envelope;
use holdfast_ports::log::{AppendError, Appender};
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::sync::Arc;
use std::time::Duration;

/// First pause before a result that the log did not take is tried again; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// What results are, for readers of CloudEvents.
const KIND: &str = "effect.ended";
const SOURCE: &str = "/effects";

/// The result of an effect, to be appended.
#[derive(Clone)]
pub(crate) struct PendingResult {
    row: Arc<Row>,
    failures: u32,
}

struct Row {
    session: Arc<Session>,
    effect: Effect,
    value: Vec<u8>,
    time_ms: i64,
}

/// What became of an append.
pub(crate) enum Appended {
    /// It is in the log.
    Recorded,
    /// It may not be.
    Failed(PendingResult, AppendError),
    /// Its task has been closed, and nothing was appended.
    Closed,
}

impl PendingResult {
    /// `result` of `effect`, known at `time_ms`, in ms since the epoch.
    pub(crate) fn new(session: Arc<Session>, effect: Effect, result: &CallResult, time_ms: i64) -> Self {
        // A struct of texts and numbers always encodes.
        let value = serde_json::to_vec(result).unwrap_or_default();
        Self { row: Arc::new(Row { session, effect, value, time_ms }), failures: 0 }
    }

    /// How long to wait before it is appended again.
    pub(crate) fn pause(&self) -> Duration {
        PAUSE_MAX.min(PAUSE_MIN * 2_u32.saturating_pow(self.failures.saturating_sub(1).min(10)))
    }

    /// Where it goes, for humans.
    pub(crate) fn to(&self) -> &TopicPartition {
        self.row.session.effects().results()
    }

    /// Appends it, and tells `done`, on any thread.
    pub(crate) fn append(self, appender: &dyn Appender, done: impl FnOnce(Appended) + Send + 'static) {
        let row = self.row.clone();
        let mut told = Some((self, done));
        let is_open = row.session.append(|| {
            let Some((pending, done)) = told.take() else { return };
            row.with_record(|record| {
                appender.append(record, Box::new(move |outcome| done(pending.ended(outcome))));
            });
        });
        if !is_open && let Some((pending, done)) = told {
            pending.row.session.given_back();
            done(Appended::Closed);
        }
    }

    fn ended(mut self, outcome: Result<holdfast_ports::record::Appended, AppendError>) -> Appended {
        match outcome {
            Ok(appended) => {
                self.row.session.recorded(appended.offset);
                Appended::Recorded
            }
            Err(error) => {
                self.failures += 1;
                Appended::Failed(self, error)
            }
        }
    }
}

impl Row {
    fn with_record(&self, append: impl FnOnce(NewRecord<'_>)) {
        let Self { session, effect, value, time_ms } = self;
        let to = session.effects().results();
        let own = effect.result_headers();
        let envelope = Envelope { id: &effect.name, source: SOURCE, kind: KIND, time_ms: *time_ms, traceparent: None };
        envelope.with_headers(|headers| {
            let own = own.iter().map(|(name, value)| (*name, value.as_slice()));
            let headers: Vec<_> = headers.iter().copied().chain(own).collect();
            append(NewRecord {
                topic: &to.topic,
                partition: to.partition,
                key: Some(&effect.key),
                value: Some(value),
                headers: &headers,
            });
        });
    }
}
