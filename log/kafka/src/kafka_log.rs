//! The log as the worker holds it.

use crate::alternating::AlternatingWriter;
use crate::appender::{KafkaAppender, KafkaAppends};
use crate::cluster::Cluster;
use crate::config::{KafkaConfig, Pace};
use crate::contact::{self, ConnectError};
use crate::fetcher::KafkaFetcher;
use crate::health::Pulse;
use crate::membership::KafkaMembership;
use crate::mirror::Mirrors;
use crate::topics;
use crate::wire;
use holdfast_ports::log::{Appender, Fetcher, Health, Log, LogError, TopicReport, TopicSpec, TopicState, Writer};
use holdfast_ports::membership::{Member, Membership};
use holdfast_ports::record::TopicPartition;
use std::sync::Arc;

/// A log on Kafka brokers.
pub struct KafkaLog {
    config: KafkaConfig,
    cluster: Arc<Cluster>,
    appender: Arc<dyn KafkaAppends>,
    pulse: Arc<Pulse>,
    mirrors: Mirrors,
}

impl KafkaLog {
    /// Connects, and returns when a broker has answered.
    ///
    /// # Errors
    /// [`ConnectError::Refused`], or [`LogError::Fatal`] in it: the settings are wrong; [`LogError::Retry`]: nobody answers now.
    pub fn connect(config: KafkaConfig) -> Result<Arc<Self>, ConnectError> {
        contact::make(&config)?;
        let pulse = Arc::new(Pulse::default());
        let cluster = Arc::new(Cluster::new(&config)?);
        let speaks_directly = wire::is_spoken(&config)?;
        let appender: Arc<dyn KafkaAppends> = if speaks_directly {
            Arc::new(wire::WireAppender::open(&config, &pulse)?)
        } else {
            Arc::new(KafkaAppender::open(&config, cluster.batch_limit(), &pulse)?)
        };
        cluster.metadata()?;
        pulse.answer(true, "", config.clock.monotonic_us());
        // What is set is a wish: TLS, SASL and brokers before 4.0 have the last word.
        let written = if speaks_directly { "direct" } else { "librdkafka" };
        tracing::info!(brokers = config.brokers, kafka_transactions = written, "a broker has answered");
        Ok(Arc::new(Self { config, cluster, appender, pulse, mirrors: Mirrors::default() }))
    }
}

impl Log for KafkaLog {
    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        let reports = topics::create(&self.config, &self.cluster, specs)?;
        let created = reports.iter().filter(|report| report.state == TopicState::Created);
        self.appender.learn(&created.map(|report| report.name.as_str()).collect::<Vec<_>>());
        Ok(reports)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        topics::check(&self.config, &self.cluster, specs)
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError> {
        self.cluster.partitions(topic)
    }

    fn appender(&self) -> Result<Arc<dyn Appender>, LogError> {
        Ok(Arc::clone(&self.appender) as Arc<dyn Appender>)
    }

    fn fetcher(&self) -> Result<Box<dyn Fetcher>, LogError> {
        Ok(Box::new(KafkaFetcher::open(&self.config, Pace::Stream, &self.cluster)?))
    }

    fn writer(&self, id: &str) -> Result<Box<dyn Writer>, LogError> {
        // Asked each time: a cluster learns the newer protocol while it runs, and may be told to forget it.
        Ok(if wire::is_spoken(&self.config)? {
            Box::new(AlternatingWriter::open_wire(&self.config, id)?)
        } else {
            Box::new(AlternatingWriter::open(&self.config, self.cluster.batch_limit(), id)?)
        })
    }

    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(KafkaMembership::join(&self.config, &self.cluster, self.appender()?, member)?))
    }

    fn mirror(&self, group: &str, positions: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.mirrors.show(&self.config, group, positions)
    }

    fn mirrored(&self, group: &str, sources: &[TopicPartition]) -> Result<Vec<Option<i64>>, LogError> {
        self.mirrors.shown(&self.config, group, sources)
    }

    fn health(&self) -> Health {
        self.pulse.health()
    }
}
