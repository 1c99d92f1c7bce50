//! What the log refuses outputs of, input records and delayed messages: sent to the dead letters when it comes again.
//!
//! | refused | the dead letter | the request's outcome |
//! |---|---|---|
//! | once | with its value, `X-Attempts: 1` | SYSTEM_ERROR |
//! | twice | without its value, `X-Attempts: 1`: with the headers of a dead letter it is too large itself | SYSTEM_ERROR |
//! | more often | without its value, `X-Attempts: 3` | none: the outcome is what the log refuses |

use std::collections::BTreeMap;

/// The records, by `K`, with the number of refusals and the reason of the last. See the head of this file.
#[derive(Debug)]
pub(crate) struct Condemned<K>(BTreeMap<K, Verdict>);

/// How often outputs of a record were refused, and why at last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) times: u32,
    pub(crate) why: String,
}

impl Verdict {
    /// The value does not go into the dead letter.
    pub(crate) fn without_value(&self) -> bool {
        self.times > 1
    }

    /// The request gets no outcome.
    pub(crate) fn without_outcome(&self) -> bool {
        self.times > 2
    }

    /// What the dead letter says, so that a replay knows what was decided.
    pub(crate) fn attempts(&self) -> u32 {
        if self.without_outcome() { 3 } else { 1 }
    }
}

impl<K> Default for Condemned<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Condemned<K> {
    /// An output of this one was refused, perhaps once more.
    pub(crate) fn add(&mut self, which: K, why: String) {
        let times = self.of(&which).map_or(0, |verdict| verdict.times) + 1;
        self.0.insert(which, Verdict { times, why });
    }

    pub(crate) fn of(&self, which: &K) -> Option<&Verdict> {
        self.0.get(which)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets those of which `is_over` is true.
    pub(crate) fn forget(&mut self, is_over: impl Fn(&K) -> bool) {
        self.0.retain(|which, _| !is_over(which));
    }
}

#[cfg(test)]
mod tests {
    use super::Condemned;

    #[test]
    fn each_record_has_its_own_count_until_it_is_over() {
        let mut condemned = Condemned::default();
        condemned.add((0, 7), "large".to_owned());
        condemned.add((0, 9), "large".to_owned());
        condemned.add((0, 7), "still".to_owned());
        let times = |condemned: &Condemned<(usize, i64)>, which| {
            condemned.of(&which).map(|verdict| (verdict.times, verdict.why.clone()))
        };
        assert_eq!(times(&condemned, (0, 7)), Some((2, "still".to_owned())));
        assert_eq!(times(&condemned, (0, 9)), Some((1, "large".to_owned())));
        assert_eq!(times(&condemned, (1, 7)), None);
        condemned.forget(|(_, offset)| *offset < 9);
        assert_eq!((times(&condemned, (0, 7)), times(&condemned, (0, 9))), (None, Some((1, "large".to_owned()))));
    }
}
