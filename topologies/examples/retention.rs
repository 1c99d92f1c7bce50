//! What is left in the state of requests whose outcomes have ended.
//!
//! ```text
//! cargo build --release -p stream-worker -p holdfast-topologies --example retention && target/release/examples/retention 5000000
//! ```
//!
//! The real coupon topology on the real store, in one place, over a log that costs next to nothing: so many requests for a policy of 100 coupons, and 9 days later
//! as many more as the clean-up needs. What is counted is what the store holds; a changelog that has been compacted holds the same.
#![expect(clippy::unwrap_used, reason = "a measurement's panic is its report")]

use holdfast_model::coupon::message::{Command, CreatePolicy, IssueRequest, Message};
use holdfast_model::coupon::{INBOX, NAME, inbox_key};
use holdfast_sim::null_log::NullLogWorker;
use holdfast_topologies::coupon::topology;
use std::ops::ControlFlow;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POLICY: &str = "1";
/// Requests in one commit.
const COMMIT: u64 = 2_000;
const DAY_MS: u64 = 86_400_000;

struct Shop {
    worker: NullLogWorker,
    next: u64,
}

impl Shop {
    fn issue(&mut self, requests: u64) {
        for _ in 0..requests {
            let mixed = self.next.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.next += 1;
            let request = IssueRequest {
                event_id: None,
                request_id: Some(format!("req_0_{mixed:032x}").into()),
                policy_id: POLICY.into(),
                user_id: format!("user-{mixed:016x}").into(),
                requested_at: None,
            };
            self.worker.log().append(INBOX, 0, &inbox_key(POLICY), request.to_json());
        }
        self.worker.settle();
    }

    /// Rows, and bytes of their keys and values: what a changelog that has been compacted holds, too.
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

fn main() {
    let requests: u64 = std::env::args().nth(1).map_or(500_000, |n| n.parse().unwrap());
    let mut shop = Shop { worker: NullLogWorker::new(&[topology()], 1), next: 0 };
    let policy = CreatePolicy {
        policy_id: POLICY.to_owned(),
        title: "첫 구매 쿠폰".to_owned(),
        total_quantity: 100,
        ..CreatePolicy::default()
    };
    let created = Message::Command(Command::CreatePolicy(policy)).to_json();
    shop.worker.log().append(INBOX, 0, &inbox_key(POLICY), created);
    for _ in 0..requests / COMMIT {
        shop.issue(COMMIT);
    }
    let (rows_before, before) = shop.state();
    println!("{requests} requests decided: {rows_before} rows of {before} bytes");
    shop.worker.advance_ms(9 * DAY_MS);
    // At least 256 rows go with each commit.
    let more = requests / 256 + 100;
    for _ in 0..more {
        shop.issue(1);
    }
    let (rows, after) = shop.state();
    println!("9 days and {more} requests, one in each commit, later: {rows} rows of {after} bytes");
    println!(
        "left: {:.4} of the rows, {:.4} of the bytes",
        rows as f64 / rows_before as f64,
        after as f64 / before as f64
    );
}
