//! What one core spends on a coupon, a hold, an expiry, a payment, a debit, a notification and the result of its call. `cargo bench -p stream-worker -p holdfast-topologies --bench shop`
//!
//! The real step on the real store, two thousand records to a commit, over a log that costs next to nothing (`holdfast_sim::null_log`): what is left is deciding.
//! Each round works on a shop that has seen three of its kind, so rows are looked for in memory tables and not in emptiness. Input is the same in
//! every run: where a time says little, since others want the machine too, instructions can be counted:
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect='*measured_round*' target/release/deps/shop-… --bench --test hold
//! ```

#[path = "shop/rounds.rs"]
mod rounds;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rounds::{RECORDS, Shop};
use std::cell::RefCell;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds that a shop has seen before it is measured.
const ROUNDS_BEFORE: u64 = 3;

/// Measures `prepare`'s last records: what it appends before is decided before.
fn measure(c: &mut Criterion, name: &str, mut prepare: impl FnMut(&mut Shop)) {
    let mut group = c.benchmark_group("shop");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10).measurement_time(Duration::from_secs(5));
    // Opened only by a run that wants this one.
    let mut open = None;
    group.bench_function(name, |b| {
        let shop = open.get_or_insert_with(|| {
            let mut shop = Shop::open();
            for _ in 0..ROUNDS_BEFORE {
                prepare(&mut shop);
                shop.settle();
            }
            RefCell::new(shop)
        });
        b.iter_batched(
            || {
                prepare(&mut shop.borrow_mut());
                let _ = shop.borrow().written_for_each();
            },
            |()| shop.borrow_mut().measured_round(),
            BatchSize::PerIteration,
        );
    });
    if let Some(shop) = open {
        let (records, bytes) = shop.borrow().written_for_each();
        println!("shop/{name} writes {records:.2} records of {bytes:.0} bytes in all for each");
    }
    group.finish();
}

fn seats(c: &mut Criterion) {
    measure(c, "hold", Shop::append_holds);
    measure(c, "deadline", |shop| {
        shop.append_holds();
        shop.settle();
        shop.append_deadlines();
    });
    measure(c, "expire", |shop| {
        shop.append_holds();
        shop.settle();
        shop.append_expiries();
    });
    measure(c, "pay", |shop| {
        shop.append_holds();
        shop.settle();
        shop.append_payments();
    });
    measure(c, "settled", |shop| {
        shop.append_holds();
        shop.settle();
        shop.append_payments();
        shop.settle();
        shop.append_answers();
    });
}

fn money(c: &mut Criterion) {
    measure(c, "charge", Shop::append_charges);
    measure(c, "debit", Shop::append_debits);
}

fn coupons(c: &mut Criterion) {
    measure(c, "coupon", Shop::append_requests);
}

fn notices(c: &mut Criterion) {
    measure(c, "notice", Shop::append_notices);
    measure(c, "result", |shop| {
        shop.append_notices();
        shop.settle();
        shop.append_results();
    });
}

criterion_group!(benches, coupons, seats, money, notices);
criterion_main!(benches);
