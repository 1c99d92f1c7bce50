//! Who owns which place. The group hands out places, not topics: see design, placement.

use crate::log::LogError;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// How a replica joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The app: its group's name.
    pub app: String,
    /// Stable name of the replica; set = static membership.
    pub worker: Option<String>,
    /// Number of places.
    pub places: u32,
}

/// What requests to a replica are signed with by its peers. Drawn anew by each process and published in its claims; shown nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerSecret(String);

impl PeerSecret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to sign with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PeerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a replica claims a place with, readable by every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Where its HTTP listens, for peers.
    pub endpoint: String,
    /// Name of its transactional writer: whoever takes the place over fences it.
    pub writer: String,
    /// What peers sign their requests to it with; missing in a claim from before there were signatures, and where there are no peers.
    pub secret: Option<PeerSecret>,
}

impl Owner {
    /// An owner whose peers sign nothing.
    #[must_use]
    pub fn new(endpoint: impl Into<String>, writer: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), writer: writer.into(), secret: None }
    }

    /// The same, whose peers sign with `secret`.
    #[must_use]
    pub fn with_secret(self, secret: PeerSecret) -> Self {
        Self { secret: Some(secret), ..self }
    }
}

/// One change of what is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These places are ours to claim, and must be before work: see [`Membership::claim`].
    Assigned(Vec<u32>),
    /// These places are waited for elsewhere: commit, close, then [`Membership::release`]. They are ours until then, however long ago the group gave
    /// them to somebody else.
    Revoked(Vec<u32>),
    /// These places were ours and are gone: throw uncommitted work away.
    Lost(Vec<u32>),
}

/// What came of claiming a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Claimed {
    /// It is ours and may be worked on.
    Ours,
    /// Its last owner still works there, and gives it up when asked: [`Membership::ask`]. Nothing was claimed.
    Held,
    /// The log has not answered yet. Nothing may be done there; ask again.
    Pending,
}

/// How long one who was asked for a place may take to give it up, in ms. After that he is fenced as if he were dead.
pub const PATIENCE_MS: u64 = 5_000;

/// The log's own proof of membership, shown at each commit. Opaque to everybody but the log it came from.
#[derive(Clone)]
pub struct Generation(pub Arc<dyn Any + Send + Sync>);

/// What [`Generation::none`] holds.
struct NoMembership;

impl Generation {
    /// No proof: of a program beside the workers that commits no positions.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(NoMembership))
    }

    /// Whether this is [`Generation::none`].
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is::<NoMembership>()
    }

    /// Whether both are the same proof, not only equal ones.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generation")
    }
}

/// Membership of one replica in its app's group.
pub trait Membership: Send {
    /// What changed since the last call; never blocks.
    fn poll(&mut self) -> Result<Vec<Change>, LogError>;

    /// The proof that goes with the changes seen so far: taken by the log when it handed them over, never fresher. The same one each time until it
    /// is renewed.
    fn generation(&self) -> Generation;

    /// Whether the group has taken this replica in and given it its share of the places, be it none: until then others are about to give places up for it.
    /// True once it has, for good.
    fn has_joined(&self) -> bool;

    /// Asks the group (a round trip) whether [`Membership::generation`] still counts. A writer that has been fenced asks this before it claims
    /// anything again: a zombie must not fence its successor.
    ///
    /// # Errors
    /// [`LogError::Fenced`] when it does not; the changes will come through [`Membership::poll`]. [`LogError::Retry`] when nobody answers within a few
    /// seconds, or the group is just moving on.
    fn confirm(&mut self) -> Result<(), LogError>;

    /// Claims an assigned place: fences the writer of the previous claim, if it was not released and is not ours, then writes our claim. Where that
    /// writer's owner lives and is ready to give the place up, nothing is done before he was asked and has released it, or has let
    /// [`PATIENCE_MS`] pass. Never waits for the log: cheap to call again while the place is held or the claim pending.
    fn claim(&mut self, place: u32, owner: &Owner) -> Result<Claimed, LogError>;

    /// Asks the holder of an assigned place to give it up now, which hears [`Change::Revoked`]. Once is enough, and does not wait for the log: what could not be
    /// written is written again in [`Membership::poll`].
    fn ask(&mut self, place: u32, owner: &Owner) -> Result<(), LogError>;

    /// Gives up, releases and returns the places that are ours only until somebody asks for them. A writer that was made anew calls this before it
    /// writes: whoever lost patience has fenced the one before, or is about to, and nothing else would keep the two apart.
    /// Waits a moment for the log, and has the rest done in [`Membership::poll`].
    ///
    /// # Errors
    /// They are still ours to renounce, and may not be worked on.
    fn renounce(&mut self) -> Result<Vec<u32>, LogError>;

    /// Gives places up after a [`Change::Revoked`] or before leaving: their claims are marked released. Waits a moment for the log; what is not written by then
    /// is written in [`Membership::poll`], and only then the group has the place back.
    fn release(&mut self, places: &[u32]) -> Result<(), LogError>;

    /// The last claim of each place, `None` where it is released or was never made. Index = place.
    fn owners(&self) -> Vec<Option<Owner>>;

    /// Leaves the group at once instead of letting the session time out. (A static member stays, so that its restart moves nothing.)
    fn leave(&mut self) -> Result<(), LogError>;
}
