//! Reading and writing topics beside the worker, as any auditor or producer would.

use crate::support::wait;
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_log_kafka::{KafkaConfig, KafkaLog};
use holdfast_ports::log::{Appender, End, Log, Start};
use holdfast_ports::record::{Appended, NewRecord, TopicPartition};
use holdfast_tools::clock::SystemClock;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

pub(crate) const PARTITIONS: u32 = 3;
/// Where requests for coupons come in.
pub(crate) const INBOX: &str = "coupon-issue-requests";

/// A record of a topic, copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) append_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: BTreeMap<String, Vec<u8>>,
}

impl Seen {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_deref().unwrap()).unwrap()
    }
}

pub(crate) fn kafka(brokers: &str) -> Arc<dyn Log> {
    KafkaLog::connect(KafkaConfig::new(brokers, "auditor", Arc::new(SystemClock::new()))).unwrap()
}

/// The embedded log of a worker that does not run.
pub(crate) fn embedded(data: &Path) -> Arc<dyn Log> {
    EmbeddedLog::open(EmbeddedConfig::new(data.join("holdfast/log"), Arc::new(SystemClock::new()))).unwrap()
}

/// Everything committed in `topic`, by partition in offset order.
pub(crate) fn read_all(log: &dyn Log, topic: &str) -> Vec<Seen> {
    let mut fetcher = log.fetcher().unwrap();
    let mut slots = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let source = TopicPartition::new(topic, partition);
        let end = fetcher.end(&source, End::Written).unwrap();
        slots.insert(fetcher.assign(&source, Start::Earliest).unwrap(), (partition, end));
    }
    let mut seen = Vec::new();
    wait::until(topic, || {
        fetcher.wait(Duration::from_millis(20)).unwrap();
        let mut each = |slot, record: &holdfast_ports::record::Record<'_>| {
            let mut headers = BTreeMap::new();
            record.headers.each(&mut |name, value| {
                headers.insert(name.to_owned(), value.unwrap_or_default().to_vec());
            });
            seen.push(Seen {
                partition: slots[&slot].0,
                offset: record.offset,
                append_ms: record.append_ms,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers,
            });
            ControlFlow::Continue(())
        };
        while fetcher.fetch(10_000, &mut each).unwrap() > 0 {}
        slots.iter().all(|(slot, (_, end))| fetcher.position(*slot) >= *end)
    });
    seen.sort_by_key(|record| (record.partition, record.offset));
    seen
}

/// Appends a record and waits for its acknowledgement.
pub(crate) fn append(
    appender: &dyn Appender,
    topic: &str,
    partition: u32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Appended {
    let (tell, told) = mpsc::channel();
    let record = NewRecord { topic, partition, key, value, headers: &[] };
    appender.append(record, Box::new(move |result| tell.send(result).unwrap()));
    told.recv().unwrap().unwrap()
}
