//! Records whose outputs the log refuses: buried when they come again. The second time without their value, which is then too large itself.

use std::collections::BTreeMap;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Condemned(BTreeMap<(usize, i64), Verdict>);

#[derive(Debug)]
struct Verdict {
    times: u32,
    why: String,
}

impl Condemned {
    /// An output of the record at `offset` of source number `source` was refused, perhaps once more.
    pub(crate) fn add(&mut self, source: usize, offset: i64, why: String) {
        let times = self.of(source, offset).map_or(0, |(times, _)| times) + 1;
        self.0.insert((source, offset), Verdict { times, why });
    }

    /// How often an output of this record was refused, and why at last.
    pub(crate) fn of(&self, source: usize, offset: i64) -> Option<(u32, &str)> {
        self.0.get(&(source, offset)).map(|verdict| (verdict.times, &*verdict.why))
    }

    /// Forgets those of which `is_over` is true.
    pub(crate) fn forget(&mut self, is_over: impl Fn(usize, i64) -> bool) {
        self.0.retain(|(source, offset), _| !is_over(*source, *offset));
    }
}

#[cfg(test)]
mod tests {
    use super::Condemned;

    #[test]
    fn each_record_has_its_own_count_until_it_is_over() {
        let mut condemned = Condemned::default();
        condemned.add(0, 7, "large".to_owned());
        condemned.add(0, 9, "large".to_owned());
        condemned.add(0, 7, "still".to_owned());
        assert_eq!(condemned.of(0, 7), Some((2, "still")));
        assert_eq!(condemned.of(0, 9), Some((1, "large")));
        assert_eq!(condemned.of(1, 7), None);
        condemned.forget(|_, offset| offset < 9);
        assert_eq!((condemned.of(0, 7), condemned.of(0, 9)), (None, Some((1, "large"))));
    }
}
