//! Requests that have been here before. Of an id 16 bytes are kept, so millions of them fit: two different ids are taken for one with a chance of one in
//! 10^24 among ten million. An id whose outcome has ended ([`Retention`]) is decided again.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::reader;
use crate::retention::Retention;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

/// 16 bytes that stand for something. Two halves, since maps of a whole would be a third larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Print(u64, u64);

/// 16 bytes that stand for `what`.
pub(crate) fn print(what: impl Hash) -> Print {
    let half = |seed: u64| {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        what.hash(&mut hasher);
        hasher.finish()
    };
    Print(half(1), half(2))
}

/// What is known of an id: what was wanted, and whether it was given up and may be decided when it comes again.
#[derive(Debug, Clone, Copy)]
struct First(u64);

/// The bit of [`First`] that says so.
const GIVEN_UP: u64 = 1 << 63;

impl First {
    fn of(wish: u64, is_given_up: bool) -> Self {
        Self(wish & !GIVEN_UP | if is_given_up { GIVEN_UP } else { 0 })
    }

    fn wanted(self, wish: u64) -> bool {
        (self.0 ^ wish) & !GIVEN_UP == 0
    }

    fn is_given_up(self) -> bool {
        self.0 & GIVEN_UP != 0
    }
}

/// Whether a request has to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Never seen.
    New,
    /// Given up before, and put back.
    Again,
    /// Decided before, and the outcome of that has ended.
    Ended,
    /// The same one, decided.
    Before,
    /// Something else under a known id.
    Another,
}

impl Seen {
    /// Whether it has to be decided.
    pub(crate) fn is_to_decide(self) -> bool {
        matches!(self, Self::New | Self::Again | Self::Ended)
    }
}

/// The ids of one place.
#[derive(Debug, Default)]
pub(crate) struct Known {
    ids: FxHashMap<Print, First>,
    retention: Retention,
    /// When ids were decided, in ms since the epoch: only of those whose outcome may end within what is audited.
    decided_ms: FxHashMap<Print, i64>,
}

/// Room for what so many records bring: all of it at once, since a map that grows is there twice meanwhile. Offsets may have gaps, so not without end.
pub(crate) fn room(records: i64) -> usize {
    usize::try_from(records).unwrap_or(0).min(ROOM_MAX)
}

/// As many as fit into as many slots as two million need.
const ROOM_MAX: usize = 3_600_000;

/// 8 bytes that stand for what is compared with one other only.
pub(crate) fn short(wish: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    wish.hash(&mut hasher);
    hasher.finish()
}

impl Known {
    /// With room for the ids of so many records.
    pub(crate) fn for_records(records: i64, retention: Retention) -> Self {
        let ids = FxHashMap::with_capacity_and_hasher(room(records), FxBuildHasher);
        Self { ids, retention, decided_ms: FxHashMap::default() }
    }

    /// The record at `offset` is the next; `now_ms` is its logical time.
    pub(crate) fn at(&mut self, offset: i64, now_ms: i64) {
        self.retention.at(offset, now_ms);
    }

    /// Looks `id` up, which wants `wish`; one that has to be decided is kept.
    pub(crate) fn see(&mut self, id: &str, wish: impl Hash, is_redriven: bool) -> Seen {
        self.see_print(print(id), wish, is_redriven)
    }

    /// The same by the print of the id.
    pub(crate) fn see_print(&mut self, id: Print, wish: impl Hash, is_redriven: bool) -> Seen {
        let wish = short(wish);
        let has_ended = self.has_ended(id);
        let first = First::of(wish, false);
        let seen = match self.ids.entry(id) {
            Entry::Vacant(place) => {
                place.insert(first);
                Seen::New
            }
            Entry::Occupied(mut known) if has_ended => {
                known.insert(first);
                Seen::Ended
            }
            Entry::Occupied(known) if !known.get().wanted(wish) => Seen::Another,
            Entry::Occupied(mut known) if known.get().is_given_up() && is_redriven => {
                known.insert(first);
                Seen::Again
            }
            Entry::Occupied(_) => Seen::Before,
        };
        if seen.is_to_decide() {
            self.decided(id);
        }
        seen
    }

