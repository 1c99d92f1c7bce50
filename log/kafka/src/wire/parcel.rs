//! Batches on the wire: what the leader of some partitions is asked to take, and what it says about each.

use super::batch::Batch;
use super::bytes::Encoder;
use super::messages::{self, Produced, ProducerId};
use super::producer::code_of;
use crate::ffi::Code;
use holdfast_ports::record::TopicPartition;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a parcel is made of.
pub(super) trait Cargo {
    fn batch(&self) -> &Batch;
}

impl Cargo for Batch {
    fn batch(&self) -> &Batch {
        self
    }
}

/// A batch that is not in the log yet.
pub(super) struct Parcel<C> {
    /// Whoever sends it knows by this where it belongs.
    pub(super) tag: usize,
    pub(super) to: TopicPartition,
    pub(super) cargo: C,
    producer: ProducerId,
    bytes: Vec<u8>,
}

/// What the leader says.
pub(super) enum Answer {
    /// It lies in the log.
    Taken(Produced),
    /// Send it again: this leader will take it later, or another one will. It may have been appended all the same ([`crate::reaction::precedes_append`]).
    Later(Code),
    /// Not so much at once.
    TooLarge(Code),
    /// No.
    Refused(Code),
}

impl Answer {
    /// What went wrong, if something did.
    pub(super) fn error(&self) -> Option<Code> {
        match self {
            Self::Taken(_) => None,
            Self::Later(code) | Self::TooLarge(code) | Self::Refused(code) => Some(*code),
        }
    }
}

impl<C: Cargo> Parcel<C> {
    /// `transaction`: whether it is part of one.
    pub(super) fn of(tag: usize, to: TopicPartition, cargo: C, producer: ProducerId, transaction: bool) -> Self {
        let bytes = cargo.batch().encode(producer, transaction);
        Self { tag, to, cargo, producer, bytes }
    }
}

impl Parcel<Batch> {
    /// The same in two, the second to be sent after the first. `None`: it is a single record.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        let pack = |batch| Self::of(self.tag, self.to.clone(), batch, self.producer, true);
        Some(self.cargo.halves()?.map(pack))
    }
}

/// All of them in one request. `transactional_id` for parts of transactions.
pub(super) fn request<C>(transactional_id: Option<&str>, parcels: &[Parcel<C>], timeout: Duration) -> Encoder {
    let mut topics: BTreeMap<&str, Vec<(i32, &[u8])>> = BTreeMap::new();
    for parcel in parcels {
        topics.entry(&*parcel.to.topic).or_default().push((parcel.to.partition.cast_signed(), &parcel.bytes));
    }
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).max(1);
    messages::produce(transactional_id, timeout_ms, &topics)
}

/// Calls `each` with what the leader says about each. Returns those that its answer does not mention: what became of them is not known.
pub(super) fn sort_out<C>(
    mut parcels: Vec<Parcel<C>>,
    answer: &[u8],
    mut each: impl FnMut(Parcel<C>, Answer),
) -> Vec<Parcel<C>> {
    let read = messages::read_produce(answer, |topic, partition, produced| {
        let found = parcels.iter().position(|p| *p.to.topic == *topic && p.to.partition == partition.cast_unsigned());
        if let Some(found) = found {
            each(parcels.swap_remove(found), said(produced));
        }
    });
    if let Err(malformed) = read {
        tracing::debug!(%malformed, unknown = parcels.len(), "the answer to a produce request");
    }
    parcels
}

fn said(produced: Produced) -> Answer {
    match code_of(produced.error) {
        None => Answer::Taken(produced),
        Some(code) if passes(code) => Answer::Later(code),
        Some(code @ (Code::MessageSizeTooLarge | Code::MessageBatchTooLarge)) => Answer::TooLarge(code),
        Some(code) => Answer::Refused(code),
    }
}

/// The batch is to be sent again, to the same leader or another.
fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownTopicOrPartition
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::ConcurrentTransactions
            | Code::KafkaStorageError
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
    )
}
