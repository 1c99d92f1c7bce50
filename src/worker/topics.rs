//! What the log must hold before anything runs: every topic, each with the app's number of partitions, and stamped and cleaned as decisions need it.

use super::RunError;
use crate::config::{ConfigError, Settings};
use holdfast_engine::prelude::Topology;
use holdfast_ports::log::{
    CLEANUP_POLICY, Cleanup, Difference, Log, LogError, PARTITIONS, RIGHTS, TIMESTAMP_TYPE, TopicReport, TopicSpec,
    TopicState, listed,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The topics of some topologies, and what must not differ in them.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Each topic once.
    pub specs: Vec<TopicSpec>,
    /// Partitions that each of them must have.
    pub partitions: u32,
    /// Those that are decided on.
    inboxes: BTreeSet<Arc<str>>,
    /// Whether the operator runs with unsafe topics all the same.
    allow_unsafe: bool,
}

impl Wanted {
    /// What `topologies` need under `settings`.
    #[must_use]
    pub fn by(settings: &Settings, topologies: &[Topology]) -> Self {
        let wanted = Self::of(topologies, &settings.app_id, settings.partitions, settings.replication);
        Self { allow_unsafe: settings.allow_unsafe_topics, ..wanted }
    }

    /// What `topologies` need in `app`; unsafe settings are not allowed.
    #[must_use]
    pub fn of(topologies: &[Topology], app: &str, partitions: u32, replication: Option<u32>) -> Self {
        let mut by_name = BTreeMap::new();
        for topology in topologies {
            for spec in topology.topics(app, partitions, replication) {
                by_name.entry(spec.name.clone()).or_insert(spec);
            }
        }
        Self {
            specs: by_name.into_values().collect(),
            partitions,
            inboxes: topologies.iter().flat_map(|topology| topology.sources().iter().cloned()).collect(),
            allow_unsafe: false,
        }
    }

    /// Creates what is missing, and refuses what decisions cannot be made on: another number of partitions (keys would move and order would break), and
    /// unsafe settings unless the operator allows them.
    ///
    /// # Errors
    /// `Ok(Err(…))` names the topic that forbids starting; an outer error is the log's.
    pub fn prepare(&self, log: &dyn Log) -> Result<Result<(), RunError>, LogError> {
        // Looked at before anything is created: a refusal must leave nothing behind.
        let mut reports = log.check_topics(&self.specs)?;
        if let Err(refused) = self.refuse(&reports) {
            return Ok(Err(refused));
        }
        if reports.iter().any(|report| report.state == TopicState::Missing) {
            reports = log.create_topics(&self.specs)?;
        }
        for TopicReport { name, state } in &reports {
            match state {
                TopicState::Ok => {}
                TopicState::Created => tracing::info!(topic = name, partitions = self.partitions, "topic created"),
                // Refused below, with its reason.
                TopicState::Denied(_) => {}
                TopicState::Missing => return Err(LogError::Retry(format!("topic {name} is not there yet"))),
                TopicState::Differs(differences) => {
                    tracing::warn!(topic = name, differs = listed(differences), "topic differs from what is wanted");
                }
            }
        }
        Ok(self.refuse(&reports))
    }

    fn refuse(&self, reports: &[TopicReport]) -> Result<(), RunError> {
        let is_count = |difference: &&Difference| difference.setting == PARTITIONS;
        for report in reports {
            if let TopicState::Differs(differences) = &report.state
                && let Some(count) = differences.iter().find(is_count)
            {
                return Err(other_count(&report.name, count).into());
            }
        }
        let missing: Vec<String> = reports.iter().flat_map(|report| self.missing_rights(report)).collect();
        if !missing.is_empty() {
            return Err(ConfigError::new("kafka_brokers", missing.join("; ")).into());
        }
        match reports.iter().flat_map(|report| self.unsafe_settings(report)).next() {
            Some(line) => {
                let why = format!("{line}. Alter the topic; ALLOW_UNSAFE_TOPICS=true starts all the same");
                Err(ConfigError::new("allow_unsafe_topics", why).into())
            }
            None => Ok(()),
        }
    }

    /// A sentence for each thing that keeps this worker from deciding rightly: missing rights, and settings that make decisions wrong or lose them, unless
    /// the operator allows those.
    #[must_use]
    pub fn hindrances(&self, reports: &[TopicReport]) -> Vec<String> {
        let of = |report| self.missing_rights(report).into_iter().chain(self.unsafe_settings(report));
        reports.iter().flat_map(of).collect()
    }

    /// The rights on a topic that this worker needs and does not have.
    fn missing_rights(&self, report: &TopicReport) -> Option<String> {
        let operations = match &report.state {
            TopicState::Denied(operation) => vec![*operation],
            TopicState::Differs(differences) => {
                let rights = differences.iter().find(|difference| difference.setting == RIGHTS)?;
                let needed: &[&str] = if self.is_read(&report.name) { &["READ", "WRITE"] } else { &["WRITE"] };
                needed.iter().copied().filter(|operation| !rights.is.contains(operation)).collect()
            }
            TopicState::Ok | TopicState::Created | TopicState::Missing => return None,
        };
        let named = operations.join(" and ");
        (!operations.is_empty()).then(|| {
            format!(
                "{named} on topic {} is denied to this worker: grant it (docs/operations.md, \"Rights\")",
                report.name
            )
        })
    }

    /// Whether tasks read a topic: an inbox or another source, or a changelog.
    fn is_read(&self, topic: &str) -> bool {
        self.inboxes.contains(topic) || self.is_compacted(topic)
    }

    fn is_compacted(&self, topic: &str) -> bool {
        let spec = self.specs.iter().find(|spec| spec.name == topic);
        spec.is_some_and(|spec| matches!(spec.cleanup, Cleanup::Compact { .. }))
    }

