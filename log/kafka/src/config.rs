//! How to reach the brokers, and librdkafka's settings for each kind of client.

use crate::settings::Settings;
use holdfast_ports::clock::Clock;
use std::fmt;
use std::sync::Arc;

/// Everything the log needs to know. [`KafkaConfig::new`] fills in what is rarely changed.
#[derive(Clone)]
pub struct KafkaConfig {
    /// Comma-separated `host:port`.
    pub brokers: String,
    /// Name under which brokers see this worker.
    pub client_id: String,
    /// Encryption and authentication. Default: none.
    pub security: Security,
    /// How long an append may take before it fails, in ms. Default: 5000.
    pub append_timeout_ms: u32,
    /// How long a commit, an abort or the making of a writer may take, in ms. Default: 10000.
    pub commit_timeout_ms: u32,
    /// Largest record (key, value and headers) that is sent, in bytes. Default: 1040000, which fits a broker's default of 1 MiB a batch.
    pub record_bytes_max: usize,
    /// How long a broker may gather records before it answers a fetch, in ms. Default: 4.
    ///
    /// Records come up to this late; in return a thousand records a second do not cost a thousand round trips, half a core on both sides.
    pub fetch_wait_ms: u32,
    /// Write to the brokers directly, transactions and appends, where they have the newer protocol (`transaction.version` 2) and neither TLS nor SASL is
    /// asked for. Otherwise, and where this is false, all goes through librdkafka. Default: true.
    pub speaks_directly: bool,
    /// Silence after which the group takes a member for dead, in ms. Default: 6000, the least that brokers allow by default.
    pub session_timeout_ms: u32,
    /// Measures waiting.
    pub clock: Arc<dyn Clock>,
}

