//! Whether a channel is called at all. A pure state machine: the caller tells the time and how calls ended.
//!
//! ```text
//!            5 different effects failed in a row, or no connection
//!  closed ───────────────────────────────────────────────────────► open ◄──────────────┐
//!    ▲                                                               │ the pause ends  │ no answer: pause doubled
//!    │                                                               ▼                 │
//!    │                                                             asking ─────────────┤
//!    │ the call succeeds                                             │ it answers      │
//!    └───────────────────────────────────────────────────────────── trial: one call ───┘ it fails: pause doubled
//! ```
//! A single effect that fails, however often, never opens it: it may be the effect's own fault. Effects are told apart by the key of their result, so
//! that a retry, which is another effect with the same key, does not count again.

use rustc_hash::FxHashSet;

/// Failures in a row, of as many different effects, that open it.
pub const FAILURES_MAX: usize = 5;

/// How long it stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// The first pause, in µs. It doubles with each trial that fails.
    pub min_us: u64,
    /// The longest, in µs.
    pub max_us: u64,
}

/// What may be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Whatever there is; in the trial that is one call, after which [`Allowed::Nothing`] comes.
    Call,
    /// Nothing before this time, in µs.
    NotBefore(u64),
    /// The channel has to be asked whether it answers; [`Breaker::asked`] tells what came of it.
    Ask,
    /// Nothing, until something that is under way has ended.
    Nothing,
}

/// What a call was begun with, and is noted with when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    opened: u64,
    is_trial: bool,
}

/// For metrics and humans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Calls are made.
    Closed,
    /// It is found out whether they can be made again.
    HalfOpen,
    /// No call is made.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until_us: u64 },
    Asking,
    Trial { is_under_way: bool },
}

/// The breaker of one channel.
#[derive(Debug, Clone)]
pub struct Breaker {
    pauses: Pauses,
    state: State,
    /// The pause that the next opening takes, in µs.
    pause_us: u64,
    /// Effects that have failed since the last success.
    failed: FxHashSet<u64>,
    /// How often it was opened: what was begun before is told apart by it.
    opened: u64,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(pauses: Pauses) -> Self {
        Self { pauses, state: State::Closed, pause_us: pauses.min_us, failed: FxHashSet::default(), opened: 0 }
    }

    /// What may be called at `now_us`.
    pub fn allowed(&mut self, now_us: u64) -> Allowed {
        match self.state {
            State::Closed | State::Trial { is_under_way: false } => Allowed::Call,
            State::Open { until_us } if now_us < until_us => Allowed::NotBefore(until_us),
            State::Open { .. } => {
                self.state = State::Asking;
                Allowed::Ask
            }
            State::Asking | State::Trial { is_under_way: true } => Allowed::Nothing,
        }
    }

    /// The channel was asked at `now_us`, or before, and does or does not answer.
    pub fn asked(&mut self, answers: bool, now_us: u64) {
        match (self.state, answers) {
            (State::Asking, true) => self.state = State::Trial { is_under_way: false },
            (State::Asking, false) => self.open_longer(now_us),
            _ => {}
        }
    }

    /// A call begins.
    pub fn begin(&mut self) -> Pass {
        let is_trial = matches!(self.state, State::Trial { .. });
        if is_trial {
            self.state = State::Trial { is_under_way: true };
        }
        Pass { opened: self.opened, is_trial }
    }

    /// The receiver took the call, or refused it for what it says: it is there.
    pub fn succeeded(&mut self, pass: Pass) {
        if pass.opened != self.opened {
            // Begun before it was opened: says nothing about now.
            return;
        }
        self.failed.clear();
        if pass.is_trial {
            self.state = State::Closed;
            self.pause_us = self.pauses.min_us;
        }
    }

    /// The call says nothing about the receiver, as when it was cut off.
    pub fn no_verdict(&mut self, pass: Pass) {
        if pass.opened == self.opened && self.state == (State::Trial { is_under_way: true }) {
            self.state = State::Trial { is_under_way: false };
        }
    }

