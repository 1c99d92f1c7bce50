//! Reads partitions one by one into one queue, and takes from it in batches. What is read ahead of others has a queue of its own: in the first it would lie
//! behind everything that librdkafka has read of others.
//!
//! Partitions are started and stopped singly (librdkafka's "simple consumer") instead of assigned to a group's consumer: a start or stop touches no
//! other partition, needs no group and asks no coordinator.

use crate::cluster::{self, Cluster, partition_number};
use crate::config::{KafkaConfig, Pace};
use crate::ffi::{Client, Code, Inbox, Message, Topic};
use crate::reaction;
use holdfast_ports::log::{End, Fetcher, LogError, Slot, Start, ahead_max};
use holdfast_ports::record::{Record, TopicPartition};
use rustc_hash::FxHashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Takes each record of a fetch.
type Each<'a> = dyn FnMut(Slot, &Record<'_>) -> ControlFlow<()> + 'a;

/// Most messages taken from librdkafka in one call.
const TAKE_MAX: usize = 4_096;

/// The queue of what is read ahead of others. Its number is the lower one: an array is dropped from its beginning, and this queue ends waits of the other.
const AHEAD: usize = 0;
/// The queue of all others.
const OTHERS: usize = 1;

/// How messages name their partition: address of the topic's handle, and number.
type Key = (usize, i32);

pub(crate) struct KafkaFetcher {
    // Messages before handles before the client: fields are dropped in this order.
    inboxes: [Inbox; 2],
    /// Something is read ahead of others, or was.
    has_ahead: bool,
    topics: FxHashMap<Arc<str>, Known>,
    /// Index = slot.
    readings: Vec<Reading>,
    slots: FxHashMap<Key, u32>,
    cluster: Arc<Cluster>,
}

struct Known {
    handle: Arc<Topic>,
    partitions: u32,
}

/// One assigned partition.
struct Reading {
    source: TopicPartition,
    handle: Arc<Topic>,
    partition: i32,
    /// The inbox it is read into.
    inbox: usize,
    /// Offset of the next record it could hand over.
    next: i64,
}

impl KafkaFetcher {
    pub(crate) fn open(config: &KafkaConfig, pace: Pace, cluster: &Arc<Cluster>) -> Result<Self, LogError> {
        let client = Client::consumer(&config.fetcher(pace)).map_err(LogError::Fatal)?;
        let inboxes = [Inbox::new(&client), Inbox::new(&client)];
        inboxes[AHEAD].also_ends_waits_of(&inboxes[OTHERS]);
        Ok(Self {
            inboxes,
            has_ahead: false,
            topics: FxHashMap::default(),
            readings: Vec::new(),
            slots: FxHashMap::default(),
            cluster: Arc::clone(cluster),
        })
    }

    /// The handle of the source's topic, once it is known that the partition exists.
    fn handle(&mut self, source: &TopicPartition) -> Result<Arc<Topic>, LogError> {
        if let Some(known) = self.topics.get(&source.topic)
            && source.partition < known.partitions
        {
            return Ok(Arc::clone(&known.handle));
        }
        let client = self.client();
        match cluster::partitions_expected(client, &source.topic)? {
            Some(partitions) if source.partition < partitions => {
                let handle = Topic::new(client, &source.topic).map_err(|code| reaction::of_question(source, code))?;
                let handle = Arc::new(handle);
                self.topics.insert(Arc::clone(&source.topic), Known { handle: Arc::clone(&handle), partitions });
                Ok(handle)
            }
            Some(partitions) => Err(LogError::Fatal(format!("{source}: the topic has {partitions} partitions"))),
            None => Err(LogError::Fatal(format!("{source}: there is no such topic"))),
        }
    }

    fn client(&self) -> &Arc<Client> {
        self.inboxes[OTHERS].client()
    }

    fn start(&mut self, source: &TopicPartition, start: Start, inbox: usize) -> Result<Slot, LogError> {
        let partition = partition_number(source.partition)?;
        let handle = self.handle(source)?;
        let (offset, next) = match start {
            Start::At(offset) if offset < 0 => {
                return Err(LogError::Fatal(format!("{source}: there is no offset {offset}")));
            }
            Start::At(offset) => (Some(offset), offset),
            // Started at "the beginning" and not at the number just asked for, which may be gone by the time it is read.
            Start::Earliest => (None, self.cluster.watermarks(source)?.0),
        };
        let key = (handle.id(), partition);
        if let Some(slot) = self.slots.get(&key) {
            self.unassign(Slot(*slot));
        }
        self.inboxes[inbox].start(&handle, partition, offset).map_err(|code| reaction::of_question(source, code))?;
        let slot =
            u32::try_from(self.readings.len()).map_err(|_| LogError::Fatal("this fetcher is used up".to_owned()))?;
        self.readings.push(Reading { source: source.clone(), handle, partition, inbox, next });
        self.slots.insert(key, slot);
        Ok(Slot(slot))
    }

    /// Looks at an event that says the offset is not there. `None`: it is there after all, and reading goes on.
    fn out_of_range(&mut self, slot: u32) -> Result<Option<LogError>, LogError> {
        let reading = &self.readings[slot as usize];
        let (earliest, latest) = self.cluster.watermarks(&reading.source)?;
        if (earliest..=latest).contains(&reading.next) {
            // Left over from an earlier start of the same partition (these events carry no version), or a leader that was behind for a moment.
            let (handle, partition, next) = (&reading.handle, reading.partition, reading.next);
            let inbox = &mut self.inboxes[reading.inbox];
            inbox.stop(handle, partition);
            inbox
                .start(handle, partition, Some(next))
                .map_err(|code| reaction::of_question("restart of a partition", code))?;
            return Ok(None);
        }
        self.inboxes[reading.inbox].pop();
        Ok(Some(LogError::OutOfRange { slot: Slot(slot), earliest, latest }))
    }

