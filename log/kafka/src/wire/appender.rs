//! The shared, idempotent producer behind HTTP that speaks for itself, and its guide: the thread that asks the cluster where things go, gives up what has
//! waited too long, and notices when no broker answers.

use super::brokers::Brokers;
use super::bundle::Bundle;
use super::carrier;
use super::lanes::{Lanes, Questions};
use super::messages;
use super::producer::code_of;
use crate::appender::{KafkaAppends, LAST_FLUSH_MS, PROBE_MS, TURN_MS};
use crate::config::{KafkaConfig, TRANSACTION_MS};
use crate::ffi::Code;
use crate::health::Pulse;
use crate::pending::Done;
use crate::reaction;
use crate::size;
use holdfast_ports::log::{AppendError, Appender, LogError};
use holdfast_ports::record::NewRecord;
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two questions of which the first has not helped, in ms.
const PAUSE_MS: u64 = 5;
const PAUSE_MAX_MS: u64 = 100;
/// How long a topic may be unknown, in µs: a new one is heard of by one broker after the other.
const MISSING_US: u64 = 2_000_000;

/// See the head of this file.
pub(crate) struct WireAppender {
    config: KafkaConfig,
    lanes: Arc<Lanes>,
    guide: Mutex<Option<JoinHandle<()>>>,
}

struct Guide {
    config: KafkaConfig,
    lanes: Arc<Lanes>,
    pulse: Arc<Pulse>,
    brokers: Brokers,
}

impl WireAppender {
    /// For brokers that speak as we do ([`super::is_spoken`]), which have just answered.
    pub(crate) fn open(config: &KafkaConfig, pulse: &Arc<Pulse>) -> Result<Self, LogError> {
        let lanes = Arc::new(Lanes::default());
        pulse.heard(config.clock.monotonic_us());
        let mut guide = Guide {
            config: config.clone(),
            lanes: Arc::clone(&lanes),
            pulse: Arc::clone(pulse),
            brokers: Brokers::new(config).with_patience(Duration::from_millis(PROBE_MS.into())),
        };
        let guide = thread::Builder::new()
            .name("kafka-append".to_owned())
            .spawn(move || guide.serve())
            .map_err(|error| LogError::Fatal(format!("no thread for the appender: {error}")))?;
        Ok(Self { config: config.clone(), lanes, guide: Mutex::new(Some(guide)) })
    }
}

impl Appender for WireAppender {
    fn append(&self, record: NewRecord<'_>, done: Done) {
        let bytes = match size::checked(&record, self.config.record_bytes_max) {
            Ok(bytes) => bytes,
            Err(why) => return done(Err(AppendError::Refused(why))),
        };
        let clock = &self.config.clock;
        if let Err(done) = self.lanes.push(&record, bytes, done, clock.now_ms(), clock.monotonic_us()) {
            done(Err(AppendError::Unavailable("too much waits for the brokers".to_owned())));
        }
    }
}

impl KafkaAppends for WireAppender {
    /// It asks whenever it does not know.
    fn learn(&self, _topics: &[&str]) {}
}

impl Drop for WireAppender {
    fn drop(&mut self) {
        drop(self.lanes.close(Duration::from_millis(LAST_FLUSH_MS.into())));
        if let Some(guide) = self.guide.lock().take()
            && guide.join().is_err()
        {
            tracing::error!("the appender's thread panicked");
        }
    }
}

impl Guide {
    fn serve(&mut self) {
        // Before the first append needs it.
        self.ask(&Questions { producer: true, ..Questions::default() });
        let mut pause_ms = 0;
        while let Some(questions) = self.lanes.questions(Duration::from_millis(TURN_MS.into())) {
            self.give_up_expired();
            if questions.is_empty() {
                pause_ms = 0;
            } else {
                self.ask(&questions);
                pause_ms = (pause_ms * 2).clamp(PAUSE_MS, PAUSE_MAX_MS);
                self.lanes.rest(Duration::from_millis(pause_ms));
            }
            if self.brokers.has_hung_up() {
                self.pulse.doubt("a broker has closed the connection");
            }
            if let Some(why) = self.pulse.question(self.now_us()) {
                let answer = self.brokers.ask_any(messages::API_VERSIONS, &messages::api_versions());
                self.pulse.answer(answer.is_ok(), &why, self.now_us());
            }
        }
    }

    fn now_us(&self) -> u64 {
        self.config.clock.monotonic_us()
    }

    fn give_up_expired(&self) {
        let patience_us = u64::from(self.config.append_timeout_ms) * 1_000;
        if let Some(before_us) = self.now_us().checked_sub(patience_us) {
            self.fail(self.lanes.expired(before_us), Code::MessageTimedOut);
        }
    }

    fn fail(&self, bundles: Vec<Bundle>, code: Code) {
        if !bundles.is_empty() && !reaction::refuses(code) {
            self.pulse.down(&format!("an append failed: {code}"), self.now_us());
        }
        for bundle in bundles {
            bundle.failed(code);
        }
    }

    fn ask(&mut self, questions: &Questions) {
        if questions.producer {
            match self.producer() {
                Ok(producer) => self.lanes.written_as(producer),
                Err(why) => tracing::debug!(why, "no producer id for the appender"),
            }
        }
        for topic in &questions.topics {
            self.ask_who_leads(topic);
        }
    }

    fn producer(&mut self) -> Result<messages::ProducerId, String> {
        let body = messages::init_producer_id(None, TRANSACTION_MS);
        let answer = self.brokers.ask_any(messages::INIT_PRODUCER_ID, &body).map_err(|error| error.to_string())?;
        match messages::read_init_producer_id(&answer) {
            Ok(Ok(producer)) => Ok(producer),
            Ok(Err(error)) => Err(code_of(error).unwrap_or(Code::Unknown).to_string()),
            Err(malformed) => Err(malformed.to_string()),
        }
    }

    fn ask_who_leads(&mut self, topic: &str) {
        let metadata = match self.brokers.metadata(topic) {
            Ok(metadata) => metadata,
            Err(error) => {
                tracing::debug!(topic, %error, "nobody says who leads it");
                self.pulse.doubt(&error.to_string());
                return;
            }
        };
        self.pulse.heard(self.now_us());
        for (node, filled) in self.lanes.led(topic, &metadata) {
            if let Err(error) = carrier::hire(node, filled, &self.lanes, &self.pulse, &self.config) {
                tracing::error!(broker = node, %error, "no thread for its appends");
                self.lanes.without_carrier(node);
            }
        }
        let now_us = self.now_us();
        let (code, before_us) = match code_of(metadata.error) {
            Some(code) if reaction::refuses(code) && code != Code::UnknownTopicOrPartition => (code, u64::MAX),
            Some(Code::UnknownTopicOrPartition) => (Code::UnknownTopic, now_us.saturating_sub(MISSING_US)),
            None => (Code::UnknownPartition, now_us.saturating_sub(MISSING_US)),
            // It will pass.
            Some(_) => return,
        };
        self.fail(self.lanes.missing(topic, metadata.leaders.len(), before_us), code);
    }
}
