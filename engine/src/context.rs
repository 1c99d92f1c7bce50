//! The four verbs of a processor: its stores, [`Context::send`], [`Context::send_at`], [`Context::effect`].

use crate::codec::{self, EncodeLike};
use crate::delayed::{self, DelayedId};
use crate::effect::{self, EffectId, NewEffect};
use crate::ending::{EndingTable, Endings, Ends, Found};
use crate::key::Key;
use crate::origin::Origin;
use crate::output::{Output, Payload};
use crate::position::Position;
use crate::process_error::ProcessError;
use crate::record_collector::RecordCollector;
use crate::sink::{Sink, Sinks};
use crate::table::Table;
use holdfast_ports::place::place_of;
use holdfast_ports::record::{Record, Topic};
use holdfast_ports::store::Store;
use serde::de::DeserializeOwned;
use std::ops::ControlFlow;

/// What a processor sees while it has a record in hand.
pub struct Context<'a> {
    pub(crate) store: &'a mut dyn Store,
    pub(crate) collector: &'a mut RecordCollector,
    pub(crate) position: &'a mut Position,
    pub(crate) delayed: &'a mut delayed::Pending,
    pub(crate) ending: &'a mut Endings,
    /// Where it may send to.
    pub(crate) sinks: &'a Sinks,
    pub(crate) has_effects: bool,
    pub(crate) dead_letters: &'a Topic,
    pub(crate) source: &'a Topic,
    pub(crate) offset: i64,
    pub(crate) append_ms: i64,
    pub(crate) now_ms: i64,
    pub(crate) place: u32,
    pub(crate) places: u32,
    pub(crate) scratch: &'a mut Vec<u8>,
    pub(crate) given_up: &'a mut Vec<String>,
}

impl<'a> Context<'a> {
    /// The time of the record in hand, in ms since the epoch: its append time, made monotone in the partition. There is no other clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The append time as the log gave it. May step back; decide with [`Context::now_ms`].
    #[must_use]
    pub fn append_ms(&self) -> i64 {
        self.append_ms
    }

    /// The place this task works in.
    #[must_use]
    pub fn place(&self) -> u32 {
        self.place
    }

