//! Who gets a seat, until when, and when it is over.

use holdfast_model::id_rule;
use holdfast_model::reservation::message::Hold;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{BuyerRow, ReservationRow, ScheduleRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::settings::Settings;
use holdfast_model::reservation::state::State;
use holdfast_model::wire::When;

/// The longest that an early `expire` is armed beyond the deadline, in ms. A clock that is wrong by more than that asks again and again, at this pace.
const SKEW_MS_MAX: i64 = 60_000;

/// What becomes of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// The seat is his until then, at this price.
    New {
        /// First moment at which it is over, in ms since the epoch.
        expires_ms: i64,
        /// KRW.
        price: u64,
    },
    /// He has it already: the wish is the state.
    Same {
        /// The reservation that has it.
        serial: Serial,
    },
}

/// Why no seat of a schedule is held or paid any more, whatever its window says; none = there is no reason.
#[must_use]
pub fn closed(schedule: &ScheduleRow, settings: &Settings, now_ms: i64) -> Option<Refusal> {
    if schedule.cancelling.is_some() {
        return Some(Refusal::ScheduleCancelled);
    }
    begun(schedule, settings, now_ms)
}

/// The refusal of whatever comes when the show has begun: it could not be given back any more.
#[must_use]
pub fn begun(schedule: &ScheduleRow, settings: &Settings, now_ms: i64) -> Option<Refusal> {
    let has_begun = schedule.starts_ms.is_some_and(|starts_ms| now_ms >= starts_ms);
    (has_begun && settings.has_second_rules()).then_some(Refusal::ShowBegun)
}

/// Decides who gets a seat. `price`: of the seat if there is one; `taken`: who has it.
///
/// Having it comes before the limits: who has his seat is told so, not that he has too many.
///
/// # Errors
/// The reason why not.
pub fn hold(
    command: &Hold,
    schedule: Option<&ScheduleRow>,
    price: Option<u64>,
    taken: Option<(Serial, &ReservationRow)>,
    buyer: BuyerRow,
    settings: &Settings,
    now_ms: i64,
) -> Result<Granted, Refusal> {
    let schedule = schedule.ok_or(Refusal::UnknownSchedule)?;
    let price = price.ok_or(Refusal::UnknownSeat)?;
    if command.user_id.trim().is_empty() {
        return Err(Refusal::NoUser);
    }
    if id_rule::check(&command.user_id).is_err() {
        return Err(Refusal::BadId);
    }
    if let Some(refusal) = closed(schedule, settings, now_ms) {
        return Err(refusal);
    }
    if let Some((serial, row)) = taken {
        // Past its deadline it is nobody's to give: not his any more, and not free before the deadline's own record says so.
        let is_his = row.user_id == command.user_id && (row.state != State::Held || now_ms < row.expires_ms);
        return if is_his { Ok(Granted::Same { serial }) } else { Err(Refusal::SeatTaken) };
    }
    if !schedule.is_on_sale(now_ms) {
        return Err(Refusal::NotOnSale);
    }
    if !may_have_more(buyer, schedule, settings) {
        return Err(Refusal::TooManySeats);
    }
    Ok(Granted::New { expires_ms: now_ms.saturating_add(settings.hold_ms), price })
}

/// Whether a user that has `buyer` of a schedule may have one seat more.
#[must_use]
pub fn may_have_more(buyer: BuyerRow, schedule: &ScheduleRow, settings: &Settings) -> bool {
    let seats_max = schedule.seats_per_user_max.unwrap_or(settings.seats_per_user_max);
    let open_max = schedule.open_holds_max.unwrap_or(settings.open_holds_max);
    buyer.open.saturating_add(buyer.bought) < seats_max && buyer.open < open_max
}

/// What becomes of a deadline's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It has come: the hold is over.
    Now,
    /// It has not: ask again at this time of the clock that was early, in ms since the epoch.
    Early {
        /// When to ask.
        due_ms: i64,
    },
    /// Nothing is to be done: it is paid, being paid, over, or another deadline stands.
    Nothing,
}

