//! The shared, idempotent producer behind HTTP by way of librdkafka, and the thread that polls it. Where brokers are spoken to directly,
//! `wire/appender.rs` has its place.

use crate::batch_limit::{BatchLimit, TooLarge, alone};
use crate::config::{ASK_MS, KafkaConfig, Setting};
use crate::contact::{self, ConnectError};
use crate::ffi::{Client, Code, Delivery, Events, Leg, Persisted, Topic};
use crate::health::Pulse;
use crate::pending::{Done, Pending, Waiting};
use crate::reaction;
use crate::size;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{AppendError, Appender, LogError};
use holdfast_ports::record::{Appended, NewRecord};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// How long the thread waits for a report before it looks whether it should stop.
pub(crate) const TURN_MS: u16 = 50;
/// How long a broker may take to say that it is there.
pub(crate) const PROBE_MS: u16 = 1_000;
/// How long a broker is waited for at once when it is asked for the first time.
const GREETING_MS: i32 = 200;
/// How long appends that are under way are waited for when the appender is closed.
pub(crate) const LAST_FLUSH_MS: u16 = 500;

/// The number of Produce requests.
const PRODUCE: i16 = 0;

pub(crate) struct KafkaAppender {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    config: KafkaConfig,
    pulse: Arc<Pulse>,
    batch_limit: Arc<BatchLimit>,
    line: RwLock<Arc<Line>>,
    stop: AtomicBool,
}

/// One producer and what belongs to it. Replaced as a whole when librdkafka declares the producer dead, and when
/// batches have to be smaller.
struct Line {
    /// Most bytes in a batch of several records.
    batch_bytes: usize,
    topics: RwLock<FxHashMap<Box<str>, Arc<Topic>>>,
    client: Arc<Client>,
    reports: Arc<Reports>,
}

/// What the producer tells.
struct Reports {
    pending: Pending,
    /// How many Produce requests have been sent.
    produced: AtomicU64,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
    dead: AtomicBool,
    /// Refused as too large, alone or together, in this poll.
    too_large: Mutex<Vec<(Waiting, Code)>>,
    /// The last error that no retry will help.
    hopeless: Mutex<Option<(Code, String)>>,
}

impl Events for Reports {
    fn delivered(&self, delivery: &Delivery) {
        let Some(waiting) = self.pending.take(delivery.tag) else { return };
        match delivery.error {
            None => {
                self.pulse.heard(self.clock.monotonic_us());
                (waiting.done)(Ok(Appended { offset: delivery.offset, append_ms: delivery.append_ms }));
            }
            Some(code) if reaction::is_too_large(code) && delivery.persisted == Persisted::No => {
                self.too_large.lock().push((waiting, code));
            }
            Some(code) => {
                let was_sent = self.produced.load(Ordering::Acquire) != waiting.produced_before;
                let error = reaction::of_append(code, persisted(code, delivery.persisted, was_sent));
                if !matches!(error, AppendError::Refused(_) | AppendError::Denied(_)) {
                    self.pulse.down(&format!("an append failed: {code}"), self.clock.monotonic_us());
                }
                (waiting.done)(Err(error));
            }
        }
    }

