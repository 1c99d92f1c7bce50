//! Giving back: what was held, what was paid, and a whole schedule.

use holdfast_model::reservation::ids;
use holdfast_model::reservation::message::Refunded;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{PaymentRow, PaymentState, Refund, ReservationRow, ScheduleRow};
use holdfast_model::reservation::settings::{Fee, Settings};
use holdfast_model::reservation::state::State;

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

/// Decides whether `user_id` may give back what he has, paid or not. `paid`: what he has paid, in KRW.
///
/// # Errors
/// The reason why not.
pub fn cancel(
    row: Option<&ReservationRow>,
    paid: u64,
    schedule: Option<&ScheduleRow>,
    user_id: &str,
    settings: &Settings,
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
    let fee = if is_free(row.changed_ms, starts_ms, settings, now_ms) {
        0
    } else {
        fee(paid, starts_ms, &settings.fees, now_ms)
    };
    Ok(Cancellation::GivesBack(Refund { amount: paid.saturating_sub(fee), fee }))
}

/// Whether something bought at `bought_ms` is given back without a fee because he has thought better of it at once.
fn is_free(bought_ms: i64, starts_ms: Option<i64>, settings: &Settings, now_ms: i64) -> bool {
    now_ms < bought_ms.saturating_add(settings.free_cancel_ms)
        && starts_ms.is_none_or(|starts_ms| days_before(starts_ms, now_ms) >= settings.free_cancel_days_min)
}

/// How many calendar days there are from `now_ms` to a show, in Korean time.
fn days_before(starts_ms: i64, now_ms: i64) -> i64 {
    let day = |ms: i64| ms.saturating_add(KST_MS).div_euclid(DAY_MS);
    day(starts_ms) - day(now_ms)
}

/// What is kept of `paid` KRW, rounded down, at so many calendar days before a show; of a show without a time nothing.
#[must_use]
pub fn fee(paid: u64, starts_ms: Option<i64>, fees: &[Fee], now_ms: i64) -> u64 {
    let Some(starts_ms) = starts_ms else { return 0 };
    let days_before = days_before(starts_ms, now_ms);
    let percent = fees.iter().find(|fee| days_before >= fee.days_before_min).map_or(0, |fee| fee.percent.min(100));
    // The quotient is at most `paid`.
    u64::try_from(u128::from(paid) * u128::from(percent) / 100).unwrap_or(paid)
}

/// What a step of a cancelled schedule does to one of its reservations, for which so many KRW were `paid`; none = nothing.
#[must_use]
pub fn step(row: &ReservationRow, paid: u64) -> Option<Cancellation> {
    match row.state {
        // What the wallet may yet pay comes back when it says so.
        State::Held | State::Paying => Some(Cancellation::Released),
        State::Confirmed => Some(Cancellation::GivesBack(Refund { amount: paid, fee: 0 })),
        State::Expired | State::Cancelled | State::Refunded => None,
    }
}

