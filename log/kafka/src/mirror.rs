//! Shows positions under a group's name, without being a member of it.

use crate::cluster::partition_number;
use crate::config::{ASK_MS, KafkaConfig};
use crate::context::{Quiet, client_config};
use crate::ffi::Code;
use crate::reaction;
use holdfast_ports::log::LogError;
use holdfast_ports::record::TopicPartition;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;

/// One client a group.
#[derive(Default)]
pub(crate) struct Mirrors {
    clients: Mutex<FxHashMap<String, Arc<BaseConsumer<Quiet>>>>,
    /// Groups on which the brokers deny us the operation named.
    denied: Mutex<FxHashMap<String, &'static str>>,
}

impl Mirrors {
    fn client(&self, config: &KafkaConfig, group: &str) -> Result<Arc<BaseConsumer<Quiet>>, LogError> {
        let mut clients = self.clients.lock();
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
        match self.client(config, group)?.commit(&list, CommitMode::Sync) {
            Ok(()) => {
                self.allowed(group);
                Ok(())
            }
            Err(error) if self.is_denied(group, "READ", &error) => Ok(()),
            Err(error) => Err(match reaction::of_client(format_args!("positions of group {group}"), &error) {
                // The group has members of its own: some other program uses the name.
                LogError::Fenced(why) => LogError::Retry(why),
                error => error,
            }),
        }
    }

    /// Whether `error` says that the brokers deny us `operation` on the group. The worker goes on without what only operators look at, and says so once.
    fn is_denied(&self, group: &str, operation: &'static str, error: &KafkaError) -> bool {
        let is_denied = error.rdkafka_error_code() == Some(Code::GroupAuthorizationFailed);
        if is_denied && self.denied.lock().insert(group.to_owned(), operation) != Some(operation) {
            let what = format!("{operation} on group {group}");
            tracing::warn!(group, "{}; its positions are not shown, sales go on", reaction::denied(&what));
        }
        is_denied
    }

    fn allowed(&self, group: &str) {
        if self.denied.lock().remove(group).is_some() {
            tracing::info!(group, "positions of the group are shown again");
        }
    }

    pub(crate) fn shown(
        &self,
        config: &KafkaConfig,
        group: &str,
        sources: &[TopicPartition],
    ) -> Result<Vec<Option<i64>>, LogError> {
        let list = list(sources.iter().map(|source| (source, Offset::Invalid)))?;
        let ask = Duration::from_millis(u64::from(ASK_MS.unsigned_abs()));
        let found = match self.client(config, group)?.committed_offsets(list, ask) {
            Ok(found) => found,
            Err(error) if self.is_denied(group, "DESCRIBE", &error) => return Ok(vec![None; sources.len()]),
            Err(error) => return Err(reaction::of_client(format_args!("positions of group {group}"), &error)),
        };
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
