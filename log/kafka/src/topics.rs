//! Creates topics, and says what differs in those that exist.

use crate::cluster::Cluster;
use crate::config::{ASK_MS, KafkaConfig};
use crate::context::{Quiet, client_config};
use crate::ffi::{Code, Metadata, Rights, TopicMetadata};
use crate::reaction;
use crate::ready::wait_for;
use holdfast_ports::log::{
    Cleanup, Difference, LogError, PARTITIONS, RIGHTS, TIMESTAMP_TYPE, TopicReport, TopicSpec, TopicState,
};
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rustc_hash::FxHashMap;
use std::time::Duration;

/// A replica more is rarely worth it.
const REPLICAS_MAX: usize = 3;
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a new topic may take to get its leaders.
const SETTLE_MS: u64 = 15_000;
const SETTLE_TURN_MS: i32 = 10;

/// The settings a topic ought to have. `now` is the append time of every record that a decision is made on, so the broker must stamp it.
fn settings(cleanup: Cleanup) -> Vec<(&'static str, String)> {
    let mut settings = vec![(TIMESTAMP_TYPE, "LogAppendTime".to_owned())];
    settings.extend(cleanup.settings());
    settings
}

pub(crate) fn check(
    config: &KafkaConfig,
    cluster: &Cluster,
    specs: &[TopicSpec],
) -> Result<Vec<TopicReport>, LogError> {
    let metadata = cluster.metadata()?;
    let existing: Vec<(&TopicSpec, &TopicMetadata)> =
        specs.iter().filter_map(|spec| Some((spec, known(&metadata, &spec.name)?))).collect();
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let rights: FxHashMap<String, Rights> =
        cluster.rights(&names)?.into_iter().map(|rights| (rights.topic.clone(), rights)).collect();
    let mut verdicts: FxHashMap<&str, TopicState> = FxHashMap::default();
    if !existing.is_empty() {
        let admin = admin(config)?;
        let resources: Vec<_> = existing.iter().map(|(spec, _)| ResourceSpecifier::Topic(&spec.name)).collect();
        let described = wait_for(admin.describe_configs(&resources, &options()))
            .map_err(|error| reaction::of_client("settings of topics", &error))?;
        // Answers come in the order of the questions.
        for ((spec, topic), described) in existing.iter().zip(described) {
            let verdict = match described {
                Ok(resource) => {
                    let bytes =
                        resource.get("max.message.bytes").and_then(|entry| entry.value.as_deref()?.parse().ok());
                    bytes.into_iter().for_each(|bytes| cluster.batch_limit().lower(bytes));
                    verdict(spec, topic, &resource, rights.get(&spec.name))
                }
                Err(Code::UnknownTopicOrPartition) => TopicState::Missing,
                Err(Code::TopicAuthorizationFailed) => TopicState::Denied("DESCRIBE_CONFIGS"),
                Err(code) => return Err(reaction::of_question(format_args!("settings of {}", spec.name), code)),
            };
            verdicts.insert(&spec.name, verdict);
        }
    }
    let mut reports = Vec::with_capacity(specs.len());
    for spec in specs {
        let state = match verdicts.remove(spec.name.as_str()) {
            Some(verdict) => verdict,
            // Brokers leave a topic that may not be described out of the list of all topics; only asked by its name they say so.
            None => match rights.get(&spec.name).and_then(|rights| rights.error) {
                Some(Code::TopicAuthorizationFailed) => TopicState::Denied("DESCRIBE"),
                _ => TopicState::Missing,
            },
        };
        reports.push(TopicReport { name: spec.name.clone(), state });
    }
    Ok(reports)
}

