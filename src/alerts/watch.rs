//! Places that are looked at beside their owner: a worker that stands still cannot tell of its own lag.
//!
//! Each worker asks the owners of the other places once a second when they have looked at their lag last. An owner that does not answer, or whose looks
//! have stopped, is silent. Its places are watched by one of those that answer: the one that owns the first place. Where no owner answers, every worker
//! that owns nothing watches all of them, `--role api` say.

use std::collections::{BTreeMap, BTreeSet};

/// Times in a row without an answer after which an owner is silent; it is asked once a second.
const MISSES_MAX: u32 = 3;
/// Times in a row with an answer and no new look after which it is silent, too: its first looks may take longer.
const SAME_MAX: u32 = 8;

/// Times in a row that a place was without an owner, after which it is watched: a place that is about to be claimed is not.
const UNOWNED_MIN: u32 = 5;

/// What has been heard of the owners.
#[derive(Debug, Default)]
pub struct Heard {
    owners: BTreeMap<String, Owner>,
    /// Places without an owner, and for how many looks in a row.
    unowned: BTreeMap<u32, u32>,
}

#[derive(Debug, Default)]
struct Owner {
    misses: u32,
    /// The last look that it told of, and how often in a row it told of that.
    look: Option<String>,
    same: u32,
}

impl Heard {
    /// Notes what the owner at `endpoint` has answered: the time of its last look, if it has looked; `None`: nothing.
    pub fn note(&mut self, endpoint: &str, answer: Option<Option<String>>) {
        let owner = self.owners.entry(endpoint.to_owned()).or_default();
        match answer {
            None => owner.misses = owner.misses.saturating_add(1),
            Some(look) => {
                owner.misses = 0;
                owner.same = if look == owner.look { owner.same.saturating_add(1) } else { 0 };
                owner.look = look;
            }
        }
    }

    /// Notes where the owner of each place listens now, `None` where nobody owns it, and forgets those that own nothing any more.
    pub fn note_owners(&mut self, owners: &[Option<String>]) {
        self.owners.retain(|endpoint, _| owners.iter().flatten().any(|owner| owner == endpoint));
        for (place, owner) in (0_u32..).zip(owners) {
            match owner {
                Some(_) => drop(self.unowned.remove(&place)),
                None => {
                    let looks = self.unowned.entry(place).or_default();
                    *looks = looks.saturating_add(1);
                }
            }
        }
    }

    fn is_silent(&self, endpoint: &str) -> bool {
        self.owners.get(endpoint).is_some_and(|owner| owner.misses >= MISSES_MAX || owner.same >= SAME_MAX)
    }

    /// The places that the worker at `me` watches. `owners`: where the owner of each place listens, `None` where nobody owns it.
    #[must_use]
    pub fn places_of(&self, me: &str, owners: &[Option<String>]) -> BTreeSet<u32> {
        let speaks = |endpoint: &&String| *endpoint == me || !self.is_silent(endpoint);
        let first = owners.iter().flatten().find(speaks);
        if first.is_some_and(|first| first != me) {
            return BTreeSet::new();
        }
        let is_watched = |place: u32, owner: &Option<String>| match owner {
            Some(owner) => !speaks(&owner),
            None => self.unowned.get(&place).is_some_and(|looks| *looks >= UNOWNED_MIN),
        };
        (0_u32..).zip(owners).filter(|(place, owner)| is_watched(*place, owner)).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
    }

    fn silent(heard: &mut Heard, name: &str) {
        (0..MISSES_MAX).for_each(|_| heard.note(name, None));
    }

    #[test]
    fn the_places_of_a_silent_owner_are_watched_by_one_that_is_not() {
        let mut heard = Heard::default();
        let owners = owners(&["b", "a", "c", "b"]);
        let watched = |heard: &Heard| ["a", "b", "c", "api"].map(|me| heard.places_of(me, &owners));
        let none = BTreeSet::new;
        assert_eq!(watched(&heard), [none(), none(), none(), none()]);
        silent(&mut heard, "c");
        // As each of the others sees it.
        assert_eq!(watched(&heard), [none(), BTreeSet::from([2]), none(), none()]);
        silent(&mut heard, "b");
        assert_eq!(heard.places_of("a", &owners), BTreeSet::from([0, 2, 3]));
        silent(&mut heard, "a");
        assert_eq!(heard.places_of("api", &owners), BTreeSet::from([0, 1, 2, 3]));
        // One answer and it speaks for itself again.
        heard.note("a", Some(Some("now".to_owned())));
        assert_eq!(heard.places_of("api", &owners), none());
    }

    #[test]
    fn a_place_without_an_owner_is_watched_too() {
        let mut heard = Heard::default();
        let some = owners(&["a", "", "b"]);
        for _ in 0..UNOWNED_MIN {
            assert_eq!(heard.places_of("a", &some), BTreeSet::new(), "it may be about to be claimed");
            heard.note_owners(&some);
        }
        assert_eq!(heard.places_of("a", &some), BTreeSet::from([1]));
        assert_eq!(heard.places_of("b", &some), BTreeSet::new());
        (0..UNOWNED_MIN).for_each(|_| heard.note_owners(&owners(&["", ""])));
        assert_eq!(heard.places_of("api", &owners(&["", ""])), BTreeSet::from([0, 1]));
        heard.note_owners(&owners(&["a", ""]));
        heard.note_owners(&owners(&["", ""]));
        assert_eq!(heard.places_of("api", &owners(&["", ""])), BTreeSet::from([1]));
    }

    #[test]
    fn an_owner_that_answers_and_does_not_look_is_silent() {
        let mut heard = Heard::default();
        let owners = owners(&["a", "b"]);
        heard.note("b", Some(Some("1".to_owned())));
        for _ in 0..SAME_MAX {
            assert_eq!(heard.places_of("a", &owners), BTreeSet::new());
            heard.note("b", Some(Some("1".to_owned())));
        }
        assert_eq!(heard.places_of("a", &owners), BTreeSet::from([1]));
        heard.note("b", Some(Some("2".to_owned())));
        assert_eq!(heard.places_of("a", &owners), BTreeSet::new());
    }
}
