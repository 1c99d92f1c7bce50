//! Every setting there is: the worker's own tables, and between them those of the features. The file's keys, the
//! environment's names, flags, what is shown and what is not derive from them.

use super::alerts::ALERTS;
use super::notifiers::OF_NOTIFIERS;
use super::security::{MECHANISMS, PROTOCOLS};
use super::values::{addresses, brokers, flag, one_of, topic_part, url};
use super::{AlertSettings, BreakerPauses, Channels, Kafka, LogFormat, Secret, Settings};
use holdfast_engine::runtime::OnLostInput;
use holdfast_model::config_def::{About, Setting, put, whole};
use holdfast_model::{FEATURES, coupon};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings while they are read.
pub(super) struct Draft {
    pub(super) settings: Settings,
    /// How brokers are spoken to, if there are any.
    pub(super) kafka: Kafka,
}

impl Default for Draft {
    /// Nothing is set. Defaults stand in the tables.
    fn default() -> Self {
        let settings = Settings {
            kafka: None,
            groups: BTreeMap::new(),
            app_id: String::new(),
            worker_id: None,
            partitions: 0,
            replication: None,
            allow_unsafe_topics: false,
            http_addr: Vec::new(),
            http_advertised: String::new(),
            http_connections_max: None,
            data_dir: PathBuf::new(),
            record_bytes_max: 0,
            on_lost_input: OnLostInput::Stop,
            features: BTreeMap::new(),
            admin_token: None,
            channels: Channels::default(),
            alerts: AlertSettings::default(),
            breaker: BreakerPauses::default(),
            log_format: LogFormat::default(),
            log_level: String::new(),
            shown: Vec::new(),
        };
        Self { settings, kafka: Kafka::default() }
    }
}

/// Every setting, in the order in which they are shown; a key that several features have comes once.
pub fn abouts() -> impl Iterator<Item = About> {
    let mut of_features: Vec<About> = Vec::new();
    for about in
        FEATURES.iter().filter_map(|feature| feature.settings.as_ref()).flat_map(|settings| (settings.abouts)())
    {
        if !of_features.iter().any(|known| known.key == about.key) {
            of_features.push(about);
        }
    }
    let own = |table: &'static [Setting<Draft>]| table.iter().map(|setting| setting.about);
    let outside = own(OF_NOTIFIERS).chain(own(OUTSIDE)).chain(own(ALERTS));
    own(OF_THE_LOG_AND_THE_APP).chain(of_features).chain(outside)
}

pub(super) type Entry = Setting<Draft>;

pub(super) fn secret(text: &str) -> Result<Option<Secret>, String> {
    Ok(Some(Secret::new(text)))
}

pub(super) fn secret_url(text: &str) -> Result<Option<Secret>, String> {
    url(text).map(Secret::new).map(Some)
}

fn plain(text: &str) -> Result<Option<String>, String> {
    Ok(Some(text.to_owned()))
}

