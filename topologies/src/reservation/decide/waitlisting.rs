//! Who waits for a seat of a sold-out schedule, and what becomes of a seat that is released meanwhile.

use super::holding::{closed, may_have_more};
use holdfast_model::id_rule;
use holdfast_model::reservation::message::CreateSchedule;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{BuyerRow, ScheduleRow};
use holdfast_model::reservation::settings::Settings;
use holdfast_model::reservation::waitlist::{Policy, WaiterRow, WaitlistRow};

/// Most users that a schedule may want to be told of one seat.
pub const NOTIFY_MAX: u64 = 10_000;
/// How many entries one record tells at most: others wait meanwhile, and a notice is a record and a row.
pub const TOLD_AT_ONCE_MAX: u64 = 100;

/// How long after its time a message that tells is waited for, in ms: one that was given up must not silence the list for ever.
const TELLING_LOST_MS: i64 = 60_000;

/// What becomes of a wish to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// A new entry, at the end.
    New,
    /// The user has this already: the wish is the state.
    Same(WaiterRow),
}

/// What becomes of a seat that was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It is free, and nobody is told.
    Free,
    /// It is free, and so many entries are owed a notice now.
    Told {
        /// Entries.
        owed: u64,
    },
    /// It is held for the head of the list.
    Offered,
}

/// The waitlist that a new schedule says it shall have; none = it says nothing.
///
/// # Errors
/// [`Refusal::BadWaitlist`].
pub(super) fn new_waitlist(command: &CreateSchedule) -> Result<Option<WaitlistRow>, Refusal> {
    let policy = command.waitlist.as_deref().map(|text| Policy::parse(text).ok_or(Refusal::BadWaitlist)).transpose()?;
    let notify = command.waitlist_notify.map(|given| {
        u64::try_from(given).ok().filter(|given| (1..=NOTIFY_MAX).contains(given)).ok_or(Refusal::BadWaitlist)
    });
    let notify = notify.transpose()?;
    let is_said = policy.is_some() || notify.is_some();
    Ok(is_said.then(|| WaitlistRow { policy: policy.unwrap_or_default(), notify, ..WaitlistRow::default() }))
}

/// Decides whether `user_id` waits. `waiter`: what the user has of the waitlist.
///
/// Only a user that may have one more seat waits, and a user that gets a seat is off the list by it: so the head of the list can be given a seat whenever
/// there is one.
///
/// # Errors
/// The reason why not.
pub fn join(
    user_id: &str,
    schedule: Option<&ScheduleRow>,
    waiter: Option<WaiterRow>,
    buyer: BuyerRow,
    settings: &Settings,
    now_ms: i64,
) -> Result<Joined, Refusal> {
    let schedule = schedule.ok_or(Refusal::UnknownSchedule)?;
    if user_id.trim().is_empty() {
        return Err(Refusal::NoUser);
    }
    if id_rule::check(user_id).is_err() {
        return Err(Refusal::BadId);
    }
    if let Some(refusal) = closed(schedule, settings, now_ms) {
        return Err(refusal);
    }
    if !schedule.is_on_sale(now_ms) {
        return Err(Refusal::NotOnSale);
    }
    if let Some(waiter) = waiter {
        return Ok(Joined::Same(waiter));
    }
    if schedule.available() > 0 {
        return Err(Refusal::SeatsAvailable);
    }
    if !may_have_more(buyer, schedule, settings) {
        return Err(Refusal::TooManySeats);
    }
    Ok(Joined::New)
}

/// Decides which entry a user that wants to wait no more takes off the list, by number. It may leave a schedule that is over.
///
/// # Errors
/// The reason why none.
pub fn leave(schedule: Option<&ScheduleRow>, waiter: Option<WaiterRow>) -> Result<u64, Refusal> {
    schedule.ok_or(Refusal::UnknownSchedule)?;
    match waiter.ok_or(Refusal::NotWaiting)? {
        WaiterRow::Waiting { number } => Ok(number),
        WaiterRow::Offered { .. } => Err(Refusal::OfferOpen),
    }
}

/// Whether seats of a schedule can be held now: of one that is over nobody is told or offered anything.
fn is_selling(schedule: &ScheduleRow, settings: &Settings, now_ms: i64) -> bool {
    closed(schedule, settings, now_ms).is_none() && schedule.is_on_sale(now_ms)
}

