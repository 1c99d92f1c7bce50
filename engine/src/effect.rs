//! Effects: what a task wants done outside. Stored with the state in the same commit, handed over after it, ended by the record that brings its result.
//!
//! ```text
//! key    id u64 big endian
//! value  kind text | payload bytes
//! ```
//! An effect may be performed more than once (a crash between the call and its result): its id is the receiver's idempotency key. It is never
//! performed by a replay, since only committed rows are handed over.

use crate::key;
use holdfast_ports::store::{StoreError, StoreId, StoreSpec, TaskId, View};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// The engine's own store for them.
pub const STORE: StoreSpec = StoreSpec { id: StoreId(2), name: "effects" };

/// Names an effect within its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EffectId(pub u64);

impl EffectId {
    /// Its key in the store.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// Reads [`crate::header::EFFECT_ID`] back.
    #[must_use]
    pub fn from_header(header: &[u8]) -> Option<Self> {
        std::str::from_utf8(header).ok()?.parse().ok().map(Self)
    }
}

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    kind: &'a str,
    payload: &'a [u8],
}

/// An effect that has been committed and waits to be performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Whose.
    pub task: TaskId,
    /// Which.
    pub id: EffectId,
    /// What kind of thing: chooses the performer.
    pub kind: String,
    /// What it needs, as its topology wrote it.
    pub payload: Vec<u8>,
}

/// Performs effects, elsewhere and later. Called by the stream thread after a commit; must not block.
pub trait Performer: Send {
    /// Takes an effect on. The same one may come again after a restart.
    fn perform(&self, effect: Effect);
}

pub(crate) fn encode(kind: &str, payload: &[u8], out: &mut Vec<u8>) {
    let encoded = crate::codec::encode(&Row { kind, payload }, out);
    // A string and a slice always encode.
    debug_assert!(encoded.is_ok());
}

/// The effect that `key` and `value` of the store stand for.
///
/// # Errors
/// [`StoreError::Corrupt`] for bytes of another shape.
pub fn decode(task: &TaskId, mut key: &[u8], value: &[u8]) -> Result<Effect, StoreError> {
    let id = key::take_u64(&mut key).ok_or_else(|| StoreError::Corrupt("effect key".to_owned()))?;
    let row: Row<'_> = crate::codec::decode_borrowed(value).map_err(|e| StoreError::Corrupt(format!("effect: {e}")))?;
    Ok(Effect { task: task.clone(), id: EffectId(id), kind: row.kind.to_owned(), payload: row.payload.to_vec() })
}

/// All effects that are committed and not ended: what has to be handed over again when a task starts.
///
/// # Errors
/// As [`decode`], and when the store cannot be read.
pub(crate) fn pending(task: &TaskId, view: &dyn View) -> Result<Vec<Effect>, StoreError> {
    let mut effects = Vec::new();
    let mut failed = None;
    view.scan(STORE.id, &[], None, &mut |key, value| match decode(task, key, value) {
        Ok(effect) => {
            effects.push(effect);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(effects), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back(id: u64, kind: String, payload: Vec<u8>) {
            let task = TaskId { topology: "t".into(), place: 0 };
            let mut value = Vec::new();
            encode(&kind, &payload, &mut value);
            let effect = decode(&task, &EffectId(id).to_bytes(), &value).unwrap();
            prop_assert_eq!(effect, Effect { task, id: EffectId(id), kind, payload });
        }
    }

    #[test]
    fn a_foreign_header_is_no_id() {
        assert_eq!(EffectId::from_header(b"17"), Some(EffectId(17)));
        assert_eq!(EffectId::from_header(b"x"), None);
        assert_eq!(EffectId::from_header(&[0xff]), None);
    }
}