/// The log and the app.
pub(super) const OF_THE_LOG_AND_THE_APP: &[Entry] = &[
    Entry::new(
        "kafka_brokers",
        "comma-separated host:port; set = the Kafka log, unset = the embedded log",
        |d: &mut Draft, text| put(&mut d.kafka.brokers, brokers(text)),
    )
    .flag("KAFKA_BROKERS: comma-separated host:port; unset = the embedded log"),
    Entry::new("kafka_client_id", "client id shown to the brokers", |d: &mut Draft, text| {
        put(&mut d.kafka.client_id, Ok(text.to_owned()))
    })
    .default("promotion-system")
    .required(),
    Entry::new("kafka_security_protocol", "plaintext, ssl, sasl_plaintext or sasl_ssl", |d: &mut Draft, text| {
        put(&mut d.kafka.security.protocol, one_of(text, PROTOCOLS))
    })
    .default("plaintext"),
    Entry::new("kafka_security_mechanism", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", |d: &mut Draft, text| {
        put(&mut d.kafka.security.mechanism, one_of(text, MECHANISMS).map(Some))
    }),
    Entry::new("kafka_security_username", "SASL user", |d: &mut Draft, text| {
        put(&mut d.kafka.security.username, plain(text))
    }),
    Entry::new("kafka_security_password", "SASL password", |d: &mut Draft, text| {
        put(&mut d.kafka.security.password, secret(text))
    })
    .secret(),
    Entry::new(
        "kafka_security_ca",
        "file with the certificates of the authority that signed the brokers'",
        |d: &mut Draft, text| put(&mut d.kafka.security.ca, plain(text)),
    ),
    Entry::new(
        "kafka_security_certificate",
        "file with the worker's certificate, for brokers that ask for one",
        |d: &mut Draft, text| put(&mut d.kafka.security.certificate, plain(text)),
    ),
    Entry::new("kafka_security_key", "file with the private key of that certificate", |d: &mut Draft, text| {
        put(&mut d.kafka.security.key, plain(text))
    }),
    Entry::new("kafka_security_key_password", "password of that key, if it is encrypted", |d: &mut Draft, text| {
        put(&mut d.kafka.security.key_password, secret(text))
    })
    .secret(),
    Entry::new(
        "kafka_transactions",
        "direct: transactions and appends are spoken to brokers of 4.0 and later ourselves where no TLS or SASL is asked for; librdkafka: never",
        |d: &mut Draft, text| {
            put(&mut d.kafka.librdkafka_transactions, one_of(text, &["direct", "librdkafka"]).map(|way| way == "librdkafka"))
        },
    )
    .default("direct"),
    Entry::new(
        "kafka_group_id",
        "group under which the coupon topology's positions are shown",
        |d: &mut Draft, text| {
            d.settings.groups.insert(coupon::NAME, topic_part(text)?);
            Ok(())
        },
    )
    .default(coupon::GROUP)
    .required()
    .flag("KAFKA_GROUP_ID: group under which the coupon topology's positions are shown"),
    Entry::new(
        "app_id",
        "the worker's consumer group; prefix of placement and changelog topics and transactional ids",
        |d: &mut Draft, text| put(&mut d.settings.app_id, topic_part(text)),
    )
    .default("holdfast")
    .required()
    .flag("APP_ID: the worker's own group and prefix"),
    Entry::new("worker_id", "stable name of this replica: static membership", |d: &mut Draft, text| {
        put(&mut d.settings.worker_id, topic_part(text).map(Some))
    })
    .flag("WORKER_ID: stable name of this replica"),
    Entry::new("partitions", "number of places; part of the data format", |d: &mut Draft, text| {
        put(&mut d.settings.partitions, whole(text, 1..=4096))
    })
    .default("3")
    .flag("PARTITIONS: number of places"),
    Entry::new("replication", "replication of the topics; unset = min(3, brokers)", |d: &mut Draft, text| {
        put(&mut d.settings.replication, whole(text, 1..=32).map(Some))
    })
    .flag("REPLICATION of the topics"),
    Entry::new(
        "allow_unsafe_topics",
        "true: run although an inbox takes its producers' clocks or is compacted, or a changelog is not",
        |d: &mut Draft, text| put(&mut d.settings.allow_unsafe_topics, flag(text)),
    )
    .default("false"),
    Entry::new("http_addr", "listen addresses, comma-separated", |d: &mut Draft, text| {
        put(&mut d.settings.http_addr, addresses(text))
    })
    .default("127.0.0.1:3000")
    .required()
    .flag("HTTP_ADDR: listen addresses, comma-separated"),
    Entry::new(
        "http_advertised",
        "URL at which peers reach this replica; unset = the first listen address",
        |d: &mut Draft, text| {
            put(&mut d.settings.http_advertised, url(text).map(|url| url.trim_end_matches('/').to_owned()))
        },
    )
    .flag("HTTP_ADVERTISED: URL at which peers reach this replica"),
    Entry::new(
        "http_connections_max",
        "connections that are served at a time, the next are answered with 503; unset = what the limit of open files leaves, at most 10000",
        |d: &mut Draft, text| put(&mut d.settings.http_connections_max, whole(text, 1..=1_000_000).map(Some)),
    ),
    Entry::new("data_dir", "stores, embedded log, lock", |d: &mut Draft, text| {
        put(&mut d.settings.data_dir, Ok(PathBuf::from(text)))
    })
    .default("./data")
    .required()
    .flag("DATA_DIR: stores, embedded log, lock"),
    Entry::new(
        "record_bytes_max",
        "largest request that is accepted, in bytes of its record's value; every record may be 40,000 bytes larger, for its key and headers",
        // Brokers take a megabyte at once unless their operator says otherwise.
        |d: &mut Draft, text| put(&mut d.settings.record_bytes_max, whole(text, 1_000..=1_000_000)),
    )
    .default("1000000"),
    Entry::new(
        "on_lost_input",
        "where retention deleted requests before they were decided: stop = decide nothing more there, continue = go on without them",
        |d: &mut Draft, text| {
            let is_continue = one_of(text, &["stop", "continue"])? == "continue";
            d.settings.on_lost_input = if is_continue { OnLostInput::Continue } else { OnLostInput::Stop };
            Ok(())
        },
    )
    .default("stop"),
];

/// Admin routes, channels that lead outside, and log lines.
pub(super) const OUTSIDE: &[Entry] = &[
    Entry::new(
        "admin_token",
        "bearer token of admin routes; unset = they answer only on a loopback listener",
        |d: &mut Draft, text| put(&mut d.settings.admin_token, secret(text)),
    )
    .secret(),
    Entry::new("discord_webhook_url", "Discord channel; unset = written to the log", |d: &mut Draft, text| {
        put(&mut d.settings.channels.discord_webhook_url, secret_url(text))
    })
    .secret(),
    Entry::new("slack_webhook_url", "Slack channel; unset = written to the log", |d: &mut Draft, text| {
        put(&mut d.settings.channels.slack_webhook_url, secret_url(text))
    })
    .secret(),
    Entry::new("data_platform_url", "data platform; unset = written to the log", |d: &mut Draft, text| {
        put(&mut d.settings.channels.data_platform_url, url(text).map(Some))
    }),
    Entry::new(
        "effect_breaker_pause_ms",
        "how long a channel that does not work is left alone at first; doubles with each trial that fails",
        |d: &mut Draft, text| put(&mut d.settings.breaker.min_ms, whole(text, 10..=3_600_000)),
    )
    .default("1000"),
    Entry::new("effect_breaker_pause_max_ms", "the longest of these pauses", |d: &mut Draft, text| {
        put(&mut d.settings.breaker.max_ms, whole(text, 10..=3_600_000))
    })
    .default("60000"),
    Entry::new("log_format", "text or json", |d: &mut Draft, text| {
        let is_json = one_of(text, &["text", "json"])? == "json";
        d.settings.log_format = if is_json { LogFormat::Json } else { LogFormat::Text };
        Ok(())
    })
    .default("text")
    .flag("LOG_FORMAT: text or json"),
    Entry::new("log_level", "error, warn, info, debug or trace; RUST_LOG overrides it", |d: &mut Draft, text| {
        put(&mut d.settings.log_level, one_of(text, &["error", "warn", "info", "debug", "trace"]))
    })
    .default("info")
    .flag("LOG_LEVEL: error, warn, info, debug, trace"),
];
