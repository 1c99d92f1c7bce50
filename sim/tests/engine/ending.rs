//! Rows end when their time is over by the log, in small steps, and never before.

use crate::receipts::{
    IN, KEEP_MS, NOTES, RECEIPTS, STEP_MS, ask, ask_many, chunks, clean_up, driver, dump, kept_for, pass, said, stored,
    stored_ids, view,
};
use holdfast_ports::clock::Clock;
use holdfast_ports::record::TopicPartition;
use holdfast_sim::TestDriver;
use holdfast_sim::memory_log::Fault;
use std::time::Duration;

#[test]
fn a_row_goes_when_its_time_is_over_and_not_before() {
    let mut driver = driver();
    ask(&mut driver, &["ask a"]);
    let decided_ms = stored(&view(&driver))["a"].decided_ms;
    // Time alone ends nothing: a record has to come.
    driver.advance_ms(KEEP_MS.unsigned_abs() * 2);
    assert_eq!(stored_ids(&driver), ["a"]);

    let mut driver = crate::receipts::driver();
    ask(&mut driver, &["ask a"]);
    pass(&driver, decided_ms + KEEP_MS - 1 - driver.clock().now_ms());
    ask(&mut driver, &["ask a"]);
    assert_eq!(
        (said(&driver), stored_ids(&driver)),
        (vec!["new a 1".to_owned(), "again a 1".to_owned()], vec!["a".to_owned()])
    );
    pass(&driver, STEP_MS);
    ask(&mut driver, &["renew nobody"]);
    assert_eq!(stored_ids(&driver), [""; 0]);
    assert_eq!(chunks(&view(&driver)).len(), 0, "nothing is left of it");
    ask(&mut driver, &["ask a"]);
    assert_eq!(said(&driver)[2], "new a 2");
}

#[test]
fn readers_of_the_view_do_not_see_what_has_ended() {
    let mut driver = driver();
    ask(&mut driver, &["ask b"]);
    ask_many(&mut driver, "a", 600);
    assert_eq!(view(&driver).ended_until_ms(&RECEIPTS), Ok(watermark(&driver)));
    let get = |driver: &TestDriver, id: &str| view(driver).get_kept(&RECEIPTS, &id.to_owned()).unwrap();
    assert!(get(&driver, "a0599").is_some());
    pass(&driver, KEEP_MS + STEP_MS);
    ask(&mut driver, &["renew nobody"]);
    assert!(stored(&view(&driver)).contains_key("a0599"), "the clean-up has not come so far");
    assert_eq!(get(&driver, "a0599"), None);
    assert_eq!(view(&driver).ended_until_ms(&RECEIPTS), Ok(watermark(&driver)));
}

/// Where the watermark has to be after the last record.
fn watermark(driver: &TestDriver) -> i64 {
    (view(driver).position().unwrap().now_ms - KEEP_MS).div_euclid(STEP_MS) * STEP_MS
}

#[test]
fn a_commit_ends_few_rows_and_all_go_in_the_order_of_decision() {
    let mut driver = driver();
    for prefix in ["c", "b", "a"] {
        ask_many(&mut driver, prefix, 400);
        pass(&driver, 20);
    }
    pass(&driver, KEEP_MS + STEP_MS);
    let mut left = stored_ids(&driver).len();
    assert_eq!(left, 1_200);
    while left > 0 {
        let commits = driver.log().commits();
        ask(&mut driver, &["renew nobody"]);
        assert_eq!(driver.log().commits() - commits, 1, "no commit is made for the clean-up alone");
        let ids = stored_ids(&driver);
        assert!(ids.len() < left && left - ids.len() <= 256, "from {left} to {}", ids.len());
        left = ids.len();
        let prefixes: Vec<&str> =
            ["c", "b", "a"].into_iter().filter(|p| ids.iter().any(|id| id.starts_with(p))).collect();
        assert!(["cba", "ba", "a", ""].contains(&&*prefixes.concat()), "{prefixes:?}");
    }
    assert_eq!(chunks(&view(&driver)).len(), 0);
    assert_eq!(driver.metrics().ended_rows.with_label_values(&["clerk", "0"]).get(), 1_200);
    // An idle worker does nothing about what has ended.
    let commits = driver.log().commits();
    driver.advance_ms(KEEP_MS.unsigned_abs() * 2);
    assert_eq!(driver.log().commits(), commits);
}