    /// Number of places of the app.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.places
    }

    /// Topic of the record in hand.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.source
    }

    /// Offset of the record in hand.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Reads a row, own writes included.
    ///
    /// # Errors
    /// [`ProcessError::Store`] when the store cannot be read.
    pub fn get<K: Key, V: DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
    ) -> Result<Option<V>, ProcessError> {
        self.scratch.clear();
        key.encode(self.scratch);
        let mut row = None;
        self.store.get(table.id(), self.scratch, &mut |bytes| row = Some(codec::decode(bytes)))?;
        Ok(row.transpose()?)
    }

    /// Reads a row that has not ended, own writes included.
    ///
    /// # Errors
    /// As [`Context::get`]; [`ProcessError::Fail`] when the topology does not say how long rows of `table` are kept.
    pub fn get_kept<K: Key, V: Ends + DeserializeOwned>(
        &mut self,
        table: &EndingTable<K, V>,
        key: &K,
    ) -> Result<Option<V>, ProcessError> {
        let until_ms = self.ending.until_ms(table.id()).ok_or_else(|| does_not_end(table.spec().name))?;
        self.scratch.clear();
        key.encode(self.scratch);
        let mut row = None;
        self.store.get(table.id(), self.scratch, &mut |bytes| row = Some(codec::decode::<V>(bytes)))?;
        let row = row.transpose()?;
        let found = match &row {
            None => Found::Nothing,
            Some(row) if row.decided_ms() > self.now_ms => Found::Undecided,
            Some(_) => Found::Something,
        };
        self.ending.look(table.id(), self.scratch, found);
        Ok(row.filter(|row| row.decided_ms() > until_ms))
    }

    /// Whether a row is there, without reading it.
    ///
    /// # Errors
    /// As [`Context::get`].
    pub fn contains<K: Key, V>(&mut self, table: &Table<K, V>, key: &K) -> Result<bool, ProcessError> {
        self.scratch.clear();
        key.encode(self.scratch);
        Ok(self.store.get(table.id(), self.scratch, &mut |_| {})?)
    }

    /// Writes a row, given as the table has it or in a borrowed form of it.
    ///
    /// # Errors
    /// As [`Context::get`].
    pub fn put<K: Key, V>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        row: &impl EncodeLike<V>,
    ) -> Result<(), ProcessError> {
        self.scratch.clear();
        key.encode(self.scratch);
        let key_end = self.scratch.len();
        codec::encode(row, self.scratch)?;
        let (key, row) = self.scratch.split_at(key_end);
        Ok(self.store.put(table.id(), key, row)?)
    }

    /// Writes a row that ends, given as the table has it or in a borrowed form that says the same of its time: see [`Ends`]. A processor that has looked at the row before, with [`Context::get_kept`] while it has the same record in hand,
    /// saves a mark beside it.
    ///
    /// # Errors
    /// As [`Context::get_kept`].
    pub fn put_kept<K: Key, V: Ends>(
        &mut self,
        table: &EndingTable<K, V>,
        key: &K,
        row: &(impl EncodeLike<V> + Ends),
    ) -> Result<(), ProcessError> {
        let decided_ms = row.decided_ms();
        self.scratch.clear();
        key.encode(self.scratch);
        let key_end = self.scratch.len();
        codec::encode(row, self.scratch)?;
        let (key, row) = self.scratch.split_at(key_end);
        self.store.put(table.id(), key, row)?;
        if self.ending.put(self.store, self.position, table.id(), key, decided_ms)? {
            Ok(())
        } else {
            Err(does_not_end(table.spec().name))
        }
    }

    /// Deletes a row.
    ///
    /// # Errors
    /// As [`Context::get`].
    pub fn delete<K: Key, V>(&mut self, table: &Table<K, V>, key: &K) -> Result<(), ProcessError> {
        self.scratch.clear();
        key.encode(self.scratch);
        Ok(self.store.delete(table.id(), self.scratch)?)
    }

    /// Visits the rows whose key begins with `prefix` (made with [`crate::prelude::key`]'s writers) in key order; `Break` ends it.
    ///
    /// # Errors
    /// As [`Context::get`].
    pub fn scan<K: Key, V: DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        prefix: &[u8],
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) -> Result<(), ProcessError> {
        self.scan_range(table, prefix, prefix, visit)
    }

    /// [`Context::scan`] that begins at `first`, a key with that prefix, or where it would be. What lies before it costs nothing.
    ///
    /// # Errors
    /// As [`Context::get`].
    pub fn scan_from<K: Key, V: DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        prefix: &[u8],
        first: &K,
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) -> Result<(), ProcessError> {
        let mut from = Vec::new();
        first.encode(&mut from);
        self.scan_range(table, prefix, &from, visit)
    }

    fn scan_range<K: Key, V: DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        prefix: &[u8],
        from: &[u8],
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) -> Result<(), ProcessError> {
        let store = &*self.store;
        table.scan_with(prefix, from, visit, |from, to, each| store.scan(table.id(), from, to, each))??;
        Ok(())
    }

    /// Sends now: the record becomes visible with the commit that makes this decision true. Placed where its key lives.
    ///
    /// # Errors
    /// [`ProcessError::Fail`] when the topology has not declared the sink `to`.
    pub fn send(&mut self, to: &Sink, key: &[u8], value: &[u8]) -> Result<(), ProcessError> {
        self.send_output(&Output { to, place: None, key: Some(key), value: Some(value), headers: &[] })
    }

    /// [`Context::send`] with everything a record can have.
    ///
    /// # Errors
    /// As [`Context::send`].
    pub fn send_output(&mut self, output: &Output<'_>) -> Result<(), ProcessError> {
        let topic = self.topic_of(output.to)?.clone();
        let partition = self.partition_of(output.place, output.key);
        self.collector.push(topic, partition, &output.payload());
        Ok(())
    }

    /// Sends later: the message is kept with the state and sent when `due_ms` (epoch) has come by the worker's clock, never before. The receiver
    /// compares its own `now` with the deadline: early means "not yet".
    ///
    /// # Errors
    /// As [`Context::send`], and [`ProcessError::Store`].
    pub fn send_at(&mut self, due_ms: i64, output: &Output<'_>) -> Result<DelayedId, ProcessError> {
        let topic = self.topic_of(output.to)?;
        let partition = self.partition_of(output.place, output.key);
        self.position.sequence += 1;
        let id = DelayedId { due_ms, sequence: self.position.sequence };
        self.scratch.clear();
        delayed::encode(topic, partition, &output.payload(), self.scratch);
        self.store.put(delayed::STORE.id, &id.to_bytes(), self.scratch)?;
        self.delayed.note(due_ms);
        Ok(id)
    }

    /// Takes a delayed message back. Harmless when it has been sent already.
    ///
    /// # Errors
    /// [`ProcessError::Store`].
    pub fn cancel(&mut self, id: DelayedId) -> Result<(), ProcessError> {
        Ok(self.store.delete(delayed::STORE.id, &id.to_bytes())?)
    }

    /// Asks for something outside: performed after this commit, at least once, never in a replay. Its result comes back as a record with the effect's
    /// key, through the inbox or the topic that [`crate::prelude::Builder::results`] names, and ends it.
    ///
    /// # Errors
    /// [`ProcessError::Store`]; [`ProcessError::Fail`] when the topology has not declared effects, or the channel has no name.
    pub fn effect(&mut self, effect: &NewEffect<'_>) -> Result<EffectId, ProcessError> {
        if !self.has_effects || effect.channel.is_empty() {
            let what =
                format!("an effect for channel {:?} of a topology that does not declare effects", effect.channel);
            return Err(ProcessError::fail("UndeclaredEffect", what));
        }
        self.position.sequence += 1;
        let id = EffectId(self.position.sequence);
        self.scratch.clear();
        effect::row::encode_key(effect.channel, effect.urgency, id, self.scratch);
        let key_end = self.scratch.len();
        effect::row::encode(effect.key, effect.payload, self.scratch);
        let (key, row) = self.scratch.split_at(key_end);
        self.store.put(effect::STORE.id, key, row)?;
        Ok(id)
    }

    /// The place in which `key` lives.
    #[must_use]
    pub fn place_of(&self, key: &[u8]) -> u32 {
        place_of(key, self.places)
    }

    /// Where the record in hand first entered the log, before it was forwarded or redriven: its identity when it brings none.
    #[must_use]
    pub fn origin(&self, record: &Record<'_>) -> String {
        Origin::of(record).identity((self.source, self.place, self.offset))
    }

    /// Sends to `place`, or to where the key lives, of the topic that the record in hand came from.
    pub(crate) fn send_back(&mut self, place: Option<u32>, payload: &Payload<'_>) {
        let partition = self.partition_of(place, payload.key);
        self.collector.push(self.source.clone(), partition, payload);
    }

    fn partition_of(&self, place: Option<u32>, key: Option<&[u8]>) -> u32 {
        match (place, key) {
            (Some(place), _) => place,
            (None, Some(key)) => self.place_of(key),
            (None, None) => self.place,
        }
    }

    fn topic_of(&self, sink: &Sink) -> Result<&'a Topic, ProcessError> {
        let unknown = || ProcessError::fail("UnknownSink", format!("{} is not a sink of this topology", sink.topic()));
        self.sinks.topic_of(sink).ok_or_else(unknown)
    }
}

fn does_not_end(name: &str) -> ProcessError {
    ProcessError::fail("UnknownEnding", format!("{name} was not declared with .ends(…)"))
}
