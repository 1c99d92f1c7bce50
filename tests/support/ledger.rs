//! What the clients hold in their hands: what they were promised, told and refused, for the audit to compare with the log.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A request that somebody was told is accepted.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    pub(crate) policy: String,
    pub(crate) user: String,
    /// Where it was said to lie in the inbox: place and offset.
    pub(crate) position: Option<(u32, i64)>,
}

/// A record whose append a producer was told is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) value: Vec<u8>,
}

/// What all clients together know. Shared by their threads.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By request id.
    pub(crate) promises: Mutex<BTreeMap<String, Promise>>,
    pub(crate) acknowledged: Mutex<Vec<Acknowledged>>,
    /// Outcomes that anybody was told over HTTP, by request id.
    pub(crate) told: Mutex<Vec<(String, Value)>>,
    /// Users whose only request was refused with the word that nothing was accepted.
    pub(crate) refused: Mutex<BTreeSet<String>>,
    /// Answers that no client should ever get.
    pub(crate) surprises: Mutex<Vec<String>>,
    /// Answers 503, by code.
    pub(crate) unavailable: Mutex<BTreeMap<String, usize>>,
    /// Times an accepted request was not known when it was asked about. A replica that was taken over and has not heard of it answers so; whoever
    /// asks again is told.
    pub(crate) blinks: AtomicUsize,
    answered: AtomicUsize,
    /// Times that passers-by came.
    pub(crate) passings: AtomicU64,
}

impl Ledger {
    /// Requests that were answered for good, so far: by this the moments of faults are chosen.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    pub(crate) fn promise(&self, id: &str, promise: Promise) {
        self.promises.lock().unwrap().insert(id.to_owned(), promise);
        self.settle();
    }

    /// A request was answered for good.
    pub(crate) fn settle(&self) {
        self.answered.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn tell(&self, id: &str, outcome: Value) {
        self.told.lock().unwrap().push((id.to_owned(), outcome));
    }

    pub(crate) fn surprise(&self, what: String) {
        self.surprises.lock().unwrap().push(what);
    }

    pub(crate) fn note_unavailable(&self, code: &str) {
        *self.unavailable.lock().unwrap().entry(code.to_owned()).or_default() += 1;
    }

    /// Answers 503 so far with this code.
    pub(crate) fn unavailable(&self, code: &str) -> usize {
        self.unavailable.lock().unwrap().get(code).copied().unwrap_or(0)
    }
}
