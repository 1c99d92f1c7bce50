//! Transactions: gathered in memory, given to the committer whole.

use crate::appender::admit;
use crate::membership::EmbeddedGeneration;
use crate::partition::Partition;
use crate::partition_id::PartitionId;
use crate::queue::{Ends, Transaction};
use crate::rows::position;
use crate::run::{Run, record_bytes};
use crate::shared::Shared;
use crate::tenure::Tenure;
use holdfast_ports::log::{Which, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::mpsc;

/// One transaction at a time. Nothing of it leaves this writer before its commit, so giving one up is forgetting it.
pub(crate) struct EmbeddedWriter {
    shared: Arc<Shared>,
    tenure: Arc<Tenure>,
    open: Option<Open>,
}

/// The open transaction.
#[derive(Default)]
struct Open {
    lots: Vec<(Arc<Partition>, Run)>,
    index: FxHashMap<PartitionId, usize>,
    bytes: usize,
    /// Why it can only be aborted.
    refused: Option<String>,
}

impl EmbeddedWriter {
    pub(crate) fn new(shared: Arc<Shared>, tenure: Arc<Tenure>) -> Self {
        Self { shared, tenure, open: None }
    }

    fn check(&self) -> Result<(), WriteError> {
        if let Some(why) = self.shared.poison.why() {
            return Err(WriteError::Fatal(why.to_owned()));
        }
        if self.tenure.has_ended() {
            return Err(WriteError::Fenced("a newer writer of this name exists".to_owned()));
        }
        Ok(())
    }
}

impl Writer for EmbeddedWriter {
    fn begin(&mut self) -> Result<(), WriteError> {
        self.check()?;
        if self.open.is_some() {
            return Err(WriteError::Fatal("begin: a transaction is open already".to_owned()));
        }
        self.open = Some(Open::default());
        Ok(())
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        self.check()?;
        let Some(open) = &mut self.open else {
            return Err(WriteError::Fatal("send: no transaction is open".to_owned()));
        };
        match admit(&self.shared, record) {
            Ok(partition) => {
                open.add(partition, record);
                Ok(())
            }
            Err(why) => {
                open.refused = Some(why.clone());
                Err(WriteError::refused(why))
            }
        }
    }

    fn commit(&mut self, positions: &[(TopicPartition, i64)], generation: &Generation) -> Result<Ends, WriteError> {
        let result = self.check().and_then(|()| self.try_commit(positions, generation));
        // Whatever came of it, the transaction is over; only a refused one waits for its abort.
        if !matches!(result, Err(WriteError::Refused { .. })) {
            self.open = None;
        }
        result
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        self.open = None;
        self.check()
    }
}

impl EmbeddedWriter {
    fn try_commit(&mut self, positions: &[(TopicPartition, i64)], generation: &Generation) -> Result<Ends, WriteError> {
        let Some(open) = &mut self.open else {
            return Err(WriteError::Fatal("commit: no transaction is open".to_owned()));
        };
        if let Some(why) = &open.refused {
            return Err(WriteError::Refused { which: Which::Unknown, why: why.clone() });
        }
        let proof = generation.0.downcast_ref::<EmbeddedGeneration>();
        if proof.is_none() && !(generation.is_none() && positions.is_empty()) {
            return Err(WriteError::Fatal("commit: the generation is another log's".to_owned()));
        }
        let mut rows = Vec::with_capacity(positions.len());
        for (source, next) in positions {
            let Some(generation) = proof else { continue };
            let found = self.shared.topics.partition(&source.topic, source.partition);
            let PartitionId { topic, number } = found.map_err(WriteError::Fatal)?.id;
            rows.push((position::key(&generation.app, topic, number), *next));
        }
        let (reply, answer) = mpsc::sync_channel(1);
        let lots = std::mem::take(&mut open.lots);
        let transaction = Transaction { lots, positions: rows, bytes: open.bytes, reply };
        self.shared.queue.commit(&self.tenure, proof.map(|proof| &*proof.tenure), transaction)?;
        answer.recv().unwrap_or_else(|_| Err(WriteError::Fatal("the log was closed during the commit".to_owned())))
    }
}

impl Open {
    fn add(&mut self, partition: Arc<Partition>, record: &NewRecord<'_>) {
        let index = *self.index.entry(partition.id).or_insert_with(|| {
            self.lots.push((partition, Run::default()));
            self.lots.len() - 1
        });
        self.bytes += record_bytes(record);
        self.lots[index].1.push(record);
    }
}
