//! A claim on its way: step after step, none of which waits, since the thread that asks for it decides for other places meanwhile.
//!
//! ```text
//!  where the partition of the place ends ── read up to there ── fence the last owner, if there is one ── write the claim
//!        a question beside us                                     a question beside us                  an append
//! ```

use super::KafkaMembership;
use crate::alternating;
use crate::beside::{Question, Writing};
use holdfast_ports::log::LogError;
use holdfast_ports::membership::{Claimed, Owner, PATIENCE_MS};
use holdfast_ports::placement::{CLAIM_KEY, Claim, Seen};
use std::sync::Arc;

/// How long reading up to the end of one partition may take.
const CATCH_UP_US: u64 = 10_000_000;
/// Pause after an attempt that came to nothing.
const PAUSE_US: u64 = 100_000;

/// How far a claim has come.
pub(super) enum Claiming {
    /// Nothing is under way, and nothing is begun before this.
    From(u64),
    /// It is asked where the claims of the place end.
    End(Question<Result<i64, LogError>>),
    /// They are read up to `end`, for as long as that may take.
    Reading { end: i64, until_us: u64 },
    /// The writer of the last claim is being fenced. All claims in `covered` are its own: (place, offset).
    Fencing { end: i64, writer: String, covered: Vec<(u32, i64)>, fence: Question<Result<(), LogError>> },
    /// The claim is being written.
    Writing { owner: Owner, writing: Writing },
}

impl Claiming {
    /// The end is known.
    pub(super) fn reading(end: i64, now_us: u64) -> Self {
        Self::Reading { end, until_us: now_us + CATCH_UP_US }
    }

    /// It came to nothing, and is begun again after a pause.
    pub(super) fn again(now_us: u64) -> Self {
        Self::From(now_us + PAUSE_US)
    }

    /// Whether `name` is being fenced for it.
    pub(super) fn fences(&self, name: &str) -> bool {
        matches!(self, Self::Fencing { writer, .. } if writer == name)
    }

    /// Who has claimed, if the claim may be in the log by now.
    pub(super) fn claimant(self) -> Option<Owner> {
        match self {
            Self::Writing { owner, .. } => Some(owner),
            _ => None,
        }
    }
}

/// What one call has made of a claim.
pub(super) enum Progress {
    Waits(Claiming),
    Ends(Claimed),
}

impl KafkaMembership {
    /// The writer that has to be fenced before `place` is claimed: that of the last claim, unless that is us, was released, or has been fenced since it claimed.
    fn to_fence(&self, place: u32, owner: &Owner) -> Option<String> {
        let last = self.claims.last(place)?;
        let is_over = last.claim.released || self.fenced.contains(&(place, last.offset));
        (!is_over && last.claim.writer != owner.writer).then(|| last.claim.writer.clone())
    }

    /// Takes a claim as far as it goes without waiting. The claim it has come to, or how far it has come.
    pub(super) fn go_on(&mut self, place: u32, owner: &Owner, mut claiming: Claiming) -> Result<Progress, LogError> {
        let now_us = self.config.clock.monotonic_us();
        loop {
            claiming = match claiming {
                Claiming::From(from_us) if now_us < from_us => return Ok(Progress::Waits(claiming)),
                Claiming::From(_) => {
                    let (cluster, source) = (Arc::clone(&self.cluster), self.claims.source(place)?);
                    Claiming::End(Question::ask(move || cluster.watermarks(&source).map(|(_, end)| end))?)
                }
                Claiming::End(end) => match end.look() {
                    Some(answer) => Claiming::reading(answer??, now_us),
                    None => return Ok(Progress::Waits(Claiming::End(end))),
                },
                Claiming::Reading { end, until_us } => {
                    self.claims.refresh()?;
                    if self.claims.position(place) < end {
                        if now_us >= until_us {
                            return Err(LogError::Retry(format!("claims could not be read up to offset {end}")));
                        }
                        return Ok(Progress::Waits(claiming));
                    }
                    if self.is_held(place, owner) {
                        return Ok(Progress::Ends(Claimed::Held));
                    }
                    match self.to_fence(place, owner) {
                        None => Claiming::Writing {
                            owner: owner.clone(),
                            writing: self.begin(place, CLAIM_KEY, &Claim::of(owner))?,
                        },
                        // For another place: that fence may do for this one.
                        Some(writer) if self.claiming.values().any(|other| other.fences(&writer)) => {
                            return Ok(Progress::Waits(claiming));
                        }
                        Some(writer) => self.begin_fence(place, end, writer)?,
                    }
                }
                Claiming::Fencing { end, writer, covered, fence } => match fence.look() {
                    Some(answer) => {
                        answer??;
                        self.fenced.extend(covered);
                        Claiming::reading(end, now_us)
                    }
                    None => return Ok(Progress::Waits(Claiming::Fencing { end, writer, covered, fence })),
                },
                Claiming::Writing { owner, writing } => match writing.look(now_us) {
                    Some(answer) => {
                        self.claims.note(place, Seen { offset: answer?, claim: Claim::of(&owner) });
                        self.ours.insert(place, owner);
                        self.asked_us.remove(&place);
                        return Ok(Progress::Ends(Claimed::Ours));
                    }
                    None => return Ok(Progress::Waits(Claiming::Writing { owner, writing })),
                },
            };
        }
    }

    fn begin_fence(&self, place: u32, end: i64, writer: String) -> Result<Claiming, LogError> {
        tracing::info!(place, writer, "fencing the last owner");
        let left = || LogError::Fenced("this member has left the group".to_owned());
        let confirmer = self.group.as_ref().ok_or_else(left)?.confirmer();
        let (config, generation, name) = (self.config.clone(), self.generation.clone(), writer.clone());
        // A dead replica leaves many claims of one writer, and fencing takes up to a second: all those read by now were written before the fence,
        // so they need no other.
        let covered = self.claims.of_writer(&writer);
        let fence = Question::ask(move || {
            // Who was asleep since the place was given may be the zombie itself.
            confirmer.confirm(&generation)?;
            alternating::fence(&config, &name)
        })?;
        Ok(Claiming::Fencing { end, writer, covered, fence })
    }

    /// Whether somebody else works in `place` and gives it up when asked, as far as is known here.
    pub(super) fn is_held(&self, place: u32, owner: &Owner) -> bool {
        let Some(last) = self.claims.last(place) else { return false };
        let yields = last.claim.yields && !last.claim.released && last.claim.writer != owner.writer;
        let now_us = self.config.clock.monotonic_us();
        let is_late = self.asked_us.get(&place).is_some_and(|asked_us| now_us >= asked_us + PATIENCE_MS * 1_000);
        yields && !is_late && !self.fenced.contains(&(place, last.offset))
    }
}
