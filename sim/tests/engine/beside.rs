//! What is decided while a commit is under way stands on it, becomes true after it, and falls with it.

use crate::tally::{COUNTS, DEAD, IN, OUT, count_of, driver, out};
use holdfast_sim::TestDriver;
use holdfast_sim::memory_log::Fault;

/// Steps that a commit takes here: enough to decide something meanwhile.
const STEPS: u64 = 6;

/// A worker in one place with "count a" in a commit that is under way.
fn committing(first: &[&str]) -> TestDriver {
    let mut driver = driver(1);
    driver.commit_beside(STEPS);
    driver.settle();
    for value in first {
        driver.pipe(IN, Some("a"), value);
    }
    begin(&mut driver);
    driver
}

fn begin(driver: &mut TestDriver) {
    for _ in 0..STEPS {
        driver.step();
        if driver.is_committing() {
            return;
        }
    }
    panic!("no commit is begun");
}

/// Decides `values` while the commit is under way.
fn decide(driver: &mut TestDriver, values: &[&str]) {
    for value in values {
        driver.pipe(IN, Some("a"), value);
    }
    driver.step();
    driver.step();
    assert!(driver.is_committing(), "the commit came first");
}

#[test]
fn it_stands_on_the_commit_and_becomes_true_after_it() {
    let mut driver = committing(&["count a"]);
    decide(&mut driver, &["count a", "count a"]);
    let commits = driver.log().commits();
    assert_eq!((out(&driver), count_of(&driver, "a", 1)), (vec![], None), "nothing is seen of either");
    driver.settle();
    assert_eq!((out(&driver), count_of(&driver, "a", 1)), (["a=1", "a=2", "a=3"].map(str::to_owned).to_vec(), Some(3)));
    assert_eq!(driver.log().commits() - commits, 2);
}

#[test]
fn it_falls_with_the_commit_and_is_decided_again() {
    for fault in [Fault::Retry, Fault::LostRequest, Fault::LostAnswer, Fault::Fenced] {
        let mut driver = committing(&["count a"]);
        driver.log().inject(fault);
        decide(&mut driver, &["count a", "count b"]);
        driver.settle();
        assert_eq!(out(&driver), ["a=1", "a=2", "b=1"], "{fault:?}");
        assert_eq!((count_of(&driver, "a", 1), count_of(&driver, "b", 1)), (Some(2), Some(1)), "{fault:?}");
    }
}

#[test]
fn a_commit_that_fails_is_made_again_though_nothing_came_after_it() {
    for fault in [Fault::Retry, Fault::LostRequest, Fault::LostAnswer, Fault::Fenced] {
        let mut driver = committing(&["count a"]);
        driver.log().inject(fault);
        driver.settle();
        assert_eq!((out(&driver), count_of(&driver, "a", 1)), (vec!["a=1".to_owned()], Some(1)), "{fault:?}");
    }
}

#[test]
fn a_stop_waits_for_both() {
    let mut driver = committing(&["count a"]);
    decide(&mut driver, &["count a"]);
    driver.stop();
    assert_eq!(out(&driver), ["a=1", "a=2"]);
    driver.start();
    driver.settle();
    assert_eq!((driver.read(OUT).len(), count_of(&driver, "a", 1)), (2, Some(2)));
}

#[test]
fn a_crash_takes_both() {
    let mut driver = committing(&["count a"]);
    decide(&mut driver, &["count a"]);
    driver.crash();
    assert_eq!(out(&driver), [""; 0]);
    driver.start();
    driver.settle();
    assert_eq!((out(&driver), count_of(&driver, "a", 1)), (["a=1", "a=2"].map(str::to_owned).to_vec(), Some(2)));
}

/// The log says no when it gets the record, and then more has been decided.
#[test]
fn an_output_that_is_refused_is_known_by_its_record() {
    for value in ["huge", "vast"] {
        let mut driver = committing(&["count a", value, "count a"]);
        decide(&mut driver, &["count a", value]);
        driver.settle();
        let letters = driver.read(DEAD);
        assert_eq!(letters.iter().map(|letter| letter.text()).collect::<Vec<_>>(), [value, value]);
        assert_eq!(letters[0].header("X-Exception-Class").unwrap(), "OutputRefused");
        let counted = ["a=1", "a=2", "a=3"].map(str::to_owned).to_vec();
        assert_eq!((out(&driver), count_of(&driver, "a", 1)), (counted, Some(3)), "{value}");
    }
}

#[test]
fn a_message_can_be_taken_back_before_it_is_committed() {
    let mut driver = committing(&["remind x 50", "remind y 50"]);
    decide(&mut driver, &["forget x"]);
    driver.advance_ms(60);
    assert_eq!(out(&driver).len(), 1, "only the other one is sent: {:?}", out(&driver));
    driver.restart();
    driver.advance_ms(60);
    assert_eq!(out(&driver).len(), 1);
}

#[test]
fn a_message_may_fall_due_before_it_is_committed() {
    let mut driver = committing(&["remind x 2"]);
    driver.clock().advance_us(3_000);
    driver.step();
    assert!(driver.is_committing());
    driver.settle();
    assert_eq!(out(&driver).len(), 1);
    driver.restart();
    assert_eq!(out(&driver).len(), 1, "sent once");
}

#[test]
fn an_effect_is_handed_over_when_its_commit_is_known() {
    let mut driver = committing(&["call home"]);
    decide(&mut driver, &["call work"]);
    assert_eq!(driver.take_effects(), []);
    driver.settle();
    let payloads: Vec<_> = driver.take_effects().into_iter().map(|effect| effect.payload).collect();
    assert_eq!(payloads, [b"home", b"work"]);
}

#[test]
fn many_commits_in_a_row_lose_nothing() {
    let mut driver = committing(&["count a"]);
    for n in 2..200 {
        driver.pipe(IN, Some("a"), "count a");
        driver.step();
        if n % 50 == 0 {
            driver.log().inject(Fault::LostAnswer);
        }
    }
    driver.settle();
    assert_eq!(driver.read(OUT).len(), 199);
    let view = driver.queries().task("tally", 0).unwrap();
    assert_eq!(view.get(&COUNTS, &"a".to_owned()).unwrap(), Some(199));
}
