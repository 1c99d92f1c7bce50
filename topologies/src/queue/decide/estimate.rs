//! What a client is told to expect: how long it will wait, and when it should ask again. An estimate, and marked as one.

use super::pace;
use holdfast_model::queue::row::{PaceRow, QueueRow};
use holdfast_model::queue::ticket_state::{QueueState, TicketState};

/// Shortest and longest time between two questions, in ms.
const POLL_MS: std::ops::RangeInclusive<i64> = 1_000..=10_000;

/// How many seconds a ticket at `position` will wait, at the rate that was measured, or at the queue's own where nothing was; `None` = nobody knows: the queue
/// admits nobody now.
#[must_use]
pub fn wait_s(queue: &QueueRow, pace: &PaceRow, position: u64, now_ms: i64) -> Option<u64> {
    let opened_ms = queue.opened_ms?;
    if position == 0 {
        return Some(0);
    }
    if queue.state == QueueState::Paused {
        return None;
    }
    let (count, over_ms) = pace::measured(pace, opened_ms, now_ms);
    // Faster than its rate it will not be; a few admissions in the first moments say nothing.
    let by_rate = position.div_ceil(u64::from(queue.admit_per_second.max(1)));
    if count == 0 || over_ms < 1_000 {
        return Some(by_rate);
    }
    let by_measure = u128::from(position) * u128::from(over_ms) / (u128::from(count) * 1_000);
    Some(u64::try_from(by_measure).unwrap_or(u64::MAX).max(by_rate))
}

/// When a client should ask again, in ms: soon when something may have changed, seldom when it is far away, and often enough for its ticket not to be taken
/// for a silent one.
#[must_use]
pub fn poll_after_ms(queue: &QueueRow, state: TicketState, wait_s: Option<u64>, now_ms: i64) -> i64 {
    let (distance_ms, silence_ms) = match state {
        TicketState::Pre => (queue.opens_ms.map_or(0, |opens_ms| opens_ms.saturating_sub(now_ms)), i64::MAX),
        TicketState::Waiting => {
            let wait_ms = wait_s.map_or(i64::MAX, |s| i64::try_from(s.saturating_mul(1_000)).unwrap_or(i64::MAX));
            (wait_ms, queue.keep_ms)
        }
        TicketState::Active => (i64::MAX, queue.silence_ms),
        TicketState::Ended => (i64::MAX, i64::MAX),
    };
    // A tenth of the way, three questions in each time of silence.
    (distance_ms / 10).min(silence_ms / 3).clamp(*POLL_MS.start(), *POLL_MS.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::decide::terms::tests::queue;

    #[test]
    fn a_wait_is_estimated_by_what_was_measured() {
        let now_ms = 1_000_000;
        let busy = {
            let mut pace = PaceRow::default();
            for second in 0..60 {
                pace = pace::spend(&pace, 50, now_ms - 59_000 + second * 1_000, 5);
            }
            pace
        };
        let paused = QueueRow { state: QueueState::Paused, ..queue() };
        let shut = QueueRow { opened_ms: None, ..queue() };
        let just_open = QueueRow { opened_ms: Some(now_ms - 10), ..queue() };
        for (n, (queue, pace, position, expected)) in [
            (&queue(), &PaceRow::default(), 1, Some(1)),
            (&queue(), &PaceRow::default(), 500, Some(10)),
            (&queue(), &busy, 0, Some(0)),
            // 300 in 59 s.
            (&queue(), &busy, 1_000, Some(196)),
            (&paused, &busy, 1_000, None),
            (&shut, &busy, 1_000, None),
            (&just_open, &pace::spend(&PaceRow::default(), 50, now_ms, 5), 500, Some(10)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(wait_s(queue, pace, position, now_ms), expected, "case {n}");
        }
        assert!(wait_s(&queue(), &busy, u64::MAX, now_ms).is_some());
    }

    #[test]
    fn who_is_near_asks_more_often() {
        let slow = QueueRow { keep_ms: 6_000, silence_ms: 3_000, ..queue() };
        let before = QueueRow { opened_ms: None, opens_ms: Some(50_000), ..queue() };
        for (n, (queue, state, wait, expected)) in [
            (&queue(), TicketState::Waiting, Some(0), 1_000),
            (&queue(), TicketState::Waiting, Some(10), 1_000),
            (&queue(), TicketState::Waiting, Some(50), 5_000),
            (&queue(), TicketState::Waiting, Some(u64::MAX), 10_000),
            (&queue(), TicketState::Waiting, None, 10_000),
            (&slow, TicketState::Waiting, None, 2_000),
            (&slow, TicketState::Active, None, 1_000),
            (&queue(), TicketState::Active, None, 10_000),
            (&before, TicketState::Pre, None, 5_000),
            (&queue(), TicketState::Ended, None, 10_000),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(poll_after_ms(queue, state, wait, 0), expected, "case {n}");
        }
    }
}
