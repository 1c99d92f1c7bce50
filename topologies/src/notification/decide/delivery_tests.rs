use super::*;
use holdfast_model::notification::channel::Channel;
use proptest::prelude::*;

const NOW: i64 = 1_000_000_000;
const VALID_MS: i64 = 3_600_000;

fn terms(priority: Priority) -> Terms {
    Terms { priority, valid_until_ms: NOW + VALID_MS, quiet: None }
}

fn row(state: DeliveryState, tries: u32, attempts: u32) -> DeliveryRow {
    DeliveryRow { tries, attempts, ..DeliveryRow::new(Channel::Webhook, state, 0) }
}

fn step(number: u32) -> Step<'static> {
    Step { number, channel: Channel::Webhook, notification_id: "evt_1" }
}

fn ended(ended: Ended) -> CallResult {
    CallResult { reason: Some("HTTP 503".to_owned()), ..CallResult::new(ended, 0) }
}

fn after(row: &DeliveryRow, number: u32, result: &CallResult) -> Option<DeliveryRow> {
    super::result(row, &step(number), result, &terms(Priority::High), &Settings::default(), NOW)
}

#[test]
fn a_result_ends_a_try_or_asks_for_another() {
    use DeliveryState::{Dead, Retry, Sending, Sent, Stale, Suppressed};
    let away = CallResult { channel_away: true, ..ended(Ended::Failed) };
    for (n, (tries, attempts, result, state, attempts_after)) in [
        (1, 1, ended(Ended::Done), Some(Sent), 1),
        (4, 4, ended(Ended::Done), Some(Sent), 4),
        (1, 1, ended(Ended::Refused), Some(Dead(Death::Refused)), 1),
        (1, 1, ended(Ended::NoContact), Some(Suppressed(Suppression::NoContact)), 1),
        (1, 1, ended(Ended::Stale), Some(Stale), 1),
        (4, 4, ended(Ended::Failed), Some(Dead(Death::AttemptsUsedUp)), 4),
        (3, 3, ended(Ended::Failed), None, 3),
        (9, 4, away.clone(), None, 3),
        (1, 1, away, None, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let after = after(&row(Sending, tries, attempts), tries, &result).unwrap();
        match state {
            Some(state) => assert_eq!(after.state, state, "case {n}"),
            None => assert!(matches!(after.state, Retry(due) if due > NOW), "case {n}: {after:?}"),
        }
        assert_eq!((after.tries, after.attempts, after.since_ms), (tries, attempts_after, NOW), "case {n}");
        assert_eq!(after.deaths, u32::from(matches!(after.state, Dead(_))), "case {n}");
        assert_eq!(after.reason.is_none(), after.state == Sent, "case {n}");
    }
}

#[test]
fn a_result_of_another_try_changes_nothing() {
    for state in [
        DeliveryState::Queued(1),
        DeliveryState::Retry(1),
        DeliveryState::Sent,
        DeliveryState::Dead(Death::Refused),
        DeliveryState::Suppressed(Suppression::UserType),
        DeliveryState::Stale,
    ] {
        assert_eq!(after(&row(state, 1, 1), 1, &ended(Ended::Done)), None);
    }
    for number in [0, 1, 3] {
        assert_eq!(after(&row(DeliveryState::Sending, 2, 2), number, &ended(Ended::Done)), None);
    }
}

#[test]
fn a_try_begins_when_it_is_due_and_not_before() {
    let terms = terms(Priority::Low);
    for state in [DeliveryState::Queued(NOW), DeliveryState::Retry(NOW)] {
        let waiting = row(state, 2, 1);
        let begun = DeliveryRow { since_ms: NOW, ..row(DeliveryState::Sending, 3, 2) };
        assert_eq!(due(&waiting, &step(3), &terms, NOW), Due::Begun(begun));
        assert_eq!(due(&waiting, &step(3), &terms, NOW - 1), Due::TooEarly(NOW));
        assert_eq!(due(&waiting, &step(2), &terms, NOW), Due::Ignored);
        let Due::Begun(late) = due(&waiting, &step(3), &terms, NOW + VALID_MS) else { panic!("it is due") };
        assert_eq!((late.state, late.tries, late.attempts), (DeliveryState::Stale, 2, 1));
    }
    for state in [DeliveryState::Sending, DeliveryState::Sent, DeliveryState::Stale] {
        assert_eq!(due(&row(state, 2, 2), &step(3), &terms, NOW), Due::Ignored);
    }
}

#[test]
fn quiet_hours_delay_what_can_wait() {
    // NOW is 22:46:40 in Korea.
    let quiet = Some(QuietRow { from: 22 * 60, to: 23 * 60 });
    let end = NOW + 800_000;
    let new = row(DeliveryState::Sending, 0, 0);
    let state = |terms| begin(&new, &terms, NOW).state;
    for priority in [Priority::Medium, Priority::Low] {
        assert_eq!(state(Terms { quiet, ..terms(priority) }), DeliveryState::Queued(end));
    }
    assert_eq!(state(Terms { quiet, ..terms(Priority::High) }), DeliveryState::Sending);
    let soon = Terms { quiet, valid_until_ms: end, ..terms(Priority::Low) };
    assert_eq!(state(soon), DeliveryState::Suppressed(Suppression::QuietHours));
    assert_eq!(state(Terms { valid_until_ms: NOW, ..soon }), DeliveryState::Stale);
}

#[test]
fn a_letter_opens_what_it_gave_up_once() {
    let dead = DeliveryRow { deaths: 2, ..row(DeliveryState::Dead(Death::Refused), 6, 4) };
    let again = redriven(&dead, 2, &terms(Priority::High), NOW).unwrap();
    assert_eq!((again.state, again.tries, again.attempts, again.deaths), (DeliveryState::Sending, 7, 1, 2));
    assert_eq!(redriven(&again, 2, &terms(Priority::High), NOW), None);
    for deaths in [0, 1, 3] {
        assert_eq!(redriven(&dead, deaths, &terms(Priority::High), NOW), None);
    }
    assert_eq!(redriven(&row(DeliveryState::Sent, 1, 1), 0, &terms(Priority::High), NOW), None);
    let late = redriven(&dead, 2, &terms(Priority::High), NOW + VALID_MS).unwrap();
    assert_eq!(late.state, DeliveryState::Stale);
}

#[test]
fn a_retry_that_would_be_too_late_is_not_waited_for() {
    let asked = CallResult { retry_after_ms: Some(VALID_MS), ..ended(Ended::Failed) };
    assert_eq!(after(&row(DeliveryState::Sending, 1, 1), 1, &asked).unwrap().state, DeliveryState::Stale);
}

#[test]
fn a_long_reason_is_cut() {
    let result = CallResult { reason: Some("가".repeat(100)), ..ended(Ended::Refused) };
    let reason = after(&row(DeliveryState::Sending, 1, 1), 1, &result).unwrap().reason.unwrap();
    assert_eq!(reason, "가".repeat(66));
}

proptest! {
    #[test]
    fn waits_grow_up_to_their_bound_and_obey_the_receiver(
        number in 1_u32..80, id in ".{1,12}", base in 1_i64..3_600_000, max in 1_i64..86_400_000, asked in proptest::option::of(-5_i64..200_000_000)
    ) {
        let settings = Settings { retry_base_ms: base, retry_max_ms: max, ..Settings::default() };
        let step = Step { number, channel: Channel::Sms, notification_id: &id };
        let waited = wait_ms(&step, None, &settings);
        let whole = base.saturating_mul(1 << (number - 1).min(30)).min(max);
        prop_assert!(waited >= 1 && waited <= whole && waited >= whole - whole / 2, "{} of {}", waited, whole);
        prop_assert_eq!(waited, wait_ms(&step, None, &settings), "no chance in it");
        let asked_ms = asked.unwrap_or(0).min(RETRY_AFTER_MAX_MS);
        prop_assert_eq!(wait_ms(&step, asked, &settings), waited.max(asked_ms));
    }

    /// Whatever the outside answers, and however late: at most four attempts between two letters, and a delivery comes to an end or waits for something.
    #[test]
    fn no_history_has_more_attempts_than_it_may(answers in prop::collection::vec((0_u8..5, any::<bool>(), 0_i64..4_000_000), 1..40)) {
        let terms = terms(Priority::Medium);
        let mut now = NOW;
        let mut row = begin(&row(DeliveryState::Sending, 0, 0), &terms, now);
        let mut counted = 0;
        for (kind, is_away, late_ms) in answers {
            match row.state {
                DeliveryState::Sending => {
                    now += late_ms % 1_000;
                    let kinds = [Ended::Failed, Ended::Failed, Ended::Failed, Ended::Done, Ended::Refused];
                    let answer = CallResult { channel_away: is_away, ..ended(kinds[usize::from(kind)]) };
                    counted += u32::from(answer.ended != Ended::Failed || !is_away);
                    row = super::result(&row, &step(row.tries), &answer, &terms, &Settings::default(), now).unwrap();
                }
                DeliveryState::Queued(due_ms) | DeliveryState::Retry(due_ms) => {
                    now = due_ms + late_ms;
                    let Due::Begun(begun) = due(&row, &step(row.tries + 1), &terms, now) else { panic!("{row:?}") };
                    row = begun;
                }
                _ => break,
            }
            prop_assert!(row.attempts <= ATTEMPTS_MAX && row.attempts <= row.tries && counted <= ATTEMPTS_MAX);
            if row.state == DeliveryState::Dead(Death::AttemptsUsedUp) {
                prop_assert_eq!(counted, ATTEMPTS_MAX);
            }
            if row.state == DeliveryState::Sending {
                prop_assert!(now < terms.valid_until_ms, "what is too old is not sent");
            }
        }
    }
}
