//! A batch of appends, and who waits for its records.

use super::batch::Batch;
use super::bytes::Encoder;
use super::messages::Produced;
use super::parcel::Cargo;
use crate::ffi::{Code, Persisted};
use crate::pending::Done;
use crate::reaction;
use holdfast_ports::record::{Appended, NewRecord};

/// It is closed to others after this, in µs: its first record decides when all of it is given up.
const JOIN_US: u64 = 100_000;

/// See the head of this file.
pub(super) struct Bundle {
    batch: Batch,
    dones: Vec<Done>,
    since_us: u64,
    persisted: Persisted,
}

impl Bundle {
    pub(super) fn new(now_ms: i64, now_us: u64) -> Self {
        Self { batch: Batch::new(0, now_ms), dones: Vec::new(), since_us: now_us, persisted: Persisted::No }
    }

    /// Whether another record of so many bytes may join at this time, when a batch is full with `full_bytes`. What was sent before goes again as it was: its numbers stand.
    pub(super) fn may_be_joined(&self, bytes: usize, full_bytes: usize, now_us: u64) -> bool {
        !self.may_be_in_the_log() && now_us < self.since_us + JOIN_US && !self.batch.is_full_for(bytes, full_bytes)
    }

    pub(super) fn push(&mut self, record: &NewRecord<'_>, done: Done, scratch: &mut Encoder) {
        self.batch.push(record, scratch);
        self.dones.push(done);
    }

    /// Its first record has this number.
    pub(super) fn number(&mut self, first: i32) {
        self.batch.first = first;
    }

    /// The same in two, for a leader that does not take so many bytes at once; itself, when it is a single record.
    pub(super) fn halves(mut self) -> Result<[Self; 2], Self> {
        let Some([first, second]) = self.batch.halves() else { return Err(self) };
        let dones = self.dones.split_off(first.count().unsigned_abs() as usize);
        let second = Self { batch: second, dones, since_us: self.since_us, persisted: self.persisted };
        self.batch = first;
        Ok([self, second])
    }

    /// When its oldest record was appended.
    pub(super) fn since_us(&self) -> u64 {
        self.since_us
    }

    /// It was sent, and no broker has said that it was not appended: it may be in the log. From now on it is sent again as it is, or given up with
    /// its epoch.
    pub(super) fn unresolved(&mut self) {
        self.persisted = Persisted::Possibly;
    }

    pub(super) fn may_be_in_the_log(&self) -> bool {
        self.persisted == Persisted::Possibly
    }

    /// Everybody is told that it lies in the log.
    pub(super) fn taken(mut self, produced: Produced) {
        let append_ms = if produced.append_ms < 0 { self.batch.made_ms() } else { produced.append_ms };
        for (offset, done) in (produced.offset..).zip(self.dones.drain(..)) {
            done(Ok(Appended { offset, append_ms }));
        }
    }

    /// Everybody is told why it does not go to the log.
    pub(super) fn failed(mut self, code: Code) {
        for done in self.dones.drain(..) {
            done(Err(reaction::of_append(code, self.persisted)));
        }
    }
}

impl Cargo for Bundle {
    fn batch(&self) -> &Batch {
        &self.batch
    }
}

/// Nobody waits for ever: who is still there is told that the appender was closed.
impl Drop for Bundle {
    fn drop(&mut self) {
        for done in self.dones.drain(..) {
            done(Err(reaction::of_append(Code::PurgeQueue, self.persisted)));
        }
    }
}