    /// Hands over what has come into one of the inboxes, until `handed` has come to `records_max`.
    fn fetch_of(
        &mut self,
        inbox: usize,
        records_max: usize,
        handed: &mut usize,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, LogError> {
        // Messages of one partition come in rows: remember where the last one belonged.
        let mut last: Option<(Key, u32)> = None;
        while *handed < records_max {
            if self.inboxes[inbox].is_empty() {
                self.inboxes[inbox].take((records_max - *handed).min(TAKE_MAX), 0);
            }
            let Some(message) = self.inboxes[inbox].front() else { break };
            let key = key_of(message);
            let slot = match last {
                Some((same, slot)) if same == key => slot,
                _ => match self.slots.get(&key) {
                    Some(slot) => {
                        last = Some((key, *slot));
                        *slot
                    }
                    None => {
                        self.inboxes[inbox].pop();
                        continue;
                    }
                },
            };
            let reading = &mut self.readings[slot as usize];
            match message.event() {
                None => {
                    let record = Record {
                        offset: message.offset(),
                        append_ms: message.append_ms(),
                        key: message.key(),
                        value: message.value(),
                        headers: message,
                    };
                    // Before `each` sees it: should that panic, the record counts as handed over.
                    reading.next = record.offset + 1;
                    *handed += 1;
                    let flow = each(Slot(slot), &record);
                    self.inboxes[inbox].pop();
                    if flow.is_break() {
                        return Ok(flow);
                    }
                }
                Some(Code::PartitionEOF) => {
                    // Markers and aborted records before the end are never handed over; this says that they are passed.
                    reading.next = reading.next.max(message.offset());
                    self.inboxes[inbox].pop();
                }
                // What was handed over must be counted first; the event waits for the next call.
                Some(_) if *handed > 0 => break,
                Some(Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation) => {
                    if let Some(error) = self.out_of_range(slot)? {
                        return Err(error);
                    }
                }
                Some(code) => {
                    let what = format!("{}: {}", reading.source, message.text());
                    let error = match code {
                        // It was there when it was assigned: a broker that does not know it now is late.
                        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                            LogError::Retry(what)
                        }
                        code => reaction::of_question(what, code),
                    };
                    self.inboxes[inbox].pop();
                    return Err(error);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn key_of(message: &Message) -> Key {
    (message.topic(), message.partition())
}

impl Fetcher for KafkaFetcher {
    fn assign(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError> {
        self.start(source, start, OTHERS)
    }

    fn assign_ahead(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError> {
        self.has_ahead = true;
        self.start(source, start, AHEAD)
    }

    fn unassign(&mut self, slot: Slot) {
        let Some(reading) = self.readings.get(slot.0 as usize) else { return };
        let key = (reading.handle.id(), reading.partition);
        if self.slots.get(&key) == Some(&slot.0) {
            self.slots.remove(&key);
            self.inboxes[reading.inbox].stop(&reading.handle, reading.partition);
        }
    }

    fn fetch(&mut self, records_max: usize, each: &mut Each<'_>) -> Result<usize, LogError> {
        let mut handed = 0;
        // An event waits until nothing was handed over before it: not for what is read ahead, which may never end.
        let waits = self.inboxes[OTHERS].front().is_some_and(|message| message.event().is_some());
        if self.has_ahead && !waits && self.fetch_of(AHEAD, ahead_max(records_max), &mut handed, each)?.is_break() {
            return Ok(handed);
        }
        let _ = self.fetch_of(OTHERS, records_max, &mut handed, each)?;
        Ok(handed)
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), LogError> {
        if !self.inboxes.iter().all(Inbox::is_empty) {
            return Ok(());
        }
        if self.has_ahead {
            self.inboxes[AHEAD].take(1, 0);
        }
        // What comes ahead from now on ends the wait.
        if self.inboxes[AHEAD].is_empty() {
            self.inboxes[OTHERS].take(1, whole_ms(timeout));
        }
        Ok(())
    }

    fn position(&self, slot: Slot) -> i64 {
        self.readings.get(slot.0 as usize).map_or(-1, |reading| reading.next)
    }

    fn end(&mut self, source: &TopicPartition, end: End) -> Result<i64, LogError> {
        let (_, end) = match end {
            // A read_committed client is told the last stable offset where others are told the high watermark.
            End::Stable => cluster::watermarks(self.client(), source)?,
            End::Written => self.cluster.watermarks(source)?,
        };
        Ok(end)
    }
}

/// librdkafka waits in whole milliseconds: less than one is rounded up, since 0 would not wait and the caller's loop would spin.
fn whole_ms(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_rounded_to_nothing() {
        assert_eq!(whole_ms(Duration::ZERO), 0);
        assert_eq!(whole_ms(Duration::from_micros(1)), 1);
        assert_eq!(whole_ms(Duration::from_micros(1_500)), 2);
        assert_eq!(whole_ms(Duration::from_secs(3)), 3_000);
        assert_eq!(whole_ms(Duration::MAX), i32::MAX);
    }
}
