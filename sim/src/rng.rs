//! The one source of chance of a simulation: the same seed, the same numbers, on every machine and for ever.

/// A stream of numbers (SplitMix64: small, and good enough to choose what goes wrong next).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for `purpose`, so that what one part draws does not change what another one sees.
    #[must_use]
    pub fn fork(seed: u64, purpose: &str) -> Self {
        let mixed = purpose.bytes().fold(seed, |state, byte| Self(state ^ u64::from(byte)).next_u64());
        Self(mixed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next_u64().checked_rem(n).unwrap_or(0)
    }

    /// A number in `from..to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from))
    }

    /// True `of_100` times in a hundred.
    pub fn chance(&mut self, of_100: u64) -> bool {
        self.below(100) < of_100
    }

    /// One of them; `None` of nothing.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(from.len() as u64)).ok()?;
        from.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_is_for_ever() {
        let mut rng = Rng::new(42);
        assert_eq!([rng.next_u64(), rng.next_u64()], [13_679_457_532_755_275_413, 2_949_826_092_126_892_291]);
        assert_ne!(Rng::fork(42, "a").next_u64(), Rng::fork(42, "b").next_u64());
    }

    #[test]
    fn bounds_are_kept() {
        let mut rng = Rng::new(7);
        assert!((0..1000).all(|_| rng.below(10) < 10 && (3..5).contains(&rng.between(3, 5))));
        assert_eq!((rng.below(0), rng.pick::<u8>(&[])), (0, None));
    }
}
