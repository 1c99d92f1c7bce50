//! The life of one alert, as a pure state machine. Times are passed in.
//!
//! ```text
//!            breached               for long enough
//!   Quiet ────────────► Pending ─────────────────────► Firing ──┐
//!     ▲                    │                             │  ▲   │ breached again
//!     └────────────────────┘ fine                        │  └───┘
//!     └──────────────────────────────────────────────────┘ fine for long enough
//! ```

use std::time::Duration;

/// How long a condition has to last before anything is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damping {
    /// How long the bound has to be exceeded without a break before the alert fires.
    pub breached_for: Duration,
    /// How long the bound has to be kept without a break before the alert is cleared.
    pub clear_for: Duration,
}

/// What a look has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The bound is exceeded, and was so for this long already at the time of the look.
    Breached {
        /// Known without an earlier look. Zero when only this look tells.
        already: Duration,
    },
    /// The bound is kept.
    Fine,
}

/// Where an alert is in its life. Times are monotonic, in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// The bound is kept.
    #[default]
    Quiet,
    /// The bound is exceeded, not for long enough yet.
    Pending {
        /// Since when.
        from_us: u64,
    },
    /// The alert is out.
    Firing {
        /// Since when the bound has been kept again, if it is.
        fine_from_us: Option<u64>,
    },
}

/// What has to be said about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The alert is out.
    Fired,
    /// The alert is over.
    Resolved,
}

impl Phase {
    /// The phase after a look at `now_us`, and what has to be said about it. `is_muted`: it may not fire now, since another worker has said it.
    #[must_use]
    pub fn step(self, seen: Seen, now_us: u64, damping: Damping, is_muted: bool) -> (Self, Option<Change>) {
        let lasts = |from_us: u64, bound: Duration| now_us.saturating_sub(from_us) >= micros(bound);
        match (self, seen) {
            (Self::Quiet | Self::Pending { .. }, Seen::Fine) => (Self::Quiet, None),
            (Self::Quiet | Self::Pending { .. }, Seen::Breached { already }) => {
                let from_us = match self {
                    Self::Pending { from_us } => from_us,
                    _ => now_us.saturating_sub(micros(already)),
                };
                if !is_muted && lasts(from_us, damping.breached_for) {
                    (Self::Firing { fine_from_us: None }, Some(Change::Fired))
                } else {
                    (Self::Pending { from_us }, None)
                }
            }
            (Self::Firing { .. }, Seen::Breached { .. }) => (Self::Firing { fine_from_us: None }, None),
            (Self::Firing { fine_from_us }, Seen::Fine) => {
                let from_us = fine_from_us.unwrap_or(now_us);
                if lasts(from_us, damping.clear_for) {
                    (Self::Quiet, Some(Change::Resolved))
                } else {
                    (Self::Firing { fine_from_us: Some(from_us) }, None)
                }
            }
        }
    }

    /// Whether the alert is out.
    #[must_use]
    pub fn is_firing(self) -> bool {
        matches!(self, Self::Firing { .. })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAMPING: Damping = Damping { breached_for: Duration::from_micros(50), clear_for: Duration::from_micros(20) };
    const NOW: Seen = Seen::Breached { already: Duration::ZERO };

    /// What is said at which time, of looks at these times.
    fn said(looks: &[(u64, Seen)]) -> Vec<(u64, Change)> {
        let mut phase = Phase::default();
        let mut said = Vec::new();
        for (at, seen) in looks {
            let (next, change) = phase.step(*seen, *at, DAMPING, false);
            phase = next;
            said.extend(change.map(|change| (*at, change)));
        }
        said
    }

    #[test]
    fn an_alert_fires_after_its_time_and_is_cleared_after_its_hold() {
        use Change::{Fired, Resolved};
        let long = Seen::Breached { already: Duration::from_micros(30) };
        for (looks, wanted) in [
            (vec![(0, NOW), (49, NOW)], vec![]),
            (vec![(0, NOW), (50, NOW)], vec![(50, Fired)]),
            // Looked at late: it lasted all the same.
            (vec![(0, NOW), (400, NOW)], vec![(400, Fired)]),
            // What was known already counts; a later look does not take it back.
            (vec![(100, long), (119, NOW), (120, NOW)], vec![(120, Fired)]),
            // A break begins the time anew.
            (vec![(0, NOW), (40, Seen::Fine), (50, NOW), (99, NOW)], vec![]),
            (vec![(0, NOW), (50, NOW), (60, Seen::Fine), (79, Seen::Fine)], vec![(50, Fired)]),
            (vec![(0, NOW), (50, NOW), (60, Seen::Fine), (80, Seen::Fine)], vec![(50, Fired), (80, Resolved)]),
            // Flapping around the bound says nothing more.
            (vec![(0, NOW), (50, NOW), (60, Seen::Fine), (79, NOW), (81, Seen::Fine), (100, NOW)], vec![(50, Fired)]),
        ] {
            assert_eq!(said(&looks), wanted, "{looks:?}");
        }
    }

    #[test]
    fn what_another_worker_has_said_is_not_said_again_until_that_worker_is_gone() {
        let (pending, nothing) = Phase::Quiet.step(NOW, 0, DAMPING, true);
        assert_eq!((pending, nothing), (Phase::Pending { from_us: 0 }, None));
        assert_eq!(pending.step(NOW, 500, DAMPING, true), (pending, None));
        assert_eq!(pending.step(NOW, 501, DAMPING, false).1, Some(Change::Fired));
        // An alert of our own stays ours.
        let firing = Phase::Firing { fine_from_us: Some(0) };
        assert_eq!(firing.step(Seen::Fine, 20, DAMPING, true).1, Some(Change::Resolved));
    }

    proptest! {
        /// Whatever is seen: firing and clearing take turns, neither without its time, and none is missed.
        #[test]
        fn changes_take_turns_and_have_a_cause(steps in prop::collection::vec((1_u64..40, any::<bool>()), 1..200)) {
            let (mut phase, mut now, mut is_out) = (Phase::default(), 1_000, false);
            let (mut breached_from, mut fine_from): (Option<u64>, Option<u64>) = (None, None);
            for (pause, breached) in steps {
                now += pause;
                if breached { breached_from.get_or_insert(now); fine_from = None } else { fine_from.get_or_insert(now); breached_from = None }
                let (next, change) = phase.step(if breached { NOW } else { Seen::Fine }, now, DAMPING, false);
                phase = next;
                let must_fire = !is_out && breached_from.is_some_and(|from| now - from >= 50);
                let must_clear = is_out && fine_from.is_some_and(|from| now - from >= 20);
                let wanted = if must_fire { Some(Change::Fired) } else if must_clear { Some(Change::Resolved) } else { None };
                prop_assert_eq!(change, wanted);
                is_out = phase.is_firing();
                prop_assert_eq!(is_out, (is_out || must_fire) && !must_clear);
            }
        }
    }
}
