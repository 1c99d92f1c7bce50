//! How many tickets may be admitted now, and when the next ones may.
//!
//! Two rules hold at once. *Never more than the rate in any second*: admissions are counted in slices of 10 ms, and the slices of the last second, the one
//! that it begins in included, hold at most as many as the rate. That is the promise, and costs at most a hundredth of the rate. *Spread over the second*:
//! admissions are saved up at the rate, but for no more than a tenth of a second: a worker that has stalled does not catch up in one pulse.

use holdfast_model::queue::row::{PaceRow, Slice};

/// Milliseconds of a slice.
const SLICE_MS: i64 = 10;
/// Slices in which two moments can be that lie less than a second apart.
const SLICES: i64 = 1_000 / SLICE_MS + 1;
/// Seconds over which the rate is measured.
pub const MEASURED_S: i64 = 60;
/// Most admissions in one record: others wait meanwhile.
const BATCH_MAX: u64 = 1_000;
/// Admissions are saved up for a tenth of a second, in ms.
const SAVED_MS: u64 = 100;
/// Admissions of so many ms are made at a time when the rate is what they wait for.
const TICK_MS: u64 = 20;

fn credit_milli(pace: &PaceRow, rate: u32, now_ms: i64) -> u64 {
    let elapsed_ms = now_ms.saturating_sub(pace.credit_ms).max(0).unsigned_abs();
    // One whole admission, and what a late look would lose of the next.
    let most = (u64::from(rate) * SAVED_MS).max(1_000 + u64::from(rate) * TICK_MS);
    elapsed_ms.saturating_mul(u64::from(rate)).saturating_add(pace.credit_milli).min(most)
}

/// Admissions in slices that may lie less than a second before `now_ms`.
fn last_second(pace: &PaceRow, now_ms: i64) -> u64 {
    let first = now_ms.div_euclid(SLICE_MS) - SLICES + 1;
    pace.slices.iter().filter(|slice| slice.number >= first).map(|slice| u64::from(slice.count)).sum()
}

/// How many tickets may be admitted at `now_ms`, at `rate` a second.
#[must_use]
pub fn allowed(pace: &PaceRow, rate: u32, now_ms: i64) -> u64 {
    let left = u64::from(rate).saturating_sub(last_second(pace, now_ms));
    (credit_milli(pace, rate, now_ms) / 1_000).min(left).min(BATCH_MAX)
}

/// What is known of the pace after `count` admissions at `now_ms`, as many as were [allowed].
#[must_use]
pub fn spend(pace: &PaceRow, rate: u32, now_ms: i64, count: u64) -> PaceRow {
    let credit_milli = credit_milli(pace, rate, now_ms).saturating_sub(count * 1_000);
    let noted = |slices: &[Slice], number: i64, kept: i64| {
        let mut kept: Vec<Slice> = slices.iter().copied().filter(|slice| slice.number > number - kept).collect();
        // Never more than a batch.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match kept.last_mut() {
            _ if count == 0 => {}
            Some(last) if last.number == number => last.count = last.count.saturating_add(count),
            _ => kept.push(Slice { number, count }),
        }
        kept
    };
    PaceRow {
        slices: noted(&pace.slices, now_ms.div_euclid(SLICE_MS), SLICES),
        seconds: noted(&pace.seconds, now_ms.div_euclid(1_000), MEASURED_S),
        credit_milli,
        credit_ms: now_ms,
    }
}

/// When to look again, if tickets wait and there is room: at least one is allowed then, unless the rate is changed.
#[must_use]
pub fn next_ms(pace: &PaceRow, rate: u32, now_ms: i64) -> i64 {
    let rate_milli = u64::from(rate.max(1));
    let wanted_milli = (rate_milli * TICK_MS).max(1_000);
    let saved_ms = wanted_milli.saturating_sub(credit_milli(pace, rate, now_ms)).div_ceil(rate_milli);
    let by_credit = now_ms.saturating_add_unsigned(saved_ms).max(now_ms.saturating_add(SLICE_MS));
    let mut left = last_second(pace, by_credit);
    // The slices leave the last second one by one; the first that makes room is waited for.
    let mut by_window = by_credit;
    for slice in &pace.slices {
        if left < rate_milli {
            break;
        }
        let leaves_ms = (slice.number + SLICES) * SLICE_MS;
        if leaves_ms > by_credit {
            left = left.saturating_sub(u64::from(slice.count));
            by_window = leaves_ms;
        }
    }
    by_credit.max(by_window)
}

