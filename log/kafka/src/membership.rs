//! Membership of one replica: the group gives places, claims say who works on them, and a claim is made good by fencing whoever was there before.
//!
//! Two rebalances move a place, each heard of with a heartbeat: a second in which nobody would decide. So who is asked back by the group gives the place
//! back at once, and says in his claim that he works on until somebody wishes for it:
//!
//! ```text
//!  he, group    revoked: claim that yields ─ given back                     ╭─ commit, claim released
//!  we, group                                 ╰─ assigned ── warm up ── wish ╯                      ╰─ claim
//! ```

mod claiming;
mod handing_over;

use crate::beside::Writing;
use crate::claims::Claims;
use crate::cluster::Cluster;
use crate::config::KafkaConfig;
use crate::courier::Held;
use crate::group::Group;
use crate::{share, topics};
use claiming::{Claiming, Progress};
use holdfast_ports::log::{Appender, Cleanup, LogError, PARTITIONS, TopicSpec, TopicState, listed};
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner};
use holdfast_ports::placement::{self, Claim, Wish};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long tombstones of claims stay readable. (None are written.)
const TOMBSTONES_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// Sessions from one new member to the next, of those that were thrown out for good: two processes under one name are to take turns, not to fight.
const REJOIN_SESSIONS: u64 = 2;
/// Sessions after which a member has its share whatever it looks like: by then whoever was asked for a place has heard of it, or is no member.
const SHARE_SESSIONS: u64 = 2;
/// How long releases are waited for: usually they are durable long before. The rest of them are written while other places are decided.
const RELEASE_WAIT: Duration = Duration::from_millis(250);
/// The same before leaving. A worker that takes over a place whose release did not come in time fences this one.
const LEAVE_WAIT: Duration = Duration::from_secs(2);

pub(crate) struct KafkaMembership {
    config: KafkaConfig,
    cluster: Arc<Cluster>,
    appender: Arc<dyn Appender>,
    member: Member,
    /// The placement topic.
    topic: String,
    /// `None` after leaving, and when a new member could not be made yet.
    group: Option<Group>,
    has_left: bool,
    /// When it may be joined again after it has thrown us out for good.
    rejoin_from_us: u64,
    generation: Generation,
    /// Since when the group knows us.
    member_since_us: Option<u64>,
    /// The group has given us our share.
    has_share: bool,
    claims: Claims,
    /// As whom we have claimed each place.
    ours: BTreeMap<u32, Owner>,
    /// Claims on their way.
    claiming: BTreeMap<u32, Claiming>,
    /// Claims being written that yield, and give the place back to the group when they are durable.
    yielding: BTreeMap<u32, (Claim, Writing)>,
    /// Releases being written. The group has the place back when they are durable.
    releasing: BTreeMap<u32, (Claim, Writing)>,
    /// Other claims being written on which nothing waits.
    repeating: BTreeMap<u32, (Claim, Writing)>,
    /// Wishes being written.
    asking: BTreeMap<u32, (Wish, Writing)>,
    /// Places of ours that the group has back, and nobody has wished for yet.
    yielded: BTreeSet<u32>,
    /// Since when we wait for places that others hold, once we have asked.
    asked_us: BTreeMap<u32, u64>,
    /// Claims whose writer has been fenced since: (place, offset).
    fenced: BTreeSet<(u32, i64)>,
}

