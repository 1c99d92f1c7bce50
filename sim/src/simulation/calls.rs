//! Calls to the outside, one move at a time: an effect is pulled, the outside takes a call, its result comes into the log.

use super::outside::Answer;
use super::run::Run;
use super::workload::{Call, World};
use holdfast_engine::runtime::Effect;
use holdfast_ports::record::{NewRecord, TopicPartition};

/// Moves in one event, at most.
const MOVES_MAX: u64 = 6;

impl Run<'_> {
    /// Some moves of the executor of one worker.
    pub(super) fn perform_some(&mut self, who: usize) {
        for _ in 0..self.outside_rng.below(MOVES_MAX + 1) {
            self.perform(who);
        }
    }

    /// One move of the executor of this worker, or of a result whose worker is gone. False when there is none.
    pub(super) fn perform(&mut self, who: usize) -> bool {
        if self.workers[who].is_awake(self.event) && !self.workers[who].machine.is_off() {
            let first = self.outside_rng.below(3);
            if (first..3).chain(0..first).any(|which| self.moves(who, which)) {
                return true;
            }
        }
        let Some(answer) = self.outside.take_from_the_wire() else { return false };
        if self.outside_rng.chance(60) {
            self.tell(&answer);
        }
        true
    }

    fn moves(&mut self, who: usize, which: u64) -> bool {
        let executor = self.workers[who].machine.executor.clone();
        match which {
            0 => executor.begin(&mut self.outside_rng),
            1 => {
                let Some((effect, turn, to)) = executor.next_call(&mut self.outside_rng) else { return false };
                let value = self.call(&effect, turn, &to);
                executor.end_call(&effect, value);
                true
            }
            _ if self.workers[who].machine.is_cut_off() => false,
            _ => {
                let Some(answer) = executor.next_answer(&mut self.outside_rng) else { return false };
                self.tell(&answer);
                // As after an acknowledgement that was lost.
                if self.outside_rng.chance(10) {
                    self.outside.leave_on_the_wire(answer);
                }
                true
            }
        }
    }

    /// The outside takes a call, or fails. Returns the value of the result.
    fn call(&mut self, effect: &Effect, turn: u64, to: &TopicPartition) -> Vec<u8> {
        let call = match self.outside_rng.below(100) {
            0..80 => Call::Done,
            80..90 => Call::Failed,
            _ => Call::Unanswered,
        };
        if call != Call::Failed {
            self.outside.take(effect, turn, to);
        }
        let mut workload = std::mem::replace(&mut self.workload, Box::new(|_: &mut World<'_>| {}));
        let value = workload.perform(effect, call, &mut self.world());
        self.workload = workload;
        self.note(format_args!("effect {} {call:?}", effect.name));
        value
    }

    /// A result comes into the log.
    fn tell(&mut self, answer: &Answer) {
        let Answer { effect, to, value, .. } = answer;
        let headers = effect.result_headers();
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        self.world().append_anyway(&NewRecord {
            topic: &to.topic,
            partition: to.partition,
            key: Some(&effect.key),
            value: Some(value),
            headers: &headers,
        });
        self.outside.tell(answer);
        self.note(format_args!("result of {}", effect.name));
    }
}
