//! What librdkafka alone can do: reading, and passing records on in transactions without deciding anything.

use crate::{client, say_rate};
use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(30);

fn reader(topic: &str) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = client()
        .set("group.id", format!("limit-{}", std::process::id()))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "10")
        .set("queued.min.messages", "200000")
        .create()?;
    consumer.subscribe(&[topic])?;
    Ok(consumer)
}

pub(crate) fn consume(topic: &str, count: u64) -> anyhow::Result<()> {
    let consumer = reader(topic)?;
    let (mut seen, mut began) = (0, None);
    while seen < count {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            message?;
            began.get_or_insert_with(Instant::now);
            seen += 1;
        }
    }
    say_rate("consume", seen, began.context("nothing was read")?.elapsed().as_secs_f64());
    Ok(())
}

pub(crate) fn pass_through(topic: &str, count: u64, outputs: u64, commit_ms: u64) -> anyhow::Result<()> {
    let consumer = reader(topic)?;
    let producer: BaseProducer = client()
        .set("transactional.id", "limit")
        .set("linger.ms", "5")
        .set("compression.type", "lz4")
        .set("batch.num.messages", "100000")
        .set("queue.buffering.max.messages", "1000000")
        .create()?;
    producer.init_transactions(TIMEOUT)?;
    let targets: Vec<String> = (0..outputs).map(|n| format!("limit-out-{n}")).collect();
    let (mut seen, mut began, mut commits, mut committing) = (0, None, 0u32, Duration::ZERO);
    let mut open_since: Option<Instant> = None;
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    while seen < count {
        let wait = Duration::from_millis(if open_since.is_some() { 1 } else { 100 });
        if let Some(message) = consumer.poll(wait) {
            let message = message?;
            began.get_or_insert_with(Instant::now);
            seen += 1;
            if open_since.is_none() {
                producer.begin_transaction()?;
                open_since = Some(Instant::now());
            }
            let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
            for target in &targets {
                while producer.send(BaseRecord::to(target).key(key).payload(value)).is_err() {
                    producer.poll(Duration::from_millis(1));
                }
            }
            next.insert(message.partition(), message.offset() + 1);
            if seen % 1000 == 0 {
                producer.poll(Duration::ZERO);
            }
        }
        if open_since.is_some_and(|since| since.elapsed() >= Duration::from_millis(commit_ms) || seen >= count) {
            let commit_began = Instant::now();
            let mut positions = TopicPartitionList::new();
            for (partition, offset) in std::mem::take(&mut next) {
                positions.add_partition_offset(topic, partition, Offset::Offset(offset))?;
            }
            // The crate's own flush waits in slices of 100 ms; polling until nothing is in flight costs what the broker costs.
            while producer.in_flight_count() > 0 {
                producer.poll(Duration::from_millis(1));
            }
            let group = consumer.group_metadata().context("not in the group")?;
            producer.send_offsets_to_transaction(&positions, &group, TIMEOUT)?;
            producer.commit_transaction(TIMEOUT)?;
            commits += 1;
            committing += commit_began.elapsed();
            open_since = None;
        }
    }
    say_rate("pass through", seen, began.context("nothing was read")?.elapsed().as_secs_f64());
    println!("{commits} commits, {:.2} ms each", committing.as_secs_f64() * 1e3 / f64::from(commits.max(1)));
    Ok(())
}
