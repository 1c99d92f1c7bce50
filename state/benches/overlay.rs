//! The hot path of a task: what one core spends on the state for each record. `cargo bench -p holdfast-state`
//!
//! `record` is the shape of a sale: is the request known (absent), the counter (in the overlay), the owner's row (absent), the request again (in the
//! overlay); then four writes. Commits carry 10 000 records, as under load. The other benchmarks take that apart.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use holdfast_ports::store::{Store, StoreError, StoreId, StoreSpec, Stores, TaskId, Write};
use holdfast_state::{RocksStores, StateConfig};
use std::ops::ControlFlow;

const REQUESTS: StoreId = StoreId(1);
const POLICIES: StoreId = StoreId(2);
const COUPONS: StoreId = StoreId(3);
const DELAYED: StoreId = StoreId(4);

const SPECS: [StoreSpec; 4] = [
    StoreSpec { id: REQUESTS, name: "requests" },
    StoreSpec { id: POLICIES, name: "policies" },
    StoreSpec { id: COUPONS, name: "coupons" },
    StoreSpec { id: DELAYED, name: "delayed" },
];

const RECORDS: u64 = 10_000;

struct Task {
    store: Box<dyn Store>,
    next: u64,
    _dir: tempfile::TempDir,
}

impl Task {
    /// A task that has already seen `rows` requests.
    fn with(rows: u64) -> Result<Self, StoreError> {
        let dir = tempfile::tempdir().expect("a directory");
        let stores = RocksStores::open(StateConfig::new(dir.path()))?;
        let store = stores.open(&TaskId { topology: "coupon".into(), place: 0 }, &SPECS)?;
        let mut task = Self { store, next: 0, _dir: dir };
        while task.next < rows {
            for _ in 0..RECORDS {
                task.record()?;
            }
            task.store.commit(task.next as i64)?;
        }
        task.store.flush()?;
        Ok(task)
    }

    /// One record, with the keys of a sale: ids in no order.
    fn record(&mut self) -> Result<(), StoreError> {
        let n = self.next;
        self.next += 1;
        let request = key(b"req-", n);
        let coupon = key(b"user-", n.wrapping_mul(31));
        let policy = b"policy-1";
        let store = &mut *self.store;
        store.mark();
        let mut seen = 0;
        store.get(REQUESTS, &request, &mut |row| seen += row.len())?;
        store.get(POLICIES, policy, &mut |row| seen += row.len())?;
        store.get(COUPONS, &coupon, &mut |row| seen += row.len())?;
        store.put(REQUESTS, &request, &[1; 24])?;
        store.get(REQUESTS, &request, &mut |row| seen += row.len())?;
        black_box(seen);
        store.put(POLICIES, policy, &[2; 120])?;
        store.put(COUPONS, &coupon, &[3; 80])?;
        store.put(DELAYED, &[&n.to_be_bytes()[..], &request].concat(), &[4; 60])
    }
}

/// A key as of a UUID: no two neighbours alike.
fn key(prefix: &[u8], n: u64) -> Vec<u8> {
    let mixed = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    format!("{}{:016x}{:08x}", String::from_utf8_lossy(prefix), mixed ^ (mixed >> 32), n).into_bytes()
}

fn record(c: &mut Criterion) {
    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(20).measurement_time(Duration::from_secs(10));
    for rows in [0, 1_000_000] {
        let mut task = Task::with(rows).expect("opened");
        let mut committing = Duration::ZERO;
        let mut commits = 0;
        group.bench_function(format!("10k and commit, {rows} known"), |b| {
            b.iter(|| {
                for _ in 0..RECORDS {
                    task.record().expect("processed");
                }
                let start = Instant::now();
                task.store.commit(task.next as i64).expect("committed");
                committing += start.elapsed();
                commits += 1;
            });
        });
        println!("of which the commit: {:?}", committing / commits.max(1));
    }
    group.finish();
}

