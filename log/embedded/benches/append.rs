//! How fast the embedded log takes and gives records. `cargo bench -p holdfast-log-embedded`
//!
//! Records are 200 bytes, about what a request is. Appends are acknowledged one by one to each thread, so `append/64` is 64 requests waiting at a time.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use holdfast_log_contract::SystemClock;
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{Cleanup, Fetcher, Log, Start, TopicSpec, Writer};
use holdfast_ports::membership::{Generation, Member};
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};
use std::time::Duration;

const PARTITIONS: u32 = 12;
const VALUE: [u8; 180] = [b'x'; 180];

struct Fixture {
    log: Arc<EmbeddedLog>,
    clock: SystemClock,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = SystemClock::new();
        let log = EmbeddedLog::open(EmbeddedConfig::new(dir.path(), Arc::new(clock))).expect("opened");
        let spec = |name: &str| TopicSpec {
            name: name.to_owned(),
            partitions: PARTITIONS,
            replication: None,
            cleanup: Cleanup::Delete { retention_ms: -1 },
        };
        log.create_topics(&[spec("in"), spec("out"), spec("changelog")]).expect("created");
        Self { log, clock, _dir: dir }
    }

    fn generation(&self) -> Generation {
        let member = Member { app: "app".to_owned(), worker: None, places: PARTITIONS };
        self.log.membership(&member).expect("joined").generation()
    }

    fn reader(&self, topics: &[&str]) -> Box<dyn Fetcher> {
        let mut fetcher = self.log.fetcher().expect("a fetcher");
        for topic in topics {
            for partition in 0..PARTITIONS {
                fetcher.assign(&TopicPartition::new(*topic, partition), Start::Earliest).expect("assigned");
            }
        }
        fetcher
    }
}

fn record<'a>(topic: &'a str, number: u32, key: &'a [u8]) -> NewRecord<'a> {
    NewRecord { topic, partition: number % PARTITIONS, key: Some(key), value: Some(&VALUE), headers: &[] }
}

/// `count` appends by `threads` threads, each waiting for its answer before the next.
fn append_acknowledged(fixture: &Fixture, threads: u64, count: u64) -> Duration {
    let appender = fixture.log.appender().expect("an appender");
    let started_us = fixture.clock.monotonic_us();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let appender = &appender;
            let mine = count / threads + u64::from(thread < count % threads);
            scope.spawn(move || {
                let (answer, answers) = mpsc::sync_channel(1);
                for i in 0..mine {
                    let key = (i * threads + thread).to_be_bytes();
                    let answer = answer.clone();
                    let record = record("in", thread as u32, &key);
                    appender.append(record, Box::new(move |result| answer.send(result).expect("somebody waits")));
                    answers.recv().expect("answered").expect("acknowledged");
                }
            });
        }
    });
    Duration::from_micros(fixture.clock.monotonic_us() - started_us)
}

/// `count` appends by one thread with at most 10,000 unanswered, as a server of many connections makes them.
fn append_pipelined(fixture: &Fixture, count: u64) -> Duration {
    let appender = fixture.log.appender().expect("an appender");
    let (answer, answers) = mpsc::channel();
    let started_us = fixture.clock.monotonic_us();
    let mut waiting = 0;
    for i in 0..count {
        let answer = answer.clone();
        let key = i.to_be_bytes();
        let record = record("in", (i % u64::from(PARTITIONS)) as u32, &key);
        appender.append(record, Box::new(move |result| answer.send(result).expect("somebody waits")));
        waiting += 1;
        while waiting > 0 && (waiting >= 10_000 || i + 1 == count) {
            answers.recv().expect("answered").expect("acknowledged");
            waiting -= 1;
        }
    }
    Duration::from_micros(fixture.clock.monotonic_us() - started_us)
}

/// One transaction of `count` records over two topics, with positions.
fn transact(writer: &mut dyn Writer, generation: &Generation, count: u32) {
    writer.begin().expect("begun");
    for number in 0..count {
        let key = number.to_be_bytes();
        let topic = if number.is_multiple_of(2) { "out" } else { "changelog" };
        writer.send(&record(topic, number / 2, &key)).expect("sent");
    }
    let positions: Vec<_> = (0..PARTITIONS).map(|partition| (TopicPartition::new("in", partition), 1)).collect();
    writer.commit(&positions, generation).expect("committed");
}

/// Reads `count` records.
fn fetch(fetcher: &mut dyn Fetcher, count: u64) {
    let mut left = count;
    while left > 0 {
        let handed = fetcher.fetch(1000, &mut |_, record| {
            std::hint::black_box(record);
            ControlFlow::Continue(())
        });
        left -= handed.expect("fetched") as u64;
        if left > 0 {
            fetcher.wait(Duration::from_secs(1)).expect("waited");
        }
    }
}

fn appends(c: &mut Criterion) {
    let fixture = Fixture::new();
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(1));
    for threads in [1, 16, 64] {
        group.bench_function(threads.to_string(), |b| {
            b.iter_custom(|count| append_acknowledged(&fixture, threads, count))
        });
    }
    group.bench_function("pipelined", |b| b.iter_custom(|count| append_pipelined(&fixture, count)));
    group.finish();
}

fn transactions(c: &mut Criterion) {
    let fixture = Fixture::new();
    let generation = fixture.generation();
    let mut writer = fixture.log.writer("writer").expect("a writer");
    let mut group = c.benchmark_group("transaction");
    for count in [1, 100, 10_000] {
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(count.to_string(), |b| b.iter(|| transact(&mut *writer, &generation, count)));
    }
    // With a reader of everything behind it, as in the worker, where one topology's output is the next one's inbox.
    let mut reader = fixture.reader(&["out", "changelog"]);
    while reader.fetch(10_000, &mut |_, _| ControlFlow::Continue(())).expect("fetched") > 0 {}
    group.bench_function("10000, and reading it", |b| {
        b.iter(|| {
            transact(&mut *writer, &generation, 10_000);
            fetch(&mut *reader, 10_000);
        });
    });
    group.finish();
}

fn fetches(c: &mut Criterion) {
    const RECORDS: u32 = 600_000;
    let fixture = Fixture::new();
    let generation = fixture.generation();
    let mut writer = fixture.log.writer("writer").expect("a writer");
    for _ in 0..RECORDS / 20_000 {
        transact(&mut *writer, &generation, 20_000);
    }
    let mut group = c.benchmark_group("fetch");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(RECORDS)));
    group.bench_function("everything, from the disk", |b| {
        b.iter_batched(
            || fixture.reader(&["out", "changelog"]),
            |mut reader| fetch(&mut *reader, u64::from(RECORDS)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, appends, transactions, fetches);
criterion_main!(benches);
