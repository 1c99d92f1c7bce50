//! What the log forgets, nobody misses: compacted changelogs, tombstones that are gone, offsets that retention has taken.

use crate::crashes::{dump, feed};
use crate::tally::{COUNTS, IN, OUT, count_of, driver, out};
use holdfast_ports::log::Log;
use holdfast_ports::record::TopicPartition;
use holdfast_sim::TestDriver;
use holdfast_sim::memory_log::Taken;
use std::time::Duration;

const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

fn changelog(place: u32) -> TopicPartition {
    TopicPartition::new("sim-tally-changelog", place)
}

/// Compacts everything as far as it goes. Tombstones that were met a week ago are gone.
fn compact(driver: &TestDriver, places: u32) -> Taken {
    let mut taken = Taken::default();
    for place in 0..places {
        taken.add(&driver.log().compact(&changelog(place), i64::MAX, Duration::from_millis(WEEK_MS)));
        driver.log().drop_empty_beginning(&changelog(place));
    }
    taken
}

/// Nothing happens for a week but that the changelog is compacted, so that its tombstones are gone.
fn a_week_later(driver: &mut TestDriver, places: u32) {
    assert!(compact(driver, places).compacted > 0);
    // The clock alone: whoever runs has his deadlines later.
    driver.clock().advance_us(WEEK_MS * 1_000 + 1_000_000);
    assert!(compact(driver, places).tombstones > 0);
}

/// The reminder on `away` is taken back while that disk is out of the worker: a row that only a tombstone ends. Put in again a week later, when the
/// tombstone is gone, the disk must not bring it back.
fn misses_a_tombstone(driver: &mut TestDriver, away: tempfile::TempDir) {
    driver.start();
    driver.settle();
    driver.pipe(IN, Some("r"), "forget r");
    driver.settle();
    let live = dump(driver);
    driver.stop();
    a_week_later(driver, 1);
    drop(driver.change_disk(Some(away)));
    driver.start();
    driver.settle();
    assert!(dump(driver) == live, "the row that a tombstone ended must not come back");
}

#[test]
fn a_compacted_changelog_gives_the_same_store() {
    let mut driver = driver(3);
    for _ in 0..4 {
        feed(&mut driver);
        driver.settle();
    }
    driver.pipe(IN, Some("r"), "remind r 60000");
    driver.pipe(IN, Some("s"), "remind s 60000");
    driver.pipe(IN, Some("c"), "call home");
    driver.settle();
    driver.pipe(IN, Some("s"), "forget s");
    driver.settle();
    let live = dump(&driver);
    driver.crash();
    assert!(compact(&driver, 3).compacted > 20);
    driver.wipe_disk();
    driver.start();
    driver.settle();
    assert_eq!(dump(&driver), live);
    driver.pipe(IN, Some("w0"), "count w0");
    driver.settle();
    assert_eq!(count_of(&driver, "w0", 3), Some(21));
}

#[test]
fn a_disk_that_stands_before_a_gap_catches_up() {
    let mut driver = driver(1);
    feed(&mut driver);
    driver.settle();
    driver.stop();
    let old = driver.change_disk(None);
    driver.start();
    feed(&mut driver);
    driver.settle();
    let live = dump(&driver);
    driver.stop();
    // The offset that the old disk asks for next is a gap, or before the beginning.
    assert!(compact(&driver, 1).compacted > 5);
    drop(driver.change_disk(Some(old)));
    driver.start();
    driver.settle();
    assert_eq!(dump(&driver), live);
}

#[test]
fn a_disk_that_has_missed_a_tombstone_is_rebuilt() {
    let mut driver = driver(1);
    feed(&mut driver);
    driver.pipe(IN, Some("r"), "remind r 99999999999");
    driver.settle();
    driver.stop();
    let old = driver.change_disk(None);
    misses_a_tombstone(&mut driver, old);
}

/// A restore from nothing that was interrupted has never been level with its changelog; how old it is counts all the same.
#[test]
fn a_restore_that_was_interrupted_a_week_ago_is_begun_again() {
    let mut driver = driver(1);
    driver.pipe(IN, Some("r"), "remind r 99999999999");
    // More than one batch of a restore.
    for n in 0..9_000 {
        driver.pipe(IN, Some("a"), &format!("count w{n}"));
    }
    driver.settle();
    driver.stop();
    let whole = driver.change_disk(None);
    driver.start();
    while !interrupted(&driver) {
        driver.step();
        // The status is renewed ten times a second.
        driver.clock().advance_us(100_000);
    }
    driver.crash();
    let partial = driver.change_disk(Some(whole));
    misses_a_tombstone(&mut driver, partial);
}

/// A restore is under way and has applied its first batch.
fn interrupted(driver: &TestDriver) -> bool {
    let snapshot = driver.status().snapshot();
    snapshot
        .tasks
        .iter()
        .any(|(_, task)| task.restore.is_some_and(|progress| progress.records > 5_000 && progress.remaining > 0))
}

#[test]
fn a_group_reset_to_what_retention_took_goes_on_at_the_position() {
    let mut driver = driver(1);
    feed(&mut driver);
    driver.settle();
    driver.stop();
    let inbox = TopicPartition::new(IN, 0);
    assert_eq!(driver.log().retire(&inbox, 20).retired, 20);
    driver.log().mirror("tally-service-group", &[(inbox.clone(), 5)]).unwrap();
    driver.pipe(IN, Some("w0"), "count w0");
    driver.start();
    driver.settle();
    assert_eq!(driver.read(OUT).len(), 31);
    assert_eq!(count_of(&driver, "w0", 1), Some(6));
    // Reset to what is still there: known as decided.
    driver.stop();
    driver.log().mirror("tally-service-group", &[(inbox, 22)]).unwrap();
    driver.pipe(IN, Some("w0"), "count w0");
    driver.start();
    driver.settle();
    assert_eq!((driver.read(OUT).len(), count_of(&driver, "w0", 1)), (32, Some(7)));
}

/// Who was away for longer than the inbox is kept has lost what was not decided, and decides the rest.
#[test]
fn what_retention_took_undecided_is_passed_over() {
    let mut driver = driver(1);
    driver.settle();
    driver.stop();
    feed(&mut driver);
    assert_eq!(driver.log().retire(&TopicPartition::new(IN, 0), 28).retired, 28);
    driver.start();
    driver.settle();
    assert_eq!(out(&driver), ["w0=1", "w1=1"]);
    let view = driver.queries().task("tally", 0).unwrap();
    assert_eq!(view.get(&COUNTS, &"w0".to_owned()).unwrap(), Some(1));
}
