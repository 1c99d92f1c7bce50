//! What this log costs by itself, on the brokers of `HOLDFAST_TEST_BROKERS`.
//!
//! ```text
//! pace commits ROUNDS          transactions of 10 records on 2 topics with positions, back to back
//! pace pass INPUTS COMMIT_MS   reads INPUTS records and writes each to 4 topics, a commit every COMMIT_MS
//! pace idle SECONDS            the CPU of a fetcher of 12 empty partitions
//! ```

use holdfast_log_contract::SystemClock;
use holdfast_log_kafka::{KafkaConfig, KafkaLog};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Cleanup, Log, LogError, Start, TopicSpec};
use holdfast_ports::membership::{Change, Generation, Member, Membership};
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const PLACES: u32 = 3;
const OUTPUTS: usize = 4;
/// Appends under way at once while the input is filled.
const AHEAD: u64 = 100_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[expect(clippy::disallowed_methods, reason = "where the brokers are is this example's only setting")]
fn main() -> Outcome<()> {
    let brokers = std::env::var("HOLDFAST_TEST_BROKERS").unwrap_or_else(|_| "localhost:9092".to_owned());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let log = KafkaLog::connect(KafkaConfig::new(brokers, "pace", Arc::clone(&clock)))?;
    let run = format!("pace-{:x}", clock.now_ms());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments.get(i).and_then(|text| text.parse::<u64>().ok()).ok_or("a number is missing");
    match arguments.first().map(String::as_str) {
        Some("commits") => commits(&*log, &*clock, &run, number(1)?),
        Some("pass") => pass(&*log, &*clock, &run, number(1)?, number(2)? * 1_000),
        Some("idle") => idle(&*log, &*clock, &run, number(1)? * 1_000_000),
        _ => Err("usage: pace commits ROUNDS | pass INPUTS COMMIT_MS | idle SECONDS".into()),
    }
}

fn topic(log: &dyn Log, name: &str, partitions: u32) -> Result<(), LogError> {
    let cleanup = Cleanup::Delete { retention_ms: 3_600_000 };
    log.create_topics(&[TopicSpec { name: name.to_owned(), partitions, replication: None, cleanup }]).map(drop)
}

