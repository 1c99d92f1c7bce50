//! Who owns which place, as the log's side of the group sees it: members come, are given places, are asked for some of them, and expire.

use std::collections::BTreeMap;

/// One app's group.
#[derive(Debug, Default)]
pub(super) struct Group {
    places: u32,
    /// Grows whenever a place changes hands: what members knew before is stale.
    pub(super) generation: u64,
    /// Incarnation of each member that is in the group.
    members: BTreeMap<String, u64>,
    incarnations: u64,
    owners: BTreeMap<u32, String>,
    /// Places that their owner is asked to give up, and for whom.
    wanted: BTreeMap<u32, String>,
}

impl Group {
    /// `name` joins, or comes back: a static member finds its places as it left them.
    pub(super) fn join(&mut self, name: &str, places: u32) -> u64 {
        self.places = self.places.max(places);
        self.incarnations += 1;
        let is_new = self.members.insert(name.to_owned(), self.incarnations).is_none();
        if is_new {
            self.rebalance();
        }
        self.incarnations
    }

    /// The incarnation of `name` that is in the group now.
    pub(super) fn incarnation(&self, name: &str) -> Option<u64> {
        self.members.get(name).copied()
    }

    /// Names of those in the group.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    pub(super) fn owned(&self, name: &str) -> Vec<u32> {
        self.owners.iter().filter(|(_, owner)| *owner == name).map(|(place, _)| *place).collect()
    }

    pub(super) fn is_wanted(&self, place: u32) -> bool {
        self.wanted.contains_key(&place)
    }

    /// Whether places that others are to give up are meant for `name`.
    pub(super) fn is_promised_more(&self, name: &str) -> bool {
        self.wanted.values().any(|next| next == name)
    }

    /// True when every place has an owner and none is on its way.
    pub(super) fn is_calm(&self) -> bool {
        self.wanted.is_empty() && self.owners.len() == self.places as usize
    }

    /// `name` has given `place` up, if it was asked to.
    pub(super) fn give_back(&mut self, name: &str, place: u32) {
        if self.owners.get(&place).is_some_and(|owner| owner == name)
            && let Some(next) = self.wanted.remove(&place)
        {
            self.owners.insert(place, next);
            self.generation += 1;
        }
    }

    /// `name` is gone: it left, or its session timed out whether it lives or not. Its places go to others at once.
    pub(super) fn expire(&mut self, name: &str) {
        if self.members.remove(name).is_none() {
            return;
        }
        self.generation += 1;
        self.wanted.retain(|_, next| next != name);
        for place in self.owned(name) {
            match self.wanted.remove(&place) {
                Some(next) => self.owners.insert(place, next),
                None => self.owners.remove(&place),
            };
        }
        self.rebalance();
    }

    /// Asks the owner of `place` to give it to `name`.
    pub(super) fn ask(&mut self, place: u32, name: &str) {
        let is_elsewhere = self.owners.get(&place).is_some_and(|owner| owner != name);
        if is_elsewhere && !self.is_wanted(place) && self.members.contains_key(name) {
            self.wanted.insert(place, name.to_owned());
        }
    }

    /// Free places go to whoever will have least, then the fullest are asked to share.
    fn rebalance(&mut self) {
        for place in 0..self.places {
            if !self.owners.contains_key(&place)
                && let Some(name) = self.by_load().into_iter().next()
            {
                self.owners.insert(place, name);
                self.generation += 1;
            }
        }
        for _ in 0..self.places {
            let loads = self.by_load();
            let (Some(least), Some(most)) = (loads.first(), loads.last()) else { return };
            if self.load(least) + 1 >= self.load(most) {
                return;
            }
            let Some(place) = self.owned(most).into_iter().find(|place| !self.is_wanted(*place)) else { return };
            let least = least.clone();
            self.ask(place, &least);
        }
    }

    /// How many places `name` will have once all moves are made.
    fn load(&self, name: &str) -> usize {
        self.owners
            .iter()
            .map(|(place, owner)| self.wanted.get(place).unwrap_or(owner))
            .filter(|owner| *owner == name)
            .count()
    }

    fn by_load(&self) -> Vec<String> {
        let mut names: Vec<String> = self.members.keys().cloned().collect();
        names.sort_by_key(|name| self.load(name));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_member_gets_its_share_once_it_was_given_up() {
        let mut group = Group::default();
        group.join("a", 4);
        assert_eq!(group.owned("a"), [0, 1, 2, 3]);
        group.join("b", 4);
        assert!(group.owned("b").is_empty());
        assert!(group.is_promised_more("b") && !group.is_promised_more("a"));
        let before = group.generation;
        for place in 0..4 {
            group.give_back("a", place);
        }
        assert!(!group.is_promised_more("b"));
        assert_eq!((group.owned("a").len(), group.owned("b").len()), (2, 2));
        assert!(group.generation > before && group.is_calm());
    }

    #[test]
    fn who_expires_loses_everything_and_who_comes_back_in_time_nothing() {
        let mut group = Group::default();
        group.join("a", 2);
        group.join("a", 2);
        assert_eq!(group.owned("a"), [0, 1]);
        group.join("b", 2);
        group.expire("a");
        assert_eq!((group.owned("a"), group.owned("b")), (vec![], vec![0, 1]));
        group.expire("b");
        assert!(!group.is_calm());
    }
}
