//! Settings: defaults < holdfast.toml < environment < flags. They are data, so they can be printed; secrets are masked wherever they are.
//!
//! A key that nobody knows refuses to start, since a mistyped setting is a setting that is silently not in force. Every refusal is one line that
//! says which key, where it stood and why.

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use holdfast_engine::prelude::Topology;
use holdfast_engine::runtime::OnLostInput;
use holdfast_model::feature;
use holdfast_tools::Failure;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

mod alerts;
mod notifiers;
mod reader;
mod security;
mod table;
mod values;

pub use alerts::AlertSettings;
pub(crate) use notifiers::needed;
pub use notifiers::{Fcm, Kakao, Notifiers, Sms};
use reader::Reader;
pub use table::abouts;

/// The file that is read when none is named.
pub const FILE: &str = "holdfast.toml";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever has to send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For humans.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How to speak to brokers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Security {
    /// `plaintext`, `ssl`, `sasl_plaintext`, `sasl_ssl`.
    pub protocol: String,
    /// SASL mechanism.
    pub mechanism: Option<String>,
    /// SASL user.
    pub username: Option<String>,
    /// SASL password.
    pub password: Option<Secret>,
    /// File of the authorities that sign the brokers' certificates, in PEM form.
    pub ca: Option<String>,
    /// File of the worker's own certificate and its chain, in PEM form.
    pub certificate: Option<String>,
    /// File of its private key, in PEM form.
    pub key: Option<String>,
    /// Password of that key.
    pub key_password: Option<Secret>,
}

impl Security {
    /// Whether a user and a password are sent.
    #[must_use]
    pub fn has_sasl(&self) -> bool {
        self.protocol.starts_with("sasl")
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.protocol.ends_with("ssl")
    }
}

/// The brokers, when there are any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kafka {
    /// Comma-separated.
    pub brokers: String,
    /// Client id.
    pub client_id: String,
    /// How to speak to them.
    pub security: Security,
    /// Whether transactions go through librdkafka everywhere.
    pub librdkafka_transactions: bool,
}

/// Where notices and facts go outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Channels {
    /// Discord webhook.
    pub discord_webhook_url: Option<Secret>,
    /// Slack webhook.
    pub slack_webhook_url: Option<Secret>,
    /// The other channels to a user.
    pub notifiers: Notifiers,
    /// Data platform.
    pub data_platform_url: Option<String>,
}

/// How long the breaker of a channel stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BreakerPauses {
    /// The first pause, in ms.
    pub min_ms: u64,
    /// The longest, in ms.
    pub max_ms: u64,
}

/// The effective settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `None` = the embedded log.
    pub kafka: Option<Kafka>,
    /// Groups under which positions are shown, by topology, where they are not the topology's own.
    pub groups: BTreeMap<&'static str, String>,
    /// The app.
    pub app_id: String,
    /// Name of this replica.
    pub worker_id: Option<String>,
    /// Number of places.
    pub partitions: u32,
    /// Replication, `None` = as the log thinks best.
    pub replication: Option<u32>,
    /// Whether to run with topics whose settings make decisions wrong or lose them.
    pub allow_unsafe_topics: bool,
    /// Listen addresses.
    pub http_addr: Vec<SocketAddr>,
    /// How peers reach this replica.
    pub http_advertised: String,
    /// Connections that are served at a time, `None` = what the limit of open files leaves.
    pub http_connections_max: Option<u64>,
    /// Stores, embedded log, lock.
    pub data_dir: PathBuf,
    /// Largest request that is accepted, in bytes of its record's value.
    pub record_bytes_max: usize,
    /// What is done where retention deleted requests before they were decided.
    pub on_lost_input: OnLostInput,
    /// Settings of the features as JSON, by name: [`Settings::of`] reads them.
    pub features: BTreeMap<&'static str, String>,
    /// Bearer token of admin routes.
    pub admin_token: Option<Secret>,
    /// Where notices go.
    pub channels: Channels,
    /// Where alerts go, and when.
    pub alerts: AlertSettings,
    /// How long a channel that does not work is left alone.
    pub breaker: BreakerPauses,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Filter of log lines.
    pub log_level: String,
    shown: Vec<(&'static str, String)>,
}

