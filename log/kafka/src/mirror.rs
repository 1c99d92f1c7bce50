//! Shows positions under a group's name, without being a member of it.

use crate::cluster::partition_number;
use crate::config::{ASK_MS, KafkaConfig};
use crate::context::{Quiet, client_config};
use crate::reaction;
use holdfast_ports::log::LogError;
use holdfast_ports::record::TopicPartition;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;

/// One client a group.
#[derive(Default)]
pub(crate) struct Mirrors(Mutex<FxHashMap<String, Arc<BaseConsumer<Quiet>>>>);

impl Mirrors {
    fn client(&self, config: &KafkaConfig, group: &str) -> Result<Arc<BaseConsumer<Quiet>>, LogError> {
        let mut clients = self.0.lock();
        if let Some(client) = clients.get(group) {
            // Serves its log lines; there are no messages.
            while client.poll(Duration::ZERO).is_some() {}
            return Ok(Arc::clone(client));
        }
        let client: BaseConsumer<Quiet> = client_config(&config.mirror(group))
            .create_with_context(Quiet)
            .map_err(|error| reaction::of_client(format_args!("group {group}"), &error))?;
        Ok(Arc::clone(clients.entry(group.to_owned()).or_insert(Arc::new(client))))
    }

    pub(crate) fn show(
        &self,
        config: &KafkaConfig,
        group: &str,
        positions: &[(TopicPartition, i64)],
    ) -> Result<(), LogError> {
        if positions.is_empty() {
            return Ok(());
        }
        let list = list(positions.iter().map(|(source, next)| (source, Offset::Offset(*next))))?;
        let shown = self.client(config, group)?.commit(&list, CommitMode::Sync);
        shown.map_err(|error| match reaction::of_client(format_args!("positions of group {group}"), &error) {
            // The group has members of its own: some other program uses the name.
            LogError::Fenced(why) => LogError::Retry(why),
            error => error,
        })
    }

    pub(crate) fn shown(
        &self,
        config: &KafkaConfig,
        group: &str,
        sources: &[TopicPartition],
    ) -> Result<Vec<Option<i64>>, LogError> {
        let list = list(sources.iter().map(|source| (source, Offset::Invalid)))?;
        let ask = Duration::from_millis(u64::from(ASK_MS.unsigned_abs()));
        let found = self
            .client(config, group)?
            .committed_offsets(list, ask)
            .map_err(|error| reaction::of_client(format_args!("positions of group {group}"), &error))?;
        let shown = |source: &TopicPartition| {
            let partition = partition_number(source.partition)?;
            Ok(found.find_partition(&source.topic, partition).and_then(|element| match element.offset() {
                Offset::Offset(next) => Some(next),
                _ => None,
            }))
        };
        sources.iter().map(shown).collect()
    }
}

fn list<'a>(positions: impl Iterator<Item = (&'a TopicPartition, Offset)>) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::new();
    for (source, offset) in positions {
        list.add_partition_offset(&source.topic, partition_number(source.partition)?, offset)
            .map_err(|error| LogError::Fatal(format!("{source}: {error}")))?;
    }
    Ok(list)
}
