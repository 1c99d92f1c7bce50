//! What one core spends on the waiting room, and what it holds.
//!
//! ```text
//! cargo build --release --example waiting_room && target/release/examples/waiting_room 1000000
//! ```
//!
//! The real topology on the real store, in one place, over a log that costs next to nothing: so many users join one queue, two thousand to a commit; then some
//! leave out of the middle, positions are asked for one by one and all at once, and all tickets are touched.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement: it stops at a panic and reads the clock"
)]

use holdfast_model::guard::QueueKey;
use holdfast_model::queue::message::{Command, CreateQueue, Join, Leave, Signal, Touch};
use holdfast_model::queue::{INBOX, NAME};
use holdfast_sim::null_log::NullLogWorker;
use holdfast_topologies::queue::{topology, view};
use std::ops::ControlFlow;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const Q: &str = "schedule_456";
/// Records in one commit.
const COMMIT: u64 = 2_000;

struct Hall {
    worker: NullLogWorker,
}

fn mixed(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Hall {
    fn open() -> Self {
        let mut hall = Self { worker: NullLogWorker::new(&[topology()], 1) };
        let create = CreateQueue {
            request_id: Some("create".to_owned()),
            queue_id: Q.to_owned(),
            max_active: 1_000,
            admit_per_second: 1_000,
            key: Some(QueueKey::new([1; 32])),
            ..CreateQueue::default()
        };
        hall.append(Command::CreateQueue(create).to_json());
        hall.worker.settle();
        hall
    }

    fn append(&mut self, value: Vec<u8>) {
        self.worker.log().append(INBOX, 0, Q, value);
    }

    fn join(&mut self, from: u64, to: u64) {
        for n in from..=to {
            let (id, user) = (format!("req_0_{:032x}", mixed(n)), format!("user-{n}"));
            self.append(Join::new(&id, Q, &user).to_json());
            if n % COMMIT == 0 {
                self.worker.settle();
            }
        }
        self.worker.settle();
    }

    /// Rows, and bytes of their keys and values.
    fn state(&self) -> (u64, u64) {
        let task = self.worker.queries().task(NAME, 0).unwrap();
        let (mut rows, mut bytes) = (0, 0);
        for store in topology().all_stores() {
            task.scan_bytes(store.id, &[], &mut |key, row| {
                rows += 1;
                bytes += (key.len() + row.len()) as u64;
                ControlFlow::Continue(())
            })
            .unwrap();
        }
        (rows, bytes)
    }
}

/// CPU time of the process, in seconds: on a machine that others want too it says more than the clock.
fn cpu_s() -> f64 {
    /// Ticks of the kernel in a second, as programs see them.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // User and system time.
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Does `work` of `count` pieces and tells how long it took.
fn timed(what: &str, count: u64, work: impl FnOnce()) {
    let (start, cpu) = (Instant::now(), cpu_s());
    work();
    let (s, cpu) = (start.elapsed().as_secs_f64(), cpu_s() - cpu);
    println!("{what}: {count} in {s:.3} s, {cpu:.2} s of CPU: {:.0} a CPU second", count as f64 / cpu.max(0.01));
}

fn main() {
    let tickets: u64 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().unwrap());
    let mut hall = Hall::open();
    let first = tickets.min(100_000);
    timed("joins", first, || hall.join(1, first));
    if tickets > first {
        timed("joins behind them", tickets - first, || hall.join(first + 1, tickets));
    }
    let leaving: Vec<u64> = (1..=tickets.min(100_000) / 10).map(|n| 1 + mixed(n) % tickets).collect();
    timed("leaves", leaving.len() as u64, || {
        for ticket in &leaving {
            let (queue_id, user_id) = (Q.to_owned(), format!("user-{ticket}"));
            hall.append(Command::Leave(Leave { queue_id, ticket: *ticket, user_id, ..Leave::default() }).to_json());
        }
        hall.worker.settle();
    });
    let now_ms = hall.worker.now_ms();
    {
        let task = hall.worker.queries().task(NAME, 0).unwrap();
        timed("positions, one by one", 10_000, || {
            for n in 0..10_000 {
                view::ticket(&task, Q, 1 + mixed(n) % tickets, now_ms).unwrap();
            }
        });
        let asked: Vec<u64> = (0..10_000).map(|n| 1 + mixed(n) % tickets).collect();
        timed("positions, at once", 10_000, || {
            view::positions(&task, Q, &asked, now_ms).unwrap();
        });
    }
    let asked: Vec<u64> = (0..10_000).map(|n| 1 + mixed(n) % tickets).collect();
    timed("touches, ten thousand tickets in a record", 10 * asked.len() as u64, || {
        for _ in 0..10 {
            let touch = Touch { queue_id: Q.to_owned(), tickets: asked.clone() };
            hall.append(Signal::Touch(touch).to_json());
        }
        hall.worker.settle();
    });
    let (rows, bytes) = hall.state();
    println!("state: {rows} rows, {bytes} bytes, {} a ticket", bytes / tickets);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!(
        "{}",
        status
            .lines()
            .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
            .collect::<Vec<_>>()
            .join(", ")
    );
}