impl Settings {
    /// The settings of a feature.
    #[must_use]
    pub fn of<S: feature::Settings>(&self) -> S {
        self.features.get(S::FEATURE).map(|json| feature::from_json(json)).unwrap_or_default()
    }

    /// `topologies` with the groups under which an operator wants their positions shown.
    #[must_use]
    pub fn shown(&self, mut topologies: Vec<Topology>) -> Vec<Topology> {
        for topology in &mut topologies {
            if let Some(group) = self.groups.get(&**topology.name()) {
                *topology = topology.shown_as(group);
            }
        }
        topologies
    }
}

/// Settings that cannot be worked with. One line: which key, where it stood, why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// A refusal that was found later, for instance by asking the log. `key`: a setting, or a flag with its dashes.
    #[must_use]
    pub fn new(key: &str, why: impl fmt::Display) -> Self {
        match Failure::usage(key, why) {
            Failure::Usage(text) | Failure::Failed(text) => Self(text),
        }
    }

    /// What is wrong with which key, said already.
    #[must_use]
    pub(crate) fn said(text: String) -> Self {
        Self(text)
    }
}

/// Where settings come from.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    /// The file named on the command line.
    pub file: Option<PathBuf>,
    /// Flags, by key.
    pub flags: BTreeMap<String, String>,
    /// Environment, by variable name.
    pub environment: BTreeMap<String, String>,
}

impl Sources {
    /// File and flags as given, environment as it is.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is where the environment is read")]
    pub fn of_process(file: Option<PathBuf>, flags: BTreeMap<String, String>) -> Self {
        let known = abouts().map(|about| about.key.to_uppercase());
        let environment = known
            .chain(["RUST_LOG".to_owned()])
            .filter_map(|name| Some((name.clone(), std::env::var(&name).ok()?)))
            .collect();
        Self { file, flags, environment }
    }
}

/// Texts under their keys, as they were given: the environment's `WORKER_ID=007` must not become the number 7.
struct Texts {
    name: &'static str,
    texts: BTreeMap<String, String>,
}

impl Provider for Texts {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict: Dict = self.texts.iter().map(|(k, v)| (k.clone(), Value::String(Tag::Default, v.clone()))).collect();
        Ok(Profile::Default.collect(dict))
    }
}

/// Reads the settings.
///
/// # Errors
/// [`ConfigError`] for an unknown key, an unreadable file or a value that makes no sense.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    let environment = abouts()
        .filter_map(|about| Some((about.key.to_owned(), sources.environment.get(&about.key.to_uppercase())?.clone())))
        // `KAFKA_BROKERS=` in a compose file means "not set".
        .filter(|(_, value)| !value.trim().is_empty())
        .collect();
    let mut figment = toml(sources.file.as_ref())?.unwrap_or_default();
    figment = figment
        .merge(Texts { name: "environment", texts: environment })
        .merge(Texts { name: "flag", texts: sources.flags.clone() });
    let values: BTreeMap<String, Value> =
        figment.extract().map_err(|e| ConfigError(e.to_string().replace('\n', " ")))?;
    let reader = Reader { figment: &figment, values: &values, shown: Vec::new() };
    let mut settings = reader.settings()?;
    if let Some(filter) = sources.environment.get("RUST_LOG").filter(|f| !f.trim().is_empty()) {
        settings.log_level.clone_from(filter);
    }
    Ok(settings)
}

