//! Crash anywhere, lose the disk, stop and start: the answers stay the same.

use crate::tally::{COUNTS, IN, OUT, count_of, driver, out};
use holdfast_ports::store::StoreId;
use holdfast_sim::TestDriver;
use holdfast_sim::memory_log::Fault;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

pub(crate) fn feed(driver: &mut TestDriver) {
    for i in 0..30 {
        let word = format!("w{}", i % 7);
        driver.pipe(IN, Some(&word), &format!("count {word}"));
    }
}

fn expected() -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut lines: Vec<String> = (0..30)
        .map(|i| {
            let word = format!("w{}", i % 7);
            let count = counts.entry(word.clone()).or_default();
            *count += 1;
            format!("{word}={count}")
        })
        .collect();
    lines.sort();
    lines
}

/// Everything a worker's stores hold, by place, store and key.
pub(crate) fn dump(driver: &TestDriver) -> BTreeMap<(u32, u8, Vec<u8>), Vec<u8>> {
    let mut rows = BTreeMap::new();
    for task in driver.queries().tasks("tally") {
        for store in [0, 1, 2, 16, 17] {
            task.scan_bytes(StoreId(store), &[], &mut |key, row| {
                rows.insert((task.place(), store, key.to_vec()), row.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        }
    }
    rows
}

#[test]
fn a_crash_after_any_step_loses_and_doubles_nothing() {
    for steps in 0..12 {
        for fault in [None, Some(Fault::LostAnswer), Some(Fault::LostRequest)] {
            let mut driver = driver(3);
            feed(&mut driver);
            if let Some(fault) = fault {
                driver.log().inject(fault);
            }
            for _ in 0..steps {
                driver.step();
                driver.clock().advance_us(1_000);
            }
            driver.restart();
            assert_eq!(out(&driver), expected(), "crash after {steps} steps with {fault:?}");
        }
    }
}

#[test]
fn a_wiped_disk_is_rebuilt_from_the_changelog_key_by_key() {
    let mut driver = driver(3);
    feed(&mut driver);
    driver.pipe(IN, Some("r"), "remind r 60000");
    driver.pipe(IN, Some("c"), "call home");
    driver.settle();
    let live = dump(&driver);
    assert!(live.len() > 10);
    driver.lose_disk();
    assert_eq!(dump(&driver), live);
    driver.pipe(IN, Some("w0"), "count w0");
    driver.settle();
    assert_eq!(count_of(&driver, "w0", 3), Some(6));
    assert_eq!(driver.read(OUT).len(), 31);
}

#[test]
fn a_disk_that_cannot_be_read_is_emptied_and_rebuilt() {
    let mut driver = driver(3);
    feed(&mut driver);
    driver.settle();
    let live = dump(&driver);
    driver.stop();
    driver.spoil_disk();
    driver.start();
    driver.settle();
    assert_eq!(dump(&driver), live);
    driver.pipe(IN, Some("w0"), "count w0");
    driver.settle();
    assert!(out(&driver).contains(&"w0=6".to_owned()));
}

#[test]
fn an_old_disk_catches_up() {
    let mut driver = driver(2);
    feed(&mut driver);
    driver.settle();
    driver.stop();
    driver.start();
    feed(&mut driver);
    driver.settle();
    // Killed: what was not flushed is read again from the changelog.
    driver.restart();
    assert_eq!(driver.read(OUT).len(), 60);
    assert_eq!(count_of(&driver, "w0", 2), Some(10));
}

#[test]
fn a_disk_older_than_the_tombstones_is_rebuilt() {
    let mut driver = driver(1);
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    driver.stop();
    driver.clock().jump_ms(8 * 24 * 60 * 60 * 1000);
    driver.start();
    driver.settle();
    assert_eq!(count_of(&driver, "a", 1), Some(1));
    let view = driver.queries().task("tally", 0).unwrap();
    assert_eq!(view.get(&COUNTS, &"a".to_owned()).unwrap(), Some(1));
}

#[test]
fn a_backward_clock_never_takes_now_back() {
    let mut driver = driver(1);
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    let before = driver.queries().task("tally", 0).unwrap().position().unwrap().now_ms;
    driver.clock().jump_ms(-60_000);
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    assert!(driver.queries().task("tally", 0).unwrap().position().unwrap().now_ms >= before);
}
