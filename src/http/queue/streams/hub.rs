//! All streams of this worker: once a second each queue is read once, for all of its streams, and each stream is told what is new to it.

use super::outlet::Outlet;
use crate::http::queue::standing::Standing;
use axum::body::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How often queues are read.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// How long a queue may take to say where its tickets stand.
const LOOK_MAX: Duration = Duration::from_secs(3);
/// After so many silent rounds a stream says that it is alive: proxies close what is silent.
const SILENT_ROUNDS_MAX: u32 = 15;
/// After so many rounds in which nobody answered for its queue a stream ends, and its client asks again: another replica may know more.
const LOST_ROUNDS_MAX: u32 = 10;
/// Streams are told in portions, spread over half the round: ten thousand answers at one moment would make every other request wait.
const PORTIONS: usize = 50;
const PORTION_MIN: usize = 64;
const PORTION_PAUSE: Duration = Duration::from_millis(10);

/// A comment, as server-sent events write it.
const ALIVE: Bytes = Bytes::from_static(b":\n\n");
/// Ends a stream whose client shall ask again.
const ASK_AGAIN: &[u8] = b"retry: 1000\n\n";

/// A queue, and the place that decides about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::http::queue) struct Room {
    pub(in crate::http::queue) place: u32,
    pub(in crate::http::queue) queue_id: Arc<str>,
}

/// Nobody answers for a queue now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http::queue) struct Away;

/// Where tickets stand.
pub(super) trait Standings: Sync {
    /// Of each of these tickets, in their order; none where there is no such ticket any more.
    fn of(&self, room: &Room, tickets: &[u64]) -> impl Future<Output = Result<Vec<Option<Standing>>, Away>> + Send;
}

/// One stream. Without its listener it ends, and its client asks again: so a round that is broken off leaves none behind.
#[derive(Debug)]
struct Listener {
    ticket: u64,
    outlet: Arc<Outlet>,
    /// What it was told last.
    told: Standing,
    silent_rounds: u32,
    lost_rounds: u32,
}

/// All streams, by queue. `None`: the worker stops.
#[derive(Debug)]
pub(super) struct Hub(Mutex<Option<FxHashMap<Room, Vec<Listener>>>>);

impl Default for Hub {
    fn default() -> Self {
        Self(Mutex::new(Some(FxHashMap::default())))
    }
}

impl Hub {
    /// A stream that has been told where its ticket stands, and is told of changes from now on.
    pub(super) fn listen(&self, room: Room, ticket: u64, told: Standing, outlet: Arc<Outlet>) {
        let mut rooms = self.0.lock();
        match &mut *rooms {
            Some(rooms) => {
                let listener = Listener { ticket, outlet, told, silent_rounds: 0, lost_rounds: 0 };
                rooms.entry(room).or_default().push(listener);
            }
            None => outlet.end(ASK_AGAIN),
        }
    }

    /// Ends all streams, and those that still come.
    pub(super) fn close(&self) {
        let rooms = self.0.lock().take();
        drop(rooms);
    }

    /// Reads each queue that has streams once, and tells them what is new.
    pub(super) async fn round(&self, standings: &impl Standings) {
        let rooms: Vec<Room> = self.0.lock().iter().flat_map(|rooms| rooms.keys().cloned()).collect();
        for room in rooms {
            let listeners = self.0.lock().as_mut().and_then(|rooms| rooms.remove(&room));
            let Some(mut listeners) = listeners else { continue };
            listeners.retain(|listener| !listener.outlet.is_left());
            if listeners.is_empty() {
                continue;
            }
            let tickets: Vec<u64> = listeners.iter().map(|listener| listener.ticket).collect();
            // A peer that sleeps over the question must not keep the streams of other queues waiting.
            let stand = timeout(LOOK_MAX, standings.of(&room, &tickets)).await.unwrap_or(Err(Away));
            let mut stand = stand.map(Vec::into_iter);
            let (mut left, portion) = (Vec::with_capacity(listeners.len()), PORTION_MIN.max(tickets.len() / PORTIONS));
            for (nth, mut listener) in listeners.into_iter().enumerate() {
                if nth > 0 && nth.is_multiple_of(portion) {
                    let _ = timeout(PORTION_PAUSE, pending::<()>()).await;
                }
                let goes_on = match &mut stand {
                    Ok(stand) => listener.hear(stand.next().flatten()),
                    Err(Away) => listener.miss(),
                };
                if goes_on {
                    left.push(listener);
                }
            }
            self.put_back(room, left);
        }
    }

    /// Puts streams back beside those that have come meanwhile.
    fn put_back(&self, room: Room, mut listeners: Vec<Listener>) {
        if let Some(rooms) = &mut *self.0.lock()
            && !listeners.is_empty()
        {
            let there = rooms.entry(room).or_default();
            listeners.append(there);
            *there = listeners;
        }
    }
}

impl Listener {
    /// Is told what is new of `standing`. Whether its stream goes on.
    fn hear(&mut self, standing: Option<Standing>) -> bool {
        self.lost_rounds = 0;
        // None: its end was shown for as long as ends are kept, and nobody saw it.
        let Some(standing) = standing else { return false };
        if standing.is_news_after(&self.told) {
            self.outlet.say(standing.event());
            self.told = standing;
            self.silent_rounds = 0;
        } else {
            self.stay_silent();
        }
        if self.told.has_ended() {
            self.outlet.end(b"");
        }
        !self.told.has_ended()
    }

