//! Membership of one replica: the group gives places, claims say who works on them, and a claim is made good by fencing whoever was there before.

use crate::appender::KafkaAppender;
use crate::claims::{CLAIM_KEY, Claim, Claims, Seen};
use crate::cluster::Cluster;
use crate::config::KafkaConfig;
use crate::courier::Held;
use crate::group::Group;
use crate::{alternating, topics};
use holdfast_ports::log::{AppendError, Appender, Cleanup, LogError, TopicSpec, TopicState};
use holdfast_ports::membership::{Change, Generation, Member, Membership, Owner};
use holdfast_ports::record::NewRecord;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long tombstones of claims stay readable. (None are written.)
const TOMBSTONES_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// Sessions from one new member to the next, of those that were thrown out for good: two processes under one name are to take turns, not to fight.
const REJOIN_SESSIONS: u64 = 2;
/// An append fails by itself before this.
const APPEND_WAIT: Duration = Duration::from_secs(30);

pub(crate) struct KafkaMembership {
    config: KafkaConfig,
    appender: Arc<KafkaAppender>,
    member: Member,
    /// The placement topic.
    topic: String,
    /// `None` after leaving, and when a new member could not be made yet.
    group: Option<Group>,
    has_left: bool,
    /// When it may be joined again after it has thrown us out for good.
    rejoin_from_us: u64,
    generation: Generation,
    claims: Claims,
    /// As whom we have claimed each place.
    ours: Vec<Option<Owner>>,
    /// Claims whose writer has been fenced since: (place, offset).
    fenced: BTreeSet<(u32, i64)>,
}

impl KafkaMembership {
    pub(crate) fn join(
        config: &KafkaConfig,
        cluster: &Arc<Cluster>,
        appender: &Arc<KafkaAppender>,
        member: &Member,
    ) -> Result<Self, LogError> {
        let topic = format!("{}-placement", member.app);
        let spec = TopicSpec {
            name: topic.clone(),
            partitions: member.places,
            replication: None,
            cleanup: Cleanup::Compact { delete_retention_ms: TOMBSTONES_MS },
        };
        for report in topics::create(config, cluster, &[spec])? {
            if let TopicState::Differs(lines) = report.state {
                if lines.iter().any(|line| line.starts_with("partitions:")) {
                    return Err(LogError::Fatal(format!("topic {topic}: {}", lines.join("; "))));
                }
                tracing::warn!(topic, ?lines, "the placement topic differs");
            }
        }
        let claims = Claims::open(config, cluster, &topic, member.places)?;
        let group = Group::join(config, member, &topic)?;
        Ok(Self {
            config: config.clone(),
            appender: Arc::clone(appender),
            member: member.clone(),
            topic,
            rejoin_from_us: 0,
            generation: group.generation(),
            group: Some(group),
            has_left: false,
            claims,
            ours: vec![None; member.places as usize],
            fenced: BTreeSet::new(),
        })
    }

    /// A member that the group has thrown out for good is replaced by a new one.
    ///
    /// It happens without anybody's fault: while the coordinator is away, librdkafka takes the session for lost, forgets its member id and joins
    /// again under its static name, and of two such attempts the later one fences the earlier, which librdkafka calls fatal
    /// (librdkafka issue 3437). A worker that left it at that would sell nothing any more, alive and well.
    fn join_again(&mut self) -> Result<(), LogError> {
        let why = match &self.group {
            Some(group) => group.death(),
            None if self.has_left => None,
            // The last attempt came to nothing.
            None => Some("there is no member".to_owned()),
        };
        let Some(why) = why else { return Ok(()) };
        let now_us = self.config.clock.monotonic_us();
        if now_us < self.rejoin_from_us {
            return Ok(());
        }
        self.rejoin_from_us = now_us + REJOIN_SESSIONS * u64::from(self.config.session_timeout_ms) * 1_000;
        tracing::warn!(
            why,
            worker = self.member.worker,
            "thrown out of the group, joining again: is the worker's name its own?"
        );
        // The old one goes first: they have the same name.
        self.group = None;
        self.group = Some(Group::join(&self.config, &self.member, &self.topic)?);
        Ok(())
    }

