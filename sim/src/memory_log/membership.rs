//! The only member there is: it gets all places at once.

use super::MemoryLog;
use holdfast_ports::log::LogError;
use holdfast_ports::membership::{Change, Generation, Member, Membership, Owner};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) struct MemoryMembership {
    log: MemoryLog,
    member: Member,
    told: bool,
    generation: Generation,
}

impl MemoryMembership {
    pub(super) fn new(log: &MemoryLog, member: &Member) -> Self {
        Self { log: log.clone(), member: member.clone(), told: false, generation: Generation(Arc::new(())) }
    }
}

impl Membership for MemoryMembership {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        if std::mem::replace(&mut self.told, true) {
            return Ok(Vec::new());
        }
        Ok(vec![Change::Assigned((0..self.member.places).collect())])
    }

    fn generation(&self) -> Generation {
        self.generation.clone()
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<(), LogError> {
        self.log.0.state.lock().claims.insert((self.member.app.clone(), place), owner.clone());
        Ok(())
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        let gone: BTreeSet<(String, u32)> = places.iter().map(|place| (self.member.app.clone(), *place)).collect();
        self.log.0.state.lock().claims.retain(|key, _| !gone.contains(key));
        Ok(())
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        let state = self.log.0.state.lock();
        (0..self.member.places).map(|place| state.claims.get(&(self.member.app.clone(), place)).cloned()).collect()
    }

    fn leave(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}
