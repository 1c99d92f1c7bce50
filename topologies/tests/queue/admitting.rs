//! Who is let in, how many and how fast.

use crate::house::{House, terms};
use holdfast_model::queue;
use holdfast_model::queue::message::{ChangeQueue, CreateQueue, Due, Signal};
use holdfast_model::queue::ticket_state::QueueState;
use holdfast_model::rfc3339;
use serde_json::Value;

/// Times of the admissions, in ms since the epoch.
fn admitted(house: &House) -> Vec<i64> {
    let facts = house.read(queue::EVENTS).into_iter().filter(|fact| fact["type"] == "ADMITTED");
    facts.map(|fact: Value| rfc3339::parse(fact["occurredAt"].as_str().unwrap()).unwrap()).collect()
}

/// Most admissions in any second.
fn most_in_a_second(times: &[i64]) -> usize {
    times.iter().map(|end| times.iter().filter(|at| (*at - end) <= 0 && end - *at < 1_000).count()).max().unwrap_or(0)
}

#[test]
fn whoever_comes_to_an_empty_house_is_let_in_at_once() {
    let mut house = House::open(terms());
    assert_eq!(house.join("a"), Ok(1));
    let ticket = house.ticket(1);
    assert_eq!((ticket.state.as_str(), ticket.position, ticket.wait_s), ("ACTIVE", Some(0), Some(0)));
    let told = house.read(queue::EVENTS);
    let admitted = told.iter().find(|fact| fact["type"] == "ADMITTED").unwrap();
    let until = rfc3339::parse(admitted["activeUntil"].as_str().unwrap()).unwrap();
    assert_eq!((until, Some(until)), (ticket.joined_ms + 600_000, ticket.active_until_ms));
    assert_eq!(house.own("admit"), 0, "where nobody waits nothing is sent");
    house.check();
}

#[test]
fn a_crowd_is_let_in_in_its_order_at_the_rate_and_spread_over_the_second() {
    let mut house = House::open(CreateQueue { max_active: 1_000, admit_per_second: 100, ..terms() });
    house.send_crowd(1..=400);
    house.driver.settle();
    assert!(house.queue().active <= 20, "{}", house.queue().active);
    house.pass_ms(2_000);
    let half = admitted(&house).len();
    assert!((180..=220).contains(&half), "{half}");
    house.pass_ms(2_600);
    let times = admitted(&house);
    assert_eq!((times.len(), house.queue().waiting), (400, 0));
    assert!(house.facts("ADMITTED").into_iter().eq(1..=400));
    assert!(most_in_a_second(&times) <= 100, "{}", most_in_a_second(&times));
    // No tenth of a second has more than a fifth of the rate.
    assert!(times.iter().all(|end| times.iter().filter(|at| *at <= end && end - *at < 100).count() <= 21));
    house.check();
    // The queue is idle: nothing more is sent.
    let sent = house.own("admit");
    house.pass_ms(3_000);
    assert_eq!(house.own("admit"), sent);
}

#[test]
fn there_are_never_more_than_may_be_and_room_is_used_at_once() {
    let mut house = House::open(terms());
    house.send_crowd(1..=30);
    house.pass_ms(1_000);
    assert_eq!((house.queue().active, house.queue().waiting), (10, 20));
    assert_eq!(house.standing(11), ("WAITING", Some(1)));
    assert_eq!(house.leave(4, "user-4").0, "SUCCESS");
    assert_eq!((house.standing(11), house.standing(12)), (("ACTIVE", Some(0)), ("WAITING", Some(1))));
    // Fewer may be in: nobody is thrown out, and nobody let in until there is room.
    house.change(ChangeQueue { max_active: Some(8), ..ChangeQueue::default() });
    assert_eq!(house.queue().active, 10);
    for ticket in [1, 2] {
        house.leave(ticket, &format!("user-{ticket}"));
    }
    assert_eq!((house.queue().active, house.standing(12)), (8, ("WAITING", Some(1))));
    house.leave(3, "user-3");
    assert_eq!((house.queue().active, house.standing(12)), (8, ("ACTIVE", Some(0))));
    house.change(ChangeQueue { max_active: Some(12), ..ChangeQueue::default() });
    house.pass_ms(200);
    assert_eq!(house.queue().active, 12);
    house.check();
}

#[test]
fn a_paused_queue_admits_nobody_until_it_goes_on() {
    let mut house = House::open(CreateQueue { max_active: 100, ..terms() });
    let state = |state| ChangeQueue { state: Some(state), ..ChangeQueue::default() };
    house.send_crowd(1..=20);
    house.driver.settle();
    house.change(state(QueueState::Paused));
    let active = house.queue().active;
    assert!(active < 20);
    house.send_crowd(21..=25);
    house.pass_ms(2_000);
    assert_eq!((house.queue().active, house.queue().waiting), (active, 25 - active));
    assert_eq!(house.ticket(25).wait_s, None);
    house.change(state(QueueState::Open));
    house.pass_ms(1_000);
    assert_eq!((house.queue().active, house.queue().waiting), (25, 0));
    assert!(house.facts("ADMITTED").into_iter().eq(1..=25));
    assert!(most_in_a_second(&admitted(&house)) <= 50);
    house.check();
}

#[test]
fn after_a_stall_the_rate_holds_all_the_same() {
    let mut house = House::open(CreateQueue { max_active: 1_000, ..terms() });
    house.send_crowd(1..=300);
    house.pass_ms(300);
    house.driver.restart();
    house.driver.advance_ms(5_000);
    let before = admitted(&house).len();
    house.pass_ms(1_000);
    let times = admitted(&house);
    assert!(times.len() - before <= 56, "{}", times.len() - before);
    house.driver.lose_disk();
    house.pass_ms(1_000);
    assert!(most_in_a_second(&admitted(&house)) <= 50);
    assert!(house.facts("ADMITTED").into_iter().eq(1..=admitted(&house).len() as u64));
    house.check();
}

#[test]
fn a_change_of_the_rate_holds_from_the_next_admission_on() {
    let mut house = House::open(CreateQueue { max_active: 1_000, admit_per_second: 1, ..terms() });
    house.send_crowd(1..=60);
    house.pass_ms(2_100);
    assert_eq!(house.queue().admitted, 3);
    house.change(ChangeQueue { admit_per_second: Some(100), ..ChangeQueue::default() });
    house.pass_ms(700);
    assert_eq!(house.queue().admitted, 60);
    house.check();
}

#[test]
fn a_message_that_comes_twice_late_or_made_up_admits_nobody_more() {
    let mut house = House::open(CreateQueue { max_active: 1_000, admit_per_second: 10, ..terms() });
    house.send_crowd(1..=40);
    house.pass_ms(1_500);
    let ticks: Vec<_> = house.read(queue::INBOX).into_iter().filter(|record| record["type"] == "admit").collect();
    assert!(ticks.len() > 3);
    let due_at = house.now_ms() + 5;
    let made_up = Signal::Admit(Due { queue_id: "q".to_owned(), due_at }).to_json();
    let before = house.queue().admitted;
    for tick in ticks {
        house.pipe(tick.to_string().as_bytes());
        house.pipe(&made_up);
    }
    house.driver.settle();
    assert!(house.queue().admitted <= before + 1);
    house.pass_ms(3_000);
    assert_eq!(house.queue().admitted, 40);
    assert!(most_in_a_second(&admitted(&house)) <= 10);
    assert!(house.dead_letters().is_empty());
    house.check();
}
