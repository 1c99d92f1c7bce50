//! What was done outside in a history, and the question that it has to answer: was an effect performed again although its result was known?
//!
//! A worker that begins to perform effects of a task has asked before where their results end: a *turn* begins. A call of an earlier turn may be
//! made again in a later one only if its result was not in the log when that turn began: a crash, a cut-off or a zombie lay between. In one turn no
//! call is made twice, ever. A place that is given up in good order leaves nothing under way behind, unless that took too long.

use holdfast_engine::runtime::Effect;
use holdfast_ports::record::TopicPartition;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Calls that are under way at the same time in one worker, at most.
pub(super) const CREDIT: usize = 4;

/// Everything outside, and what is on its way to the log. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Outside(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    event: u64,
    /// Turns begun, by partition of the results.
    turns: BTreeMap<TopicPartition, u64>,
    /// By name of the effect.
    calls: BTreeMap<String, Vec<Call>>,
    counts: Calls,
    /// Results whose worker is gone: they may still come into the log.
    wire: Vec<Answer>,
    wrong: Option<String>,
}

/// One call that the outside has taken.
struct Call {
    turn: u64,
    /// The last turn that had begun when its result came into the log.
    told_in: Option<u64>,
}

/// A result on its way to the log.
pub(super) struct Answer {
    pub(super) effect: Effect,
    pub(super) turn: u64,
    pub(super) to: TopicPartition,
    pub(super) value: Vec<u8>,
}

/// What was done outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls that the outside has taken.
    pub made: u64,
    /// Of those, calls made again since nobody knew the result of the first.
    pub again: u64,
    /// Of those, calls made by a worker that did not know yet that it had lost the place.
    pub stale: u64,
}

impl Calls {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.made += other.made;
        self.again += other.again;
        self.stale += other.stale;
    }
}

impl Outside {
    /// Another event begins.
    pub(super) fn at(&self, event: u64) {
        self.0.lock().event = event;
    }

    pub(super) fn event(&self) -> u64 {
        self.0.lock().event
    }

    pub(super) fn counts(&self) -> Calls {
        self.0.lock().counts
    }

    /// What must not be, if it was.
    pub(super) fn wrong(&self) -> Result<(), String> {
        self.0.lock().wrong.clone().map_or(Ok(()), Err)
    }

    pub(super) fn complain(&self, what: String) {
        self.0.lock().wrong.get_or_insert(what);
    }

    /// A worker has asked where these results end.
    pub(super) fn begin_turn(&self, results: &TopicPartition) -> u64 {
        let mut ledger = self.0.lock();
        let turns = ledger.turns.entry(results.clone()).or_default();
        *turns += 1;
        *turns
    }

    /// The outside takes a call.
    pub(super) fn take(&self, effect: &Effect, turn: u64, results: &TopicPartition) {
        let mut ledger = self.0.lock();
        let Ledger { turns, calls, counts, wrong, .. } = &mut *ledger;
        counts.made += 1;
        let calls = calls.entry(effect.name.clone()).or_default();
        for call in &*calls {
            if call.turn == turn {
                wrong.get_or_insert(format!("{} was performed twice in turn {turn} of its task", effect.name));
            }
            if call.turn < turn && call.told_in.is_some_and(|told_in| told_in < turn) {
                wrong.get_or_insert(format!(
                    "{} was performed in turn {} and again in turn {turn}, although its result was in the log before that began",
                    effect.name, call.turn
                ));
            }
        }
        if calls.iter().any(|call| call.turn > turn) {
            counts.stale += 1;
        } else if !calls.is_empty() {
            counts.again += 1;
        }
        let turns: u64 = turns.values().sum();
        if counts.again > turns * CREDIT as u64 {
            wrong.get_or_insert(format!(
                "{} calls were made again in {turns} turns of {CREDIT} at a time",
                counts.again
            ));
        }
        debug_assert!(turn > 0, "{results} was never asked for its end");
        calls.push(Call { turn, told_in: None });
    }

    /// The result of a call is in the log.
    pub(super) fn tell(&self, answer: &Answer) {
        let mut ledger = self.0.lock();
        let last = ledger.turns.get(&answer.to).copied();
        for call in ledger.calls.get_mut(&answer.effect.name).into_iter().flatten() {
            if call.turn == answer.turn && call.told_in.is_none() {
                call.told_in = last;
            }
        }
    }

    /// Who was to tell this is gone, and it may have been sent.
    pub(super) fn leave_on_the_wire(&self, answer: Answer) {
        self.0.lock().wire.push(answer);
    }

    /// What is still on its way, the oldest first.
    pub(super) fn take_from_the_wire(&self) -> Option<Answer> {
        let mut ledger = self.0.lock();
        if ledger.wire.is_empty() { None } else { Some(ledger.wire.remove(0)) }
    }
}
