//! A member of the simulated group: what it has been told, and the proof that goes with it.

use super::{Claim, MemoryLog, State};
use holdfast_ports::log::LogError;
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner, PATIENCE_MS};
use std::collections::{BTreeMap, BTreeSet};
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
    /// As which writer it has claimed each place that it works in.
    ours: BTreeMap<u32, String>,
    /// Places it works in that the group has back, and nobody has wished for yet.
    yielded: BTreeSet<u32>,
    /// Since when it waits for places that others hold, by the clock of the log.
    wished_us: BTreeMap<u32, u64>,
    /// It was told of its share.
    has_joined: bool,
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
            ours: BTreeMap::new(),
            yielded: BTreeSet::new(),
            wished_us: BTreeMap::new(),
            has_joined: false,
        }
    }
}

impl MemoryMembership {
    /// Writes the claim, after fencing the writer of the one before it unless `fence` is false.
    pub(crate) fn claim_as(&mut self, place: u32, owner: &Owner, fence: bool) -> Result<Claimed, LogError> {
        if !self.told.contains(&place) {
            return Err(LogError::Fenced(format!("place {place} is not ours")));
        }
        let (now_ms, now_us) = (self.log.0.clock.now_ms(), self.log.0.clock.monotonic_us());
        let mut state = self.log.0.state.lock();
        let key = (self.app.clone(), place);
        let others = state.claims.get(&key).filter(|last| last.owner.writer != owner.writer);
        if let Some((last, yields)) = others.map(|last| (last.owner.writer.clone(), last.yields)) {
            let patience_us = state.patience_us.unwrap_or(PATIENCE_MS * 1_000);
            let is_late = self.wished_us.get(&place).is_some_and(|at_us| now_us >= at_us + patience_us);
            if yields && !is_late {
                return Ok(Claimed::Held);
            }
            if fence {
                state.fence(&last, now_ms);
                // Whatever else it holds is held by nobody now.
                for claim in state.claims.values_mut().filter(|claim| claim.owner.writer == last) {
                    claim.yields = false;
                }
            }
        }
        self.wished_us.remove(&place);
        state.wishes.remove(&key);
        state.claims.insert(key, Claim { owner: owner.clone(), yields: false });
        self.ours.insert(place, owner.writer.clone());
        drop(state);
        self.log.0.grown.notify_all();
        Ok(Claimed::Ours)
    }
}

/// Takes back the claim of `place` that writer `us` has made, but not what somebody else has claimed since: we were asleep between the thought and the
/// deed.
fn disclaim(state: &mut State, app: &str, place: u32, us: Option<String>) {
    let key = (app.to_owned(), place);
    if us.is_some_and(|us| state.claims.get(&key).is_some_and(|last| last.owner.writer == us)) {
        state.claims.remove(&key);
    }
}

/// Places that `yielded` names and somebody wishes for, or has taken.
fn follow_wishes(
    state: &mut State,
    app: &str,
    yielded: &mut BTreeSet<u32>,
    ours: &mut BTreeMap<u32, String>,
    changes: &mut Vec<Change>,
) {
    let (mut wished, mut taken) = (Vec::new(), Vec::new());
    let us = ours.values().next().cloned();
    for place in yielded.iter().copied() {
        let key = (app.to_owned(), place);
        if state.claims.get(&key).is_none_or(|last| Some(&last.owner.writer) != ours.get(&place)) {
            taken.push(place);
        } else if state.wishes.contains(&key) {
            wished.push(place);
        }
    }
    yielded.retain(|place| !wished.contains(place) && !taken.contains(place));
    ours.retain(|place, _| !taken.contains(place));
    changes.extend((!wished.is_empty()).then_some(Change::Revoked(wished)));
    changes.extend((!taken.is_empty()).then_some(Change::Lost(taken)));
    // What a process of this name held before it died.
    let wishes = &state.wishes;
    state.claims.retain(|key, claim| {
        let is_left_over =
            key.0 == app && claim.yields && Some(&claim.owner.writer) == us.as_ref() && !ours.contains_key(&key.1);
        !(is_left_over && wishes.contains(key))
    });
}

impl Membership for MemoryMembership {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        let mut state = self.log.0.state.lock();
        let state = &mut *state;
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
                self.ours.retain(|place, _| !lost.contains(place));
                if !lost.is_empty() {
                    changes.push(Change::Lost(lost));
                }
            }
        }
        let (at_work, asked): (Vec<u32>, Vec<u32>) = self
            .told
            .iter()
            .copied()
            .filter(|place| group.is_wanted(*place) && !self.asked.contains(place))
            .partition(|place| self.ours.contains_key(place));
        for place in at_work {
            if let Some(claim) = state.claims.get_mut(&(self.app.clone(), place)) {
                claim.yields = true;
            }
            group.give_back(&self.name, place);
            self.told.remove(&place);
            self.yielded.insert(place);
        }
        let owned: BTreeSet<u32> = group.owned(&self.name).into_iter().collect();
        let given: Vec<u32> = owned.difference(&self.told).copied().collect();
        self.asked.extend(&asked);
        self.told.extend(&given);
        for place in &given {
            self.yielded.remove(place);
            self.wished_us.remove(place);
        }
        if !asked.is_empty() {
            changes.push(Change::Revoked(asked));
        }
        if !given.is_empty() {
            changes.push(Change::Assigned(given));
        }
        self.proof.generation = group.generation;
        self.has_joined |= !group.is_promised_more(&self.name);
        follow_wishes(state, &self.app, &mut self.yielded, &mut self.ours, &mut changes);
        if self.proof != before {
            self.shown = Generation(Arc::new(self.proof.clone()));
        }
        Ok(changes)
    }

    fn generation(&self) -> Generation {
        self.shown.clone()
    }

    fn has_joined(&self) -> bool {
        self.has_joined
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        if self.proof.holds(&self.log.0.state.lock()) {
            Ok(())
        } else {
            Err(LogError::Fenced("the generation is over".to_owned()))
        }
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<Claimed, LogError> {
        self.claim_as(place, owner, true)
    }

    fn ask(&mut self, place: u32, _: &Owner) -> Result<(), LogError> {
        self.wished_us.insert(place, self.log.0.clock.monotonic_us());
        self.log.0.state.lock().wishes.insert((self.app.clone(), place));
        Ok(())
    }

    fn renounce(&mut self) -> Result<Vec<u32>, LogError> {
        let mut state = self.log.0.state.lock();
        let places: Vec<u32> = std::mem::take(&mut self.yielded).into_iter().collect();
        for place in &places {
            disclaim(&mut state, &self.app, *place, self.ours.remove(place));
        }
        Ok(places)
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        let mut state = self.log.0.state.lock();
        for place in places {
            disclaim(&mut state, &self.app, *place, self.ours.remove(place));
            self.yielded.remove(place);
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
        (0..self.places)
            .map(|place| state.claims.get(&(self.app.clone(), place)).map(|claim| claim.owner.clone()))
            .collect()
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