/// Encryption and authentication, passed to librdkafka. `None` leaves its default.
#[derive(Clone, Default)]
pub struct Security {
    /// `plaintext`, `ssl`, `sasl_plaintext`, `sasl_ssl`.
    pub protocol: Option<String>,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`.
    pub mechanism: Option<String>,
    /// SASL user.
    pub username: Option<String>,
    /// SASL password; never shown.
    pub password: Option<String>,
    /// The CA that signed the brokers' certificates: a file, or the PEM text itself.
    pub ca: Option<String>,
    /// File of our own certificate and its chain, in PEM form, for brokers that ask for one.
    pub certificate: Option<String>,
    /// File of its private key, in PEM form.
    pub key: Option<String>,
    /// Password of that key; never shown.
    pub key_password: Option<String>,
}

impl Security {
    pub(crate) fn protocol(&self) -> String {
        self.protocol.as_deref().unwrap_or("plaintext").to_lowercase()
    }

    pub(crate) fn has_tls(&self) -> bool {
        self.protocol().ends_with("ssl")
    }

    pub(crate) fn has_sasl(&self) -> bool {
        self.protocol().starts_with("sasl")
    }
}

/// A setting of the worker, by the name under which an operator knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// [`KafkaConfig::brokers`].
    Brokers,
    /// [`Security::protocol`].
    Protocol,
    /// [`Security::mechanism`].
    Mechanism,
    /// [`Security::password`], and the user it belongs to.
    Password,
    /// [`Security::ca`].
    Ca,
    /// [`Security::certificate`].
    Certificate,
    /// [`Security::key`].
    Key,
    /// [`Security::key_password`].
    KeyPassword,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brokers => "KAFKA_BROKERS",
            Self::Protocol => "KAFKA_SECURITY_PROTOCOL",
            Self::Mechanism => "KAFKA_SECURITY_MECHANISM",
            Self::Password => "KAFKA_SECURITY_PASSWORD",
            Self::Ca => "KAFKA_SECURITY_CA",
            Self::Certificate => "KAFKA_SECURITY_CERTIFICATE",
            Self::Key => "KAFKA_SECURITY_KEY",
            Self::KeyPassword => "KAFKA_SECURITY_KEY_PASSWORD",
        })
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("protocol", &self.protocol)
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("ca", &self.ca)
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .field("key_password", &self.key_password.as_ref().map(|_| "***"))
            .finish()
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

/// How long a transaction may stay open before its coordinator aborts it, in ms.
pub(crate) const TRANSACTION_MS: i32 = 10_000;
/// How long a question to the cluster may take.
pub(crate) const ASK_MS: i32 = 5_000;

/// How often a member says that it lives and asks what is new, in ms.
const HEARTBEAT_MS: u32 = 200;

/// Head of a batch, lengths and offsets, generously.
const BATCH_OVERHEAD: usize = 8_000;

/// How eagerly a fetcher asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Records are the work: gather for a few ms, read far ahead.
    Stream,
    /// Records are rare: leave the question with the broker until there is an answer. Not for long: partitions begin one after the other, and those that are not
    /// in the first question wait until it has been answered.
    Idle,
}

impl KafkaConfig {
    /// The defaults, for these brokers.
    pub fn new(brokers: impl Into<String>, client_id: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: client_id.into(),
            security: Security::default(),
            append_timeout_ms: 5_000,
            commit_timeout_ms: 10_000,
            record_bytes_max: 1_040_000,
            fetch_wait_ms: 4,
            speaks_directly: true,
            session_timeout_ms: 6_000,
            clock,
        }
    }

    pub(crate) fn commit_ms(&self) -> i32 {
        i32::try_from(self.commit_timeout_ms).unwrap_or(i32::MAX)
    }

    /// What a batch of one record may weigh: the record, and room for what goes around it.
    fn message_bytes_max(&self) -> String {
        (self.record_bytes_max + BATCH_OVERHEAD).to_string()
    }

    /// What every client has in common.
    pub(crate) fn common(&self) -> Settings {
        let mut settings = vec![];
        let mut set = |key: &str, value: &str| settings.push((key.to_owned(), value.to_owned()));
        set("bootstrap.servers", &self.brokers);
        set("client.id", &self.client_id);
        let security = &self.security;
        for (key, value) in [
            ("security.protocol", &security.protocol),
            ("sasl.mechanism", &security.mechanism),
            ("sasl.username", &security.username),
            ("sasl.password", &security.password),
            ("ssl.certificate.location", &security.certificate),
            ("ssl.key.location", &security.key),
            ("ssl.key.password", &security.key_password),
        ] {
            if let Some(value) = value {
                set(key, value);
            }
        }
        if let Some(ca) = &security.ca {
            set(if ca.contains("-----BEGIN") { "ssl.ca.pem" } else { "ssl.ca.location" }, ca);
        }
        set("socket.keepalive.enable", "true");
        set("socket.nagle.disable", "true");
        // An outage is ridden out: look often whether it is over.
        set("reconnect.backoff.ms", "50");
        set("reconnect.backoff.max.ms", "1000");
        set("log.connection.close", "false");
        // Topics are created with their settings, never by mentioning them.
        set("allow.auto.create.topics", "false");
        settings
    }

    /// Asks about topics and ends; sees open transactions.
    pub(crate) fn control(&self) -> Settings {
        let mut settings = self.common();
        add(&mut settings, &[("isolation.level", "read_uncommitted"), ("socket.timeout.ms", "10000")]);
        settings
    }

    /// The shared producer behind HTTP, where it is librdkafka's.
    pub(crate) fn appender(&self, batch_bytes: usize) -> Settings {
        let mut settings = self.common();
        add(
            &mut settings,
            &[
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("linger.ms", "1"),
                ("compression.type", "lz4"),
                ("message.timeout.ms", &self.append_timeout_ms.to_string()),
                ("message.max.bytes", &self.message_bytes_max()),
                ("batch.size", &batch_bytes.to_string()),
                ("queue.buffering.max.messages", "200000"),
                // A topic that no broker knows is refused after this; a new one needs some time to be known by all.
                ("topic.metadata.propagation.max.ms", "2000"),
                ("socket.timeout.ms", "10000"),
            ],
        );
        settings
    }

    /// A transactional producer.
    pub(crate) fn writer(&self, id: &str, batch_bytes: usize) -> Settings {
        let mut settings = self.common();
        add(
            &mut settings,
            &[
                ("transactional.id", id),
                ("transaction.timeout.ms", &TRANSACTION_MS.to_string()),
                // The commit's flush does not wait for it. More would only leave more to be sent at the commit.
                ("linger.ms", "1"),
                // The coordinator refuses the next transaction while it writes the markers of the last one, a few ms: 100 ms, the default, would be
                // what a small transaction takes. It doubles with each try.
                ("retry.backoff.ms", "5"),
                ("compression.type", "lz4"),
                ("message.max.bytes", &self.message_bytes_max()),
                ("batch.size", &batch_bytes.to_string()),
                ("batch.num.messages", "100000"),
                ("queue.buffering.max.messages", "1000000"),
                ("queue.buffering.max.kbytes", "1048576"),
                ("topic.metadata.propagation.max.ms", "2000"),
            ],
        );
        settings
    }

    /// A reader of committed records. It has no group: partitions are started one by one.
    pub(crate) fn fetcher(&self, pace: Pace) -> Settings {
        let (wait_ms, min_bytes) = match pace {
            Pace::Stream => (self.fetch_wait_ms.to_string(), "100000"),
            Pace::Idle => ("100".to_owned(), "1"),
        };
        let mut settings = self.common();
        add(
            &mut settings,
            &[
                ("isolation.level", "read_committed"),
                ("enable.partition.eof", "true"),
                ("enable.auto.commit", "false"),
                ("auto.offset.reset", "error"),
                ("fetch.wait.max.ms", &wait_ms),
                ("fetch.min.bytes", min_bytes),
                ("fetch.queue.backoff.ms", "2"),
                ("fetch.error.backoff.ms", "100"),
                // Of each partition: a few hundred ms of work. What waits costs a few times its size in memory: librdkafka counts values, not what it wraps them in.
                // The bytes are of each partition, too, and twice as many once a batch was taken: a worker that restores fifty changelogs of large rows reads
                // all of them at once.
                ("queued.min.messages", "10000"),
                ("queued.max.messages.kbytes", "4096"),
                // Of each partition in one answer. A megabyte of small requests, decompressed and wrapped, is fifty thousand messages in memory at once.
                ("fetch.message.max.bytes", "262144"),
                ("socket.timeout.ms", "10000"),
            ],
        );
        settings
    }

    /// A member of the app's group.
    pub(crate) fn member(&self, app: &str, worker: Option<&str>) -> Settings {
        let mut settings = self.common();
        add(
            &mut settings,
            &[
                ("group.id", app),
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("session.timeout.ms", &self.session_timeout_ms.to_string()),
                // How soon a member hears that others come and go: a place that is handed over is nobody's for about this long.
                ("heartbeat.interval.ms", &HEARTBEAT_MS.min(self.session_timeout_ms / 4).to_string()),
                // A place is given back when it is committed and closed, which may take as long as a restore.
                ("max.poll.interval.ms", "300000"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("socket.timeout.ms", "10000"),
            ],
        );
        if let Some(worker) = worker {
            add(&mut settings, &[("group.instance.id", worker)]);
        }
        settings
    }

    /// Shows and reads positions under a group's name, without being a member.
    pub(crate) fn mirror(&self, group: &str) -> Settings {
        let mut settings = self.common();
        add(&mut settings, &[("group.id", group), ("enable.auto.commit", "false"), ("socket.timeout.ms", "5000")]);
        settings
    }
}

fn add(settings: &mut Settings, more: &[(&str, &str)]) {
    settings.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
}
