//! A transactional producer: one transaction at a time over outputs, changelogs and positions.

use crate::batch_limit::{BatchLimit, alone};
use crate::cluster::{self, partition_number};
use crate::config::KafkaConfig;
use crate::courier::{Courier, Proof};
use crate::ffi::{Client, Code, Events, Fault, Topic};
use crate::ledger::{Ledger, Sent};
use crate::reaction::{self, Step};
use crate::resting::Resting;
use crate::size;
use holdfast_ports::log::{LogError, Which, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Records between two looks at the delivery reports, so that they do not pile up until the commit.
const SENDS_PER_POLL: u32 = 1_024;
/// How long a full queue is waited for before trying again.
const FULL_MS: i32 = 5;
/// How long a transaction that was left open may hold up the end of its writer.
const LAST_ABORT_MS: i32 = 200;

pub(crate) struct KafkaWriter {
    // Handles before the client: fields are dropped in this order.
    topics: FxHashMap<Box<str>, Target>,
    client: Arc<Client>,
    ledger: Arc<Ledger>,
    courier: Courier,
    /// What a partition's tag stands for.
    tags: Vec<TopicPartition>,
    batch_limit: Arc<BatchLimit>,
    /// Most bytes in a batch of several records.
    batch_bytes: usize,
    commit_ms: i32,
    record_bytes_max: usize,
    sends: u32,
    state: State,
}

/// ```text
///  Idle ──begin──► Open ──commit, abort──► Idle
///                   │
///                   ├──an error that an abort heals──► Spoilt ──abort──► Idle
///                   └──any other──► Dead
/// ```
#[derive(Debug, Clone)]
enum State {
    Idle,
    Open,
    Spoilt,
    /// To be dropped, for this reason.
    Dead(Death),
}

#[derive(Debug, Clone)]
enum Death {
    Fenced(String),
    Unknown(String),
}

struct Target {
    handle: Topic,
    partitions: u32,
    /// Tag of partition 0; the others follow.
    tag: usize,
}

/// Ends whatever a writer called `id` left open, and fences it.
pub(crate) fn fence(config: &KafkaConfig, id: &str) -> Result<(), LogError> {
    open(config, BatchLimit::default().bytes(), id).map(drop)
}

fn open(config: &KafkaConfig, batch_bytes: usize, id: &str) -> Result<(Arc<Client>, Arc<Ledger>), LogError> {
    let ledger = Arc::new(Ledger::default());
    let settings = config.writer(id, batch_bytes);
    let client = Client::producer(&settings, Arc::clone(&ledger) as Arc<dyn Events>).map_err(LogError::Fatal)?;
    client.init_transactions(config.commit_ms()).map_err(|fault| {
        let text = format!("writer {id}: {fault}");
        // Fenced while it was being made: somebody else is making one. Trying again is right, and the membership decides who may.
        if reaction::forbids(fault.code) { LogError::Fatal(text) } else { LogError::Retry(text) }
    })?;
    Ok((client, ledger))
}

impl KafkaWriter {
    pub(crate) fn open(config: &KafkaConfig, batch_limit: &Arc<BatchLimit>, id: &str) -> Result<Self, LogError> {
        let batch_bytes = batch_limit.bytes();
        let (client, ledger) = open(config, batch_bytes, id)?;
        let courier =
            Courier::hire().map_err(|error| LogError::Fatal(format!("no thread for writer {id}: {error}")))?;
        Ok(Self {
            topics: FxHashMap::default(),
            client,
            ledger,
            courier,
            tags: Vec::new(),
            batch_limit: Arc::clone(batch_limit),
            batch_bytes,
            commit_ms: config.commit_ms(),
            record_bytes_max: config.record_bytes_max,
            sends: 0,
            state: State::Idle,
        })
    }

    /// Learns a topic at its first record: a round trip, once in a writer's life. A topic that is missing or forbidden is no record's fault.
    fn learn(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        let name = record.topic;
        let partitions = match cluster::partitions_expected(&self.client, name) {
            Ok(Some(partitions)) => partitions,
            Ok(None) => return Err(WriteError::Retry(format!("{name}: there is no such topic"))),
            Err(LogError::Fatal(why)) => return Err(WriteError::Fatal(why)),
            Err(error) => return Err(WriteError::Retry(error.to_string())),
        };
        if record.partition >= partitions {
            return Err(WriteError::refused(format!(
                "{name}-{}: the topic has {partitions} partitions",
                record.partition
            )));
        }
        let handle = Topic::new(&self.client, name).map_err(|code| WriteError::refused(format!("{name}: {code}")))?;
        let shared: Arc<str> = name.into();
        let tag = self.tags.len();
        self.tags.extend((0..partitions).map(|partition| TopicPartition::new(Arc::clone(&shared), partition)));
        self.ledger.sums.lock().ends.resize(self.tags.len(), 0);
        self.topics.insert(name.into(), Target { handle, partitions, tag });
        Ok(())
    }

    fn may(&self, what: &str) -> Result<(), WriteError> {
        match &self.state {
            State::Open => Ok(()),
            State::Idle => Err(WriteError::Fatal(format!("{what} outside a transaction: a mistake of the caller"))),
            State::Spoilt => Err(WriteError::Retry(format!("{what} in a transaction that has failed"))),
            State::Dead(death) => Err(death.error()),
        }
    }

    /// Notes what an error has done to this writer.
    fn fail<T>(&mut self, error: WriteError) -> Result<T, WriteError> {
        self.state = match &error {
            WriteError::Fenced(why) => State::Dead(Death::Fenced(why.clone())),
            WriteError::Unknown(why) | WriteError::Fatal(why) => State::Dead(Death::Unknown(why.clone())),
            WriteError::Retry(_) | WriteError::Stale(_) | WriteError::Refused { .. } => State::Spoilt,
        };
        Err(error)
    }

    fn step<T>(&mut self, step: Step, result: Result<T, Fault>) -> Result<T, WriteError> {
        match result {
            Ok(done) => Ok(done),
            Err(fault) => {
                // The reports that are ready may say more.
                self.client.poll(0);
                let failure = self.ledger.sums.lock().failure;
                let error = self.named(reaction::of_transaction(step, &fault, failure), fault.code);
                self.fail(error)
            }
        }
    }

    /// Finds out which record it is when one is refused that was sent before. The report on a batch is the report on
    /// each of its records: the one that was alone is it.
    /// When none was, they may all be small enough for the topic: another writer sends them in smaller batches.
    fn named(&self, error: WriteError, code: Code) -> WriteError {
        let sums = self.ledger.sums.lock();
        let why = match error {
            WriteError::Refused { which: Which::Unknown, why } => why,
            WriteError::Fatal(why) => {
                let topic_of = |record: &Sent| self.tags.get(record.tag).map(|to| Arc::clone(&to.topic));
                let record = sums.denied.and_then(|nth| sums.sent.get(nth));
                let denied = match record.and_then(topic_of) {
                    Some(topic) => format!("WRITE on topic {topic}"),
                    // The coordinator, which hears of the partitions first, does not say which of them it is.
                    None if code == Code::TopicAuthorizationFailed => {
                        let topics: BTreeSet<_> = sums.sent.iter().filter_map(topic_of).collect();
                        format!(
                            "WRITE on one of the topics {}",
                            topics.iter().map(|t| &**t).collect::<Vec<_>>().join(", ")
                        )
                    }
                    None => return WriteError::Fatal(why),
                };
                return WriteError::Fatal(reaction::denied(&denied));
            }
            error => return error,
        };
        let refused = sums.too_large();
        let Some(to) = refused.first().and_then(|first| self.tags.get(first.to.0)) else {
            return WriteError::Refused { which: Which::Unknown, why };
        };
        if let Some(one) = alone(&refused, self.batch_bytes).next() {
            let which = Which::Earlier { to: to.clone(), after: sums.before(one.tag) };
            return WriteError::Refused { which, why: format!("{to}: {} bytes; {why}", one.bytes) };
        }
        self.batch_limit.refused(&refused, self.batch_bytes);
        WriteError::Unknown(format!("{to}: {} records are too large together; {why}", refused.len()))
    }

    /// What to make of a record that could not even be queued.
    fn unqueued(&mut self, record: &NewRecord<'_>, code: Code) -> WriteError {
        self.client.poll(0);
        let failure = self.ledger.sums.lock().failure;
        let fault = self.client.fatal().unwrap_or_else(|| Fault {
            code,
            text: format!("{}-{}", record.topic, record.partition),
            abortable: true,
            fatal: false,
        });
        if failure.is_none() && reaction::refuses(code) {
            return WriteError::refused(fault.to_string());
        }
        self.named(reaction::of_transaction(Step::Send, &fault, failure), fault.code)
    }

    /// Waits until every record is in the log, open. Before the positions and not beside them: while the markers of the last transaction are being
    /// written, the coordinator refuses both, and only the partitions are asked for again quickly.
    fn deliver(&mut self) -> Result<(), WriteError> {
        let delivered = self.client.flush(self.commit_ms);
        let failure = self.ledger.sums.lock().failure;
        if let Some(code) = failure {
            let undelivered =
                Fault { code, text: "records were not delivered".to_owned(), abortable: true, fatal: false };
            let fault = self.client.fatal().unwrap_or(undelivered);
            let error = self.named(reaction::of_transaction(Step::Send, &fault, failure), fault.code);
            return self.fail(error);
        }
        if delivered {
            Ok(())
        } else {
            self.fail(WriteError::Unknown(format!("records were not delivered within {} ms", self.commit_ms)))
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
        let Some(proof) = proof else {
            // Positions without a member's proof would be taken by the broker from anybody.
            return self.fail(WriteError::Fenced("not a member of the group yet".to_owned()));
        };
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (source, next) in positions {
            let added = partition_number(source.partition).map_err(|error| error.to_string()).and_then(|p| {
                list.add_partition_offset(&source.topic, p, Offset::Offset(*next)).map_err(|error| error.to_string())
            });
            if let Err(why) = added {
                return self.fail(WriteError::Fatal(format!("position of {source}: {why}")));
            }
        }
        match self.courier.carry(&self.client, list, proof, self.commit_ms) {
            Some(sent) => self.step(Step::Positions, sent),
            None => self.fail(WriteError::Unknown(format!("positions were not taken within {} ms", self.commit_ms))),
        }
    }

    /// See `outstanding.rs`.
    fn settle(&mut self, what: &str) {
        let unanswered = self.ledger.requests.count();
        self.state = if unanswered == 0 {
            State::Idle
        } else {
            let why =
                format!("{unanswered} requests of a transaction that was {what} were never answered and may come late");
            tracing::warn!(why, "this writer must be replaced");
            State::Dead(Death::Unknown(why))
        };
    }
}

/// librdkafka ends the process (`Assertion rk->rk_eos.txn_req_cnt > 0`) when a producer is destroyed in the moment in which it registers the first
/// partition of a transaction. It registers nothing once an abort has been asked for, whether or not that succeeds.
impl Drop for KafkaWriter {
    fn drop(&mut self) {
        if !matches!(self.state, State::Idle)
            && let Err(fault) = self.client.abort_transaction(LAST_ABORT_MS)
        {
            tracing::debug!(%fault, "a transaction was left open, for the next writer of this name to end");
        }
    }
}

impl Death {
    fn error(&self) -> WriteError {
        match self {
            Self::Fenced(why) => WriteError::Fenced(why.clone()),
            Self::Unknown(why) => WriteError::Unknown(why.clone()),
        }
    }
}

impl Resting for KafkaWriter {
    fn at_rest(&self) -> Result<(), WriteError> {
        match &self.state {
            State::Idle => Ok(()),
            State::Dead(death) => Err(death.error()),
            State::Open | State::Spoilt => {
                Err(WriteError::Fatal("begin in a transaction: a mistake of the caller".to_owned()))
            }
        }
    }
}

impl Writer for KafkaWriter {
    fn begin(&mut self) -> Result<(), WriteError> {
        self.at_rest()?;
        {
            let mut sums = self.ledger.sums.lock();
            sums.ends.fill(0);
            sums.sent.clear();
            sums.too_large.clear();
            sums.denied = None;
            sums.failure = None;
        }
        let begun = self.client.begin_transaction();
        self.step(Step::Begin, begun)?;
        self.state = State::Open;
        Ok(())
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        self.may("send")?;
        let bytes = size::checked(record, self.record_bytes_max).map_err(WriteError::refused)?;
        if self.topics.get(record.topic).is_none_or(|target| record.partition >= target.partitions) {
            self.learn(record)?;
        }
        let target = &self.topics[record.topic];
        let nth = {
            let mut sums = self.ledger.sums.lock();
            sums.sent.push(Sent { tag: target.tag + record.partition as usize, bytes });
            sums.sent.len() - 1
        };
        let partition = record.partition.cast_signed();
        loop {
            match self.client.produce(&target.handle, partition, record.key, record.value, record.headers, nth) {
                Ok(()) => break,
                // Back-pressure. It ends: records that cannot be delivered time out.
                Err(Code::QueueFull) => self.client.poll(FULL_MS),
                Err(code) => {
                    let error = self.unqueued(record, code);
                    return self.fail(error);
                }
            }
        }
        self.sends = self.sends.wrapping_add(1);
        if self.sends.is_multiple_of(SENDS_PER_POLL) {
            self.client.poll(0);
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
        let committed = self.client.commit_transaction(self.commit_ms);
        self.step(Step::Commit, committed)?;
        self.settle("committed");
        let sums = self.ledger.sums.lock();
        let written = sums.ends.iter().zip(&self.tags).filter(|(end, _)| **end > 0);
        Ok(written.map(|(end, source)| (source.clone(), *end)).collect())
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        match &self.state {
            State::Idle => return Ok(()),
            State::Dead(death) => return Err(death.error()),
            State::Open | State::Spoilt => {}
        }
        if let Err(fault) = self.client.abort_transaction(self.commit_ms) {
            let error = reaction::of_transaction(Step::Abort, &fault, None);
            return self.fail(error);
        }
        self.settle("aborted");
        // librdkafka leaves a gap in the numbers of the partition then, and the next transactions fail one after the
        // other, or stand still.
        if !self.ledger.sums.lock().too_large.is_empty() {
            return self
                .fail(WriteError::Unknown("a batch was refused: another writer begins with new numbers".to_owned()));
        }
        Ok(())
    }
}
