//! Requests at times that are fixed in advance, whatever becomes of those before them.
//!
//! Latency is measured from the intended time: a server that stalls makes every request behind the stall late, instead of being spared them (coordinated
//! omission). What a client does next may depend on an answer; when he does it does not depend on when the answer came.

use super::target::{Said, Target};
use super::witness::Witness;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use indicatif::ProgressBar;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Requests under way at most: bounds sockets. Waiting for one of them counts into the latency.
pub(crate) const UNDER_WAY_MAX: usize = 2_000;

/// What the clients of a shape do.
pub(crate) trait Play {
    /// One request.
    type Scene: Send + 'static;

    /// What is asked.
    fn request(&self, scene: &Self::Scene) -> Request;

    /// What came of it; `then` takes what follows from it.
    fn answered(&mut self, scene: Self::Scene, answer: Answer, then: &mut Agenda<Self::Scene>);
}

/// A request as a client makes it.
pub(crate) enum Request {
    /// Path and body.
    Post(&'static str, Value),
    /// Path, and the token of the client that asks. Not written down for the auditor, as it changes nothing.
    GetAs(&'static str, Arc<str>),
}

/// What came of a request.
pub(crate) struct Answer {
    pub(crate) said: Said,
    /// From its intended time.
    pub(crate) latency_us: u64,
    /// When it was really sent, by the wall clock, in ms since the epoch.
    pub(crate) sent_ms: i64,
}

/// What is still to be asked, in order of time.
pub(crate) struct Agenda<S> {
    due: BTreeMap<(u64, u64), S>,
    added: u64,
    start_us: u64,
    start_ms: i64,
    clock: SystemClock,
}

impl<S> Agenda<S> {
    /// Time 0 is now.
    pub(crate) fn new(clock: SystemClock) -> Self {
        Self { due: BTreeMap::new(), added: 0, start_us: clock.monotonic_us(), start_ms: clock.now_ms(), clock }
    }

    /// Adds what shall be asked at `at_us`.
    pub(crate) fn add(&mut self, at_us: u64, scene: S) {
        self.due.insert((at_us, self.added), scene);
        self.added += 1;
    }

    /// Adds what shall be asked at once.
    pub(crate) fn add_now(&mut self, scene: S) {
        self.add(self.now_us(), scene);
    }

    /// The time of the agenda at which the wall clock shows `ms` since the epoch.
    pub(crate) fn at_wall(&self, ms: i64) -> u64 {
        u64::try_from(ms.saturating_sub(self.start_ms)).unwrap_or(0).saturating_mul(1_000)
    }

    /// The time of the agenda now.
    pub(crate) fn now_us(&self) -> u64 {
        self.clock.monotonic_us().saturating_sub(self.start_us)
    }

    /// The next that is due, with its intended time.
    fn take_due(&mut self) -> Option<(u64, S)> {
        let first = self.due.first_entry()?;
        let (at_us, _) = *first.key();
        (at_us <= self.clock.monotonic_us().saturating_sub(self.start_us)).then(|| (at_us, first.remove()))
    }
}

/// Plays it to its end, and returns how long that took, in µs.
///
/// # Errors
/// When a request could not be awaited: a bug of ours.
pub(crate) async fn play<P: Play>(
    play: &mut P,
    target: &Target,
    witness: &Witness,
    mut agenda: Agenda<P::Scene>,
) -> Result<u64, Failure> {
    let mut asked = 0;
    let bar = ProgressBar::new(agenda.due.len() as u64);
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut running = JoinSet::new();
    while !agenda.due.is_empty() || !running.is_empty() {
        while running.len() < UNDER_WAY_MAX
            && let Some((at_us, scene)) = agenda.take_due()
        {
            let request = play.request(&scene);
            let (target, witness, clock, start_us) = (target.clone(), witness.clone(), agenda.clock, agenda.start_us);
            let n = asked;
            asked += 1;
            running.spawn(async move {
                let sent_ms = clock.now_ms();
                let said = match request {
                    Request::Post(path, body) => target.post_before(&witness, n, path, &body).await,
                    Request::GetAs(path, token) => target.get_as(path, &token).await,
                };
                let latency_us = clock.monotonic_us().saturating_sub(start_us + at_us);
                (scene, Answer { said, latency_us, sent_ms })
            });
        }
        tokio::select! {
            biased;
            Some(done) = running.join_next() => {
                let (scene, answer) = done.map_err(|e| Failure::Failed(e.to_string()))?;
                play.answered(scene, answer, &mut agenda);
                bar.inc(1);
            }
            _ = tick.tick() => {}
        }
    }
    bar.finish_and_clear();
    witness.finish()?;
    Ok(agenda.now_us())
}

/// How often each kind occurred, the most frequent first.
pub(crate) fn counted(kinds: &BTreeMap<String, u64>) -> Vec<Vec<String>> {
    let mut rows: Vec<_> = kinds.iter().collect();
    rows.sort_by_key(|(_, n)| Reverse(**n));
    rows.into_iter().map(|(kind, n)| vec![kind.clone(), n.to_string()]).collect()
}

/// A runtime for the clients of a shape: one thread, since two would wake each other for every request.
///
/// # Errors
/// When the machine gives us no threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| Failure::Failed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agenda_is_in_order_of_time_and_then_of_adding() {
        let mut agenda = Agenda::new(SystemClock::new());
        for (at_us, scene) in [(0, "b"), (u64::MAX, "never"), (0, "c")] {
            agenda.add(at_us, scene);
        }
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take_due()).collect();
        assert_eq!(taken, [(0, "b"), (0, "c")]);
        assert_eq!(agenda.due.len(), 1);
    }

    #[test]
    fn wall_times_before_the_start_are_now() {
        let agenda = Agenda::<()>::new(SystemClock::new());
        assert_eq!(agenda.at_wall(agenda.start_ms + 7), 7_000);
        assert_eq!(agenda.at_wall(0), 0);
    }
}
