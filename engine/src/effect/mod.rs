//! Effects: what a task wants done outside. Stored with the state in the same commit, pulled after it by an executor as fast as the outside takes
//! them, ended by the record that brings the result.
//!
//! ```text
//!  task       decide ── effect row ── commit                       decide result ── row deleted ── commit
//!                                        │                              ▲
//!  executor                              └─ pull ── call ── append ─────┘   results topic, with a proof
//! ```
//! An effect may be performed more than once (a crash between the call and its result): [`Effect::name`] is the receiver's idempotency key. It is
//! never performed by a replay, since only committed rows are pulled.
//!
//! | file | holds |
//! |---|---|
//! | [`row`] | keys and values of the store |
//! | [`proof`] | what tells a result of the executor from a record that a stranger wrote |
//! | [`performer`] | what the stream thread and the executor tell each other |

pub(crate) mod performer;
pub(crate) mod proof;
pub(crate) mod row;

pub use performer::{Performer, TaskEffects};
pub use row::{Lane, STORE};

use crate::header;
use holdfast_ports::store::TaskId;

/// Class of a record that says it brings a result and does not come from an executor of this app.
pub(crate) const FORGED_RESULT: &str = "ForgedResult";

/// Number of an effect, unique within its task and growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EffectId(pub u64);

/// What a record says about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing.
    None,
    /// How the one ended whose row has this key.
    Result(Vec<u8>),
    /// How one ended that has ended before.
    Repeated,
    /// Something, but nothing shows that an executor wrote it.
    Forged,
}

/// An effect that a processor asks for.
#[derive(Debug, Clone, Copy)]
pub struct NewEffect<'a> {
    /// What performs it: each channel has its own credit, so that one which is slow keeps no other waiting.
    pub channel: &'a str,
    /// 0 is performed first, then 1 and so on; in one channel nothing waits for an effect that is less urgent.
    pub urgency: u8,
    /// Key of the record that brings the result.
    pub key: &'a [u8],
    /// What the channel needs.
    pub payload: &'a [u8],
}

/// An effect that has been committed and waits to be performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Whose.
    pub task: TaskId,
    /// Which channel, how urgent.
    pub lane: Lane,
    /// Which.
    pub id: EffectId,
    /// Key for the record that brings its result.
    pub key: Vec<u8>,
    /// What its channel needs, as its topology wrote it.
    pub payload: Vec<u8>,
    /// `<app>/<topology>/<place>/<id>`: names it for ever, so that a receiver recognises a second call.
    pub name: String,
    /// Shows that the record with its result comes from an executor.
    pub proof: String,
}

impl Effect {
    /// The headers of the record that brings its result: with them the task knows whose result it is, and from whom.
    #[must_use]
    pub fn result_headers(&self) -> [(&'static str, Vec<u8>); 3] {
        [
            (header::EFFECT_ID, self.name.clone().into_bytes()),
            (header::EFFECT_LANE, self.lane.to_string().into_bytes()),
            (header::EFFECT_PROOF, self.proof.clone().into_bytes()),
        ]
    }
}

/// `<app>/<topology>/<place>/<id>`.
pub(crate) fn name_of(app: &str, task: &TaskId, id: EffectId) -> String {
    format!("{app}/{}/{}/{}", task.topology, task.place, id.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn a_name_tells_app_topology_place_and_number() {
        let task = TaskId { topology: "t".into(), place: 2 };
        assert_eq!(name_of("app", &task, EffectId(17)), "app/t/2/17");
    }
}
