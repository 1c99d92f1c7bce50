//! Places that come and go: what the group's changes mean here, who has wished for a place, and what is being written about it.

use super::KafkaMembership;
use crate::beside::Writing;
use holdfast_ports::log::LogError;
use holdfast_ports::membership::Change;
use holdfast_ports::placement::{CLAIM_KEY, Claim, Seen, WISH_KEY, Wish};
use std::time::Duration;

impl KafkaMembership {
    /// What the group's changes mean here: what it asks back is given back where a worker is told to ask for it.
    pub(super) fn follow(&mut self, told: Vec<Change>) -> Vec<Change> {
        let mut changes = Vec::with_capacity(told.len());
        for change in told {
            match change {
                Change::Assigned(places) => {
                    for place in &places {
                        self.yielded.remove(place);
                        self.asked_us.remove(place);
                        self.asking.remove(place);
                    }
                    changes.push(Change::Assigned(places));
                }
                Change::Revoked(mut places) => {
                    places.retain(|place| !self.yield_up(*place));
                    if !places.is_empty() {
                        changes.push(Change::Revoked(places));
                    }
                }
                Change::Lost(places) => {
                    places.iter().for_each(|place| self.lose(*place));
                    changes.push(Change::Lost(places));
                }
            }
        }
        changes
    }

    /// A place is not ours any more. A claim that may be on its way is released behind itself: a worker that has claimed since ignores it.
    fn lose(&mut self, place: u32) {
        self.ours.remove(&place);
        self.yielding.remove(&place);
        self.asking.remove(&place);
        let Some(owner) = self.claiming.remove(&place).and_then(super::Claiming::claimant) else { return };
        match self.begin_claim(place, Claim::of(&owner).released()) {
            Ok(release) => drop(self.repeating.insert(place, release)),
            Err(error) => tracing::info!(place, %error, "a claim was not released"),
        }
    }

    /// Begins to give a place back to the group that we go on working in, and to say so. False: we do not work there.
    fn yield_up(&mut self, place: u32) -> bool {
        if let Some(claiming) = self.claiming.remove(&place) {
            // Nobody works there yet. What may be claimed by now is released like any other place.
            if let Some(owner) = claiming.claimant() {
                self.ours.insert(place, owner);
            }
            return false;
        }
        let Some(owner) = self.ours.get(&place) else { return false };
        // The claim first: the worker that gets the place next must not take this one for dead.
        match self.begin_claim(place, Claim::of(owner).yielding()) {
            Ok(claim) => {
                self.yielding.insert(place, claim);
                true
            }
            Err(error) => {
                tracing::info!(place, %error, "given back the short way");
                false
            }
        }
    }

    /// What has become of what is being written. An error is the end: `changes` are told once.
    pub(super) fn follow_writes(&mut self, changes: &mut Vec<Change>) -> Result<(), LogError> {
        let now_us = self.config.clock.monotonic_us();
        for (place, (claim, writing)) in std::mem::take(&mut self.yielding) {
            match writing.look(now_us) {
                None => drop(self.yielding.insert(place, (claim, writing))),
                Some(Ok(offset)) => {
                    self.claims.note(place, Seen { offset, claim });
                    self.yielded.insert(place);
                    self.give_back(place);
                }
                Some(Err(error)) => {
                    tracing::info!(place, %error, "given back the short way");
                    changes.push(Change::Revoked(vec![place]));
                }
            }
        }
        for (place, (claim, writing)) in std::mem::take(&mut self.repeating) {
            match writing.look(now_us) {
                None => drop(self.repeating.insert(place, (claim, writing))),
                Some(Ok(offset)) => self.claims.note(place, Seen { offset, claim }),
                Some(Err(error)) => {
                    tracing::info!(place, %error, "a claim was not written, and is where it is still true")
                }
            }
        }
        for (place, (wish, writing)) in std::mem::take(&mut self.asking) {
            match writing.look(now_us) {
                None => drop(self.asking.insert(place, (wish, writing))),
                Some(Ok(_)) => drop(self.asked_us.insert(place, now_us)),
                Some(Err(LogError::Retry(why))) => {
                    tracing::info!(place, why, "its owner is asked again");
                    self.begin_wish(place, wish)?;
                }
                Some(Err(error)) => return Err(error),
            }
        }
        self.follow_releases(Duration::ZERO)
    }

    /// Begins to ask the worker in a place to give it up.
    pub(super) fn begin_wish(&mut self, place: u32, wish: Wish) -> Result<(), LogError> {
        let writing = self.begin(place, WISH_KEY, &wish)?;
        self.asking.insert(place, (wish, writing));
        Ok(())
    }

