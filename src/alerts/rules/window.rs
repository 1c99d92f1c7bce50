//! What has happened lately: amounts with their times, forgotten after a while.

use std::collections::VecDeque;
use std::time::Duration;

/// Amounts of the last `length`.
#[derive(Debug)]
pub(super) struct Window {
    length_us: u64,
    amounts: VecDeque<(u64, u64)>,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { length_us: u64::try_from(length.as_micros()).unwrap_or(u64::MAX), amounts: VecDeque::new() }
    }

    /// Notes an amount at `now_us`; zero is nothing. Times never go back.
    pub(super) fn add(&mut self, amount: u64, now_us: u64) {
        if amount > 0 {
            self.amounts.push_back((now_us, amount));
        }
    }

    /// The amounts that are not older than the window.
    fn lately(&mut self, now_us: u64) -> impl Iterator<Item = u64> {
        while self.amounts.front().is_some_and(|(at, _)| now_us.saturating_sub(*at) > self.length_us) {
            self.amounts.pop_front();
        }
        self.amounts.iter().map(|(_, amount)| *amount)
    }

    pub(super) fn sum(&mut self, now_us: u64) -> u64 {
        self.lately(now_us).fold(0, u64::saturating_add)
    }

    pub(super) fn max(&mut self, now_us: u64) -> u64 {
        self.lately(now_us).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use std::time::Duration;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::new(Duration::from_micros(10));
        window.add(5, 100);
        window.add(0, 101);
        window.add(3, 105);
        assert_eq!((window.sum(110), window.max(110), window.amounts.len()), (8, 5, 2));
        assert_eq!((window.sum(111), window.max(111)), (3, 3));
        assert_eq!((window.sum(116), window.max(116)), (0, 0));
    }
}
