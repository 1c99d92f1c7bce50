//! Where a load's chances come from.

/// SplitMix64: a stream of numbers that is the same everywhere.
pub(crate) struct Random(pub(super) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// µs until the next of arrivals that know nothing of each other, `rate` a second.
    pub(crate) fn distance_us(&mut self, rate: f64) -> f64 {
        -self.unit().ln() / rate.max(0.001) * 1e6
    }

    /// Log-normal: half of them below `median`, the logarithm's deviation `sigma`.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            // Below the length of a slice.
            items.swap(i, usize::try_from(self.below(i as u64 + 1)).unwrap_or(i));
        }
    }
}

/// Some are wanted more than others: the nth is wanted `n^-exponent` times as often as the first.
pub(crate) struct Zipf {
    /// Up to and including each.
    sums: Vec<f64>,
}

impl Zipf {
    #[expect(clippy::cast_precision_loss, reason = "numbers of seats")]
    pub(crate) fn new(n: u64, exponent: f64) -> Self {
        let weights = (1..=n.max(1)).map(|nth| (nth as f64).powf(-exponent));
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// From 0.
    pub(crate) fn draw(&self, random: &mut Random) -> u64 {
        let all = self.sums.last().copied().unwrap_or(1.0);
        let point = random.unit() * all;
        (self.sums.partition_point(|sum| *sum < point) as u64).min(self.sums.len() as u64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_wanted_most_and_the_last_is_wanted_too() {
        let zipf = Zipf::new(50, 1.1);
        let mut counts = [0u64; 50];
        let mut random = Random(7);
        for _ in 0..50_000 {
            counts[usize::try_from(zipf.draw(&mut random)).unwrap()] += 1;
        }
        // The sum of n^-1.1 up to 50 is 3.82: the first gets 26 %, the last 0.35 %.
        assert!((12_000..14_500).contains(&counts[0]), "{counts:?}");
        assert!((100..260).contains(&counts[49]), "{counts:?}");
        assert!((1.9..2.4).contains(&(f64::from(u32::try_from(counts[0]).unwrap()) / counts[1] as f64)), "{counts:?}");
        let even = Zipf::new(2, 0.0);
        let ones = (0..10_000).filter(|_| even.draw(&mut random) == 1).count();
        assert!((4_700..5_300).contains(&ones), "{ones}");
        assert_eq!(Zipf::new(0, 1.0).draw(&mut random), 0);
    }

    #[test]
    fn half_of_the_log_normal_is_below_its_median() {
        let mut random = Random(3);
        let drawn: Vec<f64> = (0..10_000).map(|_| random.log_normal(90.0, 0.8)).collect();
        let below = drawn.iter().filter(|x| **x < 90.0).count();
        assert!((4_800..5_200).contains(&below), "{below}");
        assert!(drawn.iter().all(|x| x.is_finite() && *x > 0.0));
    }

    #[test]
    fn a_shuffle_keeps_all_and_is_the_seeds() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..100).collect();
            Random(seed).shuffle(&mut items);
            items
        };
        let mut sorted = shuffled(1);
        assert_eq!(sorted, shuffled(1));
        assert_ne!(sorted, shuffled(2));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
