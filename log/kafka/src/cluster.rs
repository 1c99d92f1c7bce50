//! Questions to the cluster: which topics there are, where a partition ends.

use crate::batch_limit::BatchLimit;
use crate::config::{ASK_MS, KafkaConfig};
use crate::ffi::{Client, Code, Metadata, Rights, Topic};
use crate::reaction;
use holdfast_ports::log::LogError;
use holdfast_ports::record::TopicPartition;
use std::sync::Arc;

const MISSING_TRIES: u32 = 10;
const MISSING_PAUSE_MS: i32 = 100;

/// A client for questions. It reads uncommitted, so the end it sees is the high watermark.
pub(crate) struct Cluster {
    client: Arc<Client>,
    /// What it has heard of its topics' limits.
    batch_limit: Arc<BatchLimit>,
}

impl Cluster {
    pub(crate) fn new(config: &KafkaConfig) -> Result<Self, LogError> {
        let client = Client::consumer(&config.control()).map_err(LogError::Fatal)?;
        Ok(Self { client, batch_limit: Arc::default() })
    }

    pub(crate) fn batch_limit(&self) -> &Arc<BatchLimit> {
        &self.batch_limit
    }

    /// Everything a broker knows.
    pub(crate) fn metadata(&self) -> Result<Metadata, LogError> {
        self.client.metadata(None, ASK_MS).map_err(|code| reaction::of_question("metadata", code))
    }

    pub(crate) fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError> {
        partitions(&self.client, topic)
    }

    /// What the brokers let us do with `topics`; nothing where they cannot be asked that.
    pub(crate) fn rights(&self, topics: &[&str]) -> Result<Vec<Rights>, LogError> {
        match self.client.rights(topics, ASK_MS) {
            Ok(rights) => Ok(rights),
            Err(Code::UnsupportedFeature | Code::UnsupportedVersion) => Ok(Vec::new()),
            Err(code) => Err(reaction::of_question("rights on topics", code)),
        }
    }

    /// First offset and high watermark.
    pub(crate) fn watermarks(&self, source: &TopicPartition) -> Result<(i64, i64), LogError> {
        watermarks(&self.client, source)
    }

    /// Waits a moment without a clock: this client has no callbacks, so its poll does nothing but wait.
    pub(crate) fn pause(&self, ms: i32) {
        self.client.poll(ms);
    }
}

/// Number of partitions of `topic`, `None` when it does not exist. A round trip.
pub(crate) fn partitions(client: &Arc<Client>, topic: &str) -> Result<Option<u32>, LogError> {
    let ask = |code| reaction::of_question(format_args!("metadata of topic {topic}"), code);
    let handle = Topic::new(client, topic).map_err(ask)?;
    let metadata = client.metadata(Some(&handle), ASK_MS).map_err(ask)?;
    match metadata.topics.into_iter().find(|found| found.name == topic) {
        None => Ok(None),
        Some(found) => match found.error {
            None => Ok(Some(u32::try_from(found.leaders.len()).unwrap_or(u32::MAX))),
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => Ok(None),
            // A partition without a leader does not make the topic unknown.
            Some(Code::LeaderNotAvailable) if !found.leaders.is_empty() => {
                Ok(Some(u32::try_from(found.leaders.len()).unwrap_or(u32::MAX)))
            }
            Some(code) => Err(ask(code)),
        },
    }
}

/// The same for a topic that ought to be there: brokers hear of a new topic one after the other, so a missing one is asked for again for a while.
pub(crate) fn partitions_expected(client: &Arc<Client>, topic: &str) -> Result<Option<u32>, LogError> {
    for _ in 0..MISSING_TRIES {
        if let Some(partitions) = partitions(client, topic)? {
            return Ok(Some(partitions));
        }
        client.poll(MISSING_PAUSE_MS);
    }
    Ok(None)
}

/// First offset and the end as `client` sees it. A round trip.
pub(crate) fn watermarks(client: &Arc<Client>, source: &TopicPartition) -> Result<(i64, i64), LogError> {
    let partition = partition_number(source.partition)?;
    let code = match client.watermarks(&source.topic, partition, ASK_MS) {
        Ok(found) => return Ok(found),
        Err(code) => code,
    };
    if denies(code) {
        return Err(denied(source, code, partitions_expected(client, &source.topic)?));
    }
    Err(reaction::of_question(format_args!("offsets of {source}"), code))
}

/// Whether it says that there is no such partition.
fn denies(code: Code) -> bool {
    matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition)
}

/// What to make of a client that denies a partition of a topic that has so many. After brokers were away it denies for a moment what it knew before: to
/// believe it would end a worker that only has to ask again.
fn denied(source: &TopicPartition, code: Code, partitions: Option<u32>) -> LogError {
    if partitions.is_some_and(|partitions| source.partition < partitions) {
        LogError::Retry(format!("offsets of {source}: {code}, though it is there"))
    } else {
        reaction::of_question(format_args!("offsets of {source}"), code)
    }
}

/// librdkafka counts partitions in i32.
pub(crate) fn partition_number(partition: u32) -> Result<i32, LogError> {
    i32::try_from(partition).map_err(|_| LogError::Fatal(format!("there is no partition {partition}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_log_contract::SystemClock;
    use rdkafka::mocking::MockCluster;

    #[test]
    fn a_partition_that_is_there_is_asked_for_again_whatever_a_client_says() {
        let of =
            |partition, partitions| denied(&TopicPartition::new("t", partition), Code::UnknownPartition, partitions);
        assert!(matches!(of(1, Some(2)), LogError::Retry(_)));
        assert!(matches!(of(2, Some(2)), LogError::Fatal(_)));
        assert!(matches!(of(0, None), LogError::Fatal(_)));
    }

    #[test]
    fn a_partition_that_is_missing_is_told_at_once() {
        let brokers = MockCluster::new(1).unwrap();
        brokers.create_topic("t", 2, 1).unwrap();
        let config = KafkaConfig::new(brokers.bootstrap_servers(), "test", Arc::new(SystemClock::new()));
        let questions = Cluster::new(&config).unwrap();
        let end = |partition| questions.watermarks(&TopicPartition::new("t", partition));
        assert_eq!(end(1).unwrap(), (0, 0));
        assert!(matches!(end(2), Err(LogError::Fatal(_))));
    }
}
