//! What a receiver has still to be told: at most one notice for each alert, the newest. Pure; times are passed in.

use super::notice::{Identity, Notice};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// First pause after a receiver that did not take a notice; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause; also the longest `Retry-After` that is obeyed.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Notices that wait for one receiver, in the order in which their alerts came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    waiting: Vec<Notice>,
    /// Times in a row that it has not taken a notice.
    #[serde(skip)]
    failures: u32,
    /// Before that it is left alone: monotonic, in µs.
    #[serde(skip)]
    not_before_us: u64,
}

/// How a notice was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was.
    Yes,
    /// The receiver is away, or has had enough for now: the notice is sent again, after so long if the receiver has said so.
    Later(Option<Duration>),
    /// It will never be: sending it again is useless.
    Never,
}

impl Outgoing {
    /// A notice has to be sent. What still waits of the same alert is old and goes.
    pub fn add(&mut self, notice: Notice) {
        match self.waiting.iter_mut().find(|waiting| waiting.identity == notice.identity) {
            Some(waiting) => *waiting = notice,
            None => self.waiting.push(notice),
        }
    }

    /// The next notice to send, if it may be sent at `now_us`.
    #[must_use]
    pub fn next(&self, now_us: u64) -> Option<&Notice> {
        self.waiting.first().filter(|_| now_us >= self.not_before_us)
    }

    /// How long the next notice has still to wait; `None`: there is none.
    #[must_use]
    pub fn wait(&self, now_us: u64) -> Option<Duration> {
        self.waiting.first().map(|_| Duration::from_micros(self.not_before_us.saturating_sub(now_us)))
    }

    /// Notes how `sent` was taken.
    pub fn note(&mut self, sent: &Notice, taken: Taken, now_us: u64) {
        match taken {
            Taken::Yes | Taken::Never => {
                // Something newer may wait by now.
                self.waiting.retain(|waiting| waiting != sent);
                (self.failures, self.not_before_us) = (0, 0);
            }
            Taken::Later(asked) => {
                let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(8)).max(asked.unwrap_or_default());
                self.failures = self.failures.saturating_add(1);
                self.not_before_us =
                    now_us.saturating_add(u64::try_from(pause.min(PAUSE_MAX).as_micros()).unwrap_or(u64::MAX));
            }
        }
    }

    /// Whether something of this alert waits.
    #[must_use]
    pub fn has(&self, identity: &Identity) -> bool {
        self.waiting.iter().any(|waiting| waiting.identity == *identity)
    }

    /// Notices that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::notice::State;
    use crate::alerts::notice::tests::notice;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn the_newest_state_of_each_alert_is_sent_once() {
        let mut outgoing = Outgoing::default();
        let (fired, other) = (notice("1", State::Firing, 0), notice("2", State::Firing, 0));
        outgoing.add(fired.clone());
        outgoing.add(other.clone());
        assert_eq!(outgoing.next(0), Some(&fired));
        // It is over while the first one is under way.
        let over = notice("1", State::Resolved, 0);
        outgoing.add(over.clone());
        outgoing.note(&fired, Taken::Yes, 0);
        assert_eq!((outgoing.next(0), outgoing.len()), (Some(&over), 2));
        outgoing.note(&over, Taken::Yes, 0);
        outgoing.note(&other, Taken::Never, 0);
        assert!(outgoing.is_empty() && outgoing.wait(0).is_none());
    }

    #[test]
    fn a_receiver_that_is_away_is_asked_less_and_less_often() {
        let mut outgoing = Outgoing::default();
        let fired = notice("1", State::Firing, 0);
        outgoing.add(fired.clone());
        let mut now = 0;
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            outgoing.note(&fired, Taken::Later(None), now);
            assert_eq!(outgoing.wait(now), Some(Duration::from_secs(seconds)));
            assert_eq!(outgoing.next(now + seconds * SECOND - 1), None);
            now += seconds * SECOND;
            assert_eq!(outgoing.next(now), Some(&fired));
        }
        outgoing.note(&fired, Taken::Yes, now);
        // What it asks for counts where it is more, within reason.
        outgoing.add(fired.clone());
        outgoing.note(&fired, Taken::Later(Some(Duration::from_secs(7))), now);
        assert_eq!(outgoing.wait(now), Some(Duration::from_secs(7)));
        outgoing.note(&fired, Taken::Later(Some(Duration::from_secs(7_000))), now);
        assert_eq!(outgoing.wait(now), Some(Duration::from_secs(30)));
    }
}
