//! The thread that brings records to the leaders of their partitions: one request for each broker, with all partitions that it leads.
//!
//! What a broker does not take for now is sent again with the same numbers, so it cannot come to lie in the log twice. One load is under way at a time, for
//! the order of those numbers; the next is packed, which is most of the work, while the brokers take the last.

use super::batch::Batch;
use super::brokers::Brokers;
use super::messages::PRODUCE;
use super::outbox::{Failure, Load, Outbox};
use super::parcel::{self, Answer, Parcel};
use crate::config::KafkaConfig;
use crate::ffi::Code;
use crate::reaction;
use holdfast_ports::record::TopicPartition;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Between two attempts, in ms.
const PAUSE_MS: u64 = 5;
const PAUSE_MAX_MS: u64 = 100;

struct Post {
    outbox: Arc<Outbox>,
    brokers: Brokers,
    config: KafkaConfig,
    transactional_id: String,
    leaders: FxHashMap<TopicPartition, i32>,
}

/// A load as it goes over the wire.
struct Packed {
    transaction: u64,
    parcels: Vec<Parcel<Batch>>,
}

impl Packed {
    fn of(load: Load) -> Self {
        let Load { transaction, producer, batches } = load;
        let pack = |(tag, to, batch): (usize, TopicPartition, Batch)| Parcel::of(tag, to, batch, producer, true);
        Self { transaction, parcels: batches.into_iter().map(pack).collect() }
    }
}

/// Hires the post of the producer called `id`. It ends when the outbox is closed and what it holds is settled.
pub(super) fn hire(config: &KafkaConfig, id: &str, outbox: &Arc<Outbox>) -> io::Result<()> {
    let mut post = Post {
        outbox: Arc::clone(outbox),
        brokers: Brokers::new(config),
        config: config.clone(),
        transactional_id: id.to_owned(),
        leaders: FxHashMap::default(),
    };
    thread::Builder::new().name("kafka-post".to_owned()).spawn(move || {
        let mut next = None;
        while let Some(packed) = next.take().or_else(|| post.outbox.take().map(Packed::of)) {
            next = post.bring(packed);
            if next.is_none() {
                post.outbox.done();
            }
        }
    })?;
    Ok(())
}

/// How many records are left to be brought.
fn count(parcels: &[Parcel<Batch>]) -> i32 {
    parcels.iter().map(|parcel| parcel.cargo.count()).sum()
}

impl Post {
    /// Brings a load where it belongs. Returns the next one, when there was one to be packed meanwhile.
    fn bring(&mut self, packed: Packed) -> Option<Packed> {
        let Packed { transaction, mut parcels } = packed;
        let mut next = None;
        let until_us = self.config.clock.monotonic_us() + u64::from(self.config.commit_timeout_ms) * 1_000;
        let mut pause_ms = 0;
        while !parcels.is_empty() && self.outbox.is_wanted_after(transaction, Duration::from_millis(pause_ms)) {
            pause_ms = (pause_ms * 2).clamp(PAUSE_MS, PAUSE_MAX_MS);
            let now_us = self.config.clock.monotonic_us();
            if now_us >= until_us {
                self.outbox.failed(transaction, Code::MessageTimedOut.into());
                break;
            }
            let timeout = Duration::from_micros(until_us - now_us);
            let before = count(&parcels);
            parcels = self.try_once(transaction, parcels, timeout, &mut next);
            if count(&parcels) < before {
                pause_ms = 0;
            }
        }
        next
    }

