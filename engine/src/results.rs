//! What a record says about an effect, and what follows for the task that had asked for it.

use crate::effect::row::{EffectKey, secret_key};
use crate::effect::{Answer, EffectId, Lane, STORE, name_of, proof};
use crate::header;
use crate::key::Key;
use crate::origin::Origin;
use crate::task::Task;
use holdfast_ports::record::{Record, Topic};
use holdfast_ports::store::StoreError;

impl Task {
    /// What results of its effects are proved with. As long as its state says nothing, no effect has been committed, and the first one brings the new
    /// secret along.
    pub(crate) fn proving_secret(&self) -> proof::Secret {
        self.secret.unwrap_or(self.new_secret)
    }

    /// A task with effects has a secret from its first record on.
    pub(crate) fn ensure_secret(&mut self) -> Result<(), StoreError> {
        if self.topology.has_effects() && self.secret.is_none() {
            self.store.put(STORE.id, &secret_key(), &self.new_secret)?;
            self.secret = Some(self.new_secret);
        }
        Ok(())
    }

    /// What `record` of source `topic` says about an effect of this task.
    pub(crate) fn answer(&self, topic: &Topic, record: &Record<'_>) -> Result<Answer, StoreError> {
        if !self.topology.has_effects() || topic != self.topology.results() {
            return Ok(Answer::None);
        }
        let Some(name) = record.header(header::EFFECT_ID) else { return Ok(Answer::None) };
        let Some((key, secret)) = self.effect_key(name, record).zip(self.secret) else { return Ok(Answer::Forged) };
        let shown = record.header(header::EFFECT_PROOF).unwrap_or_default();
        if !proof::is(&secret, &name_of(&self.app, &self.id, key.id), &key.lane, shown) {
            return Ok(Answer::Forged);
        }
        let mut row = Vec::new();
        key.encode(&mut row);
        // One that comes back from the dead letters was not decided when it ended the effect.
        let waits = Origin::of(record).is_redriven() || self.store.get(STORE.id, &row, &mut |_| {})?;
        Ok(if waits { Answer::Result(row) } else { Answer::Repeated })
    }

    fn effect_key(&self, name: &[u8], record: &Record<'_>) -> Option<EffectKey> {
        let name = std::str::from_utf8(name).ok()?;
        let id = EffectId(name.rsplit_once('/')?.1.parse().ok()?);
        let lane = Lane::from_header(record.header(header::EFFECT_LANE)?)?;
        let key = EffectKey { lane, id };
        (!key.is_secret() && name_of(&self.app, &self.id, id) == name).then_some(key)
    }

    /// A record that brings the result of an effect ends it, whatever becomes of the record.
    pub(crate) fn end_effect(&mut self, answer: &Answer) -> Result<(), StoreError> {
        match answer {
            Answer::Result(row) => self.store.delete(STORE.id, row),
            Answer::None | Answer::Repeated | Answer::Forged => Ok(()),
        }
    }
}