/// Under load a commit may end twice as many rows as it has decided records.
#[test]
fn a_backlog_shrinks_under_load() {
    let mut driver = driver();
    ask_many(&mut driver, "a", 3_000);
    pass(&driver, KEEP_MS + STEP_MS);
    ask_many(&mut driver, "b", 1_000);
    let left = stored_ids(&driver).iter().filter(|id| id.starts_with('a')).count();
    assert!((1_000..=1_256).contains(&left), "{left}");
}

#[test]
fn what_has_ended_is_gone_before_it_is_deleted_and_a_new_row_stays() {
    let mut driver = driver();
    ask_many(&mut driver, "a", 1_000);
    pass(&driver, KEEP_MS + STEP_MS);
    ask(&mut driver, &["ask a0999"]);
    assert_eq!(said(&driver).last().unwrap(), "new a0999 1001");
    assert!(stored_ids(&driver).len() > 700, "the clean-up is far from it");
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver), ["a0999"]);
    ask(&mut driver, &["ask a0999"]);
    assert_eq!(said(&driver).last().unwrap(), "again a0999 1001");
}

#[test]
fn a_row_that_was_put_again_stays_and_ends_later() {
    let mut driver = driver();
    ask(&mut driver, &["ask a", "ask b"]);
    pass(&driver, KEEP_MS / 2);
    ask(&mut driver, &["renew a"]);
    pass(&driver, KEEP_MS / 2 + STEP_MS);
    ask(&mut driver, &["ask a"]);
    assert_eq!(said(&driver).last().unwrap(), "again a 1");
    assert_eq!((stored_ids(&driver), chunks(&view(&driver))), (vec!["a".to_owned()], vec![vec!["a".to_owned()]]));
    pass(&driver, KEEP_MS / 2);
    ask(&mut driver, &["renew nobody"]);
    assert_eq!(stored_ids(&driver), [""; 0]);
}

#[test]
fn what_is_not_decided_does_not_end() {
    let mut driver = driver();
    ask(&mut driver, &["open a"]);
    pass(&driver, KEEP_MS * 3);
    ask(&mut driver, &["renew a", "open b"]);
    assert_eq!(said(&driver), ["renewed a 0"], "it was kept until then, and is decided now");
    pass(&driver, KEEP_MS + STEP_MS);
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver), ["b"]);
}

/// Each table by its own time, and none keeps another from its turn.
#[test]
fn two_tables_end_beside_each_other() {
    let mut driver = driver();
    for n in 0..1_000 {
        driver.pipe(IN, Some("k"), &format!("note {n}"));
    }
    ask_many(&mut driver, "a", 1_000);
    let notes = |driver: &TestDriver| {
        let mut notes = 0;
        let mut count = |_, _| {
            notes += 1;
            std::ops::ControlFlow::Continue(())
        };
        view(driver).scan(NOTES.stored(), &[], &mut count).unwrap();
        notes
    };
    pass(&driver, KEEP_MS / 2 + STEP_MS);
    clean_up(&mut driver);
    assert_eq!((notes(&driver), stored_ids(&driver).len()), (0, 1_000));
    for n in 0..1_000 {
        driver.pipe(IN, Some("k"), &format!("note {n}"));
    }
    driver.settle();
    pass(&driver, KEEP_MS);
    (0..2).for_each(|_| ask(&mut driver, &["renew nobody"]));
    assert!(notes(&driver) < 1_000 && stored_ids(&driver).len() < 1_000, "both have had a turn");
    clean_up(&mut driver);
    assert_eq!((notes(&driver), stored_ids(&driver).len()), (0, 0));
}

#[test]
fn a_record_that_failed_leaves_no_entry() {
    let mut driver = driver();
    ask(&mut driver, &["ask a", "fail x", "ask b", "fail y"]);
    assert_eq!(chunks(&view(&driver)), [["a", "b"]]);
    assert_eq!(driver.read(crate::receipts::DEAD).len(), 2);
}

#[test]
fn a_commit_that_was_undone_leaves_no_entry_and_loses_none() {
    for fault in [Fault::Retry, Fault::LostRequest, Fault::LostAnswer, Fault::Fenced] {
        for beside in [false, true] {
            let mut driver = driver();
            if beside {
                driver.commit_beside(6);
            }
            driver.log().inject(fault);
            for id in ["a", "b", "c"] {
                driver.pipe(IN, Some("k"), &format!("ask {id}"));
                driver.step();
                driver.step();
            }
            driver.settle();
            assert_eq!(chunks(&view(&driver)).concat(), ["a", "b", "c"], "{fault:?}, beside: {beside}");
            pass(&driver, KEEP_MS + STEP_MS);
            ask(&mut driver, &["renew nobody"]);
            assert_eq!(stored_ids(&driver), [""; 0], "{fault:?}");
        }
    }
}