/// Creates what is missing and waits until it can be used. Another worker may create the same topics at the same time: whoever comes second finds
/// them there.
pub(crate) fn create(
    config: &KafkaConfig,
    cluster: &Cluster,
    specs: &[TopicSpec],
) -> Result<Vec<TopicReport>, LogError> {
    let mut reports = check(config, cluster, specs)?;
    let missing: Vec<&TopicSpec> = specs
        .iter()
        .zip(&reports)
        .filter(|(_, report)| report.state == TopicState::Missing)
        .map(|(spec, _)| spec)
        .collect();
    if missing.is_empty() {
        return Ok(reports);
    }
    let replicas = cluster.metadata()?.brokers.clamp(1, REPLICAS_MAX);
    let wanted: Vec<_> = missing.iter().map(|spec| settings(spec.cleanup)).collect();
    let mut new = Vec::with_capacity(missing.len());
    for (spec, settings) in missing.iter().zip(&wanted) {
        let number = |n: u32| i32::try_from(n).map_err(|_| LogError::Fatal(format!("{}: {n} is too many", spec.name)));
        let replication = spec.replication.map_or_else(|| Ok(i32::try_from(replicas).unwrap_or(1)), number)?;
        let mut topic = NewTopic::new(&spec.name, number(spec.partitions)?, TopicReplication::Fixed(replication));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        new.push(topic);
    }
    let admin = admin(config)?;
    let results = wait_for(admin.create_topics(&new, &options()))
        .map_err(|error| reaction::of_client("creating topics", &error))?;
    let mut created = Vec::new();
    for result in results {
        match result {
            Ok(name) => created.push(name),
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                let text = format!("creating topic {name}: {code}");
                return Err(match code {
                    Code::OperationTimedOut
                    | Code::RequestTimedOut
                    | Code::NotController
                    | Code::BrokerTransportFailure => LogError::Retry(text),
                    Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
                        LogError::Fatal(reaction::denied(&format!("CREATE on topic {name}, or on the cluster,")))
                    }
                    _ => LogError::Fatal(text),
                });
            }
        }
    }
    settle(config, cluster, &missing)?;
    // What another worker has created is looked at like anything found; what was created here is as asked.
    let fresh = check(config, cluster, specs)?;
    for (report, found) in reports.iter_mut().zip(fresh) {
        let ours = created.contains(&report.name);
        report.state = if ours && found.state == TopicState::Ok { TopicState::Created } else { found.state };
    }
    Ok(reports)
}

/// Waits until every partition of `specs` has a leader.
fn settle(config: &KafkaConfig, cluster: &Cluster, specs: &[&TopicSpec]) -> Result<(), LogError> {
    let until_us = config.clock.monotonic_us() + SETTLE_MS * 1_000;
    loop {
        let metadata = cluster.metadata()?;
        let led = |spec: &&&TopicSpec| {
            known(&metadata, &spec.name)
                .is_some_and(|t| !t.leaders.is_empty() && t.leaders.iter().all(|leader| *leader >= 0))
        };
        let Some(waiting) = specs.iter().find(|spec| !led(spec)) else { return Ok(()) };
        if config.clock.monotonic_us() >= until_us {
            return Err(LogError::Retry(format!("topic {} still has partitions without a leader", waiting.name)));
        }
        cluster.pause(SETTLE_TURN_MS);
    }
}

fn verdict(spec: &TopicSpec, topic: &TopicMetadata, resource: &ConfigResource, rights: Option<&Rights>) -> TopicState {
    let mut differences = Vec::new();
    differences.extend(Difference::between(PARTITIONS, topic.leaders.len(), spec.partitions));
    differences.extend(spec.replication.and_then(|wanted| Difference::between("replication", topic.replicas, wanted)));
    for (key, wanted) in settings(spec.cleanup) {
        let is = resource.get(key).and_then(|entry| entry.value.as_deref()).unwrap_or("unset");
        differences.extend(Difference::between(key, is, wanted));
    }
    if let Some(rights) = rights {
        let named = |read, write| match (read, write) {
            (true, true) => "READ, WRITE",
            (true, false) => "READ",
            (false, true) => "WRITE",
            (false, false) => "none",
        };
        differences.extend(Difference::between(RIGHTS, named(rights.read, rights.write), named(true, true)));
    }
    TopicState::of(differences)
}

fn known<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a TopicMetadata> {
    let absent = |error: Option<Code>| matches!(error, Some(Code::UnknownTopic | Code::UnknownTopicOrPartition));
    metadata.topics.iter().find(|topic| topic.name == name && !absent(topic.error))
}

fn admin(config: &KafkaConfig) -> Result<AdminClient<Quiet>, LogError> {
    client_config(&config.control())
        .create_with_context(Quiet)
        .map_err(|error| reaction::of_client("administration client", &error))
}

fn options() -> AdminOptions {
    let ask = Duration::from_millis(u64::from(ASK_MS.unsigned_abs()));
    AdminOptions::new().request_timeout(Some(ask + CREATE_TIMEOUT)).operation_timeout(Some(CREATE_TIMEOUT))
}
