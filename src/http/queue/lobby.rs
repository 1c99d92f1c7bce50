//! What a replica has in memory of the waiting rooms, and what goes on there beside the requests.

use super::streams::{self, Room, Streams};
use super::touches::{Touches, portions};
use crate::http::Api;
use crate::http::intake::Record;
use crate::unique;
use holdfast_engine::inspect::Queries;
use holdfast_model::queue::message::{Signal, Touch};
use holdfast_model::queue::{COUNTS, INBOX, NAME};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGaugeVec, Opts, Registry};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often signs of life are told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// What a record of signs of life has besides the tickets: its type, the queue and the punctuation, at most.
const TOUCH_FRAME_BYTES: usize = 2_048;

/// What a replica has in memory of the waiting rooms.
pub struct Lobby {
    pub(super) streams: Streams,
    touches: Touches,
    touched: IntCounter,
    has_begun: AtomicBool,
}

impl Lobby {
    /// Room for `streams_max` streams. What it counts is shown by `registry`, and how many tickets the views of `queries` have.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn new(streams_max: usize, queries: &Arc<Queries>, registry: &Registry) -> Result<Self, prometheus::Error> {
        let touched =
            IntCounter::new("holdfast_queue_touches_total", "Tickets whose sign of life was told to the log")?;
        registry.register(Box::new(touched.clone()))?;
        registry.register(Box::new(Tickets::new(queries.clone())?))?;
        let streams = Streams::new(streams_max, registry)?;
        Ok(Self { streams, touches: Touches::default(), touched, has_begun: AtomicBool::new(false) })
    }

    /// Starts what goes on beside the requests, once. It ends with the worker.
    pub(super) fn begin(&self, api: &Api) {
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            tokio::spawn(tell_touches(api.clone()));
            tokio::spawn(streams::tell(api.clone()));
        }
    }
}

impl Api {
    /// These tickets of `room`, which is decided here, are asked after.
    pub(super) fn touch(&self, room: &Room, tickets: impl IntoIterator<Item = u64>, silence_ms: u64) {
        self.lobby.begin(self);
        self.lobby.touches.note(room, tickets, silence_ms, self.clock.monotonic_us() / 1_000);
    }

    async fn tell_touched(&self, room: Room, tickets: Vec<u64>) {
        if self.queries.task(NAME, room.place).is_err() {
            // The place is another worker's now, and so are the questions.
            return;
        }
        let bytes_max = self.settings.record_bytes_max.saturating_sub(TOUCH_FRAME_BYTES);
        for tickets in portions(tickets, bytes_max) {
            let count = tickets.len() as u64;
            let value = Signal::Touch(Touch { queue_id: room.queue_id.to_string(), tickets }).to_json();
            let record = Record {
                topic: INBOX,
                place: room.place,
                key: &room.queue_id,
                value: Some(&value),
                id: &unique::name(&*self.clock),
                kind: "queue.touch",
            };
            // What is not in the log is told by the next questions.
            if self.append_alone(&record).await.is_ok() {
                self.lobby.touched.inc_by(count);
            }
        }
    }
}

/// Tells the log which tickets were asked after, once a second: one record for each queue, unless it would be too long.
async fn tell_touches(api: Api) {
    let (mut stopping, mut turn) = (api.stopping.clone(), tokio::time::interval(TELL_EVERY));
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let telling = async {
        loop {
            turn.tick().await;
            for (room, tickets) in api.lobby.touches.take(api.clock.monotonic_us() / 1_000) {
                api.tell_touched(room, tickets).await;
            }
        }
    };
    tokio::select! {
        () = telling => {}
        // Also when the sender is gone: then the worker is ending without having said so.
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

/// Counts the tickets of the queues that are decided here, when it is asked. Queues are added up: a label for each would never be freed.
struct Tickets {
    queries: Arc<Queries>,
    counts: IntGaugeVec,
}

impl Tickets {
    fn new(queries: Arc<Queries>) -> Result<Self, prometheus::Error> {
        let opts = Opts::new("holdfast_queue_tickets", "Live tickets of the queues that are decided here, by state");
        Ok(Self { queries, counts: IntGaugeVec::new(opts, &["state"])? })
    }
}

impl Collector for Tickets {
    fn desc(&self) -> Vec<&Desc> {
        self.counts.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (mut waiting, mut active) = (0, 0);
        for task in self.queries.tasks(NAME) {
            // A place that is just leaving counts elsewhere.
            let _ = task.scan(&COUNTS, &[], &mut |_, counts| {
                waiting += counts.waiting_total();
                active += counts.active;
                ControlFlow::Continue(())
            });
        }
        for (state, count) in [("WAITING", waiting), ("ACTIVE", active)] {
            self.counts.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.counts.collect()
    }
}
