//! Requests that this replica has appended and that were not decided when last looked at: how PENDING is told from "never heard of it", and how far
//! back in the queue a request is. Only a hint in memory: after a restart, or on another replica, the position in `Location` says the same.

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Oldest entries are forgotten beyond this: seconds of a flood, far more than is ever undecided.
const ENTRIES_MAX: usize = 100_000;

/// Where a request lies in its inbox, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The topology that decides it.
    pub topology: &'static str,
    /// Place.
    pub place: u32,
    /// Offset.
    pub offset: i64,
    /// What was asked for: the policy, say.
    pub of: Box<str>,
    /// For which user.
    pub user_id: Box<str>,
    /// How many.
    pub quantity: u64,
}

impl Entry {
    /// Whether it lies in the inbox of `topology` in `place`.
    #[must_use]
    pub fn is_of(&self, topology: &str, place: u32) -> bool {
        self.topology == topology && self.place == place
    }
}

/// The accepted, perhaps undecided requests.
#[derive(Debug, Default)]
pub struct Accepted(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_id: FxHashMap<Box<str>, Entry>,
    /// In order of acceptance, so that the front is the first to be decided or forgotten.
    order: VecDeque<Box<str>>,
}

impl Accepted {
    /// Notes that `request_id` is in the log, and forgets the oldest as far as they are decided.
    pub fn note(&self, request_id: &str, entry: Entry, is_decided: impl Fn(&Entry) -> bool) {
        let mut table = self.0.lock();
        table.forget(is_decided);
        if table.by_id.insert(request_id.into(), entry).is_none() {
            table.order.push_back(request_id.into());
        }
        while table.order.len() > ENTRIES_MAX {
            if let Some(oldest) = table.order.pop_front() {
                table.by_id.remove(&oldest);
            }
        }
    }

    /// What is known of the request `request_id` of `topology`.
    #[must_use]
    pub fn get(&self, topology: &str, request_id: &str) -> Option<Entry> {
        self.0.lock().by_id.get(request_id).filter(|entry| entry.topology == topology).cloned()
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().order.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    fn forget(&mut self, is_decided: impl Fn(&Entry) -> bool) {
        while let Some(oldest) = self.order.front() {
            match self.by_id.get(oldest) {
                Some(entry) if !is_decided(entry) => break,
                _ => {}
            }
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(offset: i64) -> Entry {
        Entry { topology: "coupon", place: 0, offset, of: "1".into(), user_id: "u".into(), quantity: 1 }
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let accepted = Accepted::default();
        for offset in 0..=i64::try_from(ENTRIES_MAX).unwrap() {
            accepted.note(&offset.to_string(), entry(offset), |_| false);
        }
        assert_eq!(accepted.len(), ENTRIES_MAX);
        assert_eq!(accepted.get("coupon", "0"), None);
        assert_eq!(accepted.get("coupon", "1"), Some(entry(1)));
        assert_eq!(accepted.get("reservation", "1"), None, "an id of another topology is another id");
    }

    #[test]
    fn what_is_decided_is_forgotten() {
        let accepted = Accepted::default();
        for offset in 0..10 {
            accepted.note(&offset.to_string(), entry(offset), |_| false);
        }
        accepted.note("9", entry(9), |entry| entry.offset < 7);
        assert_eq!(
            (accepted.len(), accepted.get("coupon", "6"), accepted.get("coupon", "7")),
            (3, None, Some(entry(7)))
        );
    }
}
