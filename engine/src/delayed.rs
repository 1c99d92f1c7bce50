//! Delayed messages: kept with the state in the same commit, sent to their topic when due.
//!
//! ```text
//! key    due_ms  i64 order-preserving | sequence u64 big endian      so the store is a queue in order of due time
//! value  topic text | partition u32 | key option bytes | value option bytes | headers
//! ```
//! They live in the store alone; memory holds one number, the earliest due time, and a bound below which nothing is left.

use crate::condemned::{Condemned, Verdict};
use crate::dead_letter;
use crate::key;
use crate::output::Payload;
use crate::record_collector::RecordCollector;
use holdfast_ports::record::{NewRecord, Topic};
use holdfast_ports::store::{Store, StoreError, StoreId, StoreSpec, TaskId};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// The engine's own store for them.
pub const STORE: StoreSpec = StoreSpec { id: StoreId(1), name: "delayed" };

/// Names a delayed message, to take it back. May be kept in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DelayedId {
    /// When it is due, in ms since the epoch.
    pub due_ms: i64,
    /// Tells apart those due at the same ms.
    pub sequence: u64,
}

impl DelayedId {
    /// Its key in the store.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16);
        key::put_i64(&mut bytes, self.due_ms);
        key::put_u64(&mut bytes, self.sequence);
        bytes
    }

    /// Reads a key of the store back.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let id = Self { due_ms: key::take_i64(&mut bytes)?, sequence: key::take_u64(&mut bytes)? };
        bytes.is_empty().then_some(id)
    }
}

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    topic: &'a str,
    partition: u32,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    #[serde(borrow)]
    headers: Vec<(&'a str, &'a [u8])>,
}

/// Appends the row of a message to `out`.
pub(crate) fn encode(topic: &str, partition: u32, payload: &Payload<'_>, out: &mut Vec<u8>) {
    let row = Row { topic, partition, key: payload.key, value: payload.value, headers: payload.headers.to_vec() };
    // Strings and slices always encode: there is no failing Serialize in the row.
    let encoded = crate::codec::encode(&row, out);
    debug_assert!(encoded.is_ok());
}

fn decode(bytes: &[u8]) -> Result<Row<'_>, StoreError> {
    crate::codec::decode_borrowed(bytes).map_err(|e| StoreError::Corrupt(format!("delayed message: {e}")))
}

/// Shows the message that a row of the store holds to `each`.
///
/// # Errors
/// [`StoreError::Corrupt`] for bytes of another shape.
pub fn message(row: &[u8], each: &mut dyn FnMut(&NewRecord<'_>)) -> Result<(), StoreError> {
    let Row { topic, partition, key, value, headers } = decode(row)?;
    each(&NewRecord { topic, partition, key, value, headers: &headers });
    Ok(())
}

/// What a task remembers of its delayed messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    /// No message is due before this (ms since the epoch); `i64::MAX` when there is none.
    earliest_ms: i64,
}

/// What [`Pending::send_due`] did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Each has one record in the collector, in this order.
    pub(crate) ids: Vec<DelayedId>,
    /// Of those, how many have gone to the dead letters.
    pub(crate) refused: usize,
    /// It has ended at a limit: more may be due.
    pub(crate) is_cut: bool,
    /// How late the latest of them was, in ms.
    pub(crate) lateness_max_ms: i64,
}

/// What is to be sent, and where to if the log refuses it.
pub(crate) struct Due<'a> {
    /// By the worker's clock.
    pub(crate) now_ms: i64,
    pub(crate) messages_max: usize,
    /// Bytes of the collector after which none follows.
    pub(crate) bytes_max: u64,
    pub(crate) task: &'a TaskId,
    pub(crate) condemned: &'a Condemned<DelayedId>,
    pub(crate) dead_letters: &'a Topic,
}

impl Due<'_> {
    /// Puts the dead letter of a message into the collector, in its place.
    fn bury(&self, collector: &mut RecordCollector, id: DelayedId, row: &Row<'_>, verdict: &Verdict) {
        let value = row.value.filter(|_| !verdict.without_value());
        let message =
            NewRecord { topic: row.topic, partition: row.partition, key: row.key, value, headers: &row.headers };
        let delayed = dead_letter::Delayed { by: self.task, due_ms: id.due_ms, now_ms: self.now_ms };
        dead_letter::bury_delayed(collector, self.dead_letters, &delayed, &message, verdict);
        let (topic, why) = (row.topic, &verdict.why);
        tracing::warn!(task = %self.task, due_ms = id.due_ms, topic, why, "delayed message sent to the dead letters");
    }
}