    /// The call for the effect with this key failed. True when the channel as a whole did not work while it was under way.
    pub fn failed(&mut self, pass: Pass, key: u64, now_us: u64) -> bool {
        if pass.opened != self.opened {
            return true;
        }
        if pass.is_trial {
            self.open_longer(now_us);
            return true;
        }
        self.failed.insert(key);
        if self.failed.len() >= FAILURES_MAX {
            self.open(now_us);
        }
        self.state != State::Closed
    }

    /// No connection could be made for the call.
    pub fn not_reached(&mut self, pass: Pass, now_us: u64) {
        if pass.opened != self.opened {
            return;
        }
        if pass.is_trial { self.open_longer(now_us) } else { self.open(now_us) }
    }

    /// What it looks like.
    #[must_use]
    pub fn shown(&self) -> Shown {
        match self.state {
            State::Closed => Shown::Closed,
            State::Open { .. } => Shown::Open,
            State::Asking | State::Trial { .. } => Shown::HalfOpen,
        }
    }

    fn open(&mut self, now_us: u64) {
        self.state = State::Open { until_us: now_us.saturating_add(self.pause_us) };
        self.failed.clear();
        self.opened += 1;
    }

    fn open_longer(&mut self, now_us: u64) {
        self.pause_us = self.pause_us.saturating_mul(2).min(self.pauses.max_us).max(self.pauses.min_us);
        self.open(now_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAUSES: Pauses = Pauses { min_us: 100, max_us: 1_000 };

    fn opened_at(now_us: u64) -> Breaker {
        let mut breaker = Breaker::new(PAUSES);
        let pass = breaker.begin();
        breaker.not_reached(pass, now_us);
        breaker
    }

    #[test]
    fn five_different_effects_in_a_row_open_it() {
        let mut breaker = Breaker::new(PAUSES);
        for key in 0..4 {
            let pass = breaker.begin();
            assert!(!breaker.failed(pass, key, 0), "{key}");
        }
        let pass = breaker.begin();
        assert!(breaker.failed(pass, 4, 7));
        assert_eq!((breaker.shown(), breaker.allowed(7)), (Shown::Open, Allowed::NotBefore(107)));
    }

    #[test]
    fn one_effect_that_fails_for_ever_does_not() {
        let mut breaker = Breaker::new(PAUSES);
        for _ in 0..1_000 {
            let pass = breaker.begin();
            assert!(!breaker.failed(pass, 1, 0));
        }
        assert_eq!(breaker.allowed(0), Allowed::Call);
    }

    #[test]
    fn a_success_in_between_begins_the_count_anew() {
        let mut breaker = Breaker::new(PAUSES);
        for key in 0..100 {
            let pass = breaker.begin();
            breaker.failed(pass, key, 0);
            if key % 4 == 3 {
                breaker.succeeded(pass);
            }
        }
        assert_eq!(breaker.shown(), Shown::Closed);
    }

    #[test]
    fn after_the_pause_it_asks_then_tries_one_call_and_closes_when_that_succeeds() {
        let mut breaker = opened_at(0);
        assert_eq!(breaker.allowed(99), Allowed::NotBefore(100));
        assert_eq!(breaker.allowed(100), Allowed::Ask);
        assert_eq!((breaker.allowed(101), breaker.shown()), (Allowed::Nothing, Shown::HalfOpen));
        breaker.asked(true, 110);
        assert_eq!(breaker.allowed(110), Allowed::Call);
        let trial = breaker.begin();
        assert_eq!(breaker.allowed(111), Allowed::Nothing);
        breaker.succeeded(trial);
        assert_eq!((breaker.allowed(112), breaker.shown()), (Allowed::Call, Shown::Closed));
    }

    #[test]
    fn each_trial_that_fails_doubles_the_pause_up_to_its_bound_and_a_success_ends_that() {
        let mut breaker = opened_at(0);
        let mut now_us = 100;
        for (way, pause_us) in [(0, 200), (1, 400), (2, 800), (0, 1_000), (1, 1_000)] {
            assert_eq!(breaker.allowed(now_us), Allowed::Ask);
            breaker.asked(way != 0, now_us);
            if way > 0 {
                let trial = breaker.begin();
                if way == 1 { assert!(breaker.failed(trial, 1, now_us)) } else { breaker.not_reached(trial, now_us) }
            }
            assert_eq!(breaker.allowed(now_us), Allowed::NotBefore(now_us + pause_us));
            now_us += pause_us;
        }
        assert_eq!(breaker.allowed(now_us), Allowed::Ask);
        breaker.asked(true, now_us);
        let trial = breaker.begin();
        breaker.succeeded(trial);
        let pass = breaker.begin();
        breaker.not_reached(pass, now_us);
        assert_eq!(breaker.allowed(now_us), Allowed::NotBefore(now_us + 100));
    }

    #[test]
    fn what_was_begun_before_it_opened_neither_closes_it_nor_keeps_it_open() {
        let mut breaker = Breaker::new(PAUSES);
        let (early, opens) = (breaker.begin(), breaker.begin());
        breaker.not_reached(opens, 0);
        breaker.succeeded(early);
        assert_eq!(breaker.shown(), Shown::Open);
        assert!(breaker.failed(early, 1, 50), "the channel was away meanwhile");
        breaker.not_reached(early, 50);
        assert_eq!(breaker.allowed(50), Allowed::NotBefore(100));
        // Also after it has closed again: a time-out takes long to be known.
        assert_eq!(breaker.allowed(100), Allowed::Ask);
        breaker.asked(true, 100);
        let trial = breaker.begin();
        breaker.succeeded(trial);
        for key in 0..10 {
            assert!(breaker.failed(early, key, 101));
        }
        assert_eq!(breaker.shown(), Shown::Closed);
    }

    #[test]
    fn a_trial_without_a_verdict_is_made_again() {
        let mut breaker = opened_at(0);
        assert_eq!(breaker.allowed(100), Allowed::Ask);
        breaker.asked(true, 100);
        let trial = breaker.begin();
        breaker.no_verdict(trial);
        assert_eq!((breaker.allowed(101), breaker.shown()), (Allowed::Call, Shown::HalfOpen));
    }

    proptest! {
        /// Whatever happens, time and answers bring it back.
        #[test]
        fn it_never_stays_open_for_longer_than_the_longest_pause(
            steps in proptest::collection::vec((0u8..6, 0u64..8, 0u64..500), 0..200)
        ) {
            let mut breaker = Breaker::new(PAUSES);
            let (mut now_us, mut passes) = (0, Vec::new());
            for (what, key, passed_us) in steps {
                now_us += passed_us;
                match what {
                    0 | 1 => match breaker.allowed(now_us) {
                        Allowed::Call => passes.push(breaker.begin()),
                        Allowed::Ask => breaker.asked(what == 0, now_us),
                        Allowed::NotBefore(until_us) => prop_assert!(until_us - now_us <= PAUSES.max_us),
                        Allowed::Nothing => prop_assert!(!passes.is_empty()),
                    },
                    2 => if let Some(pass) = passes.pop() { breaker.succeeded(pass) },
                    3 => if let Some(pass) = passes.pop() { breaker.failed(pass, key, now_us); },
                    4 => if let Some(pass) = passes.pop() { breaker.not_reached(pass, now_us) },
                    _ => if let Some(pass) = passes.pop() { breaker.no_verdict(pass) },
                }
            }
            for pass in passes {
                breaker.no_verdict(pass);
            }
            now_us += PAUSES.max_us;
            if breaker.allowed(now_us) == Allowed::Ask {
                breaker.asked(true, now_us);
            }
            prop_assert_eq!(breaker.allowed(now_us), Allowed::Call);
            let pass = breaker.begin();
            breaker.succeeded(pass);
            prop_assert_eq!(breaker.shown(), Shown::Closed);
        }
    }
}
