//! Records that retention deletes from an inbox before they are decided are missed, counted and told, and nothing goes on without them unless the settings say so.

use crate::tally::{IN, count_of, out, topology};
use holdfast_engine::inspect::{LostInput, TaskState};
use holdfast_engine::runtime::OnLostInput;
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_ports::record::{NewRecord, TopicPartition};
use holdfast_ports::store::TaskId;
use holdfast_sim::TestDriver;

fn count(driver: &mut TestDriver, place: u32, word: &str) {
    let value = format!("count {word}");
    driver.append(&NewRecord {
        topic: IN,
        partition: place,
        key: Some(word.as_bytes()),
        value: Some(value.as_bytes()),
        headers: &[],
    });
}

/// A word of each place.
fn words(places: u32) -> Vec<String> {
    let word = |place| (0..).map(|n| format!("w{n}")).find(|word| place_of(word.as_bytes(), places) == place);
    (0..places).filter_map(word).collect()
}

/// Place 0 has decided one record; of the two that came while the worker was away, retention has taken one. Place 1 has lost nothing.
fn away_for_too_long(reaction: OnLostInput) -> (TestDriver, Vec<String>) {
    let words = words(2);
    let mut driver = TestDriver::new(&topology(), 2);
    driver.on_lost_input(reaction);
    driver.settle();
    count(&mut driver, 0, &words[0]);
    driver.settle();
    driver.stop();
    count(&mut driver, 0, &words[0]);
    count(&mut driver, 0, &words[0]);
    count(&mut driver, 1, &words[1]);
    assert_eq!(driver.log().retire(&TopicPartition::new(IN, 0), 2).retired, 2);
    driver.start();
    driver.settle();
    (driver, words)
}

fn lost(driver: &TestDriver, place: u32) -> (TaskState, Option<LostInput>) {
    let task = driver.status().snapshot().tasks.remove(&TaskId { topology: "tally".into(), place }).unwrap();
    (task.state, task.lost)
}

#[test]
fn the_place_decides_nothing_more_and_says_what_is_missing() {
    let (mut driver, words) = away_for_too_long(OnLostInput::Stop);
    let missing = LostInput { source: TopicPartition::new(IN, 0), from: 1, to: 2 };
    assert_eq!(lost(&driver, 0), (TaskState::Halted, Some(missing.clone())));
    assert_eq!(
        missing.to_string(),
        "retention deleted offsets 1 to 1 of topic words, partition 0, before they were decided"
    );
    assert!(!driver.status().is_ready());
    assert!(driver.queries().task("tally", 0).is_err(), "nobody is told that this place works");
    count(&mut driver, 0, &words[0]);
    driver.advance_ms(1_000);
    assert_eq!(out(&driver).iter().filter(|count| count.starts_with(&words[0])).count(), 1, "{:?}", out(&driver));
    // A restart finds the same.
    driver.restart();
    assert_eq!(lost(&driver, 0), (TaskState::Halted, Some(missing)));
}

#[test]
fn other_places_go_on() {
    let (mut driver, words) = away_for_too_long(OnLostInput::Stop);
    assert_eq!(lost(&driver, 1), (TaskState::Running, None));
    assert_eq!(count_of(&driver, &words[1], 2), Some(1));
    count(&mut driver, 1, &words[1]);
    driver.settle();
    assert_eq!(count_of(&driver, &words[1], 2), Some(2));
}

#[test]
fn the_settings_may_say_to_go_on_without_them() {
    let (mut driver, words) = away_for_too_long(OnLostInput::Continue);
    assert_eq!((lost(&driver, 0), driver.status().is_ready()), ((TaskState::Running, None), true));
    assert_eq!(count_of(&driver, &words[0], 2), Some(2), "one of three is missing");
    // Decided past them: nothing is missed any more.
    driver.on_lost_input(OnLostInput::Stop);
    driver.restart();
    assert_eq!(lost(&driver, 0), (TaskState::Running, None));
}

/// What was decided and not committed yet when the loss is seen stands.
#[test]
fn a_worker_that_falls_too_far_behind_commits_what_it_decided() {
    let words = words(1);
    let mut driver = TestDriver::new(&topology(), 1);
    driver.settle();
    driver.commit_beside(100);
    count(&mut driver, 0, &words[0]);
    driver.settle();
    count(&mut driver, 0, &words[0]);
    while !driver.is_committing() {
        driver.step();
    }
    count(&mut driver, 0, &words[0]);
    count(&mut driver, 0, &words[0]);
    driver.log().retire(&TopicPartition::new(IN, 0), 3);
    driver.settle();
    assert_eq!(lost(&driver, 0).0, TaskState::Halted);
    assert_eq!(out(&driver).len(), 2, "{:?}", out(&driver));
}

/// Behind the last decided record there may be markers of transactions, which nobody decides. That a reader was past them is mirrored once a second.
#[test]
fn markers_that_retention_took_are_no_loss() {
    let words = words(1);
    let mut driver = TestDriver::new(&topology(), 1);
    driver.settle();
    count(&mut driver, 0, &words[0]);
    driver.settle();
    driver.stop();
    // The offset that stands for a marker here.
    count(&mut driver, 0, &words[0]);
    let inbox = TopicPartition::new(IN, 0);
    driver.log().retire(&inbox, 2);
    driver.log().mirror("tally-service-group", &[(inbox, 2)]).unwrap();
    driver.start();
    driver.settle();
    assert_eq!((lost(&driver, 0), driver.status().is_ready()), ((TaskState::Running, None), true));
}

#[test]
fn the_offsets_are_counted() {
    for reaction in [OnLostInput::Stop, OnLostInput::Continue] {
        let (driver, _) = away_for_too_long(reaction);
        let counted = driver.metrics().lost_input_offsets.with_label_values(&["tally", "0"]).get();
        assert_eq!(counted, 1, "{reaction:?}");
    }
}