fn join(log: &dyn Log, app: &str) -> Outcome<(Box<dyn Membership>, Generation)> {
    let mut member = log.membership(&Member { app: app.to_owned(), worker: None, places: PLACES })?;
    let mut places = 0;
    while places < PLACES as usize {
        for change in member.poll()? {
            if let Change::Assigned(given) = change {
                places += given.len();
            }
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let generation = member.generation();
    Ok((member, generation))
}

fn commits(log: &dyn Log, clock: &dyn Clock, run: &str, rounds: u64) -> Outcome<()> {
    let topics = [format!("{run}-a"), format!("{run}-b")];
    for name in &topics {
        topic(log, name, PLACES)?;
    }
    let (mut member, generation) = join(log, run)?;
    let mut writer = log.writer(run)?;
    let mut took = Vec::new();
    for round in 0..rounds {
        let started = clock.monotonic_us();
        writer.begin()?;
        for i in 0..10_usize {
            let value = [b'v'; 200];
            writer.send(&NewRecord {
                topic: &topics[i % 2],
                partition: u32::try_from(i)? % PLACES,
                key: Some(b"key"),
                value: Some(&value),
                headers: &[],
            })?;
        }
        let position = (TopicPartition::new(topics[0].as_str(), 0), i64::try_from(round)?);
        let ends = writer.commit(&[position], &generation)?;
        assert_eq!(ends.len(), 6);
        took.push(clock.monotonic_us() - started);
        member.poll()?;
    }
    took.sort_unstable();
    let at = |q: usize| took[(took.len() - 1) * q / 100];
    println!(
        "transaction of 10 records on 2 topics with positions, us: p50 {} p90 {} p99 {} max {}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
    Ok(())
}

fn fill(log: &dyn Log, clock: &dyn Clock, input: &str, inputs: u64) -> Outcome<()> {
    let appender = log.appender()?;
    let done = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(AtomicU64::new(0));
    let started = clock.monotonic_us();
    for i in 0..inputs {
        let key = format!("coupon-{}", i % 1000);
        let value = format!(
            "{{\"eventId\":\"{i:032x}\",\"policyId\":\"{}\",\"userId\":\"{}\",\"requestedAt\":{}}}",
            i % 1000,
            i * 7919 % 500_000,
            clock.now_ms()
        );
        let (done, failed) = (Arc::clone(&done), Arc::clone(&failed));
        while i - appender_done(&done) > AHEAD {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let record = NewRecord {
            topic: input,
            partition: u32::try_from(i % u64::from(PLACES))?,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        appender.append(
            record,
            Box::new(move |result| {
                failed.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
            }),
        );
    }
    while appender_done(&done) < inputs {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let seconds = (clock.monotonic_us() - started) as f64 / 1e6;
    println!("appended {inputs}, {:.0}/s, {} failed", inputs as f64 / seconds, failed.load(Ordering::Relaxed));
    Ok(())
}

fn appender_done(done: &AtomicU64) -> u64 {
    done.load(Ordering::Relaxed)
}

fn pass(log: &dyn Log, clock: &dyn Clock, run: &str, inputs: u64, commit_us: u64) -> Outcome<()> {
    let input = format!("{run}-in");
    let outputs: Vec<String> = (0..OUTPUTS).map(|i| format!("{run}-out-{i}")).collect();
    for name in outputs.iter().chain([&input]) {
        topic(log, name, PLACES)?;
    }
    fill(log, clock, &input, inputs)?;

    let (mut member, generation) = join(log, run)?;
    let mut writer = log.writer(run)?;
    let mut fetcher = log.fetcher()?;
    let sources: Vec<_> = (0..PLACES).map(|place| TopicPartition::new(input.as_str(), place)).collect();
    let slots = sources.iter().map(|source| fetcher.assign(source, Start::Earliest)).collect::<Result<Vec<_>, _>>()?;
    let cpu = cpu_seconds();
    let started = clock.monotonic_us();
    let (mut seen, mut transactions, mut commit_time) = (0, 0_u64, 0);
    while seen < inputs {
        writer.begin()?;
        let begun = clock.monotonic_us();
        let mut failure = None;
        while seen < inputs && clock.monotonic_us() < begun + commit_us {
            let read = fetcher.fetch(1_000, &mut |slot, record| {
                let place = slots.iter().position(|known| *known == slot).unwrap_or(0);
                for topic in &outputs {
                    let out = NewRecord {
                        topic,
                        partition: place as u32,
                        key: record.key,
                        value: record.value,
                        headers: &[],
                    };
                    if let Err(error) = writer.send(&out) {
                        failure = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })?;
            if let Some(error) = failure.take() {
                return Err(error.into());
            }
            seen += read as u64;
            if read == 0 {
                fetcher.wait(Duration::from_millis(1))?;
            }
        }
        let positions: Vec<_> =
            sources.iter().zip(&slots).map(|(source, slot)| (source.clone(), fetcher.position(*slot))).collect();
        let committing = clock.monotonic_us();
        writer.commit(&positions, &generation)?;
        commit_time += clock.monotonic_us() - committing;
        transactions += 1;
        member.poll()?;
    }
    let seconds = (clock.monotonic_us() - started) as f64 / 1e6;
    println!(
        "passed {seen} inputs to {OUTPUTS} outputs each, {:.0} inputs/s; {transactions} transactions, mean commit {:.1} ms; CPU {:.1} s per million",
        seen as f64 / seconds,
        commit_time as f64 / 1e3 / transactions as f64,
        (cpu_seconds() - cpu) / (seen as f64 / 1e6),
    );
    Ok(())
}

fn idle(log: &dyn Log, clock: &dyn Clock, run: &str, us: u64) -> Outcome<()> {
    topic(log, run, 12)?;
    let mut fetcher = log.fetcher()?;
    for partition in 0..12 {
        fetcher.assign(&TopicPartition::new(run, partition), Start::Earliest)?;
    }
    let (cpu, started) = (cpu_seconds(), clock.monotonic_us());
    while clock.monotonic_us() < started + us {
        fetcher.fetch(1_000, &mut |_, _| ControlFlow::Continue(()))?;
        fetcher.wait(Duration::from_millis(10))?;
    }
    println!("idle: {:.1} % of a core", (cpu_seconds() - cpu) / (us as f64 / 1e6) * 100.0);
    Ok(())
}

/// CPU that this process has used.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
