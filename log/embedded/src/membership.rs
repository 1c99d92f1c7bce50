//! Membership: one process has the directory, so the last member to join an app has all of its places.

use crate::disk::Sync;
use crate::rows::claim;
use crate::shared::Shared;
use crate::tenure::{Office, Tenure};
use holdfast_ports::log::LogError;
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner};
use rocksdb::WriteBatch;
use std::sync::Arc;

/// The proof of membership: the app, and whether its member is still the one.
pub(crate) struct EmbeddedGeneration {
    pub(crate) app: Arc<str>,
    pub(crate) tenure: Arc<Tenure>,
}

/// Membership of the app's one member.
pub(crate) struct EmbeddedMembership {
    shared: Arc<Shared>,
    generation: Arc<EmbeddedGeneration>,
    places: u32,
    stage: Stage,
}

/// What the member has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing.
    Joined,
    /// That it has all places.
    Assigned,
    /// That it has none any more, or it has left.
    Over,
}

impl EmbeddedMembership {
    /// Joins, and ends the membership of whoever was the app's member.
    pub(crate) fn join(shared: Arc<Shared>, member: &Member) -> Self {
        let app: Arc<str> = Arc::from(&*member.app);
        let tenure = shared.queue.begin_tenure(Office::Member, &app);
        let generation = Arc::new(EmbeddedGeneration { app, tenure });
        Self { shared, generation, places: member.places, stage: Stage::Joined }
    }

    fn check(&self) -> Result<(), LogError> {
        self.shared.check()?;
        if self.generation.tenure.has_ended() {
            return Err(LogError::Fenced(format!("another member of {} has joined", self.generation.app)));
        }
        Ok(())
    }
}

impl Membership for EmbeddedMembership {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        self.shared.check()?;
        let all = (0..self.places).collect();
        let ended = self.generation.tenure.has_ended();
        let (stage, changes) = match self.stage {
            Stage::Joined if !ended => (Stage::Assigned, vec![Change::Assigned(all)]),
            Stage::Assigned if ended => (Stage::Over, vec![Change::Lost(all)]),
            stage => (stage, Vec::new()),
        };
        self.stage = stage;
        Ok(changes)
    }

    fn generation(&self) -> Generation {
        // Its generic parameter is the payload's type: it must be the concrete one for the writer to know it again.
        let generation: Arc<EmbeddedGeneration> = Arc::clone(&self.generation);
        Generation(generation)
    }

    /// All places come at once.
    fn has_joined(&self) -> bool {
        self.stage != Stage::Joined
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        self.check()
    }

    fn claim(&mut self, place: u32, owner: &Owner) -> Result<Claimed, LogError> {
        self.check()?;
        let at = (Arc::clone(&self.generation.app), place);
        let before = self.shared.claims.by_place.lock().get(&at).map(|before| before.writer.clone());
        if let Some(writer) = before.filter(|writer| *writer != owner.writer) {
            self.shared.queue.end_tenure(Office::Writer, &Arc::from(writer));
        }
        let mut batch = WriteBatch::default();
        batch.put_cf(self.shared.disk.meta(), claim::key(&at.0, place), claim::encode(owner));
        self.shared.write(batch, Sync::Yes)?;
        self.shared.claims.by_place.lock().insert(at, owner.clone());
        Ok(Claimed::Ours)
    }

    /// Nobody holds a place: who had it before has lost it the moment we joined.
    fn ask(&mut self, _: u32, _: &Owner) -> Result<(), LogError> {
        self.check()
    }

    fn renounce(&mut self) -> Result<Vec<u32>, LogError> {
        Ok(Vec::new())
    }

    fn release(&mut self, places: &[u32]) -> Result<(), LogError> {
        self.check()?;
        let app = &self.generation.app;
        let mut batch = WriteBatch::default();
        for place in places {
            batch.delete_cf(self.shared.disk.meta(), claim::key(app, *place));
        }
        self.shared.write(batch, Sync::Yes)?;
        let mut by_place = self.shared.claims.by_place.lock();
        for place in places {
            by_place.remove(&(Arc::clone(app), *place));
        }
        Ok(())
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        let by_place = self.shared.claims.by_place.lock();
        (0..self.places).map(|place| by_place.get(&(Arc::clone(&self.generation.app), place)).cloned()).collect()
    }

    fn leave(&mut self) -> Result<(), LogError> {
        self.stage = Stage::Over;
        // Not the tenure of a successor, if there is one.
        if !self.generation.tenure.has_ended() {
            self.shared.queue.end_tenure(Office::Member, &self.generation.app);
        }
        Ok(())
    }
}
