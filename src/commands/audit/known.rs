//! Requests that have been here before. Of an id 16 bytes are kept, so millions of them fit: two different ids are taken for one with a chance of one in
//! 10^24 among ten million.

use super::findings::Findings;
use super::invariant::Invariant;
use super::reader;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

/// 16 bytes that stand for `what`.
pub(super) fn print(what: impl Hash) -> u128 {
    let half = |seed: u64| {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        what.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

/// What is known of an id.
#[derive(Debug, Clone, Copy)]
struct First {
    /// What was wanted.
    wish: u64,
    /// It was given up, and may be decided when it comes again.
    given_up: bool,
}

/// Whether a request has to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
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
pub(super) struct Known(FxHashMap<u128, First>);

fn short(wish: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    wish.hash(&mut hasher);
    hasher.finish()
}

impl Known {
    /// Looks `id` up, which wants `wish`; a new one is kept.
    pub(super) fn see(&mut self, id: &str, wish: impl Hash, is_redriven: bool) -> Seen {
        self.see_print(print(id), wish, is_redriven)
    }

    /// The same by the print of the id.
    pub(super) fn see_print(&mut self, id: u128, wish: impl Hash, is_redriven: bool) -> Seen {
        let wish = short(wish);
        match self.0.entry(id) {
            Entry::Vacant(place) => {
                place.insert(First { wish, given_up: false });
                Seen::New
            }
            Entry::Occupied(known) if known.get().wish != wish => Seen::Another,
            Entry::Occupied(mut known) if known.get().given_up && is_redriven => {
                known.get_mut().given_up = false;
                Seen::Again
            }
            Entry::Occupied(_) => Seen::Before,
        }
    }

    /// Whether `id` is known.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains_key(&print(id))
    }

    /// `id` was given up. Says whether it was new: a decided one stays decided.
    pub(super) fn give_up(&mut self, id: &str, wish: impl Hash) -> bool {
        let before = self.0.len();
        self.0.entry(print(id)).or_insert_with(|| First { wish: short(wish), given_up: true });
        self.0.len() > before
    }
}

/// I-14: what comes of an id that is known.
pub(super) fn retried(seen: Seen, id: &str, entry: &reader::Entry<'_>, findings: &mut Findings) {
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
