//! Places taken over from one who works there: warmed up, asked for, had.

use crate::led_group::Led;
use holdfast_engine::inspect::TaskState;
use holdfast_ports::log::{Log, LogError};
use holdfast_ports::membership::Change;
use holdfast_ports::record::NewRecord;

/// A worker that has made a changelog of some length for place 1, which another one has taken over since.
fn level_with_a_changelog() -> (Led, String) {
    let mut led = Led::joined(2);
    led.tell([Change::Assigned(vec![0, 1])]);
    led.until("places run", |led| led.places() == [0, 1] && led.status().is_ready());
    let word = led.word_of(1);
    for n in 1..=20 {
        led.count(&word);
        led.until("it is counted", |led| led.out().len() == n);
    }
    led.tell([Change::Revoked(vec![1])]);
    led.until("it is given up", |led| led.released() == [1]);
    (led, word)
}

#[test]
fn a_place_is_warmed_up_beside_its_owner_before_it_is_asked_for() {
    let (mut led, word) = level_with_a_changelog();
    led.forget_state(1);
    led.hold([1]);
    led.tell([Change::Assigned(vec![1])]);
    led.until("it warms up", |led| led.state_of(1) == Some(TaskState::Warming));
    assert!(led.wished().is_empty(), "a cold one does not ask");
    assert!(!led.status().owns(1), "requests go to the one who works there");
    led.until("it asks", |led| {
        assert!(led.status().is_ready(), "what it had already it serves, and the rest another one");
        !led.wished().is_empty()
    });
    led.count(&word);
    for _ in 0..50 {
        led.step();
    }
    assert_eq!((led.wished(), led.places()), (vec![1], vec![0]), "asked once, and nothing done before it is given");
    assert_eq!(led.out().len(), 20);
    led.hold([]);
    led.until("it works there", |led| led.places() == [0, 1] && led.status().is_ready());
    led.until("what came meanwhile is decided", |led| led.out().len() == 21);
    assert!(led.out().contains(&format!("{word}=21")), "on the state of the one before: {:?}", led.out());
    assert_eq!(led.writers_made(), 1);
}

#[test]
fn who_restores_a_place_of_his_own_is_not_ready_meanwhile() {
    let (mut led, _) = level_with_a_changelog();
    led.forget_state(1);
    assert!(led.status().is_ready());
    led.tell([Change::Assigned(vec![1])]);
    led.until("it restores", |led| led.state_of(1) == Some(TaskState::Restoring));
    assert!(!led.status().is_ready(), "nobody serves the place");
    led.until("it is ready with it", |led| led.places() == [0, 1] && led.status().is_ready());
}

#[test]
fn places_that_are_held_are_taken_over_one_by_one() {
    let mut led = Led::joined(3);
    led.hold([0, 1, 2]);
    led.tell([Change::Assigned(vec![0, 1, 2])]);
    for already in 0..3 {
        led.until("the next is asked for", |led| led.wished().len() > already);
        for _ in 0..20 {
            led.step();
        }
        let wished = led.wished();
        assert_eq!(wished.len(), already + 1, "one at a time");
        assert!(!led.status().is_ready(), "it has never had what it was given");
        led.hold((0..3).filter(|place| !wished.contains(place)));
        led.until("it runs", |led| led.places().len() == already + 1);
    }
    led.until("all run", |led| led.status().is_ready());
}

#[test]
fn a_place_given_and_taken_again_before_it_was_warm_is_forgotten() {
    let (mut led, _) = level_with_a_changelog();
    led.forget_state(1);
    led.hold([1]);
    led.tell([Change::Assigned(vec![1])]);
    led.until("it warms up", |led| led.state_of(1) == Some(TaskState::Warming));
    led.tell([Change::Revoked(vec![1])]);
    // The group is asked for changes at intervals, and steps that find records take no simulated time.
    led.pass_ms(20);
    led.until("it is forgotten", |led| led.state_of(1).is_none());
    assert_eq!((led.status().is_ready(), led.wished()), (true, vec![]));
    led.hold([]);
    led.tell([Change::Assigned(vec![1])]);
    led.until("it is ready with it", |led| led.places() == [0, 1] && led.status().is_ready());
}

#[test]
fn a_lap_that_is_under_way_when_the_place_comes_is_no_restore() {
    let (mut led, word) = level_with_a_changelog();
    led.forget_state(1);
    led.hold([1]);
    led.tell([Change::Assigned(vec![1])]);
    led.until("it warms up", |led| led.state_of(1) == Some(TaskState::Warming));
    // Its owner has gone: the rest of the lap would end where he was when it began.
    led.hold([]);
    led.count(&word);
    led.until("what came is decided", |led| led.out().len() == 21);
    assert!(led.out().contains(&format!("{word}=21")), "{:?}", led.out());
}

#[test]
fn what_is_ours_until_it_is_asked_for_is_not_worked_on_by_another_writer() {
    let (mut led, _) = level_with_a_changelog();
    led.tell([Change::Assigned(vec![1])]);
    led.until("both run", |led| led.places() == [0, 1] && led.status().is_ready());
    let word = led.word_of(1);
    led.yield_up([1], [Err(LogError::Retry("the log is away".to_owned())), Ok(())]);
    led.log().inject(holdfast_sim::memory_log::Fault::LostRequest);
    led.count(&word);
    led.until("it has given the place up", |led| led.places() == [0] && led.status().is_ready());
    for _ in 0..50 {
        led.step();
    }
    assert_eq!((led.out().len(), led.writers_made()), (20, 2), "whoever has the place now decides it");
}

#[test]
fn a_lap_is_as_fresh_as_its_beginning() {
    const HALF_AN_AGE_MS: u64 = 4 * 24 * 3_600 * 1_000;
    let (mut led, _) = level_with_a_changelog();
    led.forget_state(1);
    led.hold([1]);
    // Its owner is in the middle of a transaction, and takes his time: nobody reads past it.
    let changelog = holdfast_engine::inspect::changelog::topic("led", "tally");
    let mut owner = led.log().writer("led-1").unwrap();
    owner.begin().unwrap();
    let record = NewRecord { topic: &changelog, partition: 1, key: Some(b"?"), value: None, headers: &[] };
    owner.send(&record).unwrap();
    led.tell([Change::Assigned(vec![1])]);
    led.until("it warms up", |led| led.state_of(1) == Some(TaskState::Warming));
    assert!(led.wished().is_empty());
    // What is deleted meanwhile may be gone for good by the time this one reads on.
    led.pass_ms(HALF_AN_AGE_MS);
    led.until("it asks", |led| !led.wished().is_empty());
    led.pass_ms(HALF_AN_AGE_MS);
    let before = led.restored();
    led.hold([]);
    led.until("it works there", |led| led.places() == [0, 1] && led.status().is_ready());
    assert!(led.restored() >= before + 20, "it has missed too much: {} and then {}", before, led.restored());
}
