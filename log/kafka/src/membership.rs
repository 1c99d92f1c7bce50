//! Membership of one replica: the group gives places, claims say who works on them, and a claim is made good by fencing whoever was there before.
//!
//! Two rebalances move a place, each heard of with a heartbeat: a second in which nobody would decide. So who is asked back by the group gives the place
//! back at once, and says in his claim that he works on until somebody wishes for it:
//!
//! ```text
//!  he, group    revoked: claim that yields ─ given back                     ╭─ commit, claim released
//!  we, group                                 ╰─ assigned ── warm up ── wish ╯                      ╰─ claim
//! ```

use crate::claims::Claims;
use crate::cluster::Cluster;
use crate::config::KafkaConfig;
use crate::courier::Held;
use crate::group::Group;
use crate::{alternating, share, topics};
use holdfast_ports::log::{AppendError, Appender, Cleanup, LogError, PARTITIONS, TopicSpec, TopicState, listed};
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner, PATIENCE_MS};
use holdfast_ports::placement::{self, CLAIM_KEY, Claim, Seen, WISH_KEY, Wish};
use holdfast_ports::record::NewRecord;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long tombstones of claims stay readable. (None are written.)
const TOMBSTONES_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// Sessions from one new member to the next, of those that were thrown out for good: two processes under one name are to take turns, not to fight.
const REJOIN_SESSIONS: u64 = 2;
/// Sessions after which a member has its share whatever it looks like: by then whoever was asked for a place has heard of it, or is no member.
const SHARE_SESSIONS: u64 = 2;
/// An append fails by itself before this.
const APPEND_WAIT: Duration = Duration::from_secs(30);

