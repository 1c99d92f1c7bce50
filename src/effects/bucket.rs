//! How many calls a second a channel gets: a token bucket. Pure: the caller tells the time.
//!
//! The rate of a channel is meant for all replicas together. Each takes the part of it that belongs to the places it owns, so that nobody has to be
//! asked before a call; while places move, the parts may add up to less than the whole.

/// Tokens that may be saved up, in seconds of the rate. Always at least one token.
const SAVED_SECONDS: f64 = 0.1;

/// The bucket of one channel.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// For all replicas, in calls a second; `None` = unlimited.
    per_second: Option<f64>,
    /// This worker's part of it, 0 to 1.
    share: f64,
    tokens: f64,
    last_us: u64,
}

impl Bucket {
    /// One that is full. `per_second`: `None` for no limit.
    #[must_use]
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let mut bucket = Self { per_second, share: 1.0, tokens: 0.0, last_us: 0 };
        bucket.tokens = bucket.capacity();
        bucket
    }

    /// From `now_us` on the worker owns `owned` places of `total`.
    pub(crate) fn set_share(&mut self, owned: usize, total: usize, now_us: u64) {
        self.fill(now_us);
        #[expect(clippy::cast_precision_loss, reason = "places are few")]
        let share = owned as f64 / total.max(1) as f64;
        self.share = share.clamp(0.0, 1.0);
        self.tokens = self.tokens.min(self.capacity());
    }

    /// 0 when a call may begin at `now_us`, else after how many µs that may be so; at most a second, since shares change.
    pub(crate) fn wait_us(&mut self, now_us: u64) -> u64 {
        self.fill(now_us);
        if self.per_second.is_none() || self.tokens >= 1.0 {
            return 0;
        }
        let seconds = (1.0 - self.tokens) / self.rate();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a million")]
        let us = (seconds * 1e6).ceil().clamp(1.0, 1e6) as u64;
        us
    }

    /// A call begins.
    pub(crate) fn take(&mut self) {
        self.tokens = (self.tokens - 1.0).max(0.0);
    }

    fn rate(&self) -> f64 {
        self.per_second.unwrap_or(f64::INFINITY) * self.share
    }

    fn capacity(&self) -> f64 {
        if self.per_second.is_none() { 1.0 } else { (self.rate() * SAVED_SECONDS).max(1.0) }
    }

    fn fill(&mut self, now_us: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a pause of 300 years does not happen")]
        let passed = now_us.saturating_sub(self.last_us) as f64 / 1e6;
        self.last_us = self.last_us.max(now_us);
        if self.per_second.is_some() {
            self.tokens = (self.tokens + passed * self.rate()).min(self.capacity());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Calls that begin within `us` when each is begun as soon as it may be.
    fn begun(bucket: &mut Bucket, from_us: u64, us: u64) -> u64 {
        let (mut now_us, mut count) = (from_us, 0);
        while now_us < from_us + us {
            match bucket.wait_us(now_us) {
                0 => {
                    bucket.take();
                    count += 1;
                }
                wait_us => now_us += wait_us,
            }
        }
        count
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let mut bucket = Bucket::new(None);
        for _ in 0..1_000 {
            assert_eq!(bucket.wait_us(0), 0);
            bucket.take();
        }
    }

    #[test]
    fn a_rate_is_kept_and_shared() {
        let mut bucket = Bucket::new(Some(100.0));
        bucket.set_share(1, 2, 0);
        assert_eq!(begun(&mut bucket, 0, 10_000_000), 500 + 5 - 1, "50 a second, and what was saved up");
        bucket.set_share(2, 2, 10_000_000);
        let count = begun(&mut bucket, 10_000_000, 1_000_000);
        assert!((99..=101).contains(&count), "{count}");
    }

    #[test]
    fn a_slow_rate_gives_one_call_at_a_time() {
        let mut bucket = Bucket::new(Some(0.5));
        assert_eq!(bucket.wait_us(0), 0);
        bucket.take();
        assert_eq!(bucket.wait_us(0), 1_000_000, "shares may change meanwhile");
        assert_eq!(bucket.wait_us(1_500_000), 500_000);
        assert_eq!(bucket.wait_us(2_000_000), 0);
    }

    #[test]
    fn without_a_place_nothing_is_begun() {
        let mut bucket = Bucket::new(Some(5.0));
        bucket.take();
        bucket.set_share(0, 3, 0);
        assert_eq!(bucket.wait_us(60_000_000), 1_000_000);
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_what_was_saved(
            rate in 0.1f64..5_000.0,
            steps in proptest::collection::vec((0u64..2_000_000, 0usize..4), 1..50)
        ) {
            let mut bucket = Bucket::new(Some(rate));
            let (mut now_us, mut count) = (0u64, 0u64);
            for (passed_us, owned) in steps {
                now_us += passed_us;
                bucket.set_share(owned, 3, now_us);
                while bucket.wait_us(now_us) == 0 {
                    bucket.take();
                    count += 1;
                }
            }
            let most = rate * (now_us as f64 / 1e6) + (rate * SAVED_SECONDS).max(1.0) + 1e-6;
            prop_assert!(count as f64 <= most, "{count} of {most}");
        }
    }
}