    fn unsafe_settings(&self, report: &TopicReport) -> Vec<String> {
        let harmful = self.harmful(report).filter(|_| !self.allow_unsafe);
        harmful.map(|(difference, harm)| format!("topic {}: {difference}, or {harm}", report.name)).collect()
    }

    /// Whether a topic differs in a way that makes decisions wrong or loses them.
    #[must_use]
    pub fn is_unsafe(&self, report: &TopicReport) -> bool {
        self.harmful(report).next().is_some()
    }

    /// The differences of a topic that do harm, and the harm.
    fn harmful<'a>(&'a self, report: &'a TopicReport) -> impl Iterator<Item = (&'a Difference, &'static str)> {
        let differences = match &report.state {
            TopicState::Differs(differences) => differences.as_slice(),
            TopicState::Ok | TopicState::Created | TopicState::Missing | TopicState::Denied(_) => &[],
        };
        let is_inbox = self.inboxes.contains(report.name.as_str());
        let is_compacted = self.is_compacted(&report.name);
        differences.iter().filter_map(move |difference| {
            let harm = match difference.setting {
                TIMESTAMP_TYPE if is_inbox => "deadlines go by the clocks of its producers",
                CLEANUP_POLICY if is_inbox => "requests that share a key are deleted undecided",
                CLEANUP_POLICY if is_compacted => "state is lost that nothing can restore",
                _ => return None,
            };
            Some((difference, harm))
        })
    }
}

fn other_count(topic: &str, Difference { is, wanted, .. }: &Difference) -> ConfigError {
    let why = format!(
        "{wanted}, but topic {topic} has {is}: the number of places is part of the data. Set it to {is}, or use another APP_ID and other topics"
    );
    ConfigError::new("partitions", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn wanted(allow: bool) -> Wanted {
        let flags = [("allow_unsafe_topics".to_owned(), allow.to_string())].into();
        let settings = load(&Sources { flags, ..Sources::default() }).unwrap();
        Wanted::by(&settings, &holdfast_topologies::all())
    }

    fn differs(name: &str, setting: &'static str, is: &str, wanted: &str) -> TopicReport {
        let difference = Difference::between(setting, is, wanted).unwrap();
        TopicReport { name: name.to_owned(), state: TopicState::Differs(vec![difference]) }
    }

    #[test]
    fn what_makes_decisions_wrong_is_refused_and_named() {
        let stamp = |topic: &str| differs(topic, TIMESTAMP_TYPE, "CreateTime", "LogAppendTime");
        for (report, setting) in [
            (stamp("reservation.requests"), TIMESTAMP_TYPE),
            // A source that is no deciding topology's inbox.
            (stamp("reservation.expiration"), TIMESTAMP_TYPE),
            (differs("coupon-issue-requests", CLEANUP_POLICY, "compact", "delete"), CLEANUP_POLICY),
            (differs("coupon-issue-requests", CLEANUP_POLICY, "compact,delete", "delete"), CLEANUP_POLICY),
            (differs("holdfast-coupon-changelog", CLEANUP_POLICY, "delete", "compact"), CLEANUP_POLICY),
        ] {
            let refused = wanted(false).refuse(std::slice::from_ref(&report)).unwrap_err().to_string();
            assert!(refused.contains(&report.name) && refused.contains(setting), "{refused}");
            assert!(refused.contains("ALLOW_UNSAFE_TOPICS") && !refused.contains('\n'), "{refused}");
            assert!(wanted(false).is_unsafe(&report));
            assert!(wanted(true).refuse(std::slice::from_ref(&report)).is_ok(), "{report:?}");
            assert!(wanted(true).hindrances(&[report]).is_empty());
        }
    }

    #[test]
    fn what_only_differs_is_no_reason_to_stay_away() {
        for report in [
            differs("coupon-issue-success", TIMESTAMP_TYPE, "CreateTime", "LogAppendTime"),
            differs("holdfast-coupon-changelog", TIMESTAMP_TYPE, "CreateTime", "LogAppendTime"),
            differs("coupon-issue-requests", "retention.ms", "1000", "2000"),
        ] {
            assert!(!wanted(false).is_unsafe(&report), "{report:?}");
            assert!(wanted(false).refuse(&[report]).is_ok());
        }
    }

    #[test]
    fn a_missing_right_is_named_with_operation_and_topic_and_never_allowed_away() {
        let rights = |topic: &str, is: &str| differs(topic, RIGHTS, is, "READ, WRITE");
        let denied = TopicReport { name: "payment.requests".to_owned(), state: TopicState::Denied("DESCRIBE") };
        for (report, named) in [
            (rights("coupon-issue-success", "READ"), "WRITE on topic coupon-issue-success"),
            (rights("coupon-issue-requests", "WRITE"), "READ on topic coupon-issue-requests"),
            (rights("holdfast-coupon-changelog", "none"), "READ and WRITE on topic holdfast-coupon-changelog"),
            (denied, "DESCRIBE on topic payment.requests"),
        ] {
            let refused = wanted(true).refuse(std::slice::from_ref(&report)).unwrap_err().to_string();
            assert!(refused.contains(named), "{refused}");
            assert!(wanted(true).hindrances(&[report]).iter().any(|line| line.contains(named)));
        }
        assert!(wanted(false).hindrances(&[rights("coupon-issue-success", "WRITE")]).is_empty());
    }

    #[test]
    fn another_number_of_partitions_is_refused_whatever_is_allowed() {
        let report = differs("coupon-issue-requests", PARTITIONS, "12", "3");
        let refused = wanted(true).refuse(&[report]).unwrap_err().to_string();
        assert!(refused.contains("PARTITIONS") && refused.contains("12"), "{refused}");
    }
}
