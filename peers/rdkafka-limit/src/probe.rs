//! What a contender really did, seen from outside: its committed positions, and the outcomes a read_committed reader gets.

use crate::{client, now_ms, say_rate};
use anyhow::{Context as _, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn drain(topic: &str, group: &str, patience: u64) -> anyhow::Result<()> {
    let consumer: BaseConsumer = client().set("group.id", group).set("enable.auto.commit", "false").create()?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions();
    let mut list = TopicPartitionList::new();
    let mut goal = 0;
    for partition in partitions {
        list.add_partition(topic, partition.id());
        goal += consumer.fetch_watermarks(topic, partition.id(), TIMEOUT)?.1;
    }
    ensure!(goal > 0, "{topic} is empty");

    let began = Instant::now();
    let mut first: Option<(Instant, i64)> = None;
    let mut last = (began, 0);
    while last.1 < goal {
        // Right after start nobody is the group's coordinator yet: that is no answer, not an end.
        if let Ok(committed) = consumer.committed_offsets(list.clone(), TIMEOUT) {
            let sum: i64 =
                committed.elements().iter().map(|e| if let Offset::Offset(o) = e.offset() { o } else { 0 }).sum();
            if sum > last.1 {
                last = (Instant::now(), sum);
                first.get_or_insert(last);
            }
        }
        if last.0.elapsed() > Duration::from_secs(patience) {
            bail!("{group} stands still at {} of {goal}", last.1);
        }
        consumer.poll(Duration::from_millis(10));
    }
    let (first_at, first_sum) = first.unwrap_or(last);
    // What lay before the first commit we saw took an unknown time, so it is left out on both sides of the division.
    say_rate("drain", u64::try_from(last.1 - first_sum)?, (last.0 - first_at).as_secs_f64());
    println!("drain from start: {goal} in {:.2} s", (last.0 - began).as_secs_f64());
    Ok(())
}

/// The number after `"requestedAt":`, without parsing the rest.
fn requested_at(body: &[u8]) -> Option<u128> {
    let body = std::str::from_utf8(body).ok()?;
    let (_, rest) = body.split_once("\"requestedAt\":")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

pub(crate) fn latency(topics: &str, count: usize, warm_up: usize) -> anyhow::Result<()> {
    let consumer: BaseConsumer = client()
        .set("group.id", format!("latency-{}", std::process::id()))
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "5")
        .create()?;
    // From the end as it is now, without joining a group: nothing that arrives from here on is missed.
    let mut list = TopicPartitionList::new();
    for topic in topics.split(',') {
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
        for partition in metadata.topics().first().context("no such topic")?.partitions() {
            let end = consumer.fetch_watermarks(topic, partition.id(), TIMEOUT)?.1;
            list.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
        }
    }
    consumer.assign(&list)?;
    println!("latency: waiting for {} outcomes", warm_up + count);

    let mut seen = 0;
    let mut ages_ms: Vec<u128> = Vec::with_capacity(count);
    let mut idle = Instant::now();
    while ages_ms.len() < count {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                if let Some(at) = message.payload().and_then(requested_at) {
                    seen += 1;
                    if seen > warm_up {
                        ages_ms.push(now_ms().saturating_sub(at));
                    }
                    idle = Instant::now();
                }
            }
            Some(Err(error)) => return Err(error.into()),
            None => ensure!(idle.elapsed() < Duration::from_secs(30), "only {seen} outcomes came"),
        }
    }
    ages_ms.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let at = |q: f64| ages_ms.get(((ages_ms.len() - 1) as f64 * q) as usize).copied().unwrap_or_default();
    println!(
        "latency of {count}: p50 {} p90 {} p99 {} p99.9 {} max {} ms",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    Ok(())
}
