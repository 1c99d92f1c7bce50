//! Whatever is done with a few hundred rows, in commits large and small: what is kept is there, and what has ended goes, however far the clean-up lags behind.

use crate::ending_before;
use crate::receipts::{IN, KEEP_MS, Receipt, STEP_MS, chunks, clean_up, driver, kept_for, marked, pass, stored, view};
use holdfast_ports::clock::Clock;
use holdfast_sim::TestDriver;
use holdfast_sim::rng::Rng;
use std::collections::BTreeMap;

const SEEDS: std::ops::Range<u64> = 0..24;
const COMMITS: u64 = 30;
const IDS: u64 = 150;

/// What should be there. All records of a commit have the same time here.
#[derive(Default)]
struct Model {
    receipts: BTreeMap<String, Receipt>,
    until_ms: i64,
    last: u64,
}

impl Model {
    fn decide(&mut self, verb: &str, id: &str, now_ms: i64) {
        self.until_ms = self.until_ms.max((now_ms - KEEP_MS).div_euclid(STEP_MS) * STEP_MS);
        let kept = self.receipts.get(id).filter(|receipt| receipt.decided_ms > self.until_ms).cloned();
        let receipt = match (verb, kept) {
            ("ask", None) => {
                self.last += 1;
                Receipt { decided_ms: now_ms, number: self.last }
            }
            ("renew", Some(receipt)) => Receipt { decided_ms: now_ms, ..receipt },
            ("date", kept) => {
                Receipt { decided_ms: now_ms - KEEP_MS / 3, number: kept.map_or(0, |receipt| receipt.number) }
            }
            ("put", _) => Receipt { decided_ms: now_ms, number: 0 },
            ("open" | "hold", _) => Receipt { decided_ms: i64::MAX, number: 0 },
            _ => return,
        };
        self.receipts.insert(id.to_owned(), receipt);
    }

    fn check(&self, driver: &TestDriver, seed: u64) {
        let stored = stored(&view(driver));
        for (id, receipt) in &self.receipts {
            let is_kept = receipt.decided_ms > self.until_ms;
            assert!(
                !is_kept || stored.get(id) == Some(receipt),
                "seed {seed}: {id} is {:?}, not {receipt:?}",
                stored.get(id)
            );
        }
        for (id, receipt) in &stored {
            assert_eq!(self.receipts.get(id), Some(receipt), "seed {seed}: {id}");
        }
    }
}

/// A commit with some records.
fn commit(driver: &mut TestDriver, rng: &mut Rng, model: &mut Model) {
    let records = if rng.chance(40) { rng.between(100, 500) } else { rng.between(1, 5) };
    for _ in 0..records {
        let verb = match rng.below(20) {
            0 => "open",
            10 => "hold",
            1..4 => "put",
            4 => "date",
            5..9 => "renew",
            9 => "fail",
            _ => "ask",
        };
        let id = format!("i{}", rng.below(IDS));
        model.decide(verb, &id, driver.clock().now_ms());
        driver.pipe(IN, Some("k"), &format!("{verb} {id}"));
    }
    driver.settle();
}

/// Nothing is done any more until all that is decided has ended.
fn end(driver: &mut TestDriver, model: &mut Model, seed: u64) {
    for _ in 0..2 {
        pass(driver, KEEP_MS + STEP_MS);
        model.decide("renew", "nobody", driver.clock().now_ms());
        clean_up(driver);
    }
    model.check(driver, seed);
    let open: Vec<String> = stored(&view(driver)).into_keys().collect();
    let expected = model.receipts.iter().filter(|(_, receipt)| receipt.decided_ms == i64::MAX);
    assert_eq!(open, expected.map(|(id, _)| id.clone()).collect::<Vec<_>>(), "seed {seed}");
    assert_eq!(chunks(&view(driver)).len(), 0, "seed {seed}");
    assert!(marked(&view(driver)).iter().all(|id| open.contains(id)), "seed {seed}: {:?}", marked(&view(driver)));
}

fn run(mut driver: TestDriver, mut model: Model, seed: u64) {
    let mut rng = Rng::new(seed);
    for _ in 0..COMMITS {
        let part_ms = rng.below(KEEP_MS.unsigned_abs() * 2 / 3);
        pass(&driver, if rng.chance(60) { part_ms.cast_signed() } else { 0 });
        commit(&mut driver, &mut rng, &mut model);
        model.check(&driver, seed);
        if rng.chance(5) {
            driver.restart();
        }
    }
    end(&mut driver, &mut model, seed);
}

#[test]
fn what_is_kept_is_there_and_what_has_ended_goes() {
    SEEDS.for_each(|seed| run(driver(), Model::default(), seed));
}

/// Some of the rows are from before, and are walked through meanwhile.
#[test]
fn so_it_is_with_rows_from_before() {
    for seed in SEEDS {
        let (mut driver, mut rng) = (ending_before::driver(), Rng::new(seed ^ 1 << 32));
        let mut model = Model { until_ms: i64::MIN, ..Model::default() };
        for _ in 0..4 {
            for _ in 0..rng.between(1, 60) {
                let id = format!("i{}", rng.below(IDS));
                let verb = if rng.chance(20) { "open" } else { "put" };
                let decided_ms = if verb == "open" { i64::MAX } else { driver.clock().now_ms() };
                model.receipts.insert(id.clone(), Receipt { decided_ms, number: 0 });
                driver.pipe(IN, Some("k"), &format!("{verb} {id}"));
            }
            driver.settle();
            pass(&driver, KEEP_MS / 4);
        }
        driver.stop();
        driver.deploy(&kept_for(KEEP_MS));
        driver.start();
        driver.settle();
        run(driver, model, seed);
    }
}