/// Decides what becomes of a seat that a move has just released.
#[must_use]
pub fn released(schedule: &ScheduleRow, waitlist: &WaitlistRow, settings: &Settings, now_ms: i64) -> Opening {
    if waitlist.live == 0 || !is_selling(schedule, settings, now_ms) {
        return Opening::Free;
    }
    match waitlist.policy {
        Policy::Offer => Opening::Offered,
        // Many seats of one moment tell as many entries as there are, each once.
        Policy::Open => {
            let owed = waitlist.owed.saturating_add(waitlist.notify.unwrap_or(1));
            Opening::Told { owed: owed.min(waitlist.live) }
        }
    }
}

/// How many entries are told now that seats are free, of those that are owed it. If there is no seat by now there is nothing to tell.
#[must_use]
pub fn to_tell(schedule: &ScheduleRow, waitlist: &WaitlistRow, settings: &Settings, now_ms: i64) -> u64 {
    if schedule.available() == 0 || !is_selling(schedule, settings, now_ms) {
        return 0;
    }
    waitlist.owed.min(waitlist.live)
}

/// For which time the message is armed that tells what is owed, in ms since the epoch; none = one is under way. Each is armed for a time of its own.
#[must_use]
pub fn arm_telling(waitlist: &WaitlistRow, now_ms: i64) -> Option<i64> {
    let is_under_way = waitlist.telling_ms.is_some_and(|due_ms| now_ms < due_ms.saturating_add(TELLING_LOST_MS));
    (!is_under_way).then(|| now_ms.max(waitlist.armed_ms.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::super::holding::tests::schedule;
    use super::*;

    fn full() -> ScheduleRow {
        ScheduleRow { held: 20, reserved: 30, ..schedule() }
    }

    #[test]
    fn each_wish_to_wait_has_one_of_the_outcomes() {
        let settings = Settings::default();
        let none = BuyerRow::default();
        let (on, free) = (full(), schedule());
        let cancelled = ScheduleRow { cancelling: Some(0), ..full() };
        let begun = ScheduleRow { starts_ms: Some(500), ..full() };
        let waits = WaiterRow::Waiting { number: 3 };
        let offered = WaiterRow::Offered { number: 3, serial: 9 };
        for (n, (schedule, user, waiter, buyer, now_ms, expected)) in [
            (Some(&on), "u", None, none, 100, Ok(Joined::New)),
            (Some(&on), "u", None, BuyerRow { open: 1, bought: 2 }, 100, Ok(Joined::New)),
            (Some(&on), "u", None, BuyerRow { open: 2, bought: 0 }, 100, Err(Refusal::TooManySeats)),
            (Some(&on), "u", None, BuyerRow { open: 0, bought: 4 }, 100, Err(Refusal::TooManySeats)),
            (None, "u", None, none, 100, Err(Refusal::UnknownSchedule)),
            (Some(&on), " ", None, none, 100, Err(Refusal::NoUser)),
            (Some(&on), "u\u{7f}", None, none, 100, Err(Refusal::BadId)),
            (Some(&free), "u", None, none, 100, Err(Refusal::SeatsAvailable)),
            // What the user has is told, whatever is free or counted by now.
            (Some(&free), "u", Some(waits), none, 100, Ok(Joined::Same(waits))),
            (Some(&on), "u", Some(offered), BuyerRow { open: 2, bought: 0 }, 100, Ok(Joined::Same(offered))),
            (Some(&on), "u", None, none, 99, Err(Refusal::NotOnSale)),
            (Some(&on), "u", None, none, 999, Ok(Joined::New)),
            (Some(&on), "u", None, none, 1_000, Err(Refusal::NotOnSale)),
            (Some(&on), "u", Some(waits), none, 1_000, Err(Refusal::NotOnSale)),
            (Some(&begun), "u", None, none, 499, Ok(Joined::New)),
            (Some(&begun), "u", None, none, 500, Err(Refusal::ShowBegun)),
            (Some(&cancelled), "u", Some(waits), none, 100, Err(Refusal::ScheduleCancelled)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(join(user, schedule, waiter, buyer, &settings, now_ms), expected, "case {n}");
        }
    }

    #[test]
    fn only_an_entry_on_the_list_is_left() {
        let on = full();
        let waits = Some(WaiterRow::Waiting { number: 3 });
        assert_eq!(leave(Some(&on), waits), Ok(3));
        assert_eq!(leave(Some(&ScheduleRow { cancelling: Some(1), ..full() }), waits), Ok(3));
        assert_eq!(leave(Some(&on), None), Err(Refusal::NotWaiting));
        assert_eq!(leave(Some(&on), Some(WaiterRow::Offered { number: 3, serial: 1 })), Err(Refusal::OfferOpen));
        assert_eq!(leave(None, waits), Err(Refusal::UnknownSchedule));
    }

    #[test]
    fn a_released_seat_is_free_told_of_or_offered() {
        let settings = Settings::default();
        let one_free = ScheduleRow { held: 19, ..full() };
        let cancelled = ScheduleRow { cancelling: Some(0), ..one_free.clone() };
        let list = |policy, live, owed, notify| WaitlistRow { policy, live, owed, notify, ..WaitlistRow::default() };
        let (open, offer) = (Policy::Open, Policy::Offer);
        for (n, (schedule, waitlist, now_ms, expected)) in [
            (&one_free, list(open, 0, 0, None), 100, Opening::Free),
            (&one_free, list(offer, 0, 0, None), 100, Opening::Free),
            (&one_free, list(open, 5, 0, None), 100, Opening::Told { owed: 1 }),
            (&one_free, list(open, 5, 1, None), 100, Opening::Told { owed: 2 }),
            (&one_free, list(open, 5, 5, None), 100, Opening::Told { owed: 5 }),
            (&one_free, list(open, 5, 1, Some(3)), 100, Opening::Told { owed: 4 }),
            (&one_free, list(open, 5, 1, Some(NOTIFY_MAX)), 100, Opening::Told { owed: 5 }),
            (&one_free, list(offer, 5, 0, Some(3)), 100, Opening::Offered),
            (&one_free, list(offer, 5, 0, None), 999, Opening::Offered),
            (&one_free, list(offer, 5, 0, None), 1_000, Opening::Free),
            (&one_free, list(open, 5, 0, None), 1_000, Opening::Free),
            (&cancelled, list(offer, 5, 0, None), 100, Opening::Free),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(released(schedule, &waitlist, &settings, now_ms), expected, "case {n}");
        }
        let told = |schedule: &ScheduleRow, live, owed, now_ms| {
            to_tell(schedule, &list(open, live, owed, None), &settings, now_ms)
        };
        assert_eq!((told(&one_free, 9, 5, 100), told(&one_free, 3, 5, 100)), (5, 3));
        // The seat is gone again, or nobody may hold it any more.
        assert_eq!((told(&full(), 9, 5, 100), told(&one_free, 9, 5, 1_000), told(&cancelled, 9, 5, 100)), (0, 0, 0));
    }

    #[test]
    fn one_message_tells_and_a_lost_one_is_replaced() {
        let armed = |telling_ms, armed_ms, now_ms| {
            arm_telling(&WaitlistRow { telling_ms, armed_ms, ..WaitlistRow::default() }, now_ms)
        };
        assert_eq!(
            (armed(None, 0, 100), armed(None, 100, 100), armed(None, 99, 100)),
            (Some(100), Some(101), Some(100))
        );
        assert_eq!((armed(Some(100), 100, 100), armed(Some(100), 100, 60_099)), (None, None));
        assert_eq!(armed(Some(100), 100, 60_100), Some(60_100));
    }

    #[test]
    fn a_schedule_says_what_its_waitlist_shall_be() {
        let said = |waitlist: Option<&str>, waitlist_notify| {
            let waitlist = waitlist.map(str::to_owned);
            let row = new_waitlist(&CreateSchedule { waitlist, waitlist_notify, ..CreateSchedule::default() })?;
            Ok(row.map(|row| (row.policy, row.notify)))
        };
        assert_eq!(said(None, None), Ok(None));
        assert_eq!(said(Some("OFFER"), None), Ok(Some((Policy::Offer, None))));
        assert_eq!(said(Some("OPEN"), Some(10_000)), Ok(Some((Policy::Open, Some(10_000)))));
        assert_eq!(said(None, Some(1)), Ok(Some((Policy::Open, Some(1)))));
        for (policy, notify) in
            [(Some("offer"), None), (Some(""), None), (None, Some(0)), (None, Some(-1)), (None, Some(10_001))]
        {
            assert_eq!(said(policy, notify), Err(Refusal::BadWaitlist), "{policy:?} {notify:?}");
        }
    }
}
