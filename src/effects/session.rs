//! A task whose effects are performed here, from the moment the engine opens them until it closes them. What is under way for it is counted, and what
//! may still be done for it is asked here: the stream thread, which drains and closes, and the dispatchers agree under one lock.

use super::lanes::Source;
use holdfast_engine::inspect::QueryError;
use holdfast_engine::runtime::{Effect, EffectId, Lane, TaskEffects};
use parking_lot::RwLock;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing is begun any more; results are appended.
    Draining,
    /// Nothing is appended any more.
    Closed,
}

/// The effects of one task, opened once.
#[derive(Debug)]
pub(crate) struct Session {
    id: u64,
    effects: TaskEffects,
    /// Read while something is begun or appended: when a change of phase returns, nothing goes on that it forbids.
    phase: RwLock<Phase>,
    /// Effects that were begun and whose results are not yet acknowledged by the log.
    under_way: AtomicUsize,
    /// Offset after the last result that the log has acknowledged.
    results_end: AtomicI64,
    closing: watch::Sender<bool>,
}

impl Session {
    pub(crate) fn new(id: u64, effects: TaskEffects) -> Self {
        Self {
            id,
            effects,
            phase: RwLock::new(Phase::Open),
            under_way: AtomicUsize::new(0),
            results_end: AtomicI64::new(0),
            closing: watch::Sender::new(false),
        }
    }

    pub(crate) fn effects(&self) -> &TaskEffects {
        &self.effects
    }

    /// Whether anything may be begun.
    pub(crate) fn is_open(&self) -> bool {
        *self.phase.read() == Phase::Open
    }

    /// An effect is to be begun. False: it may not be, and stays pending.
    pub(crate) fn begin(&self) -> bool {
        let phase = self.phase.read();
        let may = *phase == Phase::Open;
        if may {
            self.under_way.fetch_add(1, Ordering::AcqRel);
        }
        may
    }

    /// Hands a result to the log with `append`. False: the task is not ours any more, and nothing was done.
    pub(crate) fn append(&self, append: impl FnOnce()) -> bool {
        let phase = self.phase.read();
        let may = *phase != Phase::Closed;
        if may {
            append();
        }
        may
    }

    /// The log has acknowledged the result of an effect, at this offset.
    pub(crate) fn recorded(&self, offset: i64) {
        self.results_end.fetch_max(offset + 1, Ordering::AcqRel);
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    /// An effect that was begun ends without a result: it stays pending.
    pub(crate) fn given_back(&self) {
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    /// Begins nothing more. True once nothing is under way.
    pub(crate) fn drain(&self) -> bool {
        {
            let mut phase = self.phase.write();
            if *phase == Phase::Open {
                *phase = Phase::Draining;
            }
        }
        self.under_way.load(Ordering::Acquire) == 0
    }

    /// Cuts off what is under way. Nothing is appended from now on.
    pub(crate) fn close(&self) {
        *self.phase.write() = Phase::Closed;
        self.closing.send_replace(true);
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        // The sender lives as long as `self`.
        let _ = self.closing.subscribe().wait_for(|closed| *closed).await;
    }

    /// Whether every result that the log has acknowledged is decided and committed.
    pub(crate) fn is_decided(&self) -> bool {
        let results_end = self.results_end.load(Ordering::Acquire);
        // A task that has left cannot be asked.
        self.effects
            .view()
            .position()
            .map_or(true, |position| position.next_offset(&self.effects.results().topic).unwrap_or(0) >= results_end)
    }
}

impl Source for Session {
    fn id(&self) -> u64 {
        self.id
    }

    fn pull(&self, lane: &Lane, after: Option<EffectId>, count_max: usize) -> Result<Vec<Effect>, QueryError> {
        self.effects.pull(lane, after, count_max)
    }
}
