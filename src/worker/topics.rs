//! What the log must hold before anything runs: every topic, each with the app's number of partitions.

use super::RunError;
use crate::config::{ConfigError, Settings};
use holdfast_engine::Topology;
use holdfast_engine::ports::log::{Log, LogError, TopicReport, TopicSpec, TopicState};
use std::collections::BTreeMap;

/// The topics of `topologies`, each once.
#[must_use]
pub fn wanted(settings: &Settings, topologies: &[Topology]) -> Vec<TopicSpec> {
    let mut by_name = BTreeMap::new();
    for topology in topologies {
        for spec in topology.topics(&settings.app_id, settings.partitions, settings.replication) {
            by_name.entry(spec.name.clone()).or_insert(spec);
        }
    }
    by_name.into_values().collect()
}

/// Creates what is missing and refuses what has another number of partitions: keys would move and order would break.
///
/// # Errors
/// `Ok(Err(…))` names the topic that forbids starting; an outer error is the log's.
pub fn prepare(log: &dyn Log, wanted: &[TopicSpec], partitions: u32) -> Result<Result<(), RunError>, LogError> {
    // Looked at before anything is created: a refusal must leave nothing behind.
    for spec in wanted {
        if let Some(there) = log.partitions(&spec.name)?.filter(|there| *there != partitions) {
            return Ok(Err(other_count(&spec.name, there, partitions)));
        }
    }
    for TopicReport { name, state } in log.create_topics(wanted)? {
        match state {
            TopicState::Ok => {}
            TopicState::Created => tracing::info!(topic = name, partitions, "topic created"),
            TopicState::Missing => return Err(LogError::Retry(format!("topic {name} is not there yet"))),
            TopicState::Differs(lines) => {
                tracing::warn!(topic = name, differs = lines.join("; "), "topic differs from what is wanted")
            }
        }
    }
    for spec in wanted {
        match log.partitions(&spec.name)? {
            Some(there) if there == partitions => {}
            Some(there) => return Ok(Err(other_count(&spec.name, there, partitions))),
            None => return Err(LogError::Retry(format!("topic {} is not there yet", spec.name))),
        }
    }
    Ok(Ok(()))
}

fn other_count(topic: &str, there: u32, wanted: u32) -> RunError {
    let why = format!(
        "{wanted}, but topic {topic} has {there}: the number of places is part of the data. Set it to {there}, or use another APP_ID and other topics"
    );
    ConfigError::new("partitions", why).into()
}
