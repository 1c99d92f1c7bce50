//! Requests with a key that this replica appends or has appended, and that were not decided when last heard of: a repetition is told from another request by
//! them. A hint in memory: what is decided has a row, which says it better.

use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::collections::VecDeque;

/// The oldest are forgotten beyond this: more than are ever under way at a time.
const ENTRIES_MAX: usize = 10_000;

/// The requests under way.
#[derive(Debug, Default)]
pub struct UnderWay(Mutex<Ids>);

#[derive(Debug, Default)]
struct Ids {
    known: FxHashSet<Box<str>>,
    /// In the order in which they came; those that are known no longer leave at the front.
    order: VecDeque<Box<str>>,
}

impl UnderWay {
    /// Notes that `id` is about to be appended.
    pub fn note(&self, id: &str) {
        let mut ids = self.0.lock();
        if ids.known.insert(id.into()) {
            ids.order.push_back(id.into());
        }
        while let Some(oldest) = ids.order.front() {
            if ids.order.len() <= ENTRIES_MAX && ids.known.contains(oldest) {
                break;
            }
            if let Some(oldest) = ids.order.pop_front() {
                ids.known.remove(&oldest);
            }
        }
    }

    /// Forgets `id`: it is decided, or never came into the log.
    pub fn forget(&self, id: &str) {
        self.0.lock().known.remove(id);
    }

    /// Whether `id` may be under way.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.0.lock().known.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_is_forgotten_and_else_the_oldest() {
        let under_way = UnderWay::default();
        for id in ["a", "b", "a"] {
            under_way.note(id);
        }
        under_way.forget("a");
        assert!(!under_way.has("a") && under_way.has("b"));
        for n in 0..ENTRIES_MAX {
            under_way.note(&n.to_string());
        }
        assert!(!under_way.has("b") && under_way.has("0") && under_way.has(&(ENTRIES_MAX - 1).to_string()));
        assert_eq!(under_way.0.lock().order.len(), ENTRIES_MAX);
        under_way.note("0");
        under_way.forget("0");
        under_way.note("last");
        assert!(!under_way.has("0"));
        let ids = under_way.0.lock();
        assert_eq!((ids.order.len(), ids.known.len()), (ENTRIES_MAX, ENTRIES_MAX));
    }
}
