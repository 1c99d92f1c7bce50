//! What clients of librdkafka in this room have in common: their log lines go where all others go.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// Logs, and nothing else.
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka client");
    }
}

impl ConsumerContext for Quiet {}

pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    log_line(level as i32, facility, line);
}

/// What every client of librdkafka says of a refused password and of an outage. The appender tells once which setting it is, and `/health/ready` that
/// no broker answers.
const TOLD_ELSEWHERE: [&str; 2] = ["SASL authentication error", "brokers are down"];

/// One log line of librdkafka. Its "errors" are lost connections, which are ridden out: a warning.
pub(crate) fn log_line(level: i32, facility: &str, line: &str) {
    match level {
        0..=4 if !TOLD_ELSEWHERE.iter().any(|told| line.contains(told)) => {
            tracing::warn!(target: "librdkafka", facility, "{line}")
        }
        5 => tracing::info!(target: "librdkafka", facility, "{line}"),
        _ => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}

/// The same settings for a client of rust-rdkafka.
pub(crate) fn client_config(settings: &crate::settings::Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in settings {
        config.set(key, value);
    }
    config
}
