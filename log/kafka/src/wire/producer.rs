//! The transactional producer that speaks for itself.

use super::brokers::Brokers;
use super::bytes::{Encoder, Malformed};
use super::messages::{self, Api, Coordinates, ErrorCode, ProducerId};
use super::outbox::{Failure, Outbox};
use super::post;
use crate::config::{KafkaConfig, TRANSACTION_MS};
use crate::courier::Proof;
use crate::ffi::{self, Code, Fault};
use crate::reaction::{self, Step};
use crate::resting::Resting;
use crate::size;
use holdfast_ports::log::{LogError, Which, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Between two questions to a coordinator that is busy or moving.
const PAUSE: Duration = Duration::from_millis(5);
/// How often, and with which pauses between, a topic is asked for that no broker knows: a new one is heard of by one after the other.
const MISSING_TRIES: u32 = 20;
const MISSING_PAUSE: Duration = Duration::from_millis(100);

/// See the head of this file.
pub(crate) struct WireProducer {
    id: String,
    config: KafkaConfig,
    brokers: Brokers,
    producer: ProducerId,
    coordinators: FxHashMap<&'static str, i32>,
    topics: FxHashMap<Box<str>, Target>,
    outbox: Arc<Outbox>,
    /// Positions of the transaction in hand may have been taken.
    positions_sent: bool,
    state: State,
}

/// As in `writer.rs`, whose diagram holds here too.
#[derive(Debug, Clone)]
enum State {
    Idle,
    Open,
    Spoilt,
    Fenced(String),
    Unknown(String),
}

#[derive(Clone, Copy)]
struct Target {
    partitions: u32,
    /// Tag of partition 0; the others follow.
    tag: usize,
}

/// Why a coordinator has not done what it was asked for.
enum Trouble {
    /// It said so.
    Said(Code),
    /// Nobody knows.
    Lost(String),
}

/// A broker's error number; `None` for success.
pub(super) fn code_of(error: ErrorCode) -> Option<Code> {
    ffi::code_of_broker(error)
}

/// Whether the brokers speak what [`WireProducer`] speaks, and we may speak to them without encryption or a password.
pub(crate) fn is_spoken(config: &KafkaConfig) -> Result<bool, LogError> {
    let is_plain = |protocol: &str| protocol.eq_ignore_ascii_case("plaintext");
    if !config.speaks_directly || !config.security.protocol.as_deref().is_none_or(is_plain) {
        return Ok(false);
    }
    let answer = Brokers::new(config)
        .ask_any(messages::API_VERSIONS, &messages::api_versions())
        .map_err(|error| LogError::Retry(format!("what the brokers speak: {error}")))?;
    // Who answers in another way is older.
    Ok(messages::read_api_versions(&answer).unwrap_or(false))
}

impl WireProducer {
    /// Ends what an earlier producer of this transactional id left open, and fences it.
    pub(crate) fn open(config: &KafkaConfig, id: &str) -> Result<Self, LogError> {
        let mut new = Self {
            id: id.to_owned(),
            config: config.clone(),
            brokers: Brokers::new(config),
            producer: ProducerId { id: -1, epoch: -1 },
            coordinators: FxHashMap::default(),
            topics: FxHashMap::default(),
            outbox: Arc::new(Outbox::default()),
            positions_sent: false,
            state: State::Idle,
        };
        let body = messages::init_producer_id(Some(id), TRANSACTION_MS);
        let made = new.coordinate(
            (Coordinates::Transaction, id),
            messages::INIT_PRODUCER_ID,
            &body,
            messages::read_init_producer_id,
        );
        new.producer = made.map_err(|trouble| match trouble {
            Trouble::Said(code) if reaction::forbids(code) => LogError::Fatal(format!("writer {id}: {code}")),
            // Fenced while it was being made: somebody else is making one. Trying again is right, and the membership decides who may.
            Trouble::Said(code) => LogError::Retry(format!("writer {id}: {code}")),
            Trouble::Lost(why) => LogError::Retry(format!("writer {id}: {why}")),
        })?;
        post::hire(config, id, &new.outbox)
            .map_err(|error| LogError::Fatal(format!("no thread for writer {id}: {error}")))?;
        Ok(new)
    }

    /// Asks a coordinator until it answers with something else than "later" or "not here". When the connection breaks, the request is sent again,
    /// although the coordinator may have carried it out: each of ours may be repeated within its epoch. EndTxn moves the epoch on, and a coordinator
    /// recognises a repeated one by the epoch before (KIP-890): it answers as it did, or would have, the first time.
    fn coordinate<T>(
        &mut self,
        (of, name): (Coordinates, &str),
        api: Api,
        body: &Encoder,
        read: impl Fn(&[u8]) -> Result<Result<T, ErrorCode>, Malformed>,
    ) -> Result<T, Trouble> {
        let kind = match of {
            Coordinates::Group => "group",
            Coordinates::Transaction => "transaction",
        };
        let until_us = self.until_us();
        let mut last = None;
        loop {
            let now_us = self.config.clock.monotonic_us();
            if now_us >= until_us {
                return Err(last.unwrap_or(Trouble::Lost(format!("no answer of the {kind} coordinator in time"))));
            }
            let timeout = Duration::from_micros(until_us - now_us);
            let node = match self.coordinators.get(kind) {
                Some(node) => Ok(Ok(*node)),
                None => self.brokers.coordinator(of, name),
            };
            let code = match node {
                Ok(Ok(node)) => {
                    self.coordinators.insert(kind, node);
                    let asked = self.brokers.ask(node, api, body, timeout);
                    match asked.and_then(|answer| Ok(read(&answer)?)) {
                        Ok(Ok(done)) => return Ok(done),
                        Ok(Err(error)) => code_of(error).unwrap_or(Code::Unknown),
                        Err(broken) => {
                            self.coordinators.remove(kind);
                            last = Some(Trouble::Lost(format!("{kind} coordinator: {broken}")));
                            self.outbox.wait(PAUSE);
                            continue;
                        }
                    }
                }
                Ok(Err(error)) => code_of(error).unwrap_or(Code::Unknown),
                Err(broken) => {
                    self.coordinators.remove(kind);
                    last = Some(Trouble::Lost(format!("{kind} coordinator: {broken}")));
                    self.outbox.wait(PAUSE);
                    continue;
                }
            };
            match code {
                Code::ConcurrentTransactions | Code::CoordinatorLoadInProgress => {}
                Code::NotCoordinator | Code::CoordinatorNotAvailable => {
                    self.coordinators.remove(kind);
                }
                code => return Err(Trouble::Said(code)),
            }
            last = Some(Trouble::Said(code));
            self.outbox.wait(PAUSE);
        }
    }

    #[cfg(test)]
    pub(super) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    fn until_us(&self) -> u64 {
        self.config.clock.monotonic_us() + u64::from(self.config.commit_timeout_ms) * 1_000
    }

    /// Learns a topic at its first record: a round trip, once in a producer's life. A topic that is missing or forbidden is no record's fault.
    fn learn(&mut self, record: &NewRecord<'_>) -> Result<Target, WriteError> {
        let name = record.topic;
        let mut partitions = 0;
        for _ in 0..MISSING_TRIES {
            let metadata = self
                .brokers
                .metadata(name)
                .map_err(|error| WriteError::Retry(format!("metadata of {name}: {error}")))?;
            partitions = metadata.leaders.len();
            match code_of(metadata.error) {
                None | Some(Code::LeaderNotAvailable) if partitions > 0 => break,
                Some(code) if reaction::forbids(code) || code == Code::InvalidTopic => {
                    return Err(WriteError::Fatal(format!("{name}: {code}")));
                }
                _ => self.outbox.wait(MISSING_PAUSE),
            }
        }
        if partitions == 0 {
            return Err(WriteError::Retry(format!("{name}: there is no such topic")));
        }
        let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
        if record.partition >= partitions {
            return Err(WriteError::refused(format!(
                "{name}-{}: the topic has {partitions} partitions",
                record.partition
            )));
        }
        let shared: Arc<str> = name.into();
        // A topic that was learnt before has grown, and all its partitions get new tags. Within this transaction that would begin their numbers
        // again, so it is done when the record comes again.
        if self.topics.remove(name).is_some() {
            return self.fail(WriteError::Retry(format!("{name} has {partitions} partitions now")));
        }
        let tag = self.outbox.add((0..partitions).map(|partition| TopicPartition::new(Arc::clone(&shared), partition)));
        let target = Target { partitions, tag };
        self.topics.insert(name.into(), target);
        Ok(target)
    }

    fn may(&self, what: &str) -> Result<(), WriteError> {
        match &self.state {
            State::Open => Ok(()),
            State::Idle => Err(WriteError::Fatal(format!("{what} outside a transaction: a mistake of the caller"))),
            State::Spoilt => Err(WriteError::Retry(format!("{what} in a transaction that has failed"))),
            State::Fenced(why) => Err(WriteError::Fenced(why.clone())),
            State::Unknown(why) => Err(WriteError::Unknown(why.clone())),
        }
    }

    /// Notes what an error has done to this producer.
    fn fail<T>(&mut self, error: WriteError) -> Result<T, WriteError> {
        self.state = match &error {
            WriteError::Fenced(why) => State::Fenced(why.clone()),
            WriteError::Unknown(why) | WriteError::Fatal(why) => State::Unknown(why.clone()),
            WriteError::Retry(_) | WriteError::Stale(_) | WriteError::Refused { .. } => State::Spoilt,
        };
        Err(error)
    }

    fn react<T>(&mut self, step: Step, result: Result<T, Trouble>) -> Result<T, WriteError> {
        match result {
            Ok(done) => Ok(done),
            Err(Trouble::Lost(why)) => self.fail(WriteError::Unknown(format!("{step}: {why}"))),
            Err(Trouble::Said(code)) => {
                let fault = Fault { code, text: code.to_string(), abortable: true, fatal: false };
                let failure = self.outbox.failure().map(|failure| failure.code);
                self.fail(reaction::of_transaction(step, &fault, failure))
            }
        }
    }

    fn deliver(&mut self) -> Result<(), WriteError> {
        let (clock, until_us) = (Arc::clone(&self.config.clock), self.until_us());
        match self.outbox.deliver(|| clock.monotonic_us() < until_us) {
            Ok(true) => Ok(()),
            Ok(false) => self.fail(WriteError::Unknown(format!(
                "records were not delivered within {} ms",
                self.config.commit_timeout_ms
            ))),
            Err(Failure { code, record }) => {
                let text = match &record {
                    Some((to, _)) if reaction::forbids(code) => {
                        reaction::denied(&format!("WRITE on topic {}", to.topic))
                    }
                    _ => "records were not delivered".to_owned(),
                };
                let fault = Fault { code, text, abortable: true, fatal: false };
                let mut error = reaction::of_transaction(Step::Send, &fault, Some(code));
                if let (WriteError::Refused { which, .. }, Some((to, after))) = (&mut error, record) {
                    *which = Which::Earlier { to, after };
                }
                self.fail(error)
            }
        }
    }

    fn send_positions(
        &mut self,
        positions: &[(TopicPartition, i64)],
        generation: &Generation,
    ) -> Result<(), WriteError> {
        let Ok(proof) = Proof::of(&generation.0) else {
            return self.fail(WriteError::Fatal("this generation is not of the Kafka log".to_owned()));
        };
        let Some(member) = proof.as_ref().and_then(Proof::member) else {
            // Positions without a member's proof would be taken by the broker from anybody.
            return self.fail(WriteError::Fenced("not a member of the group yet".to_owned()));
        };
        let mut by_topic: BTreeMap<&str, Vec<(i32, i64)>> = BTreeMap::new();
        for (source, next) in positions {
            by_topic.entry(&*source.topic).or_default().push((source.partition.cast_signed(), *next));
        }
        let body = messages::txn_offset_commit(&self.id, self.producer, &member, &by_topic);
        self.positions_sent = true;
        let sent = self.coordinate(
            (Coordinates::Group, &member.group),
            messages::TXN_OFFSET_COMMIT,
            &body,
            messages::read_txn_offset_commit,
        );
        self.react(Step::Positions, sent)
    }

    /// Ends the transaction in hand, if anything of it has left the house. The producer goes on in the next epoch.
    fn end(&mut self, step: Step) -> Result<(), WriteError> {
        if self.outbox.taken() || self.positions_sent {
            let body = messages::end_txn(&self.id, self.producer, step == Step::Commit);
            let id = self.id.clone();
            let ended =
                self.coordinate((Coordinates::Transaction, &id), messages::END_TXN, &body, messages::read_end_txn);
            self.producer = self.react(step, ended)?;
        }
        self.state = State::Idle;
        Ok(())
    }
}

impl Resting for WireProducer {
    fn at_rest(&self) -> Result<(), WriteError> {
        match &self.state {
            State::Idle => Ok(()),
            State::Fenced(why) => Err(WriteError::Fenced(why.clone())),
            State::Unknown(why) => Err(WriteError::Unknown(why.clone())),
            State::Open | State::Spoilt => {
                Err(WriteError::Fatal("begin in a transaction: a mistake of the caller".to_owned()))
            }
        }
    }
}

impl Writer for WireProducer {
    fn begin(&mut self) -> Result<(), WriteError> {
        self.at_rest()?;
        self.outbox.begin(self.producer);
        self.positions_sent = false;
        self.state = State::Open;
        Ok(())
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        self.may("send")?;
        let bytes = size::checked(record, self.config.record_bytes_max).map_err(WriteError::refused)?;
        let target = match self.topics.get(record.topic) {
            Some(target) if record.partition < target.partitions => *target,
            _ => self.learn(record)?,
        };
        let tag = target.tag + record.partition as usize;
        let now_ms = self.config.clock.now_ms();
        let mut until_us = None;
        while !self.outbox.push(tag, record, bytes, now_ms) {
            // Back-pressure. It ends: records that cannot be delivered fail.
            let until_us = *until_us.get_or_insert_with(|| self.until_us());
            if self.outbox.failure().is_some() || self.config.clock.monotonic_us() >= until_us {
                // When all that waited is delivered after all, there is room, and this record still has to be queued.
                self.deliver()?;
            } else {
                self.outbox.wait(PAUSE);
            }
        }
        Ok(())
    }

    fn commit(
        &mut self,
        positions: &[(TopicPartition, i64)],
        generation: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        self.may("commit")?;
        self.deliver()?;
        if !positions.is_empty() {
            self.send_positions(positions, generation)?;
        }
        self.end(Step::Commit)?;
        Ok(self.outbox.ends())
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        match &self.state {
            State::Idle => return Ok(()),
            State::Open | State::Spoilt => {}
            State::Fenced(_) | State::Unknown(_) => return self.may("abort"),
        }
        let (clock, until_us) = (Arc::clone(&self.config.clock), self.until_us());
        if !self.outbox.discard(|| clock.monotonic_us() < until_us) {
            return self.fail(WriteError::Unknown("abort: records are still under way".to_owned()));
        }
        self.end(Step::Abort)
    }
}

impl Drop for WireProducer {
    fn drop(&mut self) {
        self.outbox.close();
    }
}
