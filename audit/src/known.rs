//! Requests that have been here before. Of an id 16 bytes are kept, so millions of them fit: two different ids are taken for one with a chance of one in
//! 10^24 among ten million.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::reader;
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
    /// The same one, decided.
    Before,
    /// Something else under a known id.
    Another,
}

/// The ids of one place.
#[derive(Debug, Default)]
pub(crate) struct Known(FxHashMap<Print, First>);

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
    /// With room for so many.
    pub(crate) fn for_records(records: i64) -> Self {
        Self(FxHashMap::with_capacity_and_hasher(room(records), FxBuildHasher))
    }

    /// Looks `id` up, which wants `wish`; a new one is kept.
    pub(crate) fn see(&mut self, id: &str, wish: impl Hash, is_redriven: bool) -> Seen {
        self.see_print(print(id), wish, is_redriven)
    }

    /// The same by the print of the id.
    pub(crate) fn see_print(&mut self, id: Print, wish: impl Hash, is_redriven: bool) -> Seen {
        let wish = short(wish);
        match self.0.entry(id) {
            Entry::Vacant(place) => {
                place.insert(First::of(wish, false));
                Seen::New
            }
            Entry::Occupied(known) if !known.get().wanted(wish) => Seen::Another,
            Entry::Occupied(mut known) if known.get().is_given_up() && is_redriven => {
                known.insert(First::of(wish, false));
                Seen::Again
            }
            Entry::Occupied(_) => Seen::Before,
        }
    }

    /// Whether `id` is known.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.contains_key(&print(id))
    }

    /// `id` was given up. Says whether it was new: a decided one stays decided.
    pub(crate) fn give_up(&mut self, id: &str, wish: impl Hash) -> bool {
        let before = self.0.len();
        self.0.entry(print(id)).or_insert_with(|| First::of(short(wish), true));
        self.0.len() > before
    }
}

/// I-14: what comes of an id that is known.
pub(crate) fn retried(seen: Seen, id: &str, entry: &reader::Entry<'_>, findings: &mut Findings) {
    match seen {
        Seen::New | Seen::Again => {}
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
