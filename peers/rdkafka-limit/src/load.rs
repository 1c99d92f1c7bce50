//! Policies and coupon requests. The same seed makes the same requests, but for their time.

use crate::{client, now_ms, say_rate};
use anyhow::{Context as _, ensure};
use clap::Args;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::{Duration, Instant};

/// What the requests look like.
#[derive(Args)]
pub(crate) struct Shape {
    /// Requests a second, 0 = as fast as possible
    #[arg(long, default_value_t = 0)]
    rate: u32,
    #[arg(long, default_value_t = 1000)]
    policies: u64,
    #[arg(long, default_value_t = 500_000)]
    users: u64,
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// How long librdkafka gathers a batch, in ms
    #[arg(long, default_value_t = 20)]
    linger: u32,
    #[arg(long, default_value = "lz4")]
    codec: String,
}

/// Marsaglia's xorshift: enough for a load, and it needs no crate.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn send(producer: &BaseProducer, topic: &str, key: &str, value: &str) -> anyhow::Result<()> {
    loop {
        match producer.send(BaseRecord::to(topic).key(key).payload(value)) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(5));
            }
            Err((error, _)) => return Err(error).with_context(|| format!("sending to {topic}")),
        }
    }
}

fn finish(producer: &BaseProducer) -> anyhow::Result<()> {
    let began = Instant::now();
    while producer.in_flight_count() > 0 {
        ensure!(began.elapsed() < Duration::from_secs(60), "the brokers do not acknowledge");
        producer.poll(Duration::from_millis(5));
    }
    Ok(())
}

pub(crate) fn policies(topic: &str, count: u64, stock: u64) -> anyhow::Result<()> {
    let producer: BaseProducer = client().set("acks", "all").set("partitioner", "murmur2_random").create()?;
    let began = Instant::now();
    for policy in 0..count {
        let value = format!(
            r#"{{"type":"create-policy","policyId":"{policy}","title":"load {policy}","totalQuantity":{stock}}}"#
        );
        send(&producer, topic, &format!("coupon-{policy}"), &value)?;
    }
    finish(&producer)?;
    say_rate("policies", count, began.elapsed().as_secs_f64());
    Ok(())
}

pub(crate) fn produce(topic: &str, count: u64, shape: &Shape) -> anyhow::Result<()> {
    let producer: BaseProducer = client()
        .set("acks", "all")
        // As every client of today: at most five requests are under way, and what waits is gathered. librdkafka's own default is a million: a broker that
        // is slow for a moment then has to take every request of one record by itself, long after it is fast again.
        .set("enable.idempotence", "true")
        .set("linger.ms", shape.linger.to_string())
        .set("compression.type", &shape.codec)
        .set("batch.num.messages", "100000")
        .set("queue.buffering.max.messages", "1000000")
        .set("partitioner", "murmur2_random")
        .create()?;
    let mut random = Random(shape.seed);
    let began = Instant::now();
    for nth in 0..count {
        if shape.rate > 0 {
            // Open loop: when a request is due does not depend on how the last one fared.
            let due = Duration::from_secs(1) * u32::try_from(nth)? / shape.rate;
            producer.poll(Duration::ZERO);
            // Not `poll(rest)`: rust-rdkafka cuts what is left of a timeout down to whole ms, and a wait of 0 ms would spin on a core that the
            // contenders need.
            while let Some(rest) = due.checked_sub(began.elapsed()) {
                std::thread::park_timeout(rest);
            }
        } else if nth % 1000 == 0 {
            producer.poll(Duration::ZERO);
        }
        let draw = random.next();
        // The smaller of two draws: some policies are wanted more than others.
        let policy = (draw % shape.policies).min((draw >> 20) % shape.policies);
        let user = (draw >> 32) % shape.users;
        let now = now_ms();
        let value = format!(
            r#"{{"eventId":"{draw:016x}{nth:016x}","policyId":"{policy}","userId":"{user}","requestedAt":{now}}}"#
        );
        send(&producer, topic, &format!("coupon-{policy}"), &value)?;
    }
    finish(&producer)?;
    say_rate("produce", count, began.elapsed().as_secs_f64());
    Ok(())
}