    /// Sends all to their leaders; returns what has to be sent again.
    fn try_once(
        &mut self,
        transaction: u64,
        mut parcels: Vec<Parcel<Batch>>,
        timeout: Duration,
        next: &mut Option<Packed>,
    ) -> Vec<Parcel<Batch>> {
        let mut left = Vec::new();
        let mut by_leader: BTreeMap<i32, Vec<Parcel<Batch>>> = BTreeMap::new();
        // Parts of what was too large follow each other: the leader wants the numbers in their order.
        parcels.sort_by_key(|parcel| (parcel.tag, parcel.cargo.first));
        let mut last = None;
        for parcel in parcels {
            let follows = last.replace(parcel.tag) == Some(parcel.tag);
            match self.leader(&parcel.to) {
                Some(leader) if !follows => by_leader.entry(leader).or_default().push(parcel),
                _ => left.push(parcel),
            }
        }
        // All are asked before anybody's answer is waited for.
        let mut asked = Vec::new();
        for (leader, parcels) in by_leader {
            let body = parcel::request(Some(&self.transactional_id), &parcels, timeout);
            match self.brokers.send(leader, PRODUCE, &body, timeout) {
                Ok(()) => asked.push((leader, parcels)),
                Err(error) => left.extend(self.lost(leader, parcels, &error)),
            }
        }
        if next.is_none() {
            *next = self.outbox.take_ready().map(Packed::of);
        }
        for (leader, parcels) in asked {
            match self.brokers.receive(leader, PRODUCE, timeout) {
                Ok(answer) => left.extend(self.sort_out(transaction, parcels, &answer)),
                Err(error) => left.extend(self.lost(leader, parcels, &error)),
            }
        }
        left
    }

    /// A connection broke: who leads what may be another now.
    fn lost(
        &mut self,
        leader: i32,
        parcels: Vec<Parcel<Batch>>,
        error: &super::connection::Broken,
    ) -> Vec<Parcel<Batch>> {
        tracing::debug!(leader, %error, "records were not taken, trying again");
        for parcel in &parcels {
            self.leaders.remove(&parcel.to);
        }
        parcels
    }

    /// Notes what the broker says about each batch; returns those that it did not take for now, and those that it does not mention: the numbers tell
    /// whether they are new.
    fn sort_out(&mut self, transaction: u64, parcels: Vec<Parcel<Batch>>, answer: &[u8]) -> Vec<Parcel<Batch>> {
        let mut left = Vec::new();
        let Self { outbox, leaders, .. } = self;
        let unknown = parcel::sort_out(parcels, answer, |parcel, answer| match answer {
            Answer::Taken(produced) => {
                outbox.delivered(transaction, parcel.tag, produced.offset + i64::from(parcel.cargo.count()));
            }
            Answer::Later(code) => {
                tracing::debug!(to = %parcel.to, %code, "a batch was not taken, trying again");
                leaders.remove(&parcel.to);
                left.push(parcel);
            }
            Answer::TooLarge(code) => match parcel.halves() {
                Some(parts) => {
                    tracing::debug!(to = %parcel.to, %code, "a batch is sent in parts");
                    outbox.too_large(parcel.tag, parcel.cargo.bytes());
                    left.extend(parts);
                }
                None => {
                    // Numbers begin at 0 with each transaction.
                    let record = Some((parcel.to, u64::from(parcel.cargo.first.unsigned_abs())));
                    outbox.failed(transaction, Failure { code, record });
                }
            },
            Answer::Refused(code) if reaction::forbids(code) => {
                // Whichever record it is, the topic has to be named.
                let record = Some((parcel.to, u64::from(parcel.cargo.first.unsigned_abs())));
                outbox.failed(transaction, Failure { code, record });
            }
            Answer::Refused(code) => outbox.failed(transaction, code.into()),
        });
        left.extend(unknown);
        left
    }

    fn leader(&mut self, to: &TopicPartition) -> Option<i32> {
        if !self.leaders.contains_key(to) {
            let metadata = self.brokers.metadata(&to.topic).inspect_err(|error| {
                tracing::debug!(topic = %to.topic, %error, "nobody says who leads it");
            });
            for (partition, leader) in metadata.ok()?.leaders.into_iter().enumerate() {
                let source = TopicPartition::new(to.topic.clone(), u32::try_from(partition).ok()?);
                if leader >= 0 {
                    self.leaders.insert(source, leader);
                } else {
                    self.leaders.remove(&source);
                }
            }
        }
        self.leaders.get(to).copied()
    }
}
