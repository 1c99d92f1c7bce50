//! All alerts of this worker: what the rules have read is turned into notices, each alert by its own [`Phase`]. Pure; times are passed in.

use super::notice::{Identity, Labels, Notice, State};
use super::phase::{Change, Damping, Phase, Seen};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Alerts that are followed at a time. More than that are no news to anybody.
const ALERTS_MAX: usize = 1_000;
/// Alerts that are over and still shown, and for how long.
const CLEARED_MAX: usize = 50;
const CLEARED_MS: i64 = 3_600_000;
/// An alert whose rule does not see its subject any more, a place that has left say, is over after so long.
const UNSEEN_MAX: Duration = Duration::from_secs(60);

/// The time, as the alerts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall time, in ms since the epoch: only shown.
    pub ms: i64,
    /// Monotonic time, in µs: what lasts is measured by it.
    pub us: u64,
}

/// What a rule has read of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The subject.
    pub labels: Labels,
    /// What was measured.
    pub value: u64,
    /// What it may be.
    pub bound: u64,
    /// How it stands.
    pub seen: Seen,
    /// Since when the bound has been exceeded, in ms since the epoch, where the rule knows; otherwise since the look that found it.
    pub since_ms: Option<i64>,
    /// One line for humans.
    pub summary: String,
}

/// What a rule has read at one look.
#[derive(Debug)]
pub struct Look {
    /// Name of the alert.
    pub alert: &'static str,
    /// How it is damped.
    pub damping: Damping,
    /// Each subject that there is.
    pub readings: Vec<Reading>,
}

#[derive(Debug, Clone)]
struct Entry {
    phase: Phase,
    /// What was told last, or would be.
    notice: Notice,
    seen_us: u64,
}

/// The alerts.
#[derive(Debug)]
pub struct Book {
    app: String,
    worker: String,
    entries: BTreeMap<Identity, Entry>,
    cleared: VecDeque<Notice>,
}

impl Book {
    /// The book of this worker, with the alerts that were firing when it ended.
    #[must_use]
    pub fn new(app: &str, worker: &str, firing: Vec<Notice>, now: Now) -> Self {
        let entry = |notice: Notice| {
            let phase = Phase::Firing { fine_from_us: None };
            (notice.identity.clone(), Entry { phase, notice, seen_us: now.us })
        };
        Self {
            app: app.to_owned(),
            worker: worker.to_owned(),
            entries: firing.into_iter().map(entry).collect(),
            cleared: VecDeque::new(),
        }
    }

    /// Takes in a look; returns what has to be told. Alerts in `elsewhere` are told by another worker.
    pub fn take_in(&mut self, look: Look, now: Now, elsewhere: &BTreeSet<Identity>) -> Vec<Notice> {
        let mut told = Vec::new();
        let mut seen = BTreeSet::new();
        for reading in look.readings {
            let identity = Identity { alert: look.alert.to_owned(), labels: reading.labels.clone() };
            if let Some(notice) = self.step(&identity, look.damping, reading, now, elsewhere.contains(&identity)) {
                told.push(notice);
            }
            seen.insert(identity);
        }
        told.extend(self.unseen(look.alert, &seen, now));
        while self.cleared.front().is_some_and(|notice| now.ms.saturating_sub(notice.at_ms) > CLEARED_MS) {
            self.cleared.pop_front();
        }
        told
    }

