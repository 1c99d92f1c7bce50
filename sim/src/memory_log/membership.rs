//! A member of the simulated group: what it has been told, and the proof that goes with it.

use super::{MemoryLog, State};
use holdfast_ports::log::LogError;
use holdfast_ports::membership::{Change, Generation, Member, Membership, Owner};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a commit shows: who it comes from, and which generation he has been told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) app: String,
    name: String,
    incarnation: u64,
    generation: u64,
}

impl Proof {
    /// Whether it still counts.
    pub(super) fn holds(&self, state: &State) -> bool {
        state.groups.get(&self.app).is_some_and(|group| {
            group.incarnation(&self.name) == Some(self.incarnation) && group.generation == self.generation
        })
    }
}

pub(crate) struct MemoryMembership {
    log: MemoryLog,
    app: String,
    places: u32,
    name: String,
    is_static: bool,
    proof: Proof,
    /// The proof as it is shown: the same until it is renewed.
    shown: Generation,
    /// Places it knows to be its own.
    told: BTreeSet<u32>,
    /// Places it has been asked for. It is asked once.
    asked: BTreeSet<u32>,
}

impl MemoryLog {
    /// A new member.
    pub(crate) fn member(&self, member: &Member) -> MemoryMembership {
        let mut state = self.0.state.lock();
        let name = member.worker.clone().unwrap_or_else(|| {
            state.strangers += 1;
            format!("member-{}", state.strangers)
        });
        let group = state.groups.entry(member.app.clone()).or_default();
        let incarnation = group.join(&name, member.places);
        let proof = Proof { app: member.app.clone(), name: name.clone(), incarnation, generation: group.generation };
        drop(state);
        let shown = Generation(Arc::new(proof.clone()));
        MemoryMembership {
            shown,
            log: self.clone(),
            app: member.app.clone(),
            places: member.places,
            name,
            is_static: member.worker.is_some(),
            proof,
            told: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }
}

impl MemoryMembership {
    /// Writes the claim, after fencing the writer of the one before it unless `fence` is false.
    pub(crate) fn claim_as(&mut self, place: u32, owner: &Owner, fence: bool) -> Result<(), LogError> {
        if !self.told.contains(&place) {
            return Err(LogError::Fenced(format!("place {place} is not ours")));
        }
        let now_ms = self.log.0.clock.now_ms();
        let mut state = self.log.0.state.lock();
        let key = (self.app.clone(), place);
        let last = state.claims.get(&key).map(|owner| owner.writer.clone());
        if let Some(last) = last.filter(|last| fence && *last != owner.writer) {
            state.fence(&last, now_ms);
        }
        state.claims.insert(key, owner.clone());
        drop(state);
        self.log.0.grown.notify_all();
        Ok(())
    }
}

impl Membership for MemoryMembership {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        let mut state = self.log.0.state.lock();
        let group = state.groups.entry(self.app.clone()).or_default();
        let mut changes = Vec::new();
        let before = self.proof.clone();
        match group.incarnation(&self.name) {
            Some(incarnation) if incarnation == self.proof.incarnation => {}
            Some(_) => return Err(LogError::Fatal(format!("another replica has joined as {}", self.name))),
            None => {
                // Thrown out while it was away. It joins again as somebody new, and says what it has lost.
                self.proof.incarnation = group.join(&self.name, self.places);
                self.asked.clear();
                let lost: Vec<u32> = std::mem::take(&mut self.told).into_iter().collect();
                if !lost.is_empty() {
                    changes.push(Change::Lost(lost));
                }
            }
        }
        let owned: BTreeSet<u32> = group.owned(&self.name).into_iter().collect();
        let asked: Vec<u32> =
            self.told.iter().copied().filter(|p| group.is_wanted(*p) && !self.asked.contains(p)).collect();
        let given: Vec<u32> = owned.difference(&self.told).copied().collect();
        self.asked.extend(&asked);
        self.told.extend(&given);
        if !asked.is_empty() {
            changes.push(Change::Revoked(asked));
        }
        if !given.is_empty() {
            changes.push(Change::Assigned(given));
        }
        self.proof.generation = group.generation;
        if self.proof != before {
            self.shown = Generation(Arc::new(self.proof.clone()));
        }
        Ok(changes)
    }

    fn generation(&self) -> Generation {
        self.shown.clone()
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        if self.proof.holds(&self.log.0.state.lock()) {
            Ok(())
        } else {
            Err(LogError::Fenced("the generation is over".to_owned()))
        }
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
        self.claim_as(place, owner, true)
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        let mut state = self.log.0.state.lock();
        for place in places {
            if self.told.contains(place) {
                state.claims.remove(&(self.app.clone(), *place));
            }
            let group = state.groups.entry(self.app.clone()).or_default();
            // A zombie's word counts for nothing.
            if group.incarnation(&self.name) == Some(self.proof.incarnation) && self.asked.remove(place) {
                group.give_back(&self.name, *place);
                self.told.remove(place);
            }
        }
        Ok(())
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        let state = self.log.0.state.lock();
        (0..self.places).map(|place| state.claims.get(&(self.app.clone(), place)).cloned()).collect()
    }

    fn leave(&mut self) -> Result<(), LogError> {
        let mut state = self.log.0.state.lock();
        if !self.is_static
            && let Some(group) = state.groups.get_mut(&self.app)
            && group.incarnation(&self.name) == Some(self.proof.incarnation)
        {
            group.expire(&self.name);
        }
        Ok(())
    }
}

impl Drop for MemoryMembership {
    fn drop(&mut self) {
        self.log.0.grown.notify_all();
    }
}
