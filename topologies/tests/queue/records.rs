//! Records that come twice, astray or unreadable, and commits whose answer is lost.

use crate::house::{House, PLACES, Q, terms};
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_model::queue;
use holdfast_model::queue::message::{CreateQueue, Join};
use holdfast_sim::memory_log::Fault;

#[test]
fn a_thousand_joins_are_decided_once() {
    let mut house = House::open(CreateQueue { max_active: 100, ..terms() });
    house.send_crowd(1..=1_000);
    house.driver.settle();
    house.check();
    let told = house.facts("ENTERED");
    assert!(told.iter().copied().eq(1..=1_000));
    // The same requests again, after a crash and on an empty disk.
    house.driver.lose_disk();
    for n in 1..=1_000 {
        house.pipe(&Join::new(&format!("j-{}", n + 1), Q, &format!("user-{n}")).to_json());
    }
    house.driver.settle();
    assert_eq!((house.facts("ENTERED"), house.queue().issued), (told, 1_000));
    house.check();
}

#[test]
fn a_record_finds_its_place_and_another_one_under_its_id_is_refused() {
    let mut house = House::open(terms());
    let away = (House::place() + 1) % PLACES;
    let value = Join::new("r", Q, "a").to_json();
    let record = NewRecord { topic: queue::INBOX, partition: away, key: None, value: Some(&value), headers: &[] };
    house.driver.append(&record);
    house.driver.settle();
    assert_eq!((house.queue().issued, house.facts("ENTERED")), (1, vec![1]));
    house.pipe(&value);
    house.pipe(&Join::new("r", Q, "b").to_json());
    house.pipe(b"{");
    house.pipe(br#"{"type":"join","queueId":"q"}"#);
    house.driver.settle();
    assert_eq!((house.queue().issued, house.dead_letters().len()), (1, 3));
    house.check();
}

#[test]
fn a_commit_whose_answer_is_lost_gives_no_second_ticket() {
    let mut house = House::open(terms());
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Retry] {
        house.driver.log().inject(fault);
        house.send_crowd(1..=20);
        house.driver.settle();
    }
    assert_eq!((house.queue().issued, house.facts("ENTERED").len()), (20, 20));
    house.check();
}