    fn step(
        &mut self,
        identity: &Identity,
        damping: Damping,
        reading: Reading,
        now: Now,
        is_elsewhere: bool,
    ) -> Option<Notice> {
        let before = self.entries.get(identity);
        let phase = before.map_or(Phase::Quiet, |entry| entry.phase);
        let (next, change) = phase.step(reading.seen, now.us, damping, is_elsewhere);
        if next == Phase::Quiet && change.is_none() {
            self.entries.remove(identity);
            return None;
        }
        if before.is_none() && self.entries.len() >= ALERTS_MAX {
            tracing::warn!(alert = identity.alert, "too many alerts at a time: this one is not followed");
            return None;
        }
        let since_ms = before.map_or_else(|| reading.since_ms.unwrap_or(now.ms), |entry| entry.notice.since_ms);
        let state = if next.is_firing() { State::Firing } else { State::Resolved };
        let at_ms = match (change, before) {
            // It was told then, and is only shown with newer values.
            (None, Some(entry)) => entry.notice.at_ms,
            _ => now.ms,
        };
        let notice = Notice {
            identity: identity.clone(),
            state,
            summary: reading.summary,
            value: reading.value,
            bound: reading.bound,
            since_ms,
            at_ms,
            app: self.app.clone(),
            worker: self.worker.clone(),
        };
        match change {
            Some(Change::Resolved) => self.clear(notice.clone()),
            _ => {
                let entry = Entry { phase: next, notice: notice.clone(), seen_us: now.us };
                self.entries.insert(identity.clone(), entry);
            }
        }
        change.map(|_| notice)
    }

    /// Alerts of a rule whose subject was not seen by it.
    fn unseen(&mut self, alert: &str, seen: &BTreeSet<Identity>, now: Now) -> Vec<Notice> {
        let lasts = |entry: &Entry| {
            Duration::from_micros(now.us.saturating_sub(entry.seen_us)) < UNSEEN_MAX && entry.phase.is_firing()
        };
        let is_over = |(id, entry): &(&Identity, &Entry)| id.alert == alert && !seen.contains(*id) && !lasts(entry);
        let gone: Vec<Identity> = self.entries.iter().filter(is_over).map(|(id, _)| id.clone()).collect();
        let mut told = Vec::new();
        for identity in gone {
            let Some(entry) = self.entries.remove(&identity) else { continue };
            if entry.phase.is_firing() {
                let summary = format!("not seen here any more; last: {}", entry.notice.summary);
                let notice = Notice { state: State::Resolved, summary, at_ms: now.ms, ..entry.notice };
                self.clear(notice.clone());
                told.push(notice);
            }
        }
        told
    }

    fn clear(&mut self, notice: Notice) {
        self.entries.remove(&notice.identity);
        self.cleared.push_back(notice);
        if self.cleared.len() > CLEARED_MAX {
            self.cleared.pop_front();
        }
    }

    /// The alerts that are out.
    pub fn firing(&self) -> impl Iterator<Item = &Notice> {
        self.entries.values().filter(|entry| entry.phase.is_firing()).map(|entry| &entry.notice)
    }

