//! Opening the log that the settings name.

use super::RunError;
use crate::config::{ConfigError, Kafka, Settings};
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_log_kafka::{ConnectError, KafkaConfig, KafkaLog, Security};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Log, LogError};
use std::path::PathBuf;
use std::sync::Arc;

/// Appends give up before HTTP stops waiting for them, so that a refusal says what is known.
const APPEND_TIMEOUT_MS: u32 = 4_500;

/// Room in a record beside its value: for its key, its headers, and those that are added when it is forwarded, goes to
/// the dead letters or is put back.
const BESIDE_VALUE_BYTES: usize = 40_000;

/// Directory of the app: `<data>/<app>/<topology>/<place>` is state, [`embedded_dir`] the log. Together, so that they are only ever deleted together.
#[must_use]
pub fn app_dir(settings: &Settings) -> PathBuf {
    settings.data_dir.join(&settings.app_id)
}

/// Directory of the embedded log.
#[must_use]
pub fn embedded_dir(settings: &Settings) -> PathBuf {
    app_dir(settings).join("log")
}

/// What the settings' log is called where it is shown.
#[must_use]
pub fn kind(settings: &Settings) -> &'static str {
    if settings.kafka.is_some() { "kafka" } else { "embedded" }
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers now: try again.
    #[error("{0}")]
    Retry(String),
    /// It makes no sense to try again.
    #[error(transparent)]
    Never(#[from] RunError),
}

/// Opens the log; the embedded one keeps at most `open_tables_max` of its tables open (-1 = all).
///
/// # Errors
/// [`OpenError`].
pub fn open(settings: &Settings, clock: Arc<dyn Clock>, open_tables_max: i32) -> Result<Arc<dyn Log>, OpenError> {
    let record_bytes_max = settings.record_bytes_max + BESIDE_VALUE_BYTES;
    let opened = match &settings.kafka {
        None => {
            let dir = embedded_dir(settings);
            let config = EmbeddedConfig { record_bytes_max, open_tables_max, ..EmbeddedConfig::new(dir, clock) };
            EmbeddedLog::open(config).map(|log| log as Arc<dyn Log>).map_err(ConnectError::Log)
        }
        Some(kafka) => {
            let config = KafkaConfig { record_bytes_max, ..kafka_config(kafka, clock) };
            KafkaLog::connect(config).map(|log| log as Arc<dyn Log>)
        }
    };
    opened.map_err(|error| match error {
        ConnectError::Refused { setting, why } => OpenError::Never(ConfigError::new(&setting.to_string(), why).into()),
        ConnectError::Log(LogError::Retry(why)) => OpenError::Retry(why),
        ConnectError::Log(LogError::Fatal(why)) if settings.kafka.is_some() => {
            OpenError::Never(ConfigError::new("kafka_brokers", why).into())
        }
        ConnectError::Log(other) => OpenError::Never(RunError::Failed(other.to_string())),
    })
}

fn kafka_config(kafka: &Kafka, clock: Arc<dyn Clock>) -> KafkaConfig {
    let security = Security {
        protocol: Some(kafka.security.protocol.clone()),
        mechanism: kafka.security.mechanism.clone(),
        username: kafka.security.username.clone(),
        password: kafka.security.password.as_ref().map(|p| p.reveal().to_owned()),
        ca: kafka.security.ca.clone(),
        certificate: kafka.security.certificate.clone(),
        key: kafka.security.key.clone(),
        key_password: kafka.security.key_password.as_ref().map(|p| p.reveal().to_owned()),
    };
    KafkaConfig {
        security,
        append_timeout_ms: APPEND_TIMEOUT_MS,
        speaks_directly: !kafka.librdkafka_transactions,
        ..KafkaConfig::new(&*kafka.brokers, &*kafka.client_id, clock)
    }
}
