//! All or nothing, and once: whatever becomes of the answer to a commit.

use crate::tally::{IN, OUT, count_of, driver, out};
use holdfast_engine::runtime::CommitConfig;
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_ports::record::{NewRecord, TopicPartition};
use holdfast_sim::memory_log::Fault;

#[test]
fn a_record_is_decided_once_and_its_output_is_committed() {
    let mut driver = driver(3);
    driver.settle();
    driver.pipe(IN, Some("a"), "count a");
    driver.pipe(IN, Some("b"), "count b");
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    assert_eq!(out(&driver), ["a=1", "a=2", "b=1"]);
    assert_eq!(count_of(&driver, "a", 3), Some(2));
}

#[test]
fn records_that_trickle_in_do_not_wait_for_the_interval() {
    let mut driver = driver(1);
    driver.commit_as(CommitConfig::KAFKA);
    driver.settle();
    let interval_ms = CommitConfig::KAFKA.interval_max_us / 1_000;
    // No step finds nothing.
    for _ in 0..interval_ms / 2 {
        driver.append(&NewRecord { topic: IN, partition: 0, key: Some(b"a"), value: Some(b"count a"), headers: &[] });
        driver.step();
        driver.clock().advance_us(1_000);
    }
    let committed = out(&driver).len();
    assert!(committed > 10, "{committed} after half of the interval");
}

#[test]
fn each_way_a_commit_can_fail_leaves_exactly_one_outcome() {
    for fault in [Fault::Retry, Fault::LostRequest, Fault::LostAnswer, Fault::Fenced] {
        let mut driver = driver(3);
        driver.settle();
        driver.pipe(IN, Some("a"), "count a");
        driver.settle();
        driver.log().inject(fault);
        driver.pipe(IN, Some("a"), "count a");
        driver.pipe(IN, Some("b"), "count b");
        driver.settle();
        assert_eq!(out(&driver), ["a=1", "a=2", "b=1"], "{fault:?}");
        assert_eq!((count_of(&driver, "a", 3), count_of(&driver, "b", 3)), (Some(2), Some(1)), "{fault:?}");
    }
}

#[test]
fn faults_in_a_row_are_ridden_out() {
    let mut driver = driver(1);
    driver.settle();
    for fault in [Fault::LostAnswer, Fault::Retry, Fault::LostRequest, Fault::Fenced, Fault::Retry, Fault::LostAnswer] {
        driver.log().inject(fault);
        driver.pipe(IN, Some("a"), "count a");
    }
    driver.settle();
    assert_eq!(out(&driver), ["a=1", "a=2", "a=3", "a=4", "a=5", "a=6"]);
}

#[test]
fn positions_are_committed_with_the_outputs() {
    let mut driver = driver(1);
    driver.settle();
    driver.pipe(IN, Some("a"), "count a");
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    assert_eq!(driver.log().group_position(&TopicPartition::new(IN, 0)), Some(2));
}

#[test]
fn a_record_without_key_is_forwarded_to_its_place_once() {
    let mut driver = driver(3);
    driver.settle();
    let home = place_of(b"a", 3);
    let foreign = (home + 1) % 3;
    driver.append(&NewRecord {
        topic: IN,
        partition: foreign,
        key: None,
        value: Some(b"count a"),
        headers: &[("h", b"v")],
    });
    driver.settle();
    assert_eq!(out(&driver), ["a=1"]);
    let forwarded = driver.read(IN).into_iter().find(|r| r.partition == home).unwrap();
    assert_eq!((forwarded.key(), forwarded.header("h").unwrap()), ("a".to_owned(), "v".to_owned()));
    assert_eq!(forwarded.header("x-origin").unwrap(), format!("{IN}-{foreign}-0"));
}

#[test]
fn a_group_reset_to_earliest_changes_nothing() {
    let mut driver = driver(1);
    driver.settle();
    for _ in 0..5 {
        driver.pipe(IN, Some("a"), "count a");
    }
    driver.settle();
    driver.stop();
    driver.log().mirror("tally-service-group", &[(TopicPartition::new(IN, 0), 0)]).unwrap();
    driver.start();
    driver.settle();
    assert_eq!(driver.read(OUT).len(), 5);
    assert_eq!(count_of(&driver, "a", 1), Some(5));
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    assert_eq!(count_of(&driver, "a", 1), Some(6));
}

#[test]
fn many_records_go_into_few_transactions() {
    let mut driver = driver(1);
    driver.settle();
    for _ in 0..5_000 {
        driver.pipe(IN, Some("a"), "count a");
    }
    let before = driver.log().commits();
    driver.settle();
    assert_eq!(count_of(&driver, "a", 1), Some(5_000));
    assert!(driver.log().commits() - before < 10, "{} commits", driver.log().commits() - before);
}
