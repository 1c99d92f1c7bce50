//! What a row costs that ends. `cargo bench -p stream-worker -p holdfast-sim --bench ending`
//!
//! The real step on the real store, two thousand records to a commit, over a log that costs next to nothing (`holdfast_sim::null_log`): each record looks for a row
//! that is not there, and writes it. `for-ever` with `put`; `kept` with `put_kept`, none of them ends meanwhile; `ending` has as many rows end with
//! each commit as come. Instructions can be counted:
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect='*measured_round*' target/release/deps/ending-… --bench --test for-ever
//! ```
#![expect(clippy::unwrap_used, reason = "a benchmark's panic is its report")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use holdfast_engine::prelude::{Context, EndingTable, Ends, ProcessError, Processor, Record, Topology};
use holdfast_sim::null_log::NullLogWorker;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IN: &str = "requests";
const ROWS: EndingTable<String, Row> = EndingTable::new(16, "rows");
const RECORDS: u64 = 2_000;
/// Rounds that are kept: a round is a minute.
const ROUNDS_KEPT: u64 = 200;
const ROUND_MS: u64 = 60_000;

#[derive(Serialize, Deserialize)]
struct Row {
    decided_ms: i64,
    policy_id: String,
    user_id: String,
    outcome: String,
}

impl Ends for Row {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

struct Requests {
    end: bool,
}

impl Processor for Requests {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let (id, user_id) = (text(record.key), text(record.value));
        let known = if self.end { ctx.get_kept(&ROWS, &id)? } else { ctx.get(ROWS.stored(), &id)? };
        if known.is_some() {
            return Ok(());
        }
        let decided_ms = ctx.now_ms();
        let row = Row { decided_ms, policy_id: "policy-1".to_owned(), user_id, outcome: "SUCCESS".to_owned() };
        if self.end { ctx.put_kept(&ROWS, &id, &row) } else { ctx.put(ROWS.stored(), &id, &row) }
    }
}

struct Worker {
    paper: NullLogWorker,
    next: u64,
}

impl Worker {
    fn new(keep_rounds: Option<u64>) -> Self {
        let end = keep_rounds.is_some();
        let topology = Topology::named("requests").inbox(IN).dead_letters("dlq");
        let topology = match keep_rounds {
            Some(rounds) => topology.ends(&ROWS, (rounds * ROUND_MS).cast_signed()),
            None => topology.store(ROWS.spec()),
        };
        let topology = topology.processor(move || Box::new(Requests { end })).build().unwrap();
        Self { paper: NullLogWorker::new(&[topology], 1), next: 0 }
    }

    /// The records of a round, with ids in no order.
    fn append(&mut self) {
        self.paper.advance_ms(ROUND_MS);
        for _ in 0..RECORDS {
            let mixed = self.next.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.next += 1;
            let value = format!("user-{mixed:016x}").into_bytes();
            self.paper.log().append(IN, 0, &format!("req_0_{mixed:016x}"), value);
        }
    }

    #[inline(never)]
    fn measured_round(&mut self) {
        self.paper.settle();
    }
}

fn measure(c: &mut Criterion, name: &str, keep_rounds: Option<u64>) {
    let mut group = c.benchmark_group("ending");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10).measurement_time(Duration::from_secs(3));
    let mut open = None;
    group.bench_function(name, |b| {
        let worker = open.get_or_insert_with(|| {
            let mut worker = Worker::new(keep_rounds);
            for _ in 0..ROUNDS_KEPT + 3 {
                worker.append();
                worker.paper.settle();
            }
            RefCell::new(worker)
        });
        b.iter_batched(
            || {
                worker.borrow_mut().append();
                let _ = worker.borrow().paper.log().take_written();
            },
            |()| worker.borrow_mut().measured_round(),
            BatchSize::PerIteration,
        );
    });
    if let Some(worker) = open {
        let written = worker.borrow().paper.log().take_written();
        println!("ending/{name} writes {} records of {} bytes in all in a round", written.records, written.bytes);
    }
    group.finish();
}

fn rows(c: &mut Criterion) {
    measure(c, "for-ever", None);
    measure(c, "kept", Some(ROUNDS_KEPT * 1_000));
    measure(c, "ending", Some(ROUNDS_KEPT));
}

criterion_group!(benches, rows);
criterion_main!(benches);
