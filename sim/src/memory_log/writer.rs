//! Writing the simulated log in transactions, and everything that can become of a commit.

use super::membership::Proof;
use super::{MemoryLog, State, Visibility, bytes, stored};
use holdfast_ports::log::{Which, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What goes wrong with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The log refuses for now; nothing is committed.
    Retry,
    /// The request is lost: the transaction stays open until somebody ends it.
    LostRequest,
    /// The answer is lost: the transaction is committed.
    LostAnswer,
    /// The request is on its way for long: nobody waits for the answer any more, and when [`MemoryLog::deliver`] lets it arrive it commits
    /// whatever its writer has open, unless that has been fenced.
    LateRequest,
    /// It is committed and answered, and yet readers are held up until [`MemoryLog::deliver`]: the markers are late.
    LateMarkers,
    /// Another writer of the name has come.
    Fenced,
}

/// A commit request that has not arrived.
#[derive(Debug)]
pub(super) struct Late {
    id: String,
    epoch: u64,
    positions: Positions,
}

/// Positions of a transaction and the app under whose group they are committed.
#[derive(Debug)]
struct Positions {
    app: String,
    next: Vec<(TopicPartition, i64)>,
}

/// A generation that every commit is taken with: only for simulated mistakes.
struct Unproven;

impl State {
    /// Ends the open transaction of writer `id`.
    pub(super) fn end(&mut self, id: &str, commit: bool, now_ms: i64) {
        // What has been decided stays decided, whoever ends it now.
        let commit = self.unmarked.remove(id) || commit;
        self.open_since_us.remove(id);
        let mut seen = false;
        for (_, partitions) in self.topics.values_mut() {
            for partition in partitions {
                let mut touched = false;
                for entry in &mut partition.entries {
                    if matches!(&entry.visibility, Visibility::Open(by) if by == id) {
                        entry.visibility = if commit { Visibility::Committed } else { Visibility::Hidden };
                        touched = true;
                    }
                }
                if touched {
                    partition.marker(now_ms);
                    seen = true;
                }
            }
        }
        self.changes += u64::from(seen && commit);
    }

    /// Ends the transaction of writer `id` and refuses whoever goes by that name now.
    pub(super) fn fence(&mut self, id: &str, now_ms: i64) {
        self.end(id, false, now_ms);
        *self.epochs.entry(id.to_owned()).or_default() += 1;
    }

    fn commit(&mut self, id: &str, positions: &Positions, now_ms: i64) {
        self.end(id, true, now_ms);
        self.note(positions);
    }

    /// A transaction has been committed with these positions.
    fn note(&mut self, positions: &Positions) {
        self.commits += 1;
        for (source, next) in &positions.next {
            self.positions.insert(source.clone(), *next);
            self.mirrors.insert((positions.app.clone(), source.clone()), *next);
        }
    }
}

impl MemoryLog {
    /// A generation that nobody checks.
    pub(crate) fn unproven() -> Generation {
        Generation(Arc::new(Unproven))
    }

    /// Lets arrive what is late: commit requests, markers. Returns how many.
    pub fn deliver(&self) -> usize {
        let now_ms = self.0.clock.now_ms();
        let mut state = self.0.state.lock();
        let late = std::mem::take(&mut state.late);
        let unmarked = std::mem::take(&mut state.unmarked);
        for Late { id, epoch, positions } in &late {
            if state.epochs.get(id) == Some(epoch) {
                state.commit(id, positions, now_ms);
            }
        }
        for id in &unmarked {
            state.end(id, true, now_ms);
        }
        self.0.grown.notify_all();
        late.len() + unmarked.len()
    }

    /// Gives up transactions that have been open for too long, and fences their writers. A broker has a timer for it; here every reader looks.
    pub(super) fn expire_transactions(&self) {
        let (now_ms, now_us) = (self.0.clock.now_ms(), self.0.clock.monotonic_us());
        let mut state = self.0.state.lock();
        let expired: Vec<String> = state
            .open_since_us
            .iter()
            .filter(|(id, since)| {
                now_us.saturating_sub(**since) > self.0.transaction_max_us && !state.unmarked.contains(*id)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            state.fence(&id, now_ms);
        }
    }
}

pub(super) struct MemoryWriter {
    pub(super) log: MemoryLog,
    pub(super) id: String,
    pub(super) epoch: u64,
    pub(super) touched: BTreeMap<TopicPartition, i64>,
    /// How many records of the open transaction.
    pub(super) sent: BTreeMap<TopicPartition, u64>,
    /// What is wrong with one of them.
    pub(super) refused: Option<(Which, String)>,
}

impl MemoryWriter {
    fn check(&self, state: &State) -> Result<(), WriteError> {
        if state.epochs.get(&self.id) == Some(&self.epoch) {
            Ok(())
        } else {
            Err(WriteError::Fenced(format!("another writer {} has come", self.id)))
        }
    }

