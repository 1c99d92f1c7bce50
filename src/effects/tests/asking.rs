//! A worker whose only topology asks for what it is told to ask for, and keeps the results.

use super::super::breaker::Pauses;
use super::super::executor::{Executor, Parts};
use super::super::metrics::EffectMetrics;
use super::{Channel, until};
use crate::worker::stream;
use crate::worker::topics::Wanted;
use holdfast_engine::inspect::{EngineMetrics, Queries, Status};
use holdfast_engine::prelude::{
    Context, NewEffect, ProcessError, Processor, Record, Table, Topology, header, place_of,
};
use holdfast_engine::runtime::{self, CommitConfig, StreamConfig};
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_model::call_result::CallResult;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Appender, Log};
use holdfast_ports::membership::{Member, Owner};
use holdfast_ports::record::NewRecord;
use holdfast_state::{RocksStores, StateConfig};
use holdfast_tools::clock::SystemClock;
use prometheus::Registry;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const ASKS: &str = "asks";
const RESULTS: &str = "asks.results";
const PLACES: u32 = 2;
/// Results by key, each as JSON, in the order in which they were decided.
const KEPT: Table<String, Vec<String>> = Table::new(16, "kept");
/// Requests decided, by place.
const ASKED: Table<String, u64> = Table::new(17, "asked");

struct Asking;

impl Processor for Asking {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let (key, value) = (text(record.key), text(record.value));
        if record.header(header::EFFECT_ID).is_some() {
            let mut kept = ctx.get(&KEPT, &key)?.unwrap_or_default();
            kept.push(value);
            return ctx.put(&KEPT, &key, &kept);
        }
        let asked = ctx.get(&ASKED, &String::new())?.unwrap_or(0);
        ctx.put(&ASKED, &String::new(), &(asked + 1))?;
        let (channel, urgency) = value.split_once(' ').unwrap_or((&value, "1"));
        let urgency = urgency.parse().unwrap_or(1);
        ctx.effect(&NewEffect { channel, urgency, key: key.as_bytes(), payload: key.as_bytes() })?;
        Ok(())
    }
}

fn topology() -> Topology {
    let asking = Topology::named("asking").source(ASKS).results(RESULTS).store(KEPT.spec()).store(ASKED.spec());
    asking.dead_letters("asks-dlq").processor(|| Box::new(Asking)).build().unwrap()
}

/// The log, which outlives workers.
pub(super) struct Ground {
    dir: tempfile::TempDir,
    clock: Arc<dyn Clock>,
    log: Arc<dyn Log>,
}

impl Ground {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let log: Arc<dyn Log> = EmbeddedLog::open(EmbeddedConfig::new(dir.path().join("log"), clock.clone())).unwrap();
        Self { dir, clock, log }
    }

    pub(super) fn appender(&self) -> Arc<dyn Appender> {
        self.log.appender().unwrap()
    }

    /// Asks `channel` once for each key, at this urgency.
    pub(super) async fn ask(&self, channel: &str, urgency: u8, keys: impl Iterator<Item = String>) {
        let (tell, told) = std::sync::mpsc::channel();
        let (appender, mut asked) = (self.appender(), 0);
        for key in keys {
            let (tell, value) = (tell.clone(), format!("{channel} {urgency}"));
            let record = NewRecord {
                topic: ASKS,
                partition: place_of(key.as_bytes(), PLACES),
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &[],
            };
            appender.append(record, Box::new(move |appended| tell.send(appended.map(|_| ())).unwrap()));
            asked += 1;
        }
        for _ in 0..asked {
            told.recv().unwrap().unwrap();
        }
    }

    /// A worker with these channels, whose results go through `appender`.
    pub(super) async fn worker(&self, channels: Vec<Arc<dyn Channel>>, appender: Arc<dyn Appender>) -> Worker {
        let registry = Registry::new();
        let pauses = Pauses { min_us: 20_000, max_us: 80_000 };
        let executor = Executor::start(Parts {
            channels,
            appender,
            clock: self.clock.clone(),
            metrics: EffectMetrics::register(&registry).unwrap(),
            pauses,
            in_flight_max: 1_000,
            places: PLACES,
        });
        let executor = executor.unwrap();
        let (queries, status) = (Arc::new(Queries::default()), Status::default());
        let member = Member { app: "test".to_owned(), worker: Some("one".to_owned()), places: PLACES };
        let owner = Owner::new("http://here", "test-0");
        let state: &Path = &self.dir.path().join("state");
        let parts = runtime::Parts {
            config: StreamConfig { effect_secret: [7; 32], ..StreamConfig::new(member, owner, CommitConfig::EMBEDDED) },
            topologies: vec![topology()],
            log: self.log.clone(),
            stores: Arc::new(RocksStores::open(StateConfig::new(state)).unwrap()),
            clock: self.clock.clone(),
            queries: queries.clone(),
            status: status.clone(),
            metrics: EngineMetrics::register(&Registry::new()).unwrap(),
            performer: executor.performer(),
            assistant: None,
        };
        let stream = stream::spawn(parts, Wanted::of(&[topology()], "test", PLACES, None)).unwrap();
        until("ready", || status.snapshot().is_ready()).await;
        Worker { executor, stream, queries, registry }
    }
}

pub(super) struct Worker {
    pub(super) executor: Executor,
    stream: stream::Running,
    queries: Arc<Queries>,
    registry: Registry,
}

impl Worker {
    /// Results of a key's effect, in the order in which they were decided.
    pub(super) fn results(&self, key: &str) -> Vec<CallResult> {
        let place = place_of(key.as_bytes(), PLACES);
        let Ok(view) = self.queries.task("asking", place) else { return Vec::new() };
        let kept = view.get(&KEPT, &key.to_owned()).unwrap().unwrap_or_default();
        kept.iter().map(|json| serde_json::from_str(json).unwrap()).collect()
    }

    /// All results, by key.
    pub(super) fn all_results(&self) -> Vec<(String, Vec<CallResult>)> {
        let mut all = Vec::new();
        for view in self.queries.tasks("asking") {
            view.scan(&KEPT, &[], &mut |key: String, kept: Vec<String>| {
                all.push((key, kept.iter().map(|json| serde_json::from_str(json).unwrap()).collect()));
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        }
        all
    }

    /// Requests decided so far.
    pub(super) fn asked(&self) -> u64 {
        let of = |view: holdfast_engine::inspect::TaskView| view.get(&ASKED, &String::new()).unwrap().unwrap_or(0);
        self.queries.tasks("asking").into_iter().map(of).sum()
    }

    /// The value of a gauge or counter of a channel.
    pub(super) fn metric(&self, name: &str, channel: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        let of_channel = family.get_metric().iter().filter(|metric| {
            metric.get_label().iter().any(|label| label.name() == "channel" && label.value() == channel)
        });
        of_channel.map(|metric| metric.get_gauge().get_value() + metric.get_counter().get_value()).sum()
    }

    /// Stops as on SIGTERM. Whether everything was drained within `at_most`.
    pub(super) async fn stop(self, at_most: Duration) -> bool {
        let drained = self.executor.drain(at_most).await;
        self.stream.stop(super::PATIENCE).await.unwrap();
        drained
    }
}
