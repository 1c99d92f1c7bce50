//! What is done about a delivery. Pure: a row and what has come, in; what becomes of the row, out.

use holdfast_model::backoff::Backoff;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::data_platform::ATTEMPTS_MAX;
use holdfast_model::data_platform::row::{DeliveryRow, State};

/// What is done with a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is delivered.
    Deliver,
    /// It is delivered after all: an operator has put it back.
    DeliverAgain,
    /// It has come before.
    Known,
}

/// A confirmation has come. `redriven_from`: it was put back from the dead letters, and was given up at this offset before.
///
/// Only the letter of what was given up last opens a delivery again: another redrive of the same letter, or of an older one, finds nothing to do.
#[must_use]
pub fn confirmation(row: Option<&DeliveryRow>, redriven_from: Option<i64>) -> Arrival {
    match row {
        None => Arrival::Deliver,
        Some(row) => match row.state {
            State::Unconfirmed => Arrival::Deliver,
            State::Dead if redriven_from.is_some() && redriven_from == row.fact_offset => Arrival::DeliverAgain,
            State::Dead | State::Sending { .. } | State::Waiting | State::Delivered => Arrival::Known,
        },
    }
}

/// What a result comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the result of another call than the one that is under way: nothing follows from it.
    Foreign,
    /// The platform has it.
    Delivered,
    /// It is tried again.
    Retry {
        /// After so many ms.
        wait_ms: i64,
        /// Calls that have counted.
        attempts: u32,
    },
    /// It is given up.
    GiveUp {
        /// Why, for programs.
        class: &'static str,
        /// Calls that have counted, this one included.
        attempts: u32,
    },
}

/// Class of the dead letter of a call that the platform has refused.
pub const REFUSED: &str = "DeliveryRefused";
/// Class of the dead letter of calls that have failed too often.
pub const FAILED: &str = "DeliveryFailed";

/// The call of effect number `effect` has ended.
#[must_use]
pub fn result(row: &DeliveryRow, reservation_id: &str, effect: u64, result: &CallResult, backoff: Backoff) -> Outcome {
    if row.state != (State::Sending { effect }) {
        return Outcome::Foreign;
    }
    let call = row.calls.saturating_add(1);
    let counted = row.attempts.saturating_add(1);
    match result.ended {
        Ended::Done => Outcome::Delivered,
        // What failed because the channel was away waits as if it were the first failure after those that counted: the channel's breaker does the rest.
        Ended::Failed if result.channel_away => Outcome::Retry {
            wait_ms: backoff.wait_ms(counted, (reservation_id, call), result.retry_after_ms),
            attempts: row.attempts,
        },
        Ended::Failed if counted < ATTEMPTS_MAX => Outcome::Retry {
            wait_ms: backoff.wait_ms(counted, (reservation_id, call), result.retry_after_ms),
            attempts: counted,
        },
        Ended::Failed => Outcome::GiveUp { class: FAILED, attempts: counted },
        _ => Outcome::GiveUp { class: REFUSED, attempts: counted },
    }
}

/// Whether a wait is over: the one after call number `call`, and no other.
#[must_use]
pub fn is_due(row: Option<&DeliveryRow>, call: u32) -> bool {
    row.is_some_and(|row| row.state == State::Waiting && row.calls == call)
}