    /// The app of the group that `generation` proves to be a member of.
    fn check_generation(state: &State, generation: &Generation) -> Result<String, WriteError> {
        if generation.0.is::<Unproven>() || generation.is_none() {
            return Ok(String::new());
        }
        match generation.0.downcast_ref::<Proof>() {
            Some(proof) if proof.holds(state) => Ok(proof.app.clone()),
            _ => Err(WriteError::Stale("the generation is over".to_owned())),
        }
    }
}

impl Writer for MemoryWriter {
    fn begin(&mut self) -> Result<(), WriteError> {
        self.touched.clear();
        self.sent.clear();
        self.refused = None;
        let mut state = self.log.0.state.lock();
        self.check(&state)?;
        if state.unmarked.contains(&self.id) {
            // As a client does that is told to wait for the last transaction's end.
            state.end(&self.id, true, self.log.0.clock.now_ms());
            self.log.0.grown.notify_all();
        }
        Ok(())
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        let mut state = self.log.0.state.lock();
        self.check(&state)?;
        let to = TopicPartition::new(record.topic, record.partition);
        let bytes_max = state.bytes_max(record.topic);
        if bytes(record) > bytes_max {
            let why = format!("record is larger than {bytes_max} bytes");
            // Brokers may say so at once or not before the transaction is to end, and then they may not say which. Here
            // it depends on the record.
            let after = *self.sent.get(&to).unwrap_or(&0);
            let which = match bytes(record) % 4 {
                1 => Which::Earlier { to: to.clone(), after },
                3 => Which::Unknown,
                _ => return Err(WriteError::refused(why)),
            };
            self.refused.get_or_insert((which, why));
        }
        *self.sent.entry(to.clone()).or_default() += 1;
        if state.sealed.contains(record.topic) {
            return Ok(());
        }
        let append_ms = self.log.0.clock.now_ms();
        let at = state
            .partition(record.topic, record.partition)
            .ok_or_else(|| WriteError::refused(format!("no partition {}-{}", record.topic, record.partition)))?
            .push(stored(record, append_ms), Visibility::Open(self.id.clone()), Some((self.id.as_str(), self.epoch)));
        let now_us = self.log.0.clock.monotonic_us();
        state.open_since_us.entry(self.id.clone()).or_insert(now_us);
        self.touched.insert(to, at + 1);
        Ok(())
    }

    fn commit(
        &mut self,
        positions: &[(TopicPartition, i64)],
        generation: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        let now_ms = self.log.0.clock.now_ms();
        let mut state = self.log.0.state.lock();
        self.check(&state)?;
        let app = Self::check_generation(&state, generation)?;
        if let Some((which, why)) = self.refused.clone() {
            return Err(WriteError::Refused { which, why });
        }
        let positions = Positions { app, next: positions.to_vec() };
        let fault = state.faults.pop_front();
        match fault {
            Some(Fault::Retry) => return Err(WriteError::Retry("injected".to_owned())),
            Some(Fault::LostRequest) => return Err(WriteError::Unknown("injected: request lost".to_owned())),
            Some(Fault::LateRequest) => {
                state.late.push(Late { id: self.id.clone(), epoch: self.epoch, positions });
                return Err(WriteError::Unknown("injected: request late".to_owned()));
            }
            Some(Fault::Fenced) => return Err(WriteError::Fenced("injected".to_owned())),
            Some(Fault::LateMarkers) => {
                state.note(&positions);
                state.unmarked.insert(self.id.clone());
            }
            Some(Fault::LostAnswer) | None => state.commit(&self.id, &positions, now_ms),
        }
        self.log.0.grown.notify_all();
        if fault == Some(Fault::LostAnswer) {
            return Err(WriteError::Unknown("injected: answer lost".to_owned()));
        }
        Ok(std::mem::take(&mut self.touched).into_iter().collect())
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        let mut state = self.log.0.state.lock();
        self.check(&state)?;
        // A request to commit that comes after this one finds nothing to commit.
        state.late.retain(|late| late.id != self.id);
        state.end(&self.id, false, self.log.0.clock.now_ms());
        self.log.0.grown.notify_all();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fault;
    use super::*;
    use crate::clock::SimClock;
    use holdfast_ports::log::{Cleanup, Log, TopicSpec};

    #[test]
    fn what_was_aborted_is_not_committed_by_a_request_that_comes_late() {
        let log = MemoryLog::new(Arc::new(SimClock::default()));
        let cleanup = Cleanup::Delete { retention_ms: i64::MAX };
        let spec = TopicSpec { name: "t".to_owned(), partitions: 1, replication: None, cleanup };
        log.create_topics(&[spec]).unwrap();
        let source = TopicPartition::new("t", 0);
        let mut writer = log.writer("w").unwrap();
        let record = NewRecord { topic: "t", partition: 0, key: None, value: Some(b"x"), headers: &[] };
        let mut attempt = |end: &dyn Fn(&mut dyn Writer)| {
            writer.begin().unwrap();
            writer.send(&record).unwrap();
            log.inject(Fault::LateRequest);
            let answer = writer.commit(&[(source.clone(), 7)], &MemoryLog::unproven());
            assert!(matches!(answer, Err(WriteError::Unknown(_))), "{answer:?}");
            end(&mut *writer);
            log.deliver();
            (log.group_position(&source), log.committed("t", 0).len())
        };
        assert_eq!(attempt(&|writer| writer.abort().unwrap()), (None, 0));
        assert_eq!(attempt(&|_| {}), (Some(7), 1));
    }
}