/// Crashed, unsure and fenced at any step of a clean-up: it ends nothing that is kept, and goes on.
#[test]
fn a_clean_up_that_is_interrupted_goes_on() {
    for steps in 0..10 {
        for fault in [None, Some(Fault::LostAnswer), Some(Fault::LostRequest), Some(Fault::Fenced)] {
            let mut driver = driver();
            ask_many(&mut driver, "a", 700);
            pass(&driver, KEEP_MS + STEP_MS);
            ask(&mut driver, &["ask b"]);
            if let Some(fault) = fault {
                driver.log().inject(fault);
            }
            driver.pipe(IN, Some("k"), "ask c");
            for _ in 0..steps {
                driver.step();
                driver.clock().advance_us(1_000);
            }
            if steps % 2 == 0 {
                driver.restart();
            } else {
                driver.lose_disk();
            }
            clean_up(&mut driver);
            assert_eq!(stored_ids(&driver), ["b", "c"], "after {steps} steps with {fault:?}");
            assert_eq!(chunks(&view(&driver)).concat(), ["b", "c"], "after {steps} steps with {fault:?}");
            assert_eq!(said(&driver).len(), 702);
        }
    }
}

#[test]
fn a_wiped_disk_has_the_same_rows() {
    let mut driver = driver();
    for prefix in ["a", "b"] {
        ask_many(&mut driver, prefix, 400);
        pass(&driver, KEEP_MS / 2);
    }
    pass(&driver, STEP_MS);
    ask(&mut driver, &["ask c"]);
    let live = dump(&view(&driver));
    assert!((401..800).contains(&stored_ids(&driver).len()), "the clean-up is half done");
    let changelog = TopicPartition::new("sim-clerk-changelog", 0);
    let compact = |driver: &TestDriver, kept| driver.log().compact(&changelog, i64::MAX, kept);
    driver.lose_disk();
    assert!(dump(&view(&driver)) == live);
    assert!(compact(&driver, Duration::from_secs(1)).compacted > 0);
    driver.lose_disk();
    assert!(dump(&view(&driver)) == live);
    driver.clock().advance_us(2_000_000);
    assert!(compact(&driver, Duration::from_secs(1)).tombstones > 0);
    driver.lose_disk();
    assert!(dump(&view(&driver)) == live);
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver).len(), 401);
    // Restored from what a compacted changelog has left: hardly more than the rows that are kept.
    pass(&driver, KEEP_MS);
    clean_up(&mut driver);
    driver.stop();
    for _ in 0..2 {
        compact(&driver, Duration::from_secs(1));
        driver.clock().advance_us(2_000_000);
    }
    driver.wipe_disk();
    driver.start();
    driver.settle();
    assert_eq!(stored_ids(&driver), [""; 0]);
    let restored = driver.metrics().restored_records.with_label_values(&["clerk"]).get();
    assert!(restored < 20, "{restored} records of 801 receipts that have ended");
}

#[test]
fn rows_that_are_kept_longer_from_now_on_do_not_come_back() {
    let mut driver = driver();
    ask_many(&mut driver, "a", 600);
    pass(&driver, KEEP_MS + STEP_MS);
    ask(&mut driver, &["ask b"]);
    let ended_ms = view(&driver).ended_until_ms(&RECEIPTS).unwrap();
    driver.deploy(&kept_for(KEEP_MS * 2));
    driver.restart();
    ask(&mut driver, &["ask a0599"]);
    assert_eq!(said(&driver).last().unwrap(), "new a0599 602", "what is gone stays gone");
    assert_eq!(view(&driver).ended_until_ms(&RECEIPTS), Ok(ended_ms));
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver), ["a0599", "b"]);
    pass(&driver, KEEP_MS + STEP_MS);
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver), ["a0599", "b"]);
    pass(&driver, KEEP_MS);
    clean_up(&mut driver);
    assert_eq!(stored_ids(&driver), [""; 0]);
}

#[test]
fn rows_that_are_kept_for_less_go_with_the_next_record() {
    let mut driver = driver();
    ask(&mut driver, &["ask a"]);
    pass(&driver, KEEP_MS / 2);
    ask(&mut driver, &["ask a"]);
    driver.deploy(&kept_for(KEEP_MS / 4));
    driver.restart();
    assert_eq!(stored_ids(&driver), ["a"], "a restart alone changes nothing");
    ask(&mut driver, &["ask a"]);
    assert_eq!(said(&driver), ["new a 1", "again a 1", "new a 2"]);
}