    /// Begins to release a place of ours. False: it is none.
    pub(super) fn begin_release(&mut self, place: u32) -> Result<bool, LogError> {
        self.yielding.remove(&place);
        let Some(owner) = self.ours.get(&place) else { return Ok(false) };
        let release = self.begin_claim(place, Claim::of(owner).released())?;
        self.ours.remove(&place);
        self.releasing.insert(place, release);
        Ok(true)
    }

    /// What has become of releases. They are waited for, but no longer than `at_most` for all of them together.
    pub(super) fn follow_releases(&mut self, at_most: Duration) -> Result<(), LogError> {
        let clock = self.config.clock.clone();
        let until_us = clock.monotonic_us() + u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX);
        for (place, (claim, writing)) in std::mem::take(&mut self.releasing) {
            let now_us = clock.monotonic_us();
            match writing.wait(Duration::from_micros(until_us.saturating_sub(now_us)), now_us) {
                None => drop(self.releasing.insert(place, (claim, writing))),
                Some(Ok(offset)) => {
                    self.claims.note(place, Seen { offset, claim });
                    self.give_back(place);
                }
                Some(Err(LogError::Retry(why))) => {
                    tracing::info!(place, why, "it is released again");
                    let again = self.begin_claim(place, claim)?;
                    self.releasing.insert(place, again);
                }
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// The group has the place back, if it has asked for it.
    pub(super) fn give_back(&self, place: u32) {
        if let Some(Err(error)) = self.group.as_ref().map(|group| group.give_back(&[place])) {
            tracing::warn!(place, %error, "the group does not hear that the place is given back");
        }
    }

    /// Begins to write a claim or a wish.
    pub(super) fn begin(&self, place: u32, key: &[u8], what: &impl serde::Serialize) -> Result<Writing, LogError> {
        let source = self.claims.source(place)?;
        Writing::begin(&*self.appender, &source, key, what, self.config.clock.monotonic_us())
    }

    fn begin_claim(&self, place: u32, claim: Claim) -> Result<(Claim, Writing), LogError> {
        let writing = self.begin(place, CLAIM_KEY, &claim)?;
        Ok((claim, writing))
    }

    /// Places that we have yielded and somebody wishes for, or has taken.
    pub(super) fn follow_wishes(&mut self, changes: &mut Vec<Change>) -> Result<(), LogError> {
        let (mut wished, mut taken) = (Vec::new(), Vec::new());
        for place in self.yielded.iter().copied() {
            let Some(owner) = self.ours.get(&place) else { continue };
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
            self.ours.remove(place);
        }
        changes.extend((!wished.is_empty()).then_some(Change::Revoked(wished)));
        changes.extend((!taken.is_empty()).then_some(Change::Lost(taken)));
        self.answer_for_the_one_before()
    }

    /// Whether something is being written about a place.
    fn is_being_written(&self, place: u32) -> bool {
        let claims = [&self.yielding, &self.releasing, &self.repeating];
        self.claiming.contains_key(&place) || claims.iter().any(|claims| claims.contains_key(&place))
    }

    /// A process that died with places it had yielded was started again under its name: they are not at work, and nobody has to wait for us.
    fn answer_for_the_one_before(&mut self) -> Result<(), LogError> {
        let Some(us) = self.ours.values().next().cloned() else { return Ok(()) };
        for place in 0..self.member.places {
            let is_left_over = !self.ours.contains_key(&place)
                && !self.is_being_written(place)
                && self.claims.is_wished_for(place, &us.writer)
                && self
                    .claims
                    .last(place)
                    .is_some_and(|last| last.claim.writer == us.writer && last.claim.yields && !last.claim.released);
            if is_left_over {
                let release = self.begin_claim(place, Claim::of(&us).released())?;
                self.repeating.insert(place, release);
            }
        }
        Ok(())
    }

    /// Says again what a release that came too late would bury: the topic is compacted, and who reads it later would take the place for nobody's.
    pub(super) fn say_again(&mut self) -> Result<(), LogError> {
        for place in 0..self.member.places {
            let Some(us) = self.ours.get(&place).filter(|_| !self.is_being_written(place)) else { continue };
            let Some(last) = self.claims.buried(place).filter(|last| last.claim.writer == us.writer) else { continue };
            let claim = last.claim.clone().again();
            tracing::info!(
                place,
                writer = us.writer,
                "claimed again: a worker has released a place that it does not own any more"
            );
            let again = self.begin_claim(place, claim)?;
            self.repeating.insert(place, again);
        }
        Ok(())
    }
}