/// Decides whether a hold is over. Only the time of the record counts, so no clock can end a hold early.
///
/// While the wallet decides nothing happens, and nothing need be remembered: `now` never goes back, so an answer that comes after this record comes
/// after the deadline, too. Unless the record is early: the wallet may say no before the deadline, which then has to have a record still to come.
#[must_use]
pub fn expire(row: &ReservationRow, meant: Option<When>, due_at_ms: Option<i64>, now_ms: i64) -> Expiry {
    match row.state {
        State::Held if now_ms >= row.expires_ms => return Expiry::Now,
        State::Paying if now_ms >= row.expires_ms => return Expiry::Nothing,
        State::Held | State::Paying => {}
        State::Confirmed | State::Expired | State::Cancelled | State::Refunded => return Expiry::Nothing,
    }
    // Another deadline has a record of its own.
    if meant.is_some_and(|meant| meant.ms() != Some(row.expires_ms)) {
        return Expiry::Nothing;
    }
    // The clock that sent it stood at `due_at` or later when the log's stood at `now`: so much it is ahead at least. Asking for the deadline by
    // that clock comes closer with each round, and does not go round in circles until the log's clock has come after.
    let ahead_ms = due_at_ms.unwrap_or(row.expires_ms).max(row.expires_ms).saturating_sub(now_ms);
    Expiry::Early { due_ms: row.expires_ms.saturating_add(ahead_ms.min(SKEW_MS_MAX)) }
}

/// Whether a sweep ends a hold: its deadline has come, whatever has become of the record that should have said so.
#[must_use]
pub fn is_overdue(row: &ReservationRow, now_ms: i64) -> bool {
    row.state == State::Held && now_ms >= row.expires_ms
}

/// When a schedule is swept after a sweep that was armed for `due_ms`, in ms since the epoch: each hold of now or later is looked at within a hold's time and
/// the grace after its deadline. By a clock that is ahead it comes later each time, and does not go round in circles.
#[must_use]
pub fn next_sweep(due_ms: i64, settings: &Settings, now_ms: i64) -> i64 {
    let pause_ms = settings.hold_ms.max(0).saturating_add(settings.overdue_grace_ms.max(1));
    due_ms.max(now_ms).saturating_add(pause_ms)
}

