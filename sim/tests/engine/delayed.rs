//! Delayed messages: sent when due, never before, once, whatever happens meanwhile.

use crate::tally::{IN, OUT, driver, out};
use holdfast_ports::clock::Clock;
use holdfast_sim::TestDriver;

fn due_of(text: &str) -> i64 {
    text.strip_prefix("due ").unwrap().parse().unwrap()
}

fn assert_on_time(driver: &TestDriver, late_max_ms: i64) {
    for out in driver.read(OUT) {
        let late = out.record.append_ms - due_of(&out.text());
        assert!((0..=late_max_ms).contains(&late), "{} came {late} ms late", out.text());
    }
}

#[test]
fn a_message_is_sent_when_due_and_never_before() {
    let mut driver = driver(3);
    driver.settle();
    for (i, ms) in [300_000, 5_000, 5_000, 70_000].iter().enumerate() {
        driver.pipe(IN, Some(&format!("k{i}")), &format!("remind k{i} {ms}"));
    }
    driver.settle();
    // Settling and sending take a few ms of the clock themselves, so it is set by where it should stand.
    let begin_ms = driver.clock().now_ms();
    for (at_ms, sent) in [(4_800, 0), (5_200, 2), (69_800, 2), (70_200, 3), (299_800, 3), (300_200, 4)] {
        let by_ms = begin_ms + at_ms - driver.clock().now_ms();
        driver.advance_ms(u64::try_from(by_ms).unwrap());
        assert_eq!(driver.read(OUT).len(), sent, "after {at_ms} ms");
    }
    assert_on_time(&driver, 400);
}

#[test]
fn lateness_is_a_few_milliseconds_of_the_clock() {
    let mut driver = driver(1);
    driver.settle();
    for i in 0..50 {
        driver.pipe(IN, Some("k"), &format!("remind k{i} {}", 100 + i * 7));
    }
    driver.settle();
    for _ in 0..500 {
        driver.advance_ms(1);
    }
    assert_eq!(driver.read(OUT).len(), 50);
    assert_on_time(&driver, 10);
}

#[test]
fn a_message_taken_back_is_not_sent() {
    let mut driver = driver(1);
    driver.settle();
    driver.pipe(IN, Some("a"), "remind a 1000");
    driver.pipe(IN, Some("b"), "remind b 1000");
    driver.pipe(IN, Some("a"), "forget a");
    driver.settle();
    driver.advance_ms(5_000);
    assert_eq!(driver.read(OUT).iter().map(holdfast_sim::driver::Out::key).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_crash_and_a_wiped_disk_lose_no_message_and_send_none_twice() {
    let mut driver = driver(2);
    for i in 0..20 {
        driver.pipe(IN, Some(&format!("k{i}")), &format!("remind k{i} {}", 1_000 * (i + 1)));
    }
    driver.settle();
    driver.advance_ms(5_500);
    let sent = out(&driver).len();
    assert!((4..=5).contains(&sent), "{sent}");
    driver.restart();
    driver.advance_ms(4_000);
    driver.crash();
    driver.wipe_disk();
    // Down while ten of them fall due.
    driver.clock().advance_us(10_000_000);
    driver.start();
    driver.settle();
    driver.advance_ms(10_000);
    let keys: std::collections::BTreeSet<String> =
        driver.read(OUT).iter().map(holdfast_sim::driver::Out::key).collect();
    assert_eq!((keys.len(), driver.read(OUT).len()), (20, 20));
    let now_ms = driver.clock().now_ms();
    assert!(driver.read(OUT).iter().all(|o| o.record.append_ms >= due_of(&o.text()) && o.record.append_ms <= now_ms));
}

#[test]
fn more_than_one_step_can_send_falls_due_at_one_instant() {
    let mut driver = driver(1);
    driver.settle();
    for i in 0..25_000 {
        driver.pipe(IN, Some("k"), &format!("remind k{i} 60000"));
    }
    driver.settle();
    // A due time of its own for each ms that settling took; all are past after this.
    driver.advance_ms(120_000);
    assert_eq!(driver.read(OUT).len(), 25_000);
}