/// Whether a payment is noted: until something is known of its reservation.
#[must_use]
pub fn is_news(row: Option<&DeliveryRow>) -> bool {
    row.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff { base_ms: 1_000, max_ms: 60_000 };
    const STATES: [State; 5] =
        [State::Unconfirmed, State::Sending { effect: 5 }, State::Waiting, State::Delivered, State::Dead];

    fn row(state: State) -> DeliveryRow {
        DeliveryRow { state, changed_ms: 0, attempts: 0, calls: 0, fact_offset: Some(7), payment: None, original: None }
    }

    fn ended(ended: Ended) -> CallResult {
        CallResult::new(ended, 0)
    }

    #[test]
    fn a_confirmation_is_delivered_once_and_once_more_for_each_letter() {
        use Arrival::{Deliver, DeliverAgain, Known};
        assert_eq!(confirmation(None, None), Deliver);
        // Its row has ended, or it was given up before it was decided.
        assert_eq!(confirmation(None, Some(7)), Deliver);
        for (state, [first, redriven, redriven_from_another]) in STATES.into_iter().zip([
            [Deliver, Deliver, Deliver],
            [Known, Known, Known],
            [Known, Known, Known],
            [Known, Known, Known],
            [Known, DeliverAgain, Known],
        ]) {
            let row = Some(row(state));
            let arrival = |redriven_from| confirmation(row.as_ref(), redriven_from);
            assert_eq!(
                [arrival(None), arrival(Some(7)), arrival(Some(3))],
                [first, redriven, redriven_from_another],
                "{state:?}"
            );
        }
        let never = DeliveryRow { fact_offset: None, ..row(State::Dead) };
        assert_eq!(confirmation(Some(&never), None), Known);
    }

    #[test]
    fn a_result_ends_its_own_call_only() {
        for state in STATES {
            let outcome = result(&row(state), "r", 6, &ended(Ended::Done), BACKOFF);
            assert_eq!(outcome, Outcome::Foreign, "{state:?}");
        }
        let sending = row(State::Sending { effect: 6 });
        assert_eq!(result(&sending, "r", 6, &ended(Ended::Done), BACKOFF), Outcome::Delivered);
        for never in [Ended::Refused, Ended::NoContact] {
            let outcome = result(&sending, "r", 6, &ended(never), BACKOFF);
            assert_eq!(outcome, Outcome::GiveUp { class: REFUSED, attempts: 1 });
        }
    }

    #[test]
    fn one_try_and_three_retries() {
        let mut row = row(State::Sending { effect: 6 });
        for attempts in 1..=3 {
            let whole = 1_000 << (attempts - 1);
            match result(&row, "r", 6, &ended(Ended::Failed), BACKOFF) {
                Outcome::Retry { wait_ms, attempts: counted } => {
                    assert_eq!(counted, attempts);
                    assert!((whole / 2..=whole).contains(&wait_ms), "{wait_ms} after {attempts}");
                }
                other => panic!("{other:?}"),
            }
            (row.attempts, row.calls) = (attempts, attempts);
        }
        let outcome = result(&row, "r", 6, &ended(Ended::Failed), BACKOFF);
        assert_eq!(outcome, Outcome::GiveUp { class: FAILED, attempts: 4 });
    }

    #[test]
    fn a_receiver_may_ask_for_time() {
        let later = CallResult { retry_after_ms: Some(30_000), ..ended(Ended::Failed) };
        let outcome = result(&row(State::Sending { effect: 6 }), "r", 6, &later, BACKOFF);
        assert_eq!(outcome, Outcome::Retry { wait_ms: 30_000, attempts: 1 });
    }

    #[test]
    fn only_the_wait_after_the_last_call_is_waited_for() {
        let waiting = DeliveryRow { calls: 3, ..row(State::Waiting) };
        assert!(is_due(Some(&waiting), 3));
        assert!(!is_due(Some(&waiting), 2) && !is_due(None, 3));
        for state in STATES.into_iter().filter(|state| *state != State::Waiting) {
            assert!(!is_due(Some(&DeliveryRow { calls: 3, ..row(state) }), 3), "{state:?}");
        }
    }

    proptest! {
        /// However long the platform is away, nothing is given up, and no wait is beyond the bound.
        #[test]
        fn an_outage_gives_nothing_up(attempts in 0..ATTEMPTS_MAX, calls: u32, id: String) {
            let away = CallResult { channel_away: true, ..ended(Ended::Failed) };
            let row = DeliveryRow { attempts, calls, ..row(State::Sending { effect: 6 }) };
            let outcome = result(&row, &id, 6, &away, BACKOFF);
            let Outcome::Retry { wait_ms, attempts: counted } = outcome else { panic!("{outcome:?}") };
            prop_assert!(counted == attempts && (1..=60_000).contains(&wait_ms));
        }
    }
}