impl Pending {
    /// Nothing is pending.
    pub(crate) const fn none() -> Self {
        Self { earliest_ms: i64::MAX }
    }

    /// Finds the earliest message of a store that has been opened or rolled back.
    pub(crate) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut pending = Self { earliest_ms: i64::MIN };
        pending.look(store)?;
        Ok(pending)
    }

    /// When the next message is due, if there is one.
    pub(crate) fn next_due_ms(self) -> Option<i64> {
        (self.earliest_ms != i64::MAX).then_some(self.earliest_ms)
    }

    /// A message due at `due_ms` has been added.
    pub(crate) fn note(&mut self, due_ms: i64) {
        self.earliest_ms = self.earliest_ms.min(due_ms);
    }

    fn look(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        // The bound spares the scan the tombstones of everything that has been sent before it.
        let from = DelayedId { due_ms: self.earliest_ms, sequence: 0 }.to_bytes();
        self.earliest_ms = i64::MAX;
        store.scan(STORE.id, &from, None, &mut |key, _| {
            if let Some(id) = DelayedId::from_bytes(key) {
                self.earliest_ms = id.due_ms;
            }
            ControlFlow::Break(())
        })
    }

    /// Moves messages that are due from the store to the collector, in order of due time: at most `messages_max`, and none after that with which the collector has
    /// come to `bytes_max`.
    pub(crate) fn send_due(
        &mut self,
        store: &mut dyn Store,
        collector: &mut RecordCollector,
        due: &Due<'_>,
    ) -> Result<Sent, StoreError> {
        let mut sent = Sent::default();
        let now_ms = due.now_ms;
        if self.earliest_ms > now_ms {
            return Ok(sent);
        }
        let from = DelayedId { due_ms: self.earliest_ms, sequence: 0 }.to_bytes();
        let to = DelayedId { due_ms: now_ms.saturating_add(1), sequence: 0 }.to_bytes();
        let mut failed = None;
        let mut last_topic: Option<Topic> = None;
        store.scan(STORE.id, &from, Some(&to), &mut |key, value| {
            let id =
                DelayedId::from_bytes(key).ok_or_else(|| StoreError::Corrupt("delayed message: its key".to_owned()));
            match id.and_then(|id| Ok((id, decode(value)?))) {
                Ok((id, row)) => {
                    sent.ids.push(id);
                    sent.lateness_max_ms = sent.lateness_max_ms.max(now_ms - id.due_ms);
                    if let Some(verdict) = due.condemned.of(&id) {
                        sent.refused += 1;
                        due.bury(collector, id, &row, verdict);
                    } else {
                        let payload = Payload { key: row.key, value: row.value, headers: &row.headers };
                        // Nearly all that is due goes to one topic.
                        let topic =
                            last_topic.take().filter(|topic| **topic == *row.topic).unwrap_or_else(|| row.topic.into());
                        collector.push(topic.clone(), row.partition, &payload);
                        last_topic = Some(topic);
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            sent.is_cut = sent.ids.len() >= due.messages_max || collector.bytes() >= due.bytes_max;
            if sent.is_cut { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        for id in &sent.ids {
            store.delete(STORE.id, &id.to_bytes())?;
        }
        self.look(store)?;
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_sort_by_due_time_and_come_back(a: (i64, u64), b: (i64, u64)) {
            let id = |(due_ms, sequence)| DelayedId { due_ms, sequence };
            prop_assert_eq!(id(a).to_bytes().cmp(&id(b).to_bytes()), a.cmp(&b));
            prop_assert_eq!(DelayedId::from_bytes(&id(a).to_bytes()), Some(id(a)));
        }

        #[test]
        fn rows_come_back(topic in "[a-z]{1,9}", partition: u32, key: Option<Vec<u8>>, value: Option<Vec<u8>>, header: Vec<u8>) {
            let payload = Payload { key: key.as_deref(), value: value.as_deref(), headers: &[("h", &header)] };
            let mut bytes = Vec::new();
            encode(&topic, partition, &payload, &mut bytes);
            let row = decode(&bytes).unwrap();
            prop_assert_eq!((row.topic, row.partition, row.key, row.value), (&*topic, partition, key.as_deref(), value.as_deref()));
            prop_assert_eq!(row.headers, vec![("h", &*header)]);
        }
    }
}