    /// Writes a claim, durably, and returns when it is there.
    fn write(&mut self, place: u32, claim: Claim) -> Result<(), LogError> {
        let source = self.claims.source(place)?;
        let value =
            serde_json::to_vec(&claim).map_err(|error| LogError::Fatal(format!("claim of place {place}: {error}")))?;
        let record = NewRecord {
            topic: &source.topic,
            partition: place,
            key: Some(CLAIM_KEY),
            value: Some(&value),
            headers: &[],
        };
        let (sender, result) = sync_channel(1);
        // The receiver may have given up waiting: then nobody is told.
        self.appender.append(record, Box::new(move |appended| drop(sender.try_send(appended))));
        match result.recv_timeout(APPEND_WAIT) {
            Ok(Ok(appended)) => {
                self.claims.note(place, Seen { offset: appended.offset, claim });
                Ok(())
            }
            Ok(Err(AppendError::Refused(why))) => Err(LogError::Fatal(format!("claim of place {place}: {why}"))),
            // Written twice is as good as written once.
            Ok(Err(error)) => Err(LogError::Retry(format!("claim of place {place}: {error}"))),
            Err(_) => Err(LogError::Retry(format!("claim of place {place}: no answer"))),
        }
    }

    /// Fences the writer of the last claim of `place`, unless that is us, was released, or has been fenced since it claimed.
    fn fence_last(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
        self.claims.catch_up(place)?;
        let Some(last) = self.claims.last(place) else { return Ok(()) };
        if last.claim.released || last.claim.writer == owner.writer || self.fenced.contains(&(place, last.offset)) {
            return Ok(());
        }
        let writer = last.claim.writer.clone();
        // Who was asleep since the place was given may be the zombie itself.
        self.confirm()?;
        // A dead replica leaves many claims of one writer, and fencing takes up to a second: all those read by now were written before the fence,
        // so they need no other.
        let covered = self.claims.of_writer(&writer);
        tracing::info!(place, writer, "fencing the last owner");
        alternating::fence(&self.config, &writer)?;
        self.fenced.extend(covered);
        Ok(())
    }
}

impl Membership for KafkaMembership {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        match self.claims.refresh() {
            // The routing table may be late, that is all.
            Err(LogError::Retry(why)) => tracing::debug!(why, "claims"),
            other => other?,
        }
        let mut changes = Vec::new();
        if let Some(group) = &self.group {
            changes = group.poll()?;
            self.generation = group.generation();
        }
        for change in &changes {
            if let Change::Lost(places) = change {
                for place in places {
                    self.ours[*place as usize] = None;
                }
            }
        }
        self.join_again()?;
        Ok(changes)
    }

    fn generation(&self) -> Generation {
        self.generation.clone()
    }

    fn has_joined(&self) -> bool {
        self.generation.0.downcast_ref::<Held>().is_some_and(Option::is_some)
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        match &self.group {
            Some(group) => group.confirm(&self.generation),
            None => Err(LogError::Fenced("this member has left the group".to_owned())),
        }
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
        if !self.group.as_ref().is_some_and(|group| group.owns(place)) {
            return Err(LogError::Fenced(format!("place {place} is not ours")));
        }
        self.fence_last(place, owner)?;
        self.write(place, Claim::of(owner, false))?;
        self.ours[place as usize] = Some(owner.clone());
        Ok(())
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        for place in places {
            // The claim first: whoever gets the place next must find it released.
            if let Some(owner) = self.ours.get(*place as usize).cloned().flatten() {
                self.write(*place, Claim::of(&owner, true))?;
                self.ours[*place as usize] = None;
            }
        }
        self.group.as_ref().map_or(Ok(()), |group| group.give_back(places))
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        self.claims.owners()
    }

    fn leave(&mut self) -> Result<(), LogError> {
        self.has_left = true;
        if let Some(group) = self.group.take() {
            tracing::debug!(places = ?group.owned(), "leaving the group");
        }
        Ok(())
    }
}