/// Admissions in the last minute, and over how many ms they were counted, in a queue that has admitted since `since_ms`.
#[must_use]
pub fn measured(pace: &PaceRow, since_ms: i64, now_ms: i64) -> (u64, u64) {
    let first = now_ms.div_euclid(1_000) - MEASURED_S + 1;
    let count = pace.seconds.iter().filter(|slice| slice.number >= first).map(|slice| u64::from(slice.count)).sum();
    let begins_ms = since_ms.max(first * 1_000);
    (count, now_ms.saturating_sub(begins_ms).max(1).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_idle_queue_admits_at_once_and_then_at_its_rate() {
        for (rate, at_once) in [(1, 1), (9, 1), (10, 1), (50, 5), (1_000, 100), (100_000, 1_000)] {
            assert_eq!(allowed(&PaceRow::default(), rate, 1_000_000), at_once, "rate {rate}");
        }
        let spent = spend(&PaceRow::default(), 50, 1_000_000, 5);
        assert_eq!((allowed(&spent, 50, 1_000_000), next_ms(&spent, 50, 1_000_000)), (0, 1_000_020));
        assert_eq!((allowed(&spent, 50, 1_000_019), allowed(&spent, 50, 1_000_020)), (0, 1));
        let one = spend(&PaceRow::default(), 1, 1_000_000, 1);
        assert_eq!(next_ms(&one, 1, 1_000_000), 1_001_010, "a second later, in whole slices");
        assert_eq!((allowed(&one, 1, 1_001_009), allowed(&one, 1, 1_001_010)), (0, 1));
    }

    #[test]
    fn a_stall_is_not_caught_up_in_one_pulse() {
        let spent = spend(&PaceRow::default(), 1_000, 1_000_000, 100);
        assert_eq!(allowed(&spent, 1_000, 1_000_050), 50);
        assert_eq!(allowed(&spent, 1_000, 1_009_000), 100);
    }

    #[test]
    fn a_rate_that_falls_holds_at_once() {
        let mut pace = PaceRow::default();
        let mut now_ms = 1_000_000;
        for _ in 0..9 {
            pace = spend(&pace, 1_000, now_ms, 100);
            now_ms += 100;
        }
        assert_eq!(allowed(&pace, 50, now_ms), 0);
        let next = next_ms(&pace, 50, now_ms);
        assert!(allowed(&pace, 50, next - 1) == 0 && allowed(&pace, 50, next) > 0, "{next}");
    }

    #[test]
    fn the_rate_is_measured_over_a_minute_or_since_it_opened() {
        let mut pace = PaceRow::default();
        for second in 0..120 {
            pace = spend(&pace, 50, 1_000_000 + second * 1_000, 5);
        }
        assert_eq!(pace.seconds.len(), 60);
        assert_eq!(measured(&pace, 0, 1_119_500), (300, 59_500));
        assert_eq!(measured(&spend(&PaceRow::default(), 50, 1_000, 5), 1_000, 3_000), (5, 2_000));
        assert_eq!(measured(&PaceRow::default(), 1_000, 1_000), (0, 1));
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_the_rate_and_every_wait_ends(
            rate in prop_oneof![1u32..4, 40u32..60, 900u32..1_100],
            steps in proptest::collection::vec((prop_oneof![0i64..30, 0i64..1_500], 0u64..200), 1..120),
        ) {
            let (mut pace, mut now_ms, mut admitted) = (PaceRow::default(), 1_700_000_000_000i64, Vec::<(i64, u64)>::new());
            for (pause_ms, wanted) in steps {
                now_ms += pause_ms;
                let count = allowed(&pace, rate, now_ms).min(wanted);
                pace = spend(&pace, rate, now_ms, count);
                admitted.push((now_ms, count));
                // Any second that ends here.
                let in_second: u64 = admitted.iter().filter(|(at_ms, _)| now_ms - at_ms < 1_000).map(|(_, count)| count).sum();
                prop_assert!(in_second <= u64::from(rate), "{in_second} of {rate}");
                prop_assert!(count <= u64::from(rate / 10).max(1));
                if allowed(&pace, rate, now_ms) == 0 {
                    let next = next_ms(&pace, rate, now_ms);
                    prop_assert!(next > now_ms && next <= now_ms + 1_020, "{}", next - now_ms);
                    prop_assert!(allowed(&pace, rate, next) > 0, "rate {} next {}", rate, next - now_ms);
                }
                prop_assert!(pace.slices.len() <= 101 && pace.seconds.len() <= 60);
            }
        }

        #[test]
        fn a_full_queue_admits_nearly_at_its_rate(rate in prop_oneof![1u32..20, 50u32..2_000], late_ms in 0i64..15) {
            let (mut pace, mut now_ms, mut total) = (PaceRow::default(), 1_700_000_000_000i64, 0);
            let start_ms = now_ms;
            while now_ms < start_ms + 20_000 {
                let count = allowed(&pace, rate, now_ms);
                pace = spend(&pace, rate, now_ms, count);
                total += count;
                now_ms = next_ms(&pace, rate, now_ms) + late_ms;
            }
            prop_assert!(total >= u64::from(rate) * 20 * 9 / 10, "{total} of {}", rate * 20);
        }
    }
}
