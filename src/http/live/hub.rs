//! Who listens, and the one computation for all of them.

use super::super::Api;
use super::counted::Counted;
use super::snapshot::{self, Snapshot, Takeover};
use axum::body::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::MissedTickBehavior;

/// Listeners at a time. Each is a connection, a task and nothing else; the pages of a shift of operators are a few.
pub(in crate::http) const LISTENERS_MAX: usize = 64;
const EVERY: Duration = Duration::from_secs(1);
/// Takeovers that are remembered.
const TAKEOVERS_MAX: usize = 20;

/// What all listeners share.
pub(in crate::http) struct Hub {
    room: Arc<Semaphore>,
    /// The last event; empty before the first.
    latest: watch::Sender<Bytes>,
    /// Whether a task computes.
    is_at_work: Mutex<bool>,
    seen: Mutex<Seen>,
    began_us: u64,
}

/// What is remembered from one snapshot to the next, also while nobody listens.
#[derive(Default)]
struct Seen {
    owners: Vec<Option<String>>,
    takeovers: VecDeque<Takeover>,
}

impl Hub {
    /// Of an API that began at this moment of the monotonic clock, in µs.
    pub(in crate::http) fn new(began_us: u64) -> Self {
        Self {
            room: Arc::new(Semaphore::new(LISTENERS_MAX)),
            latest: watch::channel(Bytes::new()).0,
            is_at_work: Mutex::new(false),
            seen: Mutex::default(),
            began_us,
        }
    }

    fn listeners(&self) -> usize {
        LISTENERS_MAX - self.room.available_permits()
    }

    /// Notes who owns what, and returns the changes that were seen, the latest first. A place that nobody owned before is not taken over.
    fn takeovers(&self, owners: Vec<Option<String>>, at: &str) -> Vec<Takeover> {
        let mut seen = self.seen.lock();
        let Seen { owners: before, takeovers } = &mut *seen;
        for (place, owner) in owners.iter().enumerate() {
            let Some(to) = owner else { continue };
            let from = before.get(place).cloned().flatten();
            if let Some(from) = from.filter(|from| from != to) {
                let place = u32::try_from(place).unwrap_or(u32::MAX);
                takeovers.push_front(Takeover { at: at.to_owned(), place, from, to: to.clone() });
                takeovers.truncate(TAKEOVERS_MAX);
            }
        }
        // Between two owners there is a moment without one: the last is remembered through it.
        before.resize(owners.len(), None);
        for (last, owner) in before.iter_mut().zip(owners) {
            if owner.is_some() {
                *last = owner;
            }
        }
        takeovers.iter().cloned().collect()
    }
}

/// One who listens.
pub(super) struct Listener {
    snapshots: watch::Receiver<Bytes>,
    stopping: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
}

/// Listens; `None` when too many do. The first listener has the computing begun.
pub(super) fn listen(api: &Api) -> Option<Listener> {
    let room = api.live.room.clone().try_acquire_owned().ok()?;
    let mut snapshots = api.live.latest.subscribe();
    // What is there already is news to this one.
    snapshots.mark_changed();
    let mut is_at_work = api.live.is_at_work.lock();
    if !*is_at_work {
        *is_at_work = true;
        tokio::spawn(compute(api.clone()));
    }
    Some(Listener { snapshots, stopping: api.stopping.clone(), _room: room })
}

impl Listener {
    /// Passes snapshots on until the client is gone, has `left` of them, or the worker stops.
    pub(super) async fn pass_on(mut self, tell: mpsc::Sender<Bytes>, left: Option<usize>) {
        let mut left = left.unwrap_or(usize::MAX);
        while left > 0 {
            tokio::select! {
                // Told to stop, or nobody is left who could tell.
                _ = self.stopping.wait_for(|stop| *stop) => return,
                () = tell.closed() => return,
                changed = self.snapshots.changed() => if changed.is_err() { return },
            }
            let event = self.snapshots.borrow_and_update().clone();
            if event.is_empty() {
                continue;
            }
            tokio::select! {
                _ = self.stopping.wait_for(|stop| *stop) => return,
                sent = tell.send(event) => if sent.is_err() { return },
            }
            left -= 1;
        }
    }
}

/// Lets a computation begin again should this one have panicked.
struct AtWork<'a>(&'a Hub);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0.is_at_work.lock() = false;
        }
    }
}

async fn compute(api: Api) {
    let hub = &api.live;
    let _at_work = AtWork(hub);
    let mut stopping = api.stopping.clone();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<Counted> = None;
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            _ = ticks.tick() => {}
        }
        {
            // Under the lock, so that no listener comes between the look and the end.
            let mut is_at_work = hub.is_at_work.lock();
            if hub.latest.receiver_count() == 0 {
                // The next listener begins anew: what is old is not shown as new.
                hub.latest.send_replace(Bytes::new());
                *is_at_work = false;
                return;
            }
        }
        let now = Counted::read(&api.registry, api.clock.monotonic_us());
        hub.latest.send_replace(event(&look(&api, &now, before.as_ref())));
        before = Some(now);
    }
    *hub.is_at_work.lock() = false;
}

/// What is told at this moment.
fn look(api: &Api, now: &Counted, before: Option<&Counted>) -> Snapshot {
    let mut shown = snapshot::of(api, now, before);
    let owner = |place: &super::super::places::PlaceView| place.worker.clone().or_else(|| place.endpoint.clone());
    let owners = shown.places.iter().map(owner).collect();
    shown.takeovers = api.live.takeovers(owners, &shown.at);
    shown.listeners = api.live.listeners();
    shown.uptime_ms = now.at_us().saturating_sub(api.live.began_us) / 1_000;
    shown
}

fn event(snapshot: &Snapshot) -> Bytes {
    let mut event = b"event: snapshot\ndata: ".to_vec();
    // Numbers and texts: it always encodes, and on one line.
    if serde_json::to_writer(&mut event, snapshot).is_err() {
        return Bytes::new();
    }
    event.extend_from_slice(b"\n\n");
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_owner_is_a_takeover_and_a_first_owner_is_none() {
        let hub = Hub::new(0);
        let owners = |names: [&str; 2]| names.map(|name| (!name.is_empty()).then(|| name.to_owned())).to_vec();
        assert!(hub.takeovers(owners(["a", ""]), "0").is_empty());
        assert!(hub.takeovers(owners(["a", "a"]), "1").is_empty());
        // Nobody for a moment, then another one; the other place comes back to the same.
        assert!(hub.takeovers(owners(["", ""]), "2").is_empty());
        let seen = hub.takeovers(owners(["b", "a"]), "3");
        let told: Vec<_> = seen.iter().map(|t| (&*t.at, t.place, &*t.from, &*t.to)).collect();
        assert_eq!(told, [("3", 0, "a", "b")]);
        assert_eq!(hub.takeovers(owners(["b", "a"]), "4").len(), 1, "it stays, and is told once");
    }
}