fn get(c: &mut Criterion) {
    let mut group = c.benchmark_group("get");
    let mut task = Task::with(1_000_000).expect("opened");
    let keys: Vec<(Vec<u8>, Vec<u8>)> =
        (0..100_000).map(|n| (key(b"req-", n * 9), key(b"req-", n + (1 << 40)))).collect();
    let mut at = 0;
    let mut following = move || {
        at = (at + 1) % 100_000;
        at
    };
    let mut bench = |group: &mut criterion::BenchmarkGroup<'_, _>, name: &str, store: &dyn Store, absent: bool| {
        group.bench_function(name, |b| {
            b.iter(|| {
                let (present, missing) = &keys[following()];
                let found = store.get(REQUESTS, if absent { missing } else { present }, &mut |row| {
                    black_box(row);
                });
                assert_eq!(found.expect("read"), !absent);
            });
        });
    };
    bench(&mut group, "absent, on disk only", &*task.store, true);
    bench(&mut group, "present, on disk", &*task.store, false);
    for _ in 0..200_000 {
        task.record().expect("processed");
    }
    bench(&mut group, "absent, 200k in the overlay", &*task.store, true);
    task.store.commit(0).expect("committed");
    bench(&mut group, "absent, 200k in memory tables", &*task.store, true);
    for (_, missing) in &keys {
        task.store.put(REQUESTS, missing, &[1; 24]).expect("written");
    }
    group.bench_function("present, in the overlay", |b| {
        b.iter(|| {
            let (_, missing) = &keys[following()];
            assert!(
                task.store
                    .get(REQUESTS, missing, &mut |row| {
                        black_box(row);
                    })
                    .expect("read")
            );
        });
    });
    group.finish();
}

fn put(c: &mut Criterion) {
    let mut group = c.benchmark_group("put");
    let keys: Vec<Vec<u8>> = (0..RECORDS).map(|n| key(b"req-", n)).collect();
    let mut task = Task::with(0).expect("opened");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("10k keys and rollback", |b| {
        b.iter(|| {
            for key in &keys {
                task.store.mark();
                task.store.put(REQUESTS, key, &[1; 24]).expect("written");
            }
            task.store.rollback();
        });
    });
    group.bench_function("10k keys, each undone", |b| {
        b.iter(|| {
            for key in &keys {
                task.store.mark();
                task.store.put(REQUESTS, key, &[1; 24]).expect("written");
                task.store.undo();
            }
        });
    });
    group.finish();
}

/// What is due: the first rows of a queue of which the overlay has already taken and added some.
fn scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("scan");
    let mut task = Task::with(200_000).expect("opened");
    for _ in 0..RECORDS {
        task.record().expect("processed");
    }
    let mut due = 0_u64;
    group.bench_function("10 rows of a queue, one taken and one added", |b| {
        b.iter(|| {
            let mut first = Vec::new();
            let mut rows = 0;
            task.store
                .scan(DELAYED, &due.to_be_bytes(), None, &mut |key, _| {
                    if rows == 0 {
                        first.extend_from_slice(key);
                    }
                    rows += 1;
                    if rows == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .expect("scanned");
            due = u64::from_be_bytes(*first.first_chunk().expect("a queue key")) + 1;
            task.store.delete(DELAYED, &first).expect("deleted");
            task.record().expect("processed");
        });
    });
    group.finish();
}

fn restore(c: &mut Criterion) {
    let mut group = c.benchmark_group("restore");
    group.throughput(Throughput::Elements(RECORDS));
    let keys: Vec<Vec<u8>> = (0..100 * RECORDS).map(|n| key(b"req-", n)).collect();
    let mut batches = keys.chunks(RECORDS as usize).cycle();
    let mut task = Task::with(0).expect("opened");
    group.bench_function("10k rows", |b| {
        b.iter_batched(
            || batches.next().expect("a cycle"),
            |keys| {
                let writes: Vec<Write<'_>> =
                    keys.iter().map(|key| Write { store: REQUESTS, key, value: Some(&[1; 80]) }).collect();
                task.store.restore(&writes, 1).expect("restored");
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, record, get, put, scan, restore);
criterion_main!(benches);
