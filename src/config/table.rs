//! Every setting there is: the source of truth for the file's keys, the environment's names, what is shown and what is not.

/// One setting: its key in holdfast.toml (upper case in the environment), its default, whether it must never be shown, and what it means.
#[derive(Debug)]
pub struct Setting {
    /// Key in the file; the environment variable is the same in upper case.
    pub key: &'static str,
    /// Its default, `None` = unset.
    pub default: Option<&'static str>,
    /// Never printed.
    pub secret: bool,
    /// One line for humans.
    pub meaning: &'static str,
}

const fn plain(key: &'static str, default: Option<&'static str>, meaning: &'static str) -> Setting {
    Setting { key, default, secret: false, meaning }
}

const fn secret(key: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default: None, secret: true, meaning }
}

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    plain("kafka_brokers", None, "comma-separated host:port; set = the Kafka log, unset = the embedded log"),
    plain("kafka_client_id", Some("promotion-system"), "client id shown to the brokers"),
    plain(
        "kafka_group_id",
        Some("coupon-service-group"),
        "group under which the coupon topology's positions are shown",
    ),
    plain("kafka_security_protocol", Some("plaintext"), "plaintext, ssl, sasl_plaintext or sasl_ssl"),
    plain("kafka_security_mechanism", None, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    plain("kafka_security_username", None, "SASL user"),
    secret("kafka_security_password", "SASL password"),
    plain("kafka_security_ca", None, "file with the certificates of the authority that signed the brokers'"),
    plain("kafka_security_certificate", None, "file with the worker's certificate, for brokers that ask for one"),
    plain("kafka_security_key", None, "file with the private key of that certificate"),
    secret("kafka_security_key_password", "password of that key, if it is encrypted"),
    plain(
        "kafka_transactions",
        Some("direct"),
        "direct: transactions and appends are spoken to brokers of 4.0 and later ourselves where no TLS or SASL is asked for; librdkafka: never",
    ),
    plain(
        "app_id",
        Some("holdfast"),
        "the worker's consumer group; prefix of placement and changelog topics and transactional ids",
    ),
    plain("worker_id", None, "stable name of this replica: static membership"),
    plain("partitions", Some("3"), "number of places; part of the data format"),
    plain("replication", None, "replication of the topics; unset = min(3, brokers)"),
    plain(
        "allow_unsafe_topics",
        Some("false"),
        "true: run although an inbox takes its producers' clocks or is compacted, or a changelog is not",
    ),
    plain("http_addr", Some("127.0.0.1:3000"), "listen addresses, comma-separated"),
    plain("http_advertised", None, "URL at which peers reach this replica; unset = the first listen address"),
    plain(
        "http_connections_max",
        None,
        "connections that are served at a time, the next are answered with 503; unset = what the limit of open files leaves, at most 10000",
    ),
    plain("data_dir", Some("./data"), "stores, embedded log, lock"),
    plain(
        "record_bytes_max",
        Some("1000000"),
        "largest request that is accepted, in bytes of its record's value; every record may be 40,000 bytes larger, for its key and headers",
    ),
    plain(
        "on_lost_input",
        Some("stop"),
        "where retention deleted requests before they were decided: stop = decide nothing more there, continue = go on without them",
    ),
    plain("hold_ms", Some("300000"), "how long a seat is held"),
    plain(
        "cancel_fees",
        Some("10:0,7:10,3:20,1:30,0:90"),
        "days before the show : percent of what was paid that is kept, comma-separated, the earliest day first",
    ),
    plain(
        "free_cancel_ms",
        Some("86400000"),
        "how long after it was bought a seat is given back without a fee; 0 = never",
    ),
    plain("free_cancel_days_min", Some("3"), "that is from so many days before the show"),
    secret("admin_token", "bearer token of admin routes; unset = they answer only on a loopback listener"),
    secret("discord_webhook_url", "Discord channel; unset = written to the log"),
    secret("slack_webhook_url", "Slack channel; unset = written to the log"),
    plain("fcm_project_id", None, "Firebase project of push notices; unset = written to the log"),
    secret("fcm_credentials", "Firebase service account, as a file name or JSON"),
    secret("kakao_api_key", "Kakao Alimtalk; unset = written to the log"),
    plain("sms_api_url", None, "SMS gateway; unset = written to the log"),
    secret("sms_api_key", "key of the SMS gateway"),
    plain("sms_sender", None, "sender's number of SMS"),
    plain("data_platform_url", None, "data platform; unset = written to the log"),
    plain("log_format", Some("text"), "text or json"),
    plain("log_level", Some("info"), "error, warn, info, debug or trace; RUST_LOG overrides it"),
];
