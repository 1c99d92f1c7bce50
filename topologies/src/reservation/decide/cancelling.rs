//! Giving back: what was held, what was paid, and a whole schedule.

use crate::reservation::refusal::Refusal;
use crate::reservation::row::{Refund, ReservationRow, ScheduleRow};
use crate::reservation::settings::Fee;
use crate::reservation::state::State;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Korean time is 9 hours ahead, all year.
const KST_MS: i64 = 9 * 60 * 60 * 1_000;

/// What becomes of a release or a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The seat is free; nothing was paid.
    Released,
    /// The seat is free, and money goes back.
    GivesBack(Refund),
    /// It was given back before: the wish is the state.
    Unchanged,
}

/// His reservation, or none: an id that was guessed tells nothing.
fn of<'a>(row: Option<&'a ReservationRow>, user_id: &str) -> Result<&'a ReservationRow, Refusal> {
    row.filter(|row| row.user_id == user_id).ok_or(Refusal::UnknownReservation)
}

/// Decides whether `user_id` may give back what he has not paid.
///
/// # Errors
/// The reason why not.
pub fn release(row: Option<&ReservationRow>, user_id: &str, now_ms: i64) -> Result<Cancellation, Refusal> {
    let row = of(row, user_id)?;
    match row.state {
        // Its own deadline's record is on its way, and says so to everybody.
        State::Held if now_ms >= row.expires_ms => Err(Refusal::ReservationExpired),
        State::Held => Ok(Cancellation::Released),
        State::Paying => Err(Refusal::PaymentUnderWay),
        State::Confirmed => Err(Refusal::AlreadyConfirmed),
        State::Expired => Err(Refusal::ReservationExpired),
        State::Cancelled | State::Refunded => Ok(Cancellation::Unchanged),
    }
}

/// Decides whether `user_id` may give back what he has, paid or not.
///
/// # Errors
/// The reason why not.
pub fn cancel(
    row: Option<&ReservationRow>,
    schedule: Option<&ScheduleRow>,
    user_id: &str,
    fees: &[Fee],
    now_ms: i64,
) -> Result<Cancellation, Refusal> {
    let row = of(row, user_id)?;
    if row.state != State::Confirmed {
        return release(Some(row), user_id, now_ms);
    }
    let starts_ms = schedule.and_then(|schedule| schedule.starts_ms);
    if starts_ms.is_some_and(|starts_ms| now_ms >= starts_ms) {
        return Err(Refusal::TooLateToCancel);
    }
    let fee = fee(row.price, starts_ms, fees, now_ms);
    Ok(Cancellation::GivesBack(Refund { amount: row.price.saturating_sub(fee), fee }))
}

/// What is kept of `paid` KRW, rounded down, at so many calendar days before a show; of a show without a time nothing.
#[must_use]
pub fn fee(paid: u64, starts_ms: Option<i64>, fees: &[Fee], now_ms: i64) -> u64 {
    let Some(starts_ms) = starts_ms else { return 0 };
    let day = |ms: i64| ms.saturating_add(KST_MS).div_euclid(DAY_MS);
    let days_before = day(starts_ms) - day(now_ms);
    let percent = fees.iter().find(|fee| days_before >= fee.days_before_min).map_or(0, |fee| fee.percent.min(100));
    // The quotient is at most `paid`.
    u64::try_from(u128::from(paid) * u128::from(percent) / 100).unwrap_or(paid)
}

/// What a step of a cancelled schedule does to one of its reservations; none = nothing.
#[must_use]
pub fn step(row: &ReservationRow) -> Option<Cancellation> {
    match row.state {
        // What the wallet may yet pay comes back when it says so.
        State::Held | State::Paying => Some(Cancellation::Released),
        State::Confirmed => Some(Cancellation::GivesBack(Refund { amount: row.price, fee: 0 })),
        State::Expired | State::Cancelled | State::Refunded => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::holding::tests::{reservation, schedule};
    use super::*;
    use crate::reservation::settings::Settings;
    use crate::rfc3339;

    #[test]
    fn only_what_is_held_is_released() {
        for (state, now_ms, expected) in [
            (State::Held, 399, Ok(Cancellation::Released)),
            (State::Held, 400, Err(Refusal::ReservationExpired)),
            (State::Paying, 200, Err(Refusal::PaymentUnderWay)),
            (State::Confirmed, 200, Err(Refusal::AlreadyConfirmed)),
            (State::Expired, 200, Err(Refusal::ReservationExpired)),
            (State::Cancelled, 200, Ok(Cancellation::Unchanged)),
            (State::Refunded, 200, Ok(Cancellation::Unchanged)),
        ] {
            let row = reservation(state);
            assert_eq!(release(Some(&row), "u", now_ms), expected, "{state:?}");
            assert_eq!(release(Some(&row), "v", now_ms), Err(Refusal::UnknownReservation));
            if state != State::Confirmed {
                assert_eq!(cancel(Some(&row), Some(&schedule()), "u", &[], now_ms), expected, "{state:?}");
            }
        }
        assert_eq!(release(None, "u", 0), Err(Refusal::UnknownReservation));
    }

    #[test]
    fn the_fee_goes_by_korean_days() {
        let fees = Settings::default().fees;
        let starts_ms = rfc3339::parse("2026-03-15T18:00:00+09:00").unwrap();
        let at = |text: &str| {
            let evening = ScheduleRow { starts_ms: Some(starts_ms), ..schedule() };
            let row = reservation(State::Confirmed);
            cancel(Some(&row), Some(&evening), "u", &fees, rfc3339::parse(text).unwrap())
        };
        for (text, fee) in [
            ("2026-01-01T00:00:00+09:00", 0),
            ("2026-03-05T23:59:59+09:00", 0),
            ("2026-03-06T00:00:00+09:00", 5_000),
            ("2026-03-08T23:59:59+09:00", 5_000),
            ("2026-03-09T00:00:00+09:00", 10_000),
            ("2026-03-12T23:59:59+09:00", 10_000),
            ("2026-03-13T00:00:00+09:00", 15_000),
            ("2026-03-14T23:59:59+09:00", 15_000),
            ("2026-03-15T00:00:00+09:00", 45_000),
            ("2026-03-15T17:59:59.999+09:00", 45_000),
        ] {
            assert_eq!(at(text), Ok(Cancellation::GivesBack(Refund { amount: 50_000 - fee, fee })), "{text}");
        }
        assert_eq!(at("2026-03-15T18:00:00+09:00"), Err(Refusal::TooLateToCancel));
        assert_eq!(fee(99, Some(starts_ms), &fees, starts_ms - 1), 89);
        assert_eq!(fee(u64::MAX, Some(0), &[Fee { days_before_min: -9, percent: 500 }], 0), u64::MAX);
        assert_eq!(fee(50_000, None, &fees, 0), 0);
    }

    #[test]
    fn a_cancelled_schedule_gives_everything_back() {
        assert_eq!(step(&reservation(State::Held)), Some(Cancellation::Released));
        assert_eq!(step(&reservation(State::Paying)), Some(Cancellation::Released));
        let all = Refund { amount: 50_000, fee: 0 };
        assert_eq!(step(&reservation(State::Confirmed)), Some(Cancellation::GivesBack(all)));
        for state in [State::Expired, State::Cancelled, State::Refunded] {
            assert_eq!(step(&reservation(state)), None);
        }
    }
}
