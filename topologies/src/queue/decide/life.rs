//! How long a ticket lives: until when it may be silent, and when it has ended.

use holdfast_model::queue::row::{Activity, QueueRow, SeenRow, TicketRow};
use holdfast_model::queue::ticket_state::{EndReason, TicketState};

/// Signs of life are kept in tenths of a second.
const SEEN_UNIT_MS: i64 = 100;

/// What a live ticket is.
#[must_use]
pub fn state(queue: &QueueRow, ticket: &TicketRow) -> TicketState {
    match (ticket.active, queue.opened_ms) {
        (Some(_), _) => TicketState::Active,
        (None, Some(_)) => TicketState::Waiting,
        (None, None) => TicketState::Pre,
    }
}

/// When a live ticket ends if nothing more is heard of it, and why then; `None` = never: the queue has not opened.
///
/// `seen_ms`: when a client last asked after it. At the moment itself it has ended.
#[must_use]
pub fn end(queue: &QueueRow, ticket: &TicketRow, seen_ms: Option<i64>) -> Option<(i64, EndReason)> {
    if let Some(active) = ticket.active {
        return Some(active_end(queue, active, seen_ms));
    }
    let since_ms = waits_since(queue, ticket)?.max(seen_ms.unwrap_or(i64::MIN));
    Some((since_ms.saturating_add(queue.keep_ms), EndReason::Silent))
}

/// [`end`] of an ACTIVE ticket.
#[must_use]
pub fn active_end(queue: &QueueRow, active: Activity, seen_ms: Option<i64>) -> (i64, EndReason) {
    let heard_ms = active.admitted_ms.max(seen_ms.unwrap_or(i64::MIN));
    let silent_ms = heard_ms.saturating_add(queue.silence_ms);
    if silent_ms < active.until_ms { (silent_ms, EndReason::Silent) } else { (active.until_ms, EndReason::TimedOut) }
}

/// Since when a ticket that is not ACTIVE has been in line: since it was given out, or since the queue opened.
#[must_use]
pub fn waits_since(queue: &QueueRow, ticket: &TicketRow) -> Option<i64> {
    queue.opened_ms.map(|opened_ms| opened_ms.max(ticket.joined_ms))
}

/// When the ticket at `at` in its chunk was last asked after.
#[must_use]
pub fn seen_ms(row: &SeenRow, at: usize) -> Option<i64> {
    let units = row.seen.get(at).copied().filter(|units| *units > 0)?;
    Some(row.base_ms.saturating_add(i64::from(units - 1).saturating_mul(SEEN_UNIT_MS)))
}

/// Notes that the ticket at `at` in its chunk is asked after now: never later than now, at most a tenth of a second earlier.
pub fn see(row: &mut SeenRow, at: usize, now_ms: i64) {
    let units = now_ms.saturating_sub(row.base_ms).max(0) / SEEN_UNIT_MS;
    let units = u32::try_from(units).unwrap_or(u32::MAX - 1).saturating_add(1);
    if row.seen.len() <= at {
        row.seen.resize(at + 1, 0);
    }
    if let Some(seen) = row.seen.get_mut(at) {
        *seen = units.max(*seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::decide::terms::tests::queue;
    use holdfast_engine::prelude::DelayedId;
    use proptest::prelude::*;

    const LOOK: DelayedId = DelayedId { due_ms: 0, sequence: 0 };

    fn ticket(joined_ms: i64, active: Option<(i64, i64)>) -> TicketRow {
        let active = active.map(|(admitted_ms, until_ms)| Activity { admitted_ms, until_ms, look: LOOK });
        TicketRow { user_id: "u".to_owned(), joined_ms, active }
    }

    #[test]
    fn a_ticket_ends_by_silence_or_by_its_time() {
        let open = QueueRow { opened_ms: Some(1_000), silence_ms: 60, keep_ms: 180, ..queue() };
        let shut = QueueRow { opened_ms: None, ..open.clone() };
        let (waiting, active) = (ticket(2_000, None), ticket(2_000, Some((3_000, 3_500))));
        for (n, (queue, ticket, seen_ms, state_then, end_then)) in [
            (&open, &waiting, None, TicketState::Waiting, Some((2_180, EndReason::Silent))),
            (&open, &waiting, Some(2_100), TicketState::Waiting, Some((2_280, EndReason::Silent))),
            (&open, &ticket(10, None), None, TicketState::Waiting, Some((1_180, EndReason::Silent))),
            (&shut, &waiting, Some(2_100), TicketState::Pre, None),
            (&open, &active, None, TicketState::Active, Some((3_060, EndReason::Silent))),
            // What was heard while it waited does not count against it.
            (&open, &active, Some(2_100), TicketState::Active, Some((3_060, EndReason::Silent))),
            (&open, &active, Some(3_400), TicketState::Active, Some((3_460, EndReason::Silent))),
            (&open, &active, Some(3_440), TicketState::Active, Some((3_500, EndReason::TimedOut))),
            (&open, &active, Some(9_000), TicketState::Active, Some((3_500, EndReason::TimedOut))),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!((state(queue, ticket), end(queue, ticket, seen_ms)), (state_then, end_then), "case {n}");
        }
    }

    proptest! {
        #[test]
        fn what_was_seen_is_known_to_a_tenth_of_a_second(base_ms in -5i64..2_000_000_000_000, after_ms in 0i64..10_000_000_000, at in 0usize..1_024) {
            let mut row = SeenRow { base_ms, ..SeenRow::default() };
            let now_ms = base_ms + after_ms;
            see(&mut row, at, now_ms);
            let seen = seen_ms(&row, at).unwrap();
            prop_assert!(seen <= now_ms && now_ms - seen < SEEN_UNIT_MS);
            see(&mut row, at, base_ms);
            prop_assert_eq!(seen_ms(&row, at), Some(seen), "time does not go back");
            prop_assert_eq!(seen_ms(&row, at + 1), None);
            prop_assert!(at == 0 || seen_ms(&row, at - 1).is_none());
        }
    }
}