fn toml(named: Option<&PathBuf>) -> Result<Option<Figment>, ConfigError> {
    let path = match named {
        Some(path) if !path.is_file() => return Err(ConfigError(format!("{}: no such file", path.display()))),
        Some(path) => path.clone(),
        None if PathBuf::from(FILE).is_file() => PathBuf::from(FILE),
        None => return Ok(None),
    };
    let shown = path.display().to_string();
    let figment = Figment::from(Toml::file_exact(&path));
    let dict: Dict = figment.extract().map_err(|e| ConfigError(format!("{shown}: {e}").replace('\n', " ")))?;
    if let Some(unknown) = dict.keys().find(|key| !abouts().any(|about| about.key == key.as_str())) {
        let hint = nearest(unknown).map_or_else(String::new, |key| format!(" (did you mean {key:?}?)"));
        return Err(ConfigError(format!("{shown}: unknown key {unknown:?}{hint}")));
    }
    Ok(Some(figment))
}

fn nearest(unknown: &str) -> Option<&'static str> {
    let folded = unknown.to_lowercase().replace(['-', '.'], "_");
    abouts().map(|about| about.key).find(|key| *key == folded || key.starts_with(&folded) || folded.starts_with(key))
}

/// `key=value` of every setting, secrets masked.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value)) in self.shown.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(
        toml: Option<&str>,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> (Sources, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let file = toml.map(|text| {
            let path = dir.path().join("holdfast.toml");
            std::fs::write(&path, text).unwrap();
            path
        });
        let pairs = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        (Sources { file, flags: pairs(flags), environment: pairs(environment) }, dir)
    }

    fn refused(toml: Option<&str>, environment: &[(&str, &str)]) -> String {
        let (sources, _dir) = sources(toml, environment, &[]);
        let line = load(&sources).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        line
    }

    fn of_seats(settings: &Settings) -> holdfast_model::reservation::Settings {
        settings.of()
    }

    #[test]
    fn nothing_set_means_the_embedded_log_on_port_3000() {
        let settings = load(&Sources::default()).unwrap();
        assert_eq!(settings.kafka, None);
        assert_eq!(settings.partitions, 3);
        assert_eq!(settings.http_addr, ["127.0.0.1:3000".parse().unwrap()]);
        assert_eq!(settings.http_advertised, "http://127.0.0.1:3000");
        assert_eq!(settings.groups["coupon"], "coupon-service-group");
        assert_eq!((of_seats(&settings).hold_ms, settings.record_bytes_max), (300_000, 1_000_000));
        assert_eq!(settings.on_lost_input, OnLostInput::Stop);
    }

    #[test]
    fn flags_beat_environment_beats_file_beats_defaults() {
        let (all, _dir) = sources(
            Some("partitions = 4\napp_id = \"file\"\nhold_ms = 1000"),
            &[("PARTITIONS", "5"), ("APP_ID", "env")],
            &[("partitions", "6")],
        );
        let settings = load(&all).unwrap();
        assert_eq!((settings.partitions, settings.app_id.as_str(), of_seats(&settings).hold_ms), (6, "env", 1000));
    }

    #[test]
    fn an_unknown_key_refuses_and_is_named() {
        let line = refused(Some("partition = 4"), &[]);
        assert!(line.contains("unknown key \"partition\"") && line.contains("partitions"), "{line}");
    }

    #[test]
    fn a_wrong_value_names_its_key_and_its_source() {
        let line = refused(None, &[("PARTITIONS", "many")]);
        assert!(line.contains("PARTITIONS") && line.contains("many") && line.contains("environment"), "{line}");
        let line = refused(Some("hold_ms = -1"), &[]);
        assert!(line.contains("HOLD_MS") && line.contains("holdfast.toml"), "{line}");
        for (key, value) in [
            ("HTTP_ADDR", "3000"),
            ("HTTP_ADDR", "127.0.0.1:3000,127.0.0.1:3000"),
            ("APP_ID", "a b"),
            ("KAFKA_BROKERS", "localhost"),
            ("KAFKA_TRANSACTIONS", "none"),
            ("ON_LOST_INPUT", "skip"),
            ("LOG_FORMAT", "xml"),
            ("SLACK_WEBHOOK_URL", "slack"),
            ("WEBHOOK_URL", "http://"),
            ("WEBHOOK_URL", "ftp://host/"),
            ("FCM_API_URL", "https://host:port/"),
            ("KAKAO_TEMPLATES", "PAYMENT_CONFIRMED"),
            ("SMS_SENDER", "0212345678"),
            ("PARTITIONS", "0"),
            ("RECORD_BYTES_MAX", "1000001"),
            ("HTTP_CONNECTIONS_MAX", "0"),
            ("CANCEL_FEES", "0:90,10:0"),
            ("FREE_CANCEL_MS", "one day"),
            ("FREE_CANCEL_DAYS_MIN", "-3"),
        ] {
            let line = refused(None, &[(key, value)]);
            assert!(line.contains(key), "{line}");
        }
        assert!(refused(Some("a = ["), &[]).contains("holdfast.toml"));
    }

    #[test]
    fn secrets_are_never_shown() {
        let (given, _dir) = sources(
            None,
            &[("ADMIN_TOKEN", "0123-hush"), ("SLACK_WEBHOOK_URL", "https://hooks/hush"), ("WORKER_ID", "007")],
            &[],
        );
        let settings = load(&given).unwrap();
        assert_eq!(settings.admin_token.as_ref().map(Secret::reveal), Some("0123-hush"));
        assert_eq!(settings.worker_id.as_deref(), Some("007"));
        for text in [settings.to_string(), format!("{settings:?}")] {
            assert!(!text.contains("hush"), "{text}");
        }
        assert!(settings.to_string().contains("admin_token=***"));
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let (given, _dir) = sources(None, &[("KAFKA_BROKERS", ""), ("PARTITIONS", " ")], &[]);
        let settings = load(&given).unwrap();
        assert_eq!((settings.kafka, settings.partitions), (None, 3));
    }

    #[test]
    fn lists_may_be_lists() {
        let (given, _dir) = sources(
            Some("http_addr = [\"127.0.0.1:3000\", \"127.0.0.1:9090\"]\ncancel_fees = [\"30:0\", \"0:100\"]"),
            &[],
            &[],
        );
        let settings = load(&given).unwrap();
        assert_eq!((settings.http_addr.len(), of_seats(&settings).fees.len()), (2, 2));
        assert!(settings.to_string().contains("cancel_fees=30:0,0:100"), "{settings}");
    }

    #[test]
    fn an_empty_text_in_the_file_is_the_default_or_refused() {
        let (given, _dir) = sources(Some("partitions = \"\"\nhold_ms = \"\"\nworker_id = \"\""), &[], &[]);
        let settings = load(&given).unwrap();
        assert_eq!((settings.partitions, of_seats(&settings).hold_ms, &settings.worker_id), (3, 300_000, &None));
        assert!(settings.to_string().contains("worker_id=unset"), "{settings}");
        for key in ["kafka_client_id", "kafka_group_id", "app_id", "http_addr", "data_dir", "cancel_fees"] {
            let line = refused(Some(&format!("{key} = \"\"")), &[]);
            assert!(line.contains(&key.to_uppercase()) && line.contains("must not be empty"), "{line}");
        }
    }

    #[test]
    fn each_key_is_one_setting() {
        let keys: Vec<_> = abouts().map(|about| about.key).collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:?}");
        let flagged_secret = abouts().find(|about| about.is_secret && about.flag.is_some());
        assert_eq!(flagged_secret, None, "every user of the machine can read a command line");
    }

    #[test]
    fn the_example_file_names_every_setting() {
        let example = include_str!("../holdfast.toml.example");
        let (given, _dir) = sources(Some(example), &[], &[]);
        load(&given).unwrap();
        for key in abouts().map(|about| about.key) {
            let there = example.lines().any(|l| l.trim_start_matches("# ").starts_with(&format!("{key} =")));
            assert!(there, "{key} is missing in holdfast.toml.example");
        }
    }
}
