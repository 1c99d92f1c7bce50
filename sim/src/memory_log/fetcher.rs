//! Reading the simulated log: committed records only, and never past an open transaction.

use super::{MemoryLog, State, Stored, Visibility, index, offset};
use holdfast_ports::log::{End, Fetcher, LogError, Slot, Start, ahead_max};
use holdfast_ports::record::{Record, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

pub(super) struct MemoryFetcher {
    log: MemoryLog,
    reading: BTreeMap<Slot, (TopicPartition, i64)>,
    /// Slots whose records are handed over before those of others.
    ahead: BTreeSet<Slot>,
    /// Slots whose start was not there, and whose owner has been told: they stay idle.
    idle: BTreeSet<Slot>,
    last_slot: u32,
    /// Whose turn it is: no partition starves another.
    turn: u32,
}

impl MemoryFetcher {
    pub(super) fn new(log: &MemoryLog) -> Self {
        Self {
            log: log.clone(),
            reading: BTreeMap::new(),
            ahead: BTreeSet::new(),
            idle: BTreeSet::new(),
            last_slot: 0,
            turn: 0,
        }
    }

    fn has_more(&self, state: &State) -> bool {
        self.reading.values().any(|(source, next)| {
            state
                .topics
                .get(&*source.topic)
                .and_then(|(_, ps)| ps.get(source.partition as usize))
                .is_some_and(|p| offset(p.stable_end()) > *next)
        })
    }
}

impl Fetcher for MemoryFetcher {
    fn assign(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError> {
        let begins = match self.log.0.state.lock().partition(&source.topic, source.partition) {
            Some(partition) => offset(partition.begins),
            None => return Err(LogError::Fatal(format!("no partition {source}"))),
        };
        self.last_slot += 1;
        let slot = Slot(self.last_slot);
        let next = match start {
            Start::Earliest => begins,
            Start::At(offset) => offset,
        };
        self.reading.insert(slot, (source.clone(), next));
        Ok(slot)
    }

    fn assign_ahead(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError> {
        let slot = self.assign(source, start)?;
        self.ahead.insert(slot);
        Ok(slot)
    }

    fn unassign(&mut self, slot: Slot) {
        self.ahead.remove(&slot);
        self.reading.remove(&slot);
        self.idle.remove(&slot);
    }

    fn fetch(
        &mut self,
        records_max: usize,
        each: &mut dyn FnMut(Slot, &Record<'_>) -> ControlFlow<()>,
    ) -> Result<usize, LogError> {
        self.log.expire_transactions();
        let mut fetched = 0;
        self.turn = self.turn.wrapping_add(1);
        let mut slots: Vec<Slot> = self.reading.keys().copied().filter(|slot| !self.idle.contains(slot)).collect();
        if !slots.is_empty() {
            let first = self.turn as usize % slots.len();
            slots.rotate_left(first);
        }
        // Stable: among equals the turn decides.
        slots.sort_by_key(|slot| !self.ahead.contains(slot));
        for slot in slots {
            let Some((source, next)) = self.reading.get_mut(&slot) else { continue };
            let most = if self.ahead.contains(&slot) { ahead_max(records_max) } else { records_max };
            let room = most.saturating_sub(fetched);
            if room == 0 {
                continue;
            }
            // Copied out, so that whoever takes a record may use the log meanwhile.
            let (batch, end) = {
                let mut state = self.log.0.state.lock();
                let Some(partition) = state.partition(&source.topic, source.partition) else { continue };
                let (earliest, latest) = (offset(partition.begins), offset(partition.entries.len()));
                if !(earliest..=latest).contains(next) {
                    self.idle.insert(slot);
                    return Err(LogError::OutOfRange { slot, earliest, latest });
                }
                let stable = partition.stable_end();
                let visible = partition.entries.iter().enumerate().take(stable).skip(index(*next));
                let batch: Vec<(i64, Stored)> = visible
                    .filter(|(_, e)| e.visibility == Visibility::Committed && !e.is_gone)
                    .take(room)
                    .map(|(i, e)| (offset(i), e.record.clone()))
                    .collect();
                let end = if batch.len() < room { offset(stable) } else { *next };
                (batch, end)
            };
            for (at, record) in &batch {
                *next = at + 1;
                fetched += 1;
                let handed = Record {
                    offset: *at,
                    append_ms: record.append_ms,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: &record.headers,
                };
                if each(slot, &handed).is_break() {
                    return Ok(fetched);
                }
            }
            *next = (*next).max(end);
        }
        Ok(fetched)
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), LogError> {
        let mut state = self.log.0.state.lock();
        if !self.has_more(&state) {
            self.log.0.grown.wait_for(&mut state, timeout);
        }
        Ok(())
    }

    fn position(&self, slot: Slot) -> i64 {
        self.reading.get(&slot).map_or(0, |(_, next)| *next)
    }

    fn end(&mut self, source: &TopicPartition, end: End) -> Result<i64, LogError> {
        let mut state = self.log.0.state.lock();
        let partition = state
            .partition(&source.topic, source.partition)
            .ok_or_else(|| LogError::Fatal(format!("no partition {source}")))?;
        Ok(match end {
            End::Stable => offset(partition.stable_end()),
            End::Written => offset(partition.entries.len()),
        })
    }
}