    fn request(&self, api_key: i16, leg: Leg) {
        if api_key == PRODUCE && leg == Leg::Sent {
            self.produced.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn trouble(&self, code: Code, reason: &str) {
        match code {
            Code::AllBrokersDown => self.pulse.doubt(reason),
            Code::Authentication | Code::SSL => {
                *self.hopeless.lock() = Some((code, reason.to_owned()));
                self.pulse.doubt(reason);
            }
            Code::Fail => tracing::debug!(reason, "appender"),
            fatal => {
                tracing::warn!(%fatal, reason, "the appender's producer is dead and will be replaced");
                self.dead.store(true, Ordering::Release);
            }
        }
    }
}

/// How far an append that failed may have come. librdkafka takes NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION and KAFKA_STORAGE_ERROR for
/// refusals, sends again, and reports a message that expires then as one that was not persisted. But a leader says so after the append, too. What has
/// certainly not been appended is what a broker refuses before it, what goes to a topic or a partition that is not there, and what was queued while
/// the producer sent nothing at all.
fn persisted(code: Code, reported: Persisted, was_sent: bool) -> Persisted {
    let is_certain = reaction::precedes_append(code) || matches!(code, Code::UnknownTopic | Code::UnknownPartition);
    if reported == Persisted::No && was_sent && !is_certain { Persisted::Possibly } else { reported }
}

impl Reports {
    /// Answers those that were refused in the last poll. The report on a batch is the report on each of its records:
    /// only one that was alone is too large itself.
    fn answer_too_large(&self, batch_limit: &BatchLimit, batch_bytes: usize) {
        let mut refused = std::mem::take(&mut *self.too_large.lock());
        // Stable: those of one partition stay in their order.
        refused.sort_by_key(|(waiting, _)| waiting.to);
        let records: Vec<_> = refused
            .iter()
            .enumerate()
            .map(|(tag, (Waiting { to, bytes, .. }, _))| TooLarge { to: *to, tag, bytes: *bytes })
            .collect();
        let mut is_alone = vec![false; records.len()];
        for records in records.chunk_by(|a, b| a.to == b.to) {
            let mut found = 0;
            for one in alone(records, batch_bytes) {
                is_alone[one.tag] = true;
                found += 1;
            }
            if found < records.len() {
                batch_limit.refused(records, batch_bytes);
            }
        }
        for ((waiting, code), is_alone) in refused.into_iter().zip(is_alone) {
            (waiting.done)(Err(if is_alone {
                reaction::of_append(code, Persisted::No)
            } else {
                AppendError::Unavailable("too many records at once for the topic".to_owned())
            }));
        }
    }
}

impl Line {
    fn open(config: &KafkaConfig, batch_bytes: usize, pulse: &Arc<Pulse>) -> Result<Arc<Self>, LogError> {
        let reports = Arc::new(Reports {
            pending: Pending::default(),
            produced: AtomicU64::new(0),
            pulse: Arc::clone(pulse),
            clock: Arc::clone(&config.clock),
            dead: AtomicBool::new(false),
            too_large: Mutex::default(),
            hopeless: Mutex::new(None),
        });
        let settings = config.appender(batch_bytes);
        let client = Client::producer(&settings, Arc::clone(&reports) as Arc<dyn Events>).map_err(LogError::Fatal)?;
        Ok(Arc::new(Self { batch_bytes, topics: RwLock::default(), client, reports }))
    }

    /// Serves the reports that come within this time.
    fn poll(&self, ms: u16, batch_limit: &BatchLimit) {
        self.client.poll(ms.into());
        self.reports.answer_too_large(batch_limit, self.batch_bytes);
    }

    /// Returns when a broker has answered. In short turns: what no retry will help is heard of between them.
    fn greet(&self, config: &KafkaConfig) -> Result<(), ConnectError> {
        let until_us = config.clock.monotonic_us() + u64::from(ASK_MS.unsigned_abs()) * 1_000;
        loop {
            let Err(code) = self.client.metadata(None, GREETING_MS) else { return Ok(()) };
            self.client.poll(0);
            let is_late = config.clock.monotonic_us() >= until_us;
            // A password is the same everywhere. A broker whose certificate is not good may have neighbours whose is.
            let hopeless = self.reports.hopeless.lock().take_if(|(code, _)| is_late || *code == Code::Authentication);
            if let Some((code, why)) = hopeless {
                return Err(refusal(config, code, &why));
            }
            if is_late {
                let what = format_args!("no broker of {} answers", config.brokers);
                return Err(reaction::of_question(what, code).into());
            }
        }
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>, Code> {
        if let Some(topic) = self.topics.read().get(name) {
            return Ok(Arc::clone(topic));
        }
        let topic = Arc::new(Topic::new(&self.client, name)?);
        Ok(Arc::clone(self.topics.write().entry(name.into()).or_insert(topic)))
    }

    fn append(&self, record: &NewRecord<'_>, bytes: usize, done: Done) {
        let error = |code| match code {
            code if reaction::refuses(code) => {
                AppendError::Refused(format!("{}-{}: {code}", record.topic, record.partition))
            }
            Code::Fatal => AppendError::Unavailable("the producer is being replaced".to_owned()),
            code => AppendError::Unavailable(code.to_string()),
        };
        let topic = match self.topic(record.topic) {
            Ok(topic) => topic,
            Err(code) => return done(Err(error(code))),
        };
        let produced_before = self.reports.produced.load(Ordering::Acquire);
        let to = (topic.id(), record.partition);
        let tag = self.reports.pending.insert(Waiting { done, to, bytes, produced_before });
        let queued = i32::try_from(record.partition).map_err(|_| Code::UnknownPartition).and_then(|partition| {
            self.client.produce(&topic, partition, record.key, record.value, record.headers, tag)
        });
        if let Err(code) = queued
            && let Some(waiting) = self.reports.pending.take(tag)
        {
            (waiting.done)(Err(error(code)));
        }
    }
}

impl KafkaAppender {
    /// Opens the producer and waits until a broker answers, so that wrong settings are noticed at start.
    pub(crate) fn open(
        config: &KafkaConfig,
        batch_limit: &Arc<BatchLimit>,
        pulse: &Arc<Pulse>,
    ) -> Result<Self, ConnectError> {
        let line = Line::open(config, batch_limit.bytes(), pulse)?;
        line.greet(config)?;
        let shared = Arc::new(Shared {
            config: config.clone(),
            pulse: Arc::clone(pulse),
            batch_limit: Arc::clone(batch_limit),
            line: RwLock::new(line),
            stop: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("kafka-append".to_owned())
            .spawn(move || served.serve())
            .map_err(|error| LogError::Fatal(format!("no thread for the appender: {error}")))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }
}

/// A broker that was greeted well ([`crate::contact`]) does not want us after all.
fn refusal(config: &KafkaConfig, code: Code, why: &str) -> ConnectError {
    let user = config.security.username.as_deref().unwrap_or_default();
    // "sasl_ssl://kafka:9093/bootstrap: SASL authentication error: Authentication failed: … (after 316ms in state AUTH_REQ)": what the broker says is within.
    let why = why.rsplit_once(" (after ").map_or(why, |(said, _)| said);
    let why = why.split_once("error: ").map_or(why, |(_, said)| said);
    match code {
        Code::Authentication => contact::refused(
            Setting::Password,
            format!("the brokers do not take it for the user {user:?} of KAFKA_SECURITY_USERNAME: {why}"),
        ),
        _ => contact::refused(Setting::Brokers, format!("no connection with the settings KAFKA_SECURITY_*: {why}")),
    }
}

/// Both ways to append.
pub(crate) trait KafkaAppends: Appender {
    /// Topics that have just been created.
    fn learn(&self, topics: &[&str]);
}

impl KafkaAppends for KafkaAppender {
    /// A producer that has heard of their absence would believe it for a while.
    fn learn(&self, topics: &[&str]) {
        let line = Arc::clone(&self.shared.line.read());
        for name in topics {
            if let Ok(topic) = line.topic(name)
                && let Err(code) = line.client.metadata(Some(&topic), ASK_MS)
            {
                tracing::debug!(topic = name, %code, "metadata of a new topic");
            }
        }
    }
}

impl Shared {
    fn serve(&self) {
        // Lines that get no more records: each goes when all that it has are answered.
        let mut retired: Vec<Arc<Line>> = Vec::new();
        while !self.stop.load(Ordering::Acquire) {
            let line = Arc::clone(&self.line.read());
            line.poll(TURN_MS, &self.batch_limit);
            if line.reports.dead.load(Ordering::Acquire) {
                self.replace(&line);
            } else if line.batch_bytes > self.batch_limit.bytes() {
                retired.extend(self.renew());
            }
            // An append that is being made holds a line, too.
            retired.retain(|line| {
                line.poll(0, &self.batch_limit);
                Arc::strong_count(line) > 1 || !line.reports.pending.is_empty()
            });
            if let Some(why) = self.pulse.question(self.config.clock.monotonic_us()) {
                let answer = line.client.metadata(None, PROBE_MS.into());
                let why = self.explained(&line, answer.is_ok(), why);
                self.pulse.answer(answer.is_ok(), &why, self.config.clock.monotonic_us());
            }
        }
        retired.push(Arc::clone(&self.line.read()));
        for line in retired {
            line.client.flush(LAST_FLUSH_MS.into());
            line.poll(0, &self.batch_limit);
        }
    }

    /// Puts a producer with smaller batches in the place of one that is alive; returns the old one.
    fn renew(&self) -> Option<Arc<Line>> {
        match Line::open(&self.config, self.batch_limit.bytes(), &self.pulse) {
            Ok(line) => Some(std::mem::replace(&mut *self.line.write(), line)),
            Err(error) => {
                tracing::error!(%error, "no producer with smaller batches for the appender");
                None
            }
        }
    }

    /// Why nobody answers, in the words of the settings where the brokers do not want us any more: a certificate has expired, a password was changed.
    /// Such brokers do answer, so asking them takes no time in which nobody reports what has been delivered.
    fn explained(&self, line: &Line, is_answered: bool, why: String) -> String {
        let mut hopeless = line.reports.hopeless.lock();
        if is_answered {
            *hopeless = None;
        }
        let Some((code, said)) = hopeless.clone() else { return why };
        drop(hopeless);
        let explained =
            contact::make(&self.config).err().unwrap_or_else(|| refusal(&self.config, code, &said)).to_string();
        if explained != why {
            tracing::warn!(why = explained, "the brokers do not let this worker in any more, trying again");
        }
        explained
    }

    /// Puts a new producer in the place of one that is dead.
    fn replace(&self, dead: &Line) {
        match Line::open(&self.config, self.batch_limit.bytes(), &self.pulse) {
            Ok(line) => {
                *self.line.write() = line;
                // librdkafka has purged the dead one: its reports are ready.
                dead.poll(0, &self.batch_limit);
                dead.reports.pending.give_up("the producer died");
            }
            Err(error) => tracing::error!(%error, "no new producer for the appender"),
        }
    }
}

impl Appender for KafkaAppender {
    fn append(&self, record: NewRecord<'_>, done: Done) {
        let bytes = match size::checked(&record, self.shared.config.record_bytes_max) {
            Ok(bytes) => bytes,
            Err(why) => return done(Err(AppendError::Refused(why))),
        };
        let line = Arc::clone(&self.shared.line.read());
        line.append(&record, bytes, done);
    }
}

impl Drop for KafkaAppender {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the appender's thread panicked");
        }
    }
}