impl KafkaMembership {
    pub(crate) fn join(
        config: &KafkaConfig,
        cluster: &Arc<Cluster>,
        appender: Arc<dyn Appender>,
        member: &Member,
    ) -> Result<Self, LogError> {
        let topic = placement::topic(&member.app);
        let spec = TopicSpec {
            name: topic.clone(),
            partitions: member.places,
            replication: None,
            cleanup: Cleanup::Compact { delete_retention_ms: TOMBSTONES_MS },
        };
        for report in topics::create(config, cluster, &[spec])? {
            if let TopicState::Differs(differences) = report.state {
                let differs = listed(&differences);
                if differences.iter().any(|difference| difference.setting == PARTITIONS) {
                    return Err(other_count(&topic, member.places, &differs));
                }
                tracing::warn!(topic, differs, "the placement topic differs");
            }
        }
        let claims = Claims::open(config, cluster, &topic, member.places)?;
        let group = Group::join(config, member, &topic)?;
        Ok(Self {
            config: config.clone(),
            cluster: Arc::clone(cluster),
            appender,
            member: member.clone(),
            topic,
            rejoin_from_us: 0,
            generation: group.generation(),
            group: Some(group),
            has_left: false,
            member_since_us: None,
            has_share: false,
            claims,
            ours: BTreeMap::new(),
            claiming: BTreeMap::new(),
            yielding: BTreeMap::new(),
            releasing: BTreeMap::new(),
            repeating: BTreeMap::new(),
            asking: BTreeMap::new(),
            yielded: BTreeSet::new(),
            asked_us: BTreeMap::new(),
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

    /// Notes when the group has given us our share.
    fn follow_share(&mut self) {
        let is_member = self.generation.0.downcast_ref::<Held>().is_some_and(Option::is_some);
        let Some(group) = self.group.as_ref().filter(|_| is_member && !self.has_share) else { return };
        let now_us = self.config.clock.monotonic_us();
        let since_us = *self.member_since_us.get_or_insert(now_us);
        let sessions_us = SHARE_SESSIONS * u64::from(self.config.session_timeout_ms) * 1_000;
        self.has_share = share::is_given(&group.owned(), &self.claims.owners()) || now_us >= since_us + sessions_us;
    }
}

/// The placement topic does not have the number of partitions that it must have.
fn other_count(topic: &str, places: u32, what: &str) -> LogError {
    LogError::Fatal(format!(
        "topic {topic} must have {places} partitions, as PARTITIONS says ({what}). It holds nothing but claims: stop all workers, delete it, and start them \
         again with the PARTITIONS that the other topics have; it is made anew"
    ))
}

/// Refuses places that there are not: somebody has added partitions to the placement topic, and the group hands them out.
fn check_places(topic: &str, places: u32, told: &[Change]) -> Result<(), LogError> {
    let named = told.iter().flat_map(|change| match change {
        Change::Assigned(places) | Change::Revoked(places) | Change::Lost(places) => places,
    });
    match named.copied().find(|place| *place >= places) {
        Some(place) => Err(other_count(topic, places, &format!("the group hands out partition {place}"))),
        None => Ok(()),
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
            let told = group.poll()?;
            self.generation = group.generation();
            check_places(&self.topic, self.member.places, &told)?;
            changes = self.follow(told);
        }
        self.follow_writes(&mut changes)?;
        if let Err(error) = self.follow_wishes(&mut changes) {
            // Who wished for it loses patience.
            tracing::info!(%error, "a place left over was not released");
        }
        if let Err(error) = self.say_again() {
            tracing::info!(%error, "a claim could not be said again yet");
        }
        self.follow_share();
        self.join_again()?;
        Ok(changes)
    }

    fn generation(&self) -> Generation {
        self.generation.clone()
    }

    fn has_joined(&self) -> bool {
        self.has_share
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        match &self.group {
            Some(group) => group.confirmer().confirm(&self.generation),
            None => Err(LogError::Fenced("this member has left the group".to_owned())),
        }
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<Claimed, LogError> {
        if !self.group.as_ref().is_some_and(|group| group.owns(place)) {
            return Err(LogError::Fenced(format!("place {place} is not ours")));
        }
        // What we have said of it before comes first.
        self.follow_releases(Duration::ZERO)?;
        if self.releasing.contains_key(&place) || self.repeating.contains_key(&place) {
            return Ok(Claimed::Pending);
        }
        let claiming = match self.claiming.remove(&place) {
            Some(claiming) => claiming,
            None if self.is_held(place, owner) => return Ok(Claimed::Held),
            None => Claiming::From(0),
        };
        let waits = match self.go_on(place, owner, claiming) {
            Ok(Progress::Ends(claimed)) => return Ok(claimed),
            Ok(Progress::Waits(claiming)) => claiming,
            Err(LogError::Retry(why)) => {
                tracing::info!(place, why, "the place is not claimed yet, trying again");
                Claiming::again(self.config.clock.monotonic_us())
            }
            Err(error) => return Err(error),
        };
        self.claiming.insert(place, waits);
        Ok(Claimed::Pending)
    }

    fn ask(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
        self.begin_wish(place, Wish { writer: owner.writer.clone() })
    }

    fn renounce(&mut self) -> Result<Vec<u32>, LogError> {
        let mut places: Vec<u32> = std::mem::take(&mut self.yielded).into_iter().collect();
        places.extend(self.yielding.keys());
        for place in &places {
            self.begin_release(*place)?;
        }
        self.follow_releases(RELEASE_WAIT)?;
        Ok(places)
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        for place in places {
            self.yielded.remove(place);
            // The claim first: whoever gets the place next must find it released.
            if !self.begin_release(*place)? && !self.releasing.contains_key(place) {
                self.give_back(*place);
            }
        }
        self.follow_releases(RELEASE_WAIT)
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        self.claims.owners()
    }

    fn leave(&mut self) -> Result<(), LogError> {
        for (place, claiming) in std::mem::take(&mut self.claiming) {
            if let Some(owner) = claiming.claimant() {
                self.ours.insert(place, owner);
                self.begin_release(place)?;
            }
        }
        if let Err(error) = self.follow_releases(LEAVE_WAIT) {
            tracing::info!(%error, "places are left without a release");
        }
        self.has_left = true;
        if let Some(group) = self.group.take() {
            tracing::debug!(places = ?group.owned(), unreleased = self.releasing.len(), "leaving the group");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_that_are_no_places_are_refused() {
        let told = [Change::Assigned(vec![0, 2]), Change::Revoked(vec![1])];
        assert!(check_places("app-placement", 3, &told).is_ok() && check_places("app-placement", 3, &[]).is_ok());
        for grown in [Change::Assigned(vec![0, 3]), Change::Revoked(vec![3]), Change::Lost(vec![3])] {
            let told = [Change::Assigned(vec![0]), grown];
            let error = check_places("app-placement", 3, &told).unwrap_err();
            let LogError::Fatal(why) = &error else { panic!("{error:?}") };
            assert!(
                why.contains("app-placement") && why.contains("PARTITIONS") && why.contains("partition 3"),
                "{why}"
            );
        }
    }
}
