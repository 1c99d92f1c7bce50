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

/// How long the group's coordinator is waited for before the client is asked whether the brokers deny us the group.
const TURN: Duration = Duration::from_millis(500);
/// How long a group that is denied is left alone: asking takes [`TURN`], and the rights may come.
const DENIED_US: u64 = 60_000_000;

/// One client a group.
#[derive(Default)]
pub(crate) struct Mirrors {
    clients: Mutex<FxHashMap<String, Arc<BaseConsumer<Quiet>>>>,
    /// Groups that the brokers deny us, and when they were asked last.
    denied: Mutex<FxHashMap<String, u64>>,
}

impl Mirrors {
    fn client(&self, config: &KafkaConfig, group: &str) -> Result<Arc<BaseConsumer<Quiet>>, LogError> {
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(group) {
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
        if positions.is_empty() || self.is_left_alone(config, group) {
            return Ok(());
        }
        let list = list(positions.iter().map(|(source, next)| (source, Offset::Offset(*next))))?;
        let client = self.client(config, group)?;
        if self.denied.lock().contains_key(group) {
            // A commit without a coordinator waits for long: a question tells whether there is one now.
            let sources: Vec<_> = positions.iter().map(|(source, _)| source.clone()).collect();
            self.shown(config, group, &sources)?;
            if self.is_left_alone(config, group) {
                return Ok(());
            }
        }
        match client.commit(&list, CommitMode::Sync) {
            Ok(()) => {
                // Serves its log lines; there are no messages.
                while client.poll(Duration::ZERO).is_some() {}
                self.allowed(group);
                Ok(())
            }
            Err(error) if denies(&error) => {
                self.deny(config, group, "READ");
                Ok(())
            }
            Err(error) => Err(match reaction::of_client(format_args!("positions of group {group}"), &error) {
                // The group has members of its own: some other program uses the name.
                LogError::Fenced(why) => LogError::Retry(why),
                error => error,
            }),
        }
    }

    pub(crate) fn shown(
        &self,
        config: &KafkaConfig,
        group: &str,
        sources: &[TopicPartition],
    ) -> Result<Vec<Option<i64>>, LogError> {
        let nothing = || vec![None; sources.len()];
        if self.is_left_alone(config, group) {
            return Ok(nothing());
        }
        let client = self.client(config, group)?;
        let until_us = config.clock.monotonic_us() + u64::from(ASK_MS.unsigned_abs()) * 1_000;
        let found = loop {
            let list = list(sources.iter().map(|source| (source, Offset::Invalid)))?;
            let error = match client.committed_offsets(list, TURN) {
                Ok(found) => break found,
                Err(error) => error,
            };
            if denies(&error) || hears_denial(&client) {
                self.deny(config, group, "DESCRIBE");
                return Ok(nothing());
            }
            let is_late = error.rdkafka_error_code() == Some(Code::OperationTimedOut);
            if !is_late || config.clock.monotonic_us() >= until_us {
                return Err(reaction::of_client(format_args!("positions of group {group}"), &error));
            }
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

    /// Whether the brokers have denied us the group a moment ago.
    fn is_left_alone(&self, config: &KafkaConfig, group: &str) -> bool {
        let asked_us = self.denied.lock().get(group).copied();
        asked_us.is_some_and(|asked_us| config.clock.monotonic_us() < asked_us + DENIED_US)
    }

    /// The brokers deny us the group. The worker goes on without what only operators look at, and says so once.
    fn deny(&self, config: &KafkaConfig, group: &str, operation: &str) {
        // A client tells a denial once: the next question is another client's.
        self.clients.lock().remove(group);
        if self.denied.lock().insert(group.to_owned(), config.clock.monotonic_us()).is_none() {
            let what = reaction::denied(&format!("{operation} on group {group}"));
            tracing::warn!(group, "{what}; its positions are not shown, sales go on");
        }
    }

    fn allowed(&self, group: &str) {
        if self.denied.lock().remove(group).is_some() {
            tracing::info!(group, "positions of the group are shown now");
        }
    }
}

fn denies(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(Code::GroupAuthorizationFailed)
}

/// Whether the client has been told that the group is denied, when it looked for the group's coordinator: the question itself only times out then.
fn hears_denial(client: &BaseConsumer<Quiet>) -> bool {
    let mut is_denied = false;
    while let Some(event) = client.poll(Duration::ZERO) {
        is_denied |= event.is_err_and(|error| denies(&error));
    }
    is_denied
}

fn list<'a>(positions: impl Iterator<Item = (&'a TopicPartition, Offset)>) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::new();
    for (source, offset) in positions {
        list.add_partition_offset(&source.topic, partition_number(source.partition)?, offset)
            .map_err(|error| LogError::Fatal(format!("{source}: {error}")))?;
    }
    Ok(list)
}