pub(crate) struct KafkaMembership {
    config: KafkaConfig,
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
    ours: Vec<Option<Owner>>,
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
                    return Err(LogError::Fatal(format!("topic {topic}: {differs}")));
                }
                tracing::warn!(topic, differs, "the placement topic differs");
            }
        }
        let claims = Claims::open(config, cluster, &topic, member.places)?;
        let group = Group::join(config, member, &topic)?;
        Ok(Self {
            config: config.clone(),
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
            ours: vec![None; member.places as usize],
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

    /// Writes a claim, durably, and returns when it is there.
    fn write(&mut self, place: u32, claim: Claim) -> Result<(), LogError> {
        let offset = self.append(place, CLAIM_KEY, &claim)?;
        self.claims.note(place, Seen { offset, claim });
        Ok(())
    }

    /// The offset of the new record.
    fn append(&self, place: u32, key: &[u8], what: &impl Serialize) -> Result<i64, LogError> {
        let source = self.claims.source(place)?;
        let value =
            serde_json::to_vec(what).map_err(|error| LogError::Fatal(format!("claim of place {place}: {error}")))?;
        let record =
            NewRecord { topic: &source.topic, partition: place, key: Some(key), value: Some(&value), headers: &[] };
        let (sender, result) = sync_channel(1);
        // The receiver may have given up waiting: then nobody is told.
        self.appender.append(record, Box::new(move |appended| drop(sender.try_send(appended))));
        match result.recv_timeout(APPEND_WAIT) {
            Ok(Ok(appended)) => Ok(appended.offset),
            Ok(Err(AppendError::Refused(why) | AppendError::Denied(why))) => {
                Err(LogError::Fatal(format!("claim of place {place}, WRITE on topic {}: {why}", self.topic)))
            }
            // Written twice is as good as written once.
            Ok(Err(error)) => Err(LogError::Retry(format!("claim of place {place}: {error}"))),
            Err(_) => Err(LogError::Retry(format!("claim of place {place}: no answer"))),
        }
    }

    /// Fences the writer of the last claim of `place`, unless that is us, was released, or has been fenced since it claimed.
    fn fence_last(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
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

impl KafkaMembership {
    /// What the group's changes mean here: what it asks back is given back at once where somebody is told that he has to wish for it.
    fn follow(&mut self, told: Vec<Change>) -> Vec<Change> {
        let mut changes = Vec::with_capacity(told.len());
        for change in told {
            match change {
                Change::Assigned(places) => {
                    for place in &places {
                        self.yielded.remove(place);
                        self.asked_us.remove(place);
                    }
                    changes.push(Change::Assigned(places));
                }
                Change::Revoked(mut places) => {
                    places.retain(|place| match self.yield_up(*place) {
                        Ok(has_yielded) => !has_yielded,
                        Err(error) => {
                            tracing::info!(place, %error, "given back the short way");
                            true
                        }
                    });
                    if !places.is_empty() {
                        changes.push(Change::Revoked(places));
                    }
                }
                Change::Lost(places) => {
                    for place in &places {
                        self.ours[*place as usize] = None;
                    }
                    changes.push(Change::Lost(places));
                }
            }
        }
        changes
    }

    /// Gives a place back to the group that we go on working in, and says so. False: we do not work there.
    fn yield_up(&mut self, place: u32) -> Result<bool, LogError> {
        let Some(claim) = self.ours[place as usize].as_ref().map(Claim::of) else { return Ok(false) };
        // The claim first: whoever gets the place next must not take us for dead.
        self.write(place, claim.yielding())?;
        self.group.as_ref().map_or(Ok(()), |group| group.give_back(&[place]))?;
        self.yielded.insert(place);
        Ok(true)
    }

    /// Places that we have yielded and somebody wishes for, or has taken.
    fn follow_wishes(&mut self, changes: &mut Vec<Change>) -> Result<(), LogError> {
        let (mut wished, mut taken) = (Vec::new(), Vec::new());
        for place in self.yielded.clone() {
            let Some(owner) = &self.ours[place as usize] else { continue };
            if self.claims.last(place).is_some_and(|last| last.claim.writer != owner.writer) {
                taken.push(place);
            } else if self.claims.is_wished_for(place, &owner.writer) {
                wished.push(place);
            }
        }
        for place in wished.iter().chain(&taken) {
            self.yielded.remove(place);
        }
        for place in &taken {
            self.ours[*place as usize] = None;
        }
        changes.extend((!wished.is_empty()).then_some(Change::Revoked(wished)));
        changes.extend((!taken.is_empty()).then_some(Change::Lost(taken)));
        self.answer_for_the_one_before()
    }

    /// A process that died with places it had yielded was started again under its name: they are not at work, and nobody has to wait for us.
    fn answer_for_the_one_before(&mut self) -> Result<(), LogError> {
        let Some(us) = self.ours.iter().flatten().next().cloned() else { return Ok(()) };
        for place in 0..self.member.places {
            let is_left_over = self.ours[place as usize].is_none()
                && self.claims.is_wished_for(place, &us.writer)
                && self
                    .claims
                    .last(place)
                    .is_some_and(|last| last.claim.writer == us.writer && last.claim.yields && !last.claim.released);
            if is_left_over {
                self.write(place, Claim::of(&us).released())?;
            }
        }
        Ok(())
    }

    /// Says again what a release that came too late would bury: the topic is compacted, and who reads it later would take the place for nobody's.
    fn say_again(&mut self) -> Result<(), LogError> {
        for place in 0..self.member.places {
            let Some(us) = &self.ours[place as usize] else { continue };
            let Some(last) = self.claims.buried(place).filter(|last| last.claim.writer == us.writer) else { continue };
            let claim = last.claim.clone().again();
            tracing::info!(place, writer = us.writer, "claimed again: somebody has released what is not his any more");
            self.write(place, claim)?;
        }
        Ok(())
    }

    /// Whether somebody else works in `place` and gives it up when asked, as far as is known here.
    fn is_held(&self, place: u32, owner: &Owner) -> bool {
        let Some(last) = self.claims.last(place) else { return false };
        let yields = last.claim.yields && !last.claim.released && last.claim.writer != owner.writer;
        let now_us = self.config.clock.monotonic_us();
        let is_late = self.asked_us.get(&place).is_some_and(|asked_us| now_us >= asked_us + PATIENCE_MS * 1_000);
        yields && !is_late && !self.fenced.contains(&(place, last.offset))
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
            changes = self.follow(told);
        }
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
            Some(group) => group.confirm(&self.generation),
            None => Err(LogError::Fenced("this member has left the group".to_owned())),
        }
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<Claimed, LogError> {
        if !self.group.as_ref().is_some_and(|group| group.owns(place)) {
            return Err(LogError::Fenced(format!("place {place} is not ours")));
        }
        if !self.is_held(place, owner) {
            self.claims.catch_up(place)?;
        }
        if self.is_held(place, owner) {
            return Ok(Claimed::Held);
        }
        self.fence_last(place, owner)?;
        self.write(place, Claim::of(owner))?;
        self.ours[place as usize] = Some(owner.clone());
        self.asked_us.remove(&place);
        Ok(Claimed::Ours)
    }

    fn ask(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
        self.append(place, WISH_KEY, &Wish { writer: owner.writer.clone() })?;
        self.asked_us.insert(place, self.config.clock.monotonic_us());
        Ok(())
    }

    fn renounce(&mut self) -> Result<Vec<u32>, LogError> {
        for place in self.yielded.clone() {
            if let Some(claim) = self.ours[place as usize].as_ref().map(Claim::of) {
                self.write(place, claim.released())?;
            }
        }
        let places: Vec<u32> = std::mem::take(&mut self.yielded).into_iter().collect();
        for place in &places {
            self.ours[*place as usize] = None;
        }
        Ok(places)
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        for place in places {
            // The claim first: whoever gets the place next must find it released.
            if let Some(owner) = self.ours.get(*place as usize).cloned().flatten() {
                self.write(*place, Claim::of(&owner).released())?;
                self.ours[*place as usize] = None;
                self.yielded.remove(place);
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