/// Decides what the answer about a refund comes to; none = it was here before.
///
/// # Errors
/// What is wrong with an answer that is none: about a refund that nobody asked for, or another amount.
pub fn refunded(command: &Refunded, payment: Option<&PaymentRow>) -> Result<Option<PaymentState>, &'static str> {
    let payment = payment.ok_or("there is no such payment")?;
    if command.refund_id != ids::refund(&command.payment_id) {
        return Err("it is not of this payment");
    }
    let is_refused = match command.result.as_deref() {
        None | Some("REFUNDED") => false,
        Some("REFUSED") => true,
        Some(_) => return Err("neither REFUNDED nor REFUSED"),
    };
    let (refund, was_refused) = match &payment.state {
        PaymentState::Refunding(refund) => (*refund, false),
        PaymentState::RefundRefused(refund, _) => (*refund, true),
        PaymentState::Refunded(_) => return Ok(None),
        PaymentState::Discounting | PaymentState::Pending | PaymentState::Paid | PaymentState::Refused(_) => {
            return Err("nobody asked for it");
        }
    };
    if u64::try_from(command.amount) != Ok(refund.amount) {
        return Err("another amount was asked for");
    }
    Ok(match (is_refused, was_refused) {
        (false, _) => Some(PaymentState::Refunded(refund)),
        (true, false) => Some(PaymentState::RefundRefused(refund, command.reason.clone().unwrap_or_default())),
        (true, true) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::holding::tests::{reservation, schedule};
    use super::*;
    use holdfast_model::rfc3339;

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
                assert_eq!(
                    cancel(Some(&row), 0, Some(&schedule()), "u", &Settings::default(), now_ms),
                    expected,
                    "{state:?}"
                );
            }
        }
        assert_eq!(release(None, "u", 0), Err(Refusal::UnknownReservation));
    }

    #[test]
    fn the_fee_goes_by_korean_days() {
        let settings = Settings::default();
        let starts_ms = rfc3339::parse("2026-03-15T18:00:00+09:00").unwrap();
        let at = |text: &str| {
            let evening = ScheduleRow { starts_ms: Some(starts_ms), ..schedule() };
            let row = reservation(State::Confirmed);
            cancel(Some(&row), 50_000, Some(&evening), "u", &settings, rfc3339::parse(text).unwrap())
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
        assert_eq!(fee(99, Some(starts_ms), &settings.fees, starts_ms - 1), 89);
        assert_eq!(fee(u64::MAX, Some(0), &[Fee { days_before_min: -9, percent: 500 }], 0), u64::MAX);
        assert_eq!(fee(50_000, None, &settings.fees, 0), 0);
    }

    #[test]
    fn what_was_bought_within_a_day_is_given_back_without_a_fee_up_to_three_days_before() {
        let settings = Settings::default();
        let starts_ms = rfc3339::parse("2026-03-15T18:00:00+09:00").unwrap();
        let evening = ScheduleRow { starts_ms: Some(starts_ms), ..schedule() };
        let fee = |bought: &str, now: &str| {
            let row = ReservationRow { changed_ms: rfc3339::parse(bought).unwrap(), ..reservation(State::Confirmed) };
            let now_ms = rfc3339::parse(now).unwrap();
            match cancel(Some(&row), 45_000, Some(&evening), "u", &settings, now_ms) {
                Ok(Cancellation::GivesBack(refund)) => {
                    assert_eq!(refund.amount + refund.fee, 45_000);
                    refund.fee
                }
                other => panic!("{other:?}"),
            }
        };
        for (bought, now, expected) in [
            ("2026-03-11T12:00:00+09:00", "2026-03-12T11:59:59.999+09:00", 0),
            ("2026-03-11T12:00:00+09:00", "2026-03-12T12:00:00+09:00", 9_000),
            ("2026-03-12T23:00:00+09:00", "2026-03-12T23:59:59.999+09:00", 0),
            // Two days before, and on the day: too near.
            ("2026-03-12T23:00:00+09:00", "2026-03-13T00:00:00+09:00", 13_500),
            ("2026-03-15T17:00:00+09:00", "2026-03-15T17:00:01+09:00", 40_500),
        ] {
            assert_eq!(fee(bought, now), expected, "{bought} {now}");
        }
    }

    #[test]
    fn a_cancelled_schedule_gives_everything_back() {
        let step = |row: &ReservationRow| step(row, 50_000);
        assert_eq!(step(&reservation(State::Held)), Some(Cancellation::Released));
        assert_eq!(step(&reservation(State::Paying)), Some(Cancellation::Released));
        let all = Refund { amount: 50_000, fee: 0 };
        assert_eq!(step(&reservation(State::Confirmed)), Some(Cancellation::GivesBack(all)));
        for state in [State::Expired, State::Cancelled, State::Refunded] {
            assert_eq!(step(&reservation(state)), None);
        }
    }

    #[test]
    fn an_answer_about_a_refund_has_one_meaning() {
        let back = Refund { amount: 45_000, fee: 5_000 };
        let answer = |result: Option<&str>, amount| Refunded {
            refund_id: "ref_p".to_owned(),
            payment_id: "p".to_owned(),
            amount,
            result: result.map(str::to_owned),
            reason: result.map(|_| "X".to_owned()),
            ..Refunded::default()
        };
        let of = |state, answer: &Refunded| {
            refunded(answer, Some(&PaymentRow { serial: 7, amount: 50_000, asked_ms: 0, state, changed_ms: 0 }))
        };
        let refused = PaymentState::RefundRefused(back, "X".to_owned());
        let done = PaymentState::Refunded(back);
        for result in [None, Some("REFUNDED")] {
            let answer = answer(result, 45_000);
            assert_eq!(of(PaymentState::Refunding(back), &answer), Ok(Some(done.clone())));
            // Put back by an operator, it was paid after all.
            assert_eq!(of(refused.clone(), &answer), Ok(Some(done.clone())));
            assert_eq!(of(done.clone(), &answer), Ok(None));
        }
        let no = answer(Some("REFUSED"), 45_000);
        assert_eq!(of(PaymentState::Refunding(back), &no), Ok(Some(refused.clone())));
        assert_eq!(of(refused, &no), Ok(None));
        assert_eq!(of(done, &no), Ok(None));
        let yes = answer(None, 45_000);
        for state in
            [PaymentState::Discounting, PaymentState::Pending, PaymentState::Paid, PaymentState::Refused(String::new())]
        {
            assert!(of(state.clone(), &yes).is_err() && of(state, &no).is_err());
        }
        for wrong in [answer(None, 44_999), answer(None, -1), answer(Some("MAYBE"), 45_000)] {
            assert!(of(PaymentState::Refunding(back), &wrong).is_err());
        }
        let other = Refunded { refund_id: "ref_q".to_owned(), ..yes.clone() };
        assert!(of(PaymentState::Refunding(back), &other).is_err());
        assert!(refunded(&yes, None).is_err());
    }
}
