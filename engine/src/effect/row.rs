//! Rows of the store of effects.
//!
//! ```text
//! key    channel text | urgency u8 | id u64 big endian
//! value  result key bytes | payload bytes
//!
//! key    empty text | 0 | 0          the secret that results are proved with
//! value  32 bytes
//! ```
//! So the effects of one lane lie together in the order they were asked for, and are read from any of them on.

use super::{Effect, EffectId, name_of, proof};
use crate::key::{self, Key};
use holdfast_ports::store::{StoreError, StoreId, StoreSpec, TaskId};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// The engine's own store for them.
pub const STORE: StoreSpec = StoreSpec { id: StoreId(2), name: "effects" };

/// Where effects wait behind each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// What performs them.
    pub channel: String,
    /// 0 is performed first.
    pub urgency: u8,
}

/// As a header has it: `<channel>/<urgency>`.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.channel, self.urgency)
    }
}

impl Lane {
    /// Reads [`crate::header::EFFECT_LANE`] back.
    pub(crate) fn from_header(header: &[u8]) -> Option<Self> {
        let (channel, urgency) = std::str::from_utf8(header).ok()?.rsplit_once('/')?;
        Some(Self { channel: channel.to_owned(), urgency: urgency.parse().ok()? })
    }

    /// What all keys of the lane begin with.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_lane(&mut prefix, &self.channel, self.urgency);
        prefix
    }
}

fn put_lane(out: &mut Vec<u8>, channel: &str, urgency: u8) {
    key::put_text(out, channel);
    out.push(urgency);
}

/// Key of an effect's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EffectKey {
    pub(crate) lane: Lane,
    pub(crate) id: EffectId,
}

impl EffectKey {
    /// Whether the row holds the secret instead of an effect.
    pub(crate) fn is_secret(&self) -> bool {
        self.lane.channel.is_empty()
    }
}

impl Key for EffectKey {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_key(&self.lane.channel, self.lane.urgency, self.id, out);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let channel = key::take_text(&mut bytes)?;
        let (urgency, rest) = bytes.split_first()?;
        bytes = rest;
        let id = EffectId(key::take_u64(&mut bytes)?);
        bytes.is_empty().then_some(Self { lane: Lane { channel, urgency: *urgency }, id })
    }
}

pub(crate) fn encode_key(channel: &str, urgency: u8, id: EffectId, out: &mut Vec<u8>) {
    put_lane(out, channel, urgency);
    key::put_u64(out, id.0);
}

/// Key of the secret's row. No effect has it: their channels have names.
pub(crate) fn secret_key() -> Vec<u8> {
    let mut out = Vec::new();
    encode_key("", 0, EffectId(0), &mut out);
    out
}

/// Written as bytes, which is what a sequence of bytes looks like, and costs a copy instead of a call for each.
#[derive(Serialize, Deserialize)]
struct Row<'a> {
    #[serde(serialize_with = "as_bytes")]
    key: &'a [u8],
    #[serde(serialize_with = "as_bytes")]
    payload: &'a [u8],
}

fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

pub(crate) fn encode(key: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    let encoded = crate::codec::encode(&Row { key, payload }, out);
    // Slices always encode.
    debug_assert!(encoded.is_ok());
}

/// The effect that `key` and `value` of the store stand for; `None` for the row of the secret.
pub(crate) fn decode(
    app: &str,
    task: &TaskId,
    secret: &proof::Secret,
    key: &[u8],
    value: &[u8],
) -> Result<Option<Effect>, StoreError> {
    let EffectKey { lane, id } = EffectKey::decode(key).ok_or_else(|| StoreError::Corrupt("effect key".to_owned()))?;
    if lane.channel.is_empty() {
        return Ok(None);
    }
    let row: Row<'_> = crate::codec::decode_borrowed(value).map_err(|e| StoreError::Corrupt(format!("effect: {e}")))?;
    let name = name_of(app, task, id);
    let proof = proof::of(secret, &name, &lane);
    Ok(Some(Effect { task: task.clone(), lane, id, key: row.key.to_vec(), payload: row.payload.to_vec(), name, proof }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back(id: u64, channel in "[a-z-]{1,9}", urgency: u8, result_key: Vec<u8>, payload: Vec<u8>) {
            let task = TaskId { topology: "t".into(), place: 0 };
            let (mut key, mut value) = (Vec::new(), Vec::new());
            encode_key(&channel, urgency, EffectId(id), &mut key);
            encode(&result_key, &payload, &mut value);
            let effect = decode("app", &task, &proof::Secret::default(), &key, &value).unwrap().unwrap();
            prop_assert_eq!((&effect.lane.channel, effect.lane.urgency, effect.id), (&channel, urgency, EffectId(id)));
            prop_assert_eq!((&effect.key, &effect.payload), (&result_key, &payload));
            prop_assert_eq!(Lane::from_header(effect.lane.to_string().as_bytes()), Some(effect.lane));
        }

        #[test]
        fn a_lane_is_in_the_order_of_its_numbers(a: u64, b: u64, channel in "[a-z]{1,3}", urgency: u8) {
            let key = |id| EffectKey { lane: Lane { channel: channel.clone(), urgency }, id: EffectId(id) };
            let bytes = |id| { let mut out = Vec::new(); key(id).encode(&mut out); out };
            prop_assert_eq!(bytes(a).cmp(&bytes(b)), a.cmp(&b));
            prop_assert!(bytes(a).starts_with(&key(a).lane.prefix()));
            prop_assert_eq!(EffectKey::decode(&bytes(a)), Some(key(a)));
        }
    }

    #[test]
    fn the_secret_is_no_effect() {
        let task = TaskId { topology: "t".into(), place: 0 };
        assert!(decode("app", &task, &proof::Secret::default(), &secret_key(), b"anything").unwrap().is_none());
    }

    #[test]
    fn a_strange_header_is_no_lane() {
        for strange in [&b"discord"[..], b"discord/x", b"discord/256", b"\xff/1", b""] {
            assert_eq!(Lane::from_header(strange), None);
        }
    }
}
