//! What the clients of a waiting room were told, and what of it cannot be true: two tickets for one user, a ticket that is lost, a place that falls back.

use std::collections::BTreeMap;
use std::sync::Arc;

/// How many breaches of a kind are told one by one.
const TOLD_MAX: usize = 5;

/// What one user knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The token of the first answer.
    pub(super) token: Option<Arc<str>>,
    /// The last place in the queue that was heard of.
    position: Option<u64>,
    /// Whether its ticket has ended, as far as was heard.
    pub(super) is_over: bool,
}

/// What all users know.
#[derive(Debug)]
pub(super) struct Books {
    users: Vec<Known>,
    breaches: BTreeMap<&'static str, Vec<String>>,
}

impl Books {
    pub(super) fn new(users: usize) -> Self {
        Self { users: vec![Known::default(); users], breaches: BTreeMap::new() }
    }

    pub(super) fn of(&self, user: usize) -> Option<&Known> {
        self.users.get(user)
    }

    /// Users that have a ticket.
    pub(super) fn joined(&self) -> u64 {
        self.users.iter().filter(|known| known.token.is_some()).count() as u64
    }

    /// `user` was given `token`. Whether it is the first that this user was given.
    pub(super) fn was_given(&mut self, user: usize, token: &str) -> bool {
        let Some(known) = self.users.get_mut(user) else { return false };
        match &known.token {
            None => {
                known.token = Some(token.into());
                true
            }
            // Who was let in and has left again may come once more.
            Some(had) if **had != *token && !known.is_over => {
                self.note("users had two tickets", || format!("user {user}"));
                false
            }
            Some(_) => false,
        }
    }

    /// A question of `user` that was asked after its last answer was answered: it stands at `position`, or has ended. Answers that cross each
    /// other on their way must not come here.
    pub(super) fn stands(&mut self, user: usize, position: Option<u64>, is_over: bool) {
        let Some(known) = self.users.get_mut(user) else { return };
        known.is_over = is_over;
        let before = known.position;
        known.position = position.or(before);
        if let (Some(before), Some(now)) = (before, position)
            && now > before
        {
            self.note("positions grew", || format!("user {user} from {before} to {now}"));
        }
    }

    /// The ticket of `user` is not known any more.
    pub(super) fn is_lost(&mut self, user: usize, said: &str) {
        self.note("tickets were lost", || format!("user {user}: {said}"));
    }

    fn note(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        self.breaches.entry(kind).or_default().push(what());
    }

    /// What cannot be true. `counted`: tickets of the queue, as it says itself; `unknown`: joins of which nobody knows what became of them.
    pub(super) fn breaches(&self, counted: Option<u64>, unknown: u64) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for (kind, breaches) in &self.breaches {
            let some = breaches.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join(", ");
            all.push(format!("{} {kind} ({some})", breaches.len()));
        }
        let joined = self.joined();
        match counted {
            Some(counted) if !(joined..=joined + unknown).contains(&counted) => {
                all.push(format!("the queue has {counted} tickets, and {joined} users were given one"));
            }
            Some(_) => {}
            None => all.push("the queue does not say how many tickets it has".to_owned()),
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_answers_are_no_breach() {
        let mut books = Books::new(2);
        assert!(books.was_given(0, "a") && !books.was_given(0, "a") && books.was_given(1, "b"));
        for position in [5, 5, 3, 0] {
            books.stands(0, Some(position), false);
        }
        books.stands(0, None, true);
        assert!(!books.was_given(0, "later"), "who has left may come again");
        assert!(books.breaches(Some(2), 0).is_empty() && books.breaches(Some(3), 1).is_empty());
    }

    #[test]
    fn what_cannot_be_true_is_told() {
        let mut books = Books::new(3);
        books.was_given(0, "a");
        books.was_given(0, "b");
        books.stands(1, Some(3), false);
        books.stands(1, Some(4), false);
        books.is_lost(2, "404");
        let told = books.breaches(Some(2), 0);
        for part in
            ["1 users had two tickets (user 0)", "1 positions grew (user 1 from 3 to 4)", "user 2: 404", "has 2"]
        {
            assert!(told.iter().any(|one| one.contains(part)), "{part}: {told:?}");
        }
        assert_eq!(told.len(), 4);
        assert_eq!(books.breaches(None, 0).len(), 4);
    }
}
