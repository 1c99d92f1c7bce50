//! How long a call outside that has failed waits for its next try: exponential, bounded, and spread by a hash of what is called, so that a replay comes
//! to the same time.

use crate::fingerprint;

/// Longest wait that a receiver can ask for, in ms: a day.
const ASKED_MAX_MS: i64 = 86_400_000;

/// The first wait and the longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Wait after the first failure, in ms.
    pub base_ms: i64,
    /// No wait is longer, in ms, but one that the receiver asks for.
    pub max_ms: i64,
}

impl Backoff {
    /// How long to wait, in ms, after `failures` failures (at least 1): between half of `base_ms` doubled for each further failure and the whole of it.
    /// `id` and `nth` name the call, and say where in that half. A receiver that asks for a longer time (`asked_ms`) gets it, up to a day.
    #[must_use]
    pub fn wait_ms(self, failures: u32, (id, nth): (&str, u32), asked_ms: Option<i64>) -> i64 {
        let doubled = 1_i64.checked_shl(failures.saturating_sub(1)).filter(|factor| *factor > 0).unwrap_or(i64::MAX);
        let whole = self.base_ms.saturating_mul(doubled).min(self.max_ms).max(1);
        let hash = fingerprint::and(fingerprint::and(fingerprint::START, id.as_bytes()), &nth.to_be_bytes());
        let half = whole / 2;
        // The lower bits of FNV-1a are spread best. `half` is not negative.
        let spread = i64::try_from(hash % (half.unsigned_abs() + 1)).unwrap_or(0);
        (whole - spread).max(asked_ms.unwrap_or(0).min(ASKED_MAX_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const BACKOFF: Backoff = Backoff { base_ms: 1_000, max_ms: 60_000 };

    #[test]
    fn waits_double_up_to_the_bound() {
        for (failures, whole) in [(1, 1_000), (2, 2_000), (3, 4_000), (7, 60_000), (63, 60_000), (u32::MAX, 60_000)] {
            let wait = BACKOFF.wait_ms(failures, ("res_0_1", 1), None);
            assert!((whole / 2..=whole).contains(&wait), "{failures}: {wait}");
        }
    }

    #[test]
    fn waits_of_many_calls_are_spread() {
        let waits: BTreeSet<_> = (0..100).map(|n| BACKOFF.wait_ms(3, (&format!("res_0_{n}"), 3), None)).collect();
        assert!(waits.len() > 90, "{waits:?}");
        assert_eq!(BACKOFF.wait_ms(3, ("a", 3), None), BACKOFF.wait_ms(3, ("a", 3), None), "chosen by what is called");
    }

    #[test]
    fn a_receiver_may_ask_for_more_and_not_for_ever() {
        assert_eq!(BACKOFF.wait_ms(1, ("a", 1), Some(90_000)), 90_000);
        assert_eq!(BACKOFF.wait_ms(1, ("a", 1), Some(i64::MAX)), ASKED_MAX_MS);
        assert!(BACKOFF.wait_ms(1, ("a", 1), Some(1)) >= 500);
    }

    proptest! {
        #[test]
        fn no_wait_is_out_of_bounds(base_ms in 1..i64::MAX, max_ms in 1..i64::MAX, failures: u32, nth: u32, id: String) {
            let wait = Backoff { base_ms, max_ms }.wait_ms(failures, (&id, nth), None);
            prop_assert!((1..=max_ms).contains(&wait));
        }
    }
}