/// Decides the new deadline of a hold. `begun`: the refusal if its show has begun.
///
/// # Errors
/// The reason why it stays.
pub fn extend(row: &ReservationRow, begun: Option<Refusal>, settings: &Settings, now_ms: i64) -> Result<i64, Refusal> {
    match row.state {
        State::Held if now_ms >= row.expires_ms => Err(Refusal::ReservationExpired),
        State::Held => match begun {
            Some(refusal) => Err(refusal),
            None if settings.extend_ms > 0 && row.extensions < settings.extensions_max => {
                Ok(row.expires_ms.saturating_add(settings.extend_ms))
            }
            None => Err(Refusal::NotExtendable),
        },
        State::Paying => Err(Refusal::PaymentUnderWay),
        State::Confirmed => Err(Refusal::AlreadyConfirmed),
        State::Expired => Err(Refusal::ReservationExpired),
        State::Cancelled | State::Refunded => Err(Refusal::ReservationCancelled),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use holdfast_model::reservation::row::House;

    pub(in crate::reservation) fn schedule() -> ScheduleRow {
        ScheduleRow {
            concert_id: None,
            concert_title: "아이유 콘서트".to_owned(),
            date: None,
            starts_ms: None,
            sale_starts_ms: Some(100),
            sale_ends_ms: Some(1_000),
            house: House::OnePrice(50_000),
            capacity: 50,
            held: 0,
            reserved: 0,
            seats_per_user_max: None,
            open_holds_max: Some(2),
            cancelling: None,
            fingerprint: 0,
            created_ms: 0,
            version: 0,
        }
    }

    pub(in crate::reservation) fn reservation(state: State) -> ReservationRow {
        ReservationRow {
            schedule_id: "s".to_owned(),
            user_id: "u".to_owned(),
            seat_no: 1,
            price: 50_000,
            held_ms: 100,
            expires_ms: 400,
            extensions: 0,
            state,
            changed_ms: 100,
            payment_id: None,
        }
    }

    #[test]
    fn each_hold_has_one_of_the_outcomes() {
        let settings = Settings { hold_ms: 300, ..Settings::default() };
        let wish = |user_id: &str| Hold { user_id: user_id.to_owned(), ..Hold::default() };
        let none = BuyerRow::default();
        let held = reservation(State::Held);
        let paying = reservation(State::Paying);
        let cancelled = ScheduleRow { cancelling: Some(0), ..schedule() };
        let on = schedule();
        for (n, (schedule, price, taken, user, buyer, now_ms, expected)) in [
            (Some(&on), Some(5), None, "u", none, 100, Ok(Granted::New { expires_ms: 400, price: 5 })),
            (None, Some(5), None, "u", none, 100, Err(Refusal::UnknownSchedule)),
            (Some(&on), None, None, "u", none, 100, Err(Refusal::UnknownSeat)),
            (Some(&on), Some(5), None, " ", none, 100, Err(Refusal::NoUser)),
            (Some(&on), Some(5), None, "u\u{7f}", none, 100, Err(Refusal::BadId)),
            (Some(&cancelled), Some(5), None, "u", none, 100, Err(Refusal::ScheduleCancelled)),
            (Some(&on), Some(5), None, "u", none, 99, Err(Refusal::NotOnSale)),
            (Some(&on), Some(5), None, "u", none, 1_000, Err(Refusal::NotOnSale)),
            (Some(&on), Some(5), Some((7, &held)), "v", none, 200, Err(Refusal::SeatTaken)),
            (Some(&on), Some(5), Some((7, &held)), "u", none, 399, Ok(Granted::Same { serial: 7 })),
            (Some(&on), Some(5), Some((7, &held)), "u", none, 400, Err(Refusal::SeatTaken)),
            (Some(&on), Some(5), Some((7, &paying)), "u", none, 500, Ok(Granted::Same { serial: 7 })),
            (Some(&on), Some(5), Some((7, &held)), "v", none, 400, Err(Refusal::SeatTaken)),
            (Some(&on), Some(5), None, "u", BuyerRow { open: 2, bought: 0 }, 100, Err(Refusal::TooManySeats)),
            (Some(&on), Some(5), None, "u", BuyerRow { open: 0, bought: 4 }, 100, Err(Refusal::TooManySeats)),
            (Some(&on), Some(5), None, "u", BuyerRow { open: 1, bought: 3 }, 100, Err(Refusal::TooManySeats)),
            (
                Some(&on),
                Some(5),
                None,
                "u",
                BuyerRow { open: 1, bought: 2 },
                100,
                Ok(Granted::New { expires_ms: 400, price: 5 }),
            ),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(hold(&wish(user), schedule, price, taken, buyer, &settings, now_ms), expected, "case {n}");
        }
    }

    #[test]
    fn what_has_begun_is_held_by_nobody() {
        let settings = Settings { hold_ms: 300, ..Settings::default() };
        let wish = Hold { user_id: "u".to_owned(), ..Hold::default() };
        let begins = ScheduleRow { starts_ms: Some(500), sale_ends_ms: None, ..schedule() };
        let held = reservation(State::Held);
        let decided = |taken, settings: &Settings, now_ms| {
            hold(&wish, Some(&begins), Some(5), taken, BuyerRow::default(), settings, now_ms)
        };
        // In time is in time, whatever the deadline.
        assert_eq!(decided(None, &settings, 499), Ok(Granted::New { expires_ms: 799, price: 5 }));
        for now_ms in [500, 501, i64::MAX] {
            assert_eq!(decided(None, &settings, now_ms), Err(Refusal::ShowBegun), "{now_ms}");
            assert_eq!(decided(Some((7, &held)), &settings, now_ms), Err(Refusal::ShowBegun), "{now_ms}");
        }
        let first = Settings { rules: 1, ..settings };
        assert_eq!(decided(None, &first, 500), Ok(Granted::New { expires_ms: 800, price: 5 }), "decided as it was");
        let cancelled = ScheduleRow { cancelling: Some(0), ..begins.clone() };
        assert_eq!(closed(&cancelled, &first, 500), Some(Refusal::ScheduleCancelled));
        assert_eq!((closed(&begins, &first, 500), closed(&schedule(), &Settings::default(), i64::MAX)), (None, None));
    }

    #[test]
    fn a_deadline_is_the_first_moment_at_which_it_is_over() {
        let held = reservation(State::Held);
        assert_eq!(expire(&held, None, None, 400), Expiry::Now);
        assert_eq!(expire(&held, Some(When::Ms(400)), None, 500), Expiry::Now);
        assert_eq!(expire(&held, None, None, 399), Expiry::Early { due_ms: 401 });
        // Whatever somebody else thinks the deadline was.
        assert_eq!(expire(&held, Some(When::Ms(1)), None, 400), Expiry::Now);
        assert_eq!(expire(&held, Some(When::Ms(1)), None, 399), Expiry::Nothing);
        for state in State::ALL.into_iter().filter(|state| *state != State::Held) {
            assert_eq!(expire(&reservation(state), None, None, 500), Expiry::Nothing, "{state:?}");
            // The wallet may say no, and then the deadline is still to come.
            let early = if state == State::Paying { Expiry::Early { due_ms: 401 } } else { Expiry::Nothing };
            assert_eq!(expire(&reservation(state), None, None, 399), early, "{state:?}");
        }
    }

    #[test]
    fn a_fast_clock_is_asked_later_each_time_until_the_deadline_has_come() {
        for ahead_ms in [1, 50, 5_000, 59_000] {
            let row = ReservationRow { expires_ms: 300_000, ..reservation(State::Held) };
            let (mut due_ms, mut rounds) = (row.expires_ms, 0);
            loop {
                // The message leaves when the fast clock shows `due_ms`, or a little later.
                let now_ms = due_ms + 3 - ahead_ms;
                match expire(&row, None, Some(due_ms), now_ms) {
                    Expiry::Early { due_ms: next } => {
                        assert!(next > due_ms, "{ahead_ms}: {due_ms} then {next}");
                        due_ms = next;
                    }
                    Expiry::Now => {
                        assert!(now_ms >= row.expires_ms && now_ms < row.expires_ms + 10, "{ahead_ms}: {now_ms}");
                        break;
                    }
                    Expiry::Nothing => panic!("it is held"),
                }
                rounds += 1;
                assert!(rounds < 5_000, "{ahead_ms}: it comes no nearer");
            }
        }
    }

    #[test]
    fn a_sweep_ends_what_its_deadline_would_have_ended() {
        for state in State::ALL {
            let row = reservation(state);
            for now_ms in [399, 400, 500] {
                let ends = expire(&row, None, None, now_ms) == Expiry::Now;
                assert_eq!(is_overdue(&row, now_ms), ends, "{state:?} {now_ms}");
            }
        }
        let settings = Settings { hold_ms: 300, overdue_grace_ms: 60, ..Settings::default() };
        assert_eq!([next_sweep(1_000, &settings, 900), next_sweep(1_000, &settings, 1_100)], [1_360, 1_460]);
        let never = Settings { hold_ms: 0, overdue_grace_ms: 0, ..settings };
        assert!(next_sweep(1_000, &never, 1_000) > 1_000);
    }

    #[test]
    fn extending_is_a_policy() {
        let held = reservation(State::Held);
        let off = Settings::default();
        assert_eq!(extend(&held, None, &off, 200), Err(Refusal::NotExtendable));
        let on = Settings { extend_ms: 50, ..Settings::default() };
        let begun = Some(Refusal::ShowBegun);
        assert_eq!(extend(&held, begun, &on, 399), Err(Refusal::ShowBegun));
        assert_eq!(extend(&held, begun, &on, 400), Err(Refusal::ReservationExpired));
        assert_eq!(extend(&held, None, &on, 399), Ok(450));
        assert_eq!(extend(&held, None, &on, 400), Err(Refusal::ReservationExpired));
        assert_eq!(extend(&ReservationRow { extensions: 1, ..held }, None, &on, 200), Err(Refusal::NotExtendable));
        for (state, expected) in [
            (State::Paying, Refusal::PaymentUnderWay),
            (State::Confirmed, Refusal::AlreadyConfirmed),
            (State::Expired, Refusal::ReservationExpired),
            (State::Cancelled, Refusal::ReservationCancelled),
            (State::Refunded, Refusal::ReservationCancelled),
        ] {
            for begun in [None, begun] {
                assert_eq!(extend(&reservation(state), begun, &on, 200), Err(expected), "{state:?}");
            }
        }
    }
}