    /// Nobody answers for its queue.
    fn miss(&mut self) -> bool {
        self.lost_rounds += 1;
        self.stay_silent();
        self.lost_rounds < LOST_ROUNDS_MAX
    }

    fn stay_silent(&mut self) {
        self.silent_rounds += 1;
        if self.silent_rounds >= SILENT_ROUNDS_MAX {
            self.outlet.murmur(ALIVE);
            self.silent_rounds = 0;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.outlet.end(ASK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::queue::standing::tests::{left, waiting};
    use std::collections::BTreeMap;
    use std::task::{Context, Poll, Waker};

    /// Standings by ticket; none: nobody answers.
    struct Told(Option<BTreeMap<u64, Standing>>);

    impl Standings for Told {
        async fn of(&self, _: &Room, tickets: &[u64]) -> Result<Vec<Option<Standing>>, Away> {
            let told = self.0.as_ref().ok_or(Away)?;
            Ok(tickets.iter().map(|ticket| told.get(ticket).cloned()).collect())
        }
    }

    fn told(standings: &[(u64, Standing)]) -> Told {
        Told(Some(standings.iter().cloned().collect()))
    }

    fn room() -> Room {
        Room { place: 0, queue_id: "q".into() }
    }

    /// A hub with a stream of ticket 7, which has been told that it is third.
    fn listening() -> (Hub, Arc<Outlet>) {
        let (hub, outlet) = (Hub::default(), Arc::new(Outlet::default()));
        hub.listen(room(), 7, waiting(3, 3), outlet.clone());
        (hub, outlet)
    }

    /// What the client reads; none: nothing yet.
    fn read(outlet: &Outlet) -> Option<String> {
        match outlet.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(text)) => Some(String::from_utf8(text.to_vec()).unwrap()),
            Poll::Ready(None) => Some("over".to_owned()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_stream_is_told_what_is_new_and_ends_with_its_ticket() {
        let (hub, outlet) = listening();
        hub.round(&told(&[(7, waiting(3, 3))])).await;
        assert_eq!(read(&outlet), None);
        hub.round(&told(&[(7, waiting(2, 2))])).await;
        assert!(read(&outlet).unwrap().starts_with("data: {\"queuePosition\":2"));
        hub.round(&told(&[(7, left())])).await;
        assert!(read(&outlet).unwrap().contains("ENDED"));
        assert_eq!(read(&outlet).as_deref(), Some("over"));
        assert!(hub.0.lock().as_ref().unwrap().is_empty(), "nothing is kept of it");
    }

    #[tokio::test]
    async fn silence_is_broken_by_a_sign_of_life() {
        let (hub, outlet) = listening();
        for _ in 0..SILENT_ROUNDS_MAX {
            assert_eq!(read(&outlet), None);
            hub.round(&told(&[(7, waiting(3, 3))])).await;
        }
        assert_eq!(read(&outlet).as_deref(), Some(":\n\n"));
    }

    #[tokio::test]
    async fn a_stream_outlives_a_move_but_not_an_outage() {
        let (hub, outlet) = listening();
        for _ in 1..LOST_ROUNDS_MAX {
            hub.round(&Told(None)).await;
        }
        assert_eq!(read(&outlet), None);
        hub.round(&told(&[(7, waiting(1, 1))])).await;
        assert!(read(&outlet).unwrap().contains("\"queuePosition\":1"));
        for _ in 0..LOST_ROUNDS_MAX {
            hub.round(&Told(None)).await;
        }
        assert_eq!(read(&outlet).as_deref(), Some("retry: 1000\n\n"));
        assert_eq!(read(&outlet).as_deref(), Some("over"));
    }

    #[tokio::test]
    async fn a_stop_ends_all_streams_and_those_that_come_later() {
        let (hub, outlet) = listening();
        hub.close();
        let late = Arc::new(Outlet::default());
        hub.listen(room(), 8, waiting(3, 3), late.clone());
        for outlet in [outlet, late] {
            assert_eq!(read(&outlet).as_deref(), Some("retry: 1000\n\n"));
            assert_eq!(read(&outlet).as_deref(), Some("over"));
        }
        hub.round(&told(&[])).await;
    }

    #[tokio::test]
    async fn a_crowd_is_told_in_portions_and_nobody_is_left_out() {
        let hub = Hub::default();
        let outlets: Vec<_> = (0..1_000).map(|_| Arc::new(Outlet::default())).collect();
        for (ticket, outlet) in (0..).zip(&outlets) {
            hub.listen(room(), ticket, waiting(ticket + 2, 1), outlet.clone());
        }
        let standings: Vec<_> = (0..1_000).map(|ticket| (ticket, waiting(ticket + 1, 1))).collect();
        hub.round(&told(&standings)).await;
        for (ticket, outlet) in (0..1_000).zip(&outlets) {
            assert!(read(outlet).unwrap().contains(&format!("\"queuePosition\":{},", ticket + 1)));
        }
    }
}