    /// Those that are over, the latest last.
    pub fn cleared(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        self.cleared.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::notice::labels;

    const DAMPING: Damping = Damping { breached_for: Duration::from_secs(5), clear_for: Duration::from_secs(2) };

    fn at(second: u64) -> Now {
        Now { ms: i64::try_from(second).unwrap() * 1_000, us: second * 1_000_000 }
    }

    fn book() -> Book {
        Book::new("holdfast", "one", Vec::new(), at(0))
    }

    fn reading(place: &str, value: u64) -> Reading {
        let seen = if value > 5 { Seen::Breached { already: Duration::ZERO } } else { Seen::Fine };
        let summary = format!("{value} late");
        Reading { labels: labels([("place", place)]), value, bound: 5, seen, since_ms: None, summary }
    }

    fn look(readings: Vec<Reading>) -> Look {
        Look { alert: "LAG", damping: DAMPING, readings }
    }

    fn told(book: &mut Book, second: u64, readings: Vec<Reading>) -> Vec<(State, u64, i64)> {
        let notices = book.take_in(look(readings), at(second), &BTreeSet::new());
        notices.iter().map(|notice| (notice.state, notice.value, notice.since_ms)).collect()
    }

    #[test]
    fn each_subject_has_an_alert_of_its_own_told_once_and_cleared_once() {
        let mut book = book();
        assert_eq!(told(&mut book, 1, vec![reading("0", 6), reading("1", 0)]), []);
        assert_eq!(told(&mut book, 3, vec![reading("0", 8), reading("1", 9)]), []);
        assert_eq!(told(&mut book, 6, vec![reading("0", 11), reading("1", 12)]), [(State::Firing, 11, 1_000)]);
        assert_eq!(told(&mut book, 8, vec![reading("0", 13), reading("1", 14)]), [(State::Firing, 14, 3_000)]);
        // What is shown has the newest value, and the time of the telling.
        assert_eq!(book.firing().map(|n| (n.value, n.at_ms)).collect::<Vec<_>>(), [(13, 6_000), (14, 8_000)]);
        assert_eq!(told(&mut book, 9, vec![reading("0", 0), reading("1", 14)]), []);
        assert_eq!(told(&mut book, 11, vec![reading("0", 1), reading("1", 14)]), [(State::Resolved, 1, 1_000)]);
        assert_eq!((book.firing().count(), book.cleared().count()), (1, 1));
        // The next time is another alert.
        told(&mut book, 20, vec![reading("0", 7), reading("1", 14)]);
        assert_eq!(told(&mut book, 25, vec![reading("0", 7), reading("1", 14)]), [(State::Firing, 7, 20_000)]);
    }

    #[test]
    fn a_subject_that_is_gone_is_cleared_after_a_minute_and_one_that_was_only_pending_at_once() {
        let mut book = book();
        told(&mut book, 1, vec![reading("0", 6)]);
        told(&mut book, 6, vec![reading("0", 6), reading("1", 6)]);
        assert_eq!(told(&mut book, 65, vec![]), []);
        assert_eq!(told(&mut book, 66, vec![]), [(State::Resolved, 6, 1_000)]);
        assert_eq!(book.entries.len(), 0);
        // Other rules' looks say nothing about it.
        told(&mut book, 70, vec![reading("0", 6)]);
        told(&mut book, 75, vec![reading("0", 6)]);
        let other = Look { alert: "OTHER", damping: DAMPING, readings: Vec::new() };
        assert_eq!(book.take_in(other, at(500), &BTreeSet::new()), []);
        assert_eq!(book.firing().count(), 1);
    }

    #[test]
    fn what_was_firing_before_a_restart_is_not_told_again_and_is_cleared_with_its_key() {
        let mut before = book();
        told(&mut before, 1, vec![reading("0", 6)]);
        let fired = before.take_in(look(vec![reading("0", 6)]), at(6), &BTreeSet::new()).pop().unwrap();
        let mut after = Book::new("holdfast", "one", before.firing().cloned().collect(), at(100));
        assert_eq!(told(&mut after, 101, vec![reading("0", 9)]), []);
        assert_eq!(told(&mut after, 102, vec![reading("0", 0)]), []);
        let cleared = after.take_in(look(vec![reading("0", 0)]), at(104), &BTreeSet::new()).pop().unwrap();
        assert_eq!(fired.key().strip_suffix("-firing"), cleared.key().strip_suffix("-resolved"));
    }

    #[test]
    fn an_alert_that_a_peer_tells_is_told_here_when_the_peer_is_gone() {
        let mut book = book();
        let elsewhere = BTreeSet::from([Identity { alert: "LAG".to_owned(), labels: labels([("place", "0")]) }]);
        for second in [1, 6, 60] {
            assert_eq!(book.take_in(look(vec![reading("0", 6)]), at(second), &elsewhere), []);
        }
        assert_eq!(book.firing().count(), 0);
        assert_eq!(told(&mut book, 61, vec![reading("0", 6)]), [(State::Firing, 6, 1_000)]);
    }

    #[test]
    fn not_more_alerts_are_followed_than_anybody_can_read() {
        let mut book = book();
        let many: Vec<_> = (0..ALERTS_MAX + 5).map(|place| reading(&place.to_string(), 6)).collect();
        told(&mut book, 1, many.clone());
        assert_eq!(told(&mut book, 6, many).len(), ALERTS_MAX);
    }
}