    /// Whether there was a request `id`.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids.contains_key(&print(id))
    }

    /// `id` was given up. Says whether that is its outcome: a decided one stays decided until that has ended.
    pub(crate) fn give_up(&mut self, id: &str, wish: impl Hash) -> bool {
        let id = print(id);
        let is_outcome = self.has_ended(id) || !self.ids.contains_key(&id);
        if is_outcome {
            self.ids.insert(id, First::of(short(wish), true));
            self.decided(id);
        }
        is_outcome
    }

    /// The outcome of `id`, which has just been decided, does not end.
    pub(crate) fn lasts(&mut self, id: &str) {
        if !self.decided_ms.is_empty() {
            self.decided_ms.remove(&print(id));
        }
    }

    fn has_ended(&self, id: Print) -> bool {
        // Nothing has in a log that is younger than outcomes are kept.
        !self.decided_ms.is_empty() && self.decided_ms.get(&id).is_some_and(|ms| self.retention.has_ended(*ms))
    }

    /// `id` is decided by the record in hand.
    fn decided(&mut self, id: Print) {
        if self.retention.may_end() {
            self.decided_ms.insert(id, self.retention.now_ms());
        } else if !self.decided_ms.is_empty() {
            self.decided_ms.remove(&id);
        }
    }
}

/// I-14: what comes of an id that is known.
pub(crate) fn retried(seen: Seen, id: &str, entry: &reader::Entry<'_>, findings: &mut Findings) {
    match seen {
        Seen::New | Seen::Again => {}
        Seen::Ended => findings.count(Invariant::Retries, "ids that came again after their outcome had ended", 1),
        Seen::Before => findings.count(Invariant::Retries, "ids that came again", 1),
        Seen::Another => {
            findings.breach(
                Invariant::Retries,
                entry,
                format!("{id} was something else, and this is not among the dead letters"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_MS: i64 = 1_000;

    /// Ids of a place whose inbox ends at 9 s.
    fn known() -> Known {
        Known::for_records(0, Retention::new(vec![(0, KEEP_MS)], 9_000))
    }

    #[test]
    fn an_id_is_known_until_its_outcome_has_ended() {
        let mut known = known();
        for (now_ms, wish, seen) in [
            (1_000, "a", Seen::New),
            (1_999, "a", Seen::Before),
            (1_999, "b", Seen::Another),
            (2_000, "b", Seen::Ended),
            (2_999, "a", Seen::Another),
            (3_000, "a", Seen::Ended),
            // Behind the end nobody asks any more.
            (8_500, "c", Seen::Ended),
            (9_000, "c", Seen::Before),
        ] {
            known.at(0, now_ms);
            assert_eq!(known.see("id", wish, false), seen, "{wish} at {now_ms} ms");
        }
        assert!(known.has("id") && known.decided_ms.is_empty());
    }

    #[test]
    fn what_was_given_up_is_put_back_until_that_has_ended() {
        let mut known = known();
        known.at(0, 1_000);
        assert!(known.give_up("id", "a") && !known.give_up("id", "a"));
        assert_eq!(known.see("id", "a", false), Seen::Before);
        known.at(1, 1_500);
        assert_eq!(known.see("id", "a", true), Seen::Again);
        assert!(!known.give_up("id", "a"));
        // It is kept from then on.
        known.at(2, 2_400);
        assert_eq!(known.see("id", "a", true), Seen::Before);
        known.at(3, 2_500);
        assert!(known.give_up("id", "b"));
        known.at(4, 3_500);
        assert_eq!(known.see("id", "b", true), Seen::Ended);
        known.lasts("id");
        known.at(5, 8_000);
        assert_eq!(known.see("id", "b", true), Seen::Before);
    }
}
