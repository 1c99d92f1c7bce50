//! The topics there are, and creating more.

use crate::disk::{Disk, Sync};
use crate::partition::Partition;
use crate::partition_id::PartitionId;
use crate::rows::topic::{self, TopicRow};
use holdfast_ports::log::{Difference, LogError, PARTITIONS, TopicReport, TopicSpec, TopicState};
use holdfast_ports::record::{Topic, TopicPartition};
use parking_lot::RwLock;
use rocksdb::WriteBatch;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The topics there are. None is ever deleted.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: RwLock<FxHashMap<Topic, OpenTopic>>,
}

#[derive(Debug)]
struct OpenTopic {
    row: TopicRow,
    partitions: Vec<Arc<Partition>>,
}

impl OpenTopic {
    fn load(disk: &Disk, name: &Topic, row: TopicRow) -> Result<Self, LogError> {
        let partitions = (0..row.partitions).map(|number| {
            let id = PartitionId { topic: row.id, number };
            let name = TopicPartition::new(name.clone(), u32::from(number));
            Partition::load(disk, id, name, row.cleanup).map(Arc::new)
        });
        Ok(Self { row, partitions: partitions.collect::<Result<_, _>>()? })
    }
}

impl Topics {
    /// The topics that `disk` holds.
    pub(crate) fn load(disk: &Disk) -> Result<Self, LogError> {
        let mut rows = Vec::new();
        disk.each_row(topic::PREFIX, |key, value| {
            rows.push((Topic::from(topic::name(key)?), TopicRow::decode(value)?));
            Some(())
        })?;
        let mut by_name = FxHashMap::default();
        for (name, row) in rows {
            let open = OpenTopic::load(disk, &name, row)?;
            by_name.insert(name, open);
        }
        Ok(Self { by_name: RwLock::new(by_name) })
    }

    /// Creates the topics that are missing, says what differs in those that exist. A write that fails is given to `fail`, with the topics unlocked again.
    pub(crate) fn create(
        &self,
        disk: &Disk,
        specs: &[TopicSpec],
        fail: impl FnOnce(&str) -> LogError,
    ) -> Result<Vec<TopicReport>, LogError> {
        let mut by_name = self.by_name.write();
        let mut batch = WriteBatch::default();
        let mut created = Vec::new();
        let mut reports = Vec::new();
        let mut next_id = by_name.values().map(|open| open.row.id + 1).max().unwrap_or(0);
        for spec in specs {
            let mut state = compare(by_name.get(&*spec.name).map(|open| &open.row), spec);
            if state == TopicState::Missing {
                let row = TopicRow { id: next_id, partitions: partitions_of(spec)?, cleanup: spec.cleanup };
                next_id += 1;
                batch.put_cf(disk.meta(), topic::key(&spec.name), row.encode());
                created.push((Topic::from(&*spec.name), row));
                state = TopicState::Created;
            }
            reports.push(TopicReport { name: spec.name.clone(), state });
        }
        if created.is_empty() {
            return Ok(reports);
        }
        let written = disk.write(batch, Sync::Yes).map_err(rocksdb::Error::into_string);
        if let Err(error) = written {
            drop(by_name);
            return Err(fail(&error));
        }
        for (name, row) in created {
            let open = OpenTopic::load(disk, &name, row)?;
            by_name.insert(name, open);
        }
        Ok(reports)
    }

    /// Says what is missing or differs.
    pub(crate) fn check(&self, specs: &[TopicSpec]) -> Vec<TopicReport> {
        let by_name = self.by_name.read();
        let report = |spec: &TopicSpec| TopicReport {
            name: spec.name.clone(),
            state: compare(by_name.get(&*spec.name).map(|open| &open.row), spec),
        };
        specs.iter().map(report).collect()
    }

    /// Number of partitions of `topic`.
    pub(crate) fn partitions(&self, topic: &str) -> Option<u32> {
        self.by_name.read().get(topic).map(|open| u32::from(open.row.partitions))
    }

    /// A partition of `topic`, or a sentence that says why there is none.
    pub(crate) fn partition(&self, topic: &str, number: u32) -> Result<Arc<Partition>, String> {
        let by_name = self.by_name.read();
        let open = by_name.get(topic).ok_or_else(|| format!("topic {topic} does not exist"))?;
        let found = usize::try_from(number).ok().and_then(|number| open.partitions.get(number));
        found.cloned().ok_or_else(|| {
            format!("topic {topic} has {} partitions, there is no partition {number}", open.row.partitions)
        })
    }

    /// Every partition of every topic, in the order of their ids.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        let by_name = self.by_name.read();
        let mut all: Vec<_> = by_name.values().flat_map(|open| open.partitions.iter().cloned()).collect();
        all.sort_by_key(|partition| (partition.id.topic, partition.id.number));
        all
    }
}

/// The verdict on one topic.
fn compare(row: Option<&TopicRow>, spec: &TopicSpec) -> TopicState {
    let Some(row) = row else { return TopicState::Missing };
    let partitions = Difference::between(PARTITIONS, row.partitions, spec.partitions);
    TopicState::of(partitions.into_iter().chain(row.cleanup.differences(&spec.cleanup)).collect())
}

/// The partition count of a topic to be created.
fn partitions_of(spec: &TopicSpec) -> Result<u16, LogError> {
    match u16::try_from(spec.partitions) {
        Ok(partitions) if partitions > 0 && !spec.name.is_empty() => Ok(partitions),
        _ => Err(LogError::Fatal(format!(
            "topic {:?} with {} partitions cannot be created: it needs a name and 1 to 65535 partitions",
            spec.name, spec.partitions
        ))),
    }
}
