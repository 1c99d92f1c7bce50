//! When a crowd comes to an opening: most of it in the first second, the rest in a tail that thins out; and those who ask twice.

use crate::random::Random;

/// The first second, in µs.
const SECOND_US: u64 = 1_000_000;
/// The tail thins out with this rate: two thirds of it come in the next ten seconds.
const TAIL_RATE: f64 = 0.1;
/// Nobody comes later than this.
const LAST_US: u64 = 60 * SECOND_US;
/// A double click is so far apart at most.
const DOUBLE_CLICK_US: u64 = 300_000;
/// A second tab is opened within this time.
const SECOND_TAB_US: u64 = 5 * SECOND_US;

/// Why a user joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// For the first time.
    First,
    /// The button was pressed twice.
    DoubleClick,
    /// Another tab.
    SecondTab,
    /// The first answer did not come in time, for the client.
    Retry,
}

/// A user joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) at_us: u64,
    pub(super) user: usize,
    pub(super) why: Why,
}

/// What the crowd is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    pub(super) users: usize,
    /// Part that comes in the first second.
    pub(super) at_once: f64,
    /// Part that joins twice: half of them by a double click, half in a second tab.
    pub(super) duplicates: f64,
    /// Part that asks again after `retry_after_us`, as if no answer had come.
    pub(super) retries: f64,
    pub(super) retry_after_us: u64,
}

impl Crowd {
    /// All joins, in no order; the same seed makes the same ones.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "µs of a load run")]
    pub(super) fn joins(&self, seed: u64) -> Vec<Join> {
        let mut random = Random(seed);
        let mut joins = Vec::with_capacity(self.users * 5 / 4);
        for user in 0..self.users {
            let at_us = if random.unit() <= self.at_once {
                random.below(SECOND_US)
            } else {
                // What would come after the last moment comes once more before it.
                (SECOND_US + random.distance_us(TAIL_RATE) as u64 % (LAST_US - SECOND_US)).min(LAST_US)
            };
            joins.push(Join { at_us, user, why: Why::First });
            if random.unit() <= self.duplicates {
                let (why, within_us) = match random.below(2) {
                    0 => (Why::DoubleClick, DOUBLE_CLICK_US),
                    _ => (Why::SecondTab, SECOND_TAB_US),
                };
                joins.push(Join { at_us: at_us + random.below(within_us), user, why });
            }
            if random.unit() <= self.retries {
                joins.push(Join { at_us: at_us + self.retry_after_us, user, why: Why::Retry });
            }
        }
        joins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROWD: Crowd =
        Crowd { users: 20_000, at_once: 0.7, duplicates: 0.1, retries: 0.03, retry_after_us: 3_000_000 };

    #[test]
    fn most_come_in_the_first_second_and_the_rest_thins_out() {
        let joins = CROWD.joins(7);
        let first: Vec<_> = joins.iter().filter(|join| join.why == Why::First).collect();
        assert_eq!(first.len(), CROWD.users);
        let between = |from: u64, to: u64| first.iter().filter(|join| (from..to).contains(&join.at_us)).count();
        assert!((13_700..14_300).contains(&between(0, SECOND_US)), "{}", between(0, SECOND_US));
        assert!(between(SECOND_US, 11 * SECOND_US) > between(11 * SECOND_US, 60 * SECOND_US));
        assert!(between(30 * SECOND_US, 60 * SECOND_US) > 0 && between(LAST_US + 1, u64::MAX) == 0);
    }

    #[test]
    fn some_ask_twice_and_the_same_seed_asks_the_same() {
        let joins = CROWD.joins(7);
        let of = |why| joins.iter().filter(|join| join.why == why).count();
        assert!((800..1_200).contains(&of(Why::DoubleClick)) && (800..1_200).contains(&of(Why::SecondTab)));
        assert!((450..750).contains(&of(Why::Retry)), "{}", of(Why::Retry));
        assert_eq!(joins, CROWD.joins(7));
        assert_ne!(joins, CROWD.joins(8));
        let plain = Crowd { duplicates: 0.0, retries: 0.0, ..CROWD };
        assert_eq!(plain.joins(7).len(), CROWD.users);
    }
}
