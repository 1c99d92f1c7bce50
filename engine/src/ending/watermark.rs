//! How far rows of a table have ended: a time that moves with the log and never goes back.

/// Longest step in which it moves, in ms: it is a row of the state, written with a commit in which it has moved.
const STEP_MAX_MS: i64 = 60_000;
/// Where rows are kept for a short time only, it moves in steps of this part of it.
const STEP_PART: i64 = 1_000;

/// See the head of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watermark {
    /// Rows that were decided at this time or before have ended, in ms since the epoch.
    pub(super) until_ms: i64,
    /// How long rows are kept now, in ms; `i64::MAX` = for ever.
    keep_ms: i64,
}

impl Watermark {
    /// Nothing has ended.
    pub(super) const NOTHING_MS: i64 = i64::MIN;

    pub(super) fn new(until_ms: i64, keep_ms: i64) -> Self {
        Self { until_ms, keep_ms }
    }

    /// From the next record on rows are kept so long.
    pub(super) fn keep(&mut self, keep_ms: i64) {
        self.keep_ms = keep_ms;
    }

    fn step_ms(&self) -> i64 {
        (self.keep_ms / STEP_PART).clamp(1, STEP_MAX_MS)
    }

    /// A record is decided at `now_ms`.
    pub(super) fn advance(&mut self, now_ms: i64) {
        if self.keep_ms == i64::MAX {
            return;
        }
        let step_ms = self.step_ms();
        let reached_ms = now_ms.saturating_sub(self.keep_ms).div_euclid(step_ms).saturating_mul(step_ms);
        self.until_ms = self.until_ms.max(reached_ms);
    }

    /// The first `now` at which it moves.
    pub(super) fn moves_at_ms(&self) -> i64 {
        let step_ms = self.step_ms();
        let next_ms = self.until_ms.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
        if self.keep_ms == i64::MAX { i64::MAX } else { next_ms.saturating_add(self.keep_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_MS: i64 = 86_400_000;

    fn any_ms() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), 0..4_000_000_000_000_i64, Just(i64::MIN), Just(i64::MAX)]
    }

    proptest! {
        /// Asking only from `moves_at_ms` on changes nothing.
        #[test]
        fn it_moves_when_it_says_so(until_ms in any_ms(), keep_ms in prop_oneof![1..i64::MAX, 1..20_000_000_000_i64], now_ms in 0..4_000_000_000_000_i64) {
            let before = Watermark::new(until_ms, keep_ms);
            let mut after = before;
            after.advance(now_ms);
            prop_assert_eq!(after.until_ms > before.until_ms, now_ms >= before.moves_at_ms());
        }

        #[test]
        fn a_row_is_kept_as_long_as_was_said_and_hardly_longer(keep_ms in 1..20_000_000_000_i64, now_ms in 0..4_000_000_000_000_i64) {
            let mut watermark = Watermark::new(Watermark::NOTHING_MS, keep_ms);
            watermark.advance(now_ms);
            let late_ms = now_ms - keep_ms - watermark.until_ms;
            prop_assert!((0..STEP_MAX_MS.min(keep_ms / STEP_PART + 1)).contains(&late_ms), "{late_ms}");
        }
    }

    #[test]
    fn it_moves_once_a_minute_and_never_back() {
        let mut watermark = Watermark::new(Watermark::NOTHING_MS, 8 * DAY_MS);
        watermark.advance(20 * DAY_MS);
        assert_eq!((watermark.until_ms, watermark.moves_at_ms()), (12 * DAY_MS, 20 * DAY_MS + 60_000));
        watermark.advance(20 * DAY_MS + 59_999);
        assert_eq!(watermark.until_ms, 12 * DAY_MS);
        watermark.keep(9 * DAY_MS);
        watermark.advance(20 * DAY_MS + 60_000);
        assert_eq!((watermark.until_ms, watermark.moves_at_ms()), (12 * DAY_MS, 21 * DAY_MS + 60_000));
        watermark.keep(7 * DAY_MS);
        watermark.advance(20 * DAY_MS + 60_000);
        assert_eq!(watermark.until_ms, 13 * DAY_MS + 60_000);
    }
}
