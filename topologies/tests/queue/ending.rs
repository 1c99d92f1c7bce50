//! Tickets that end: by silence, by time, by a purchase, and how they are forgotten.

use crate::house::{House, Q, terms};
use holdfast_model::guard::{Purchased, Subject, SubjectType};
use holdfast_model::queue;
use holdfast_model::queue::message::CreateQueue;
use holdfast_topologies::queue::CHUNK_PAUSE_MS;

fn purchased(ticket: u64, user: &str) -> Vec<u8> {
    let (queue_id, user_id) = (Q.to_owned(), user.to_owned());
    Purchased { queue_id, ticket, user_id, subject: Subject::new(SubjectType::Sale, "1") }.to_json()
}

#[test]
fn an_active_ticket_of_which_nothing_is_heard_ends_and_its_room_is_used() {
    let mut house = House::open(CreateQueue { max_active: 1, silence_ms: Some(5_000), ..terms() });
    house.send_joins(["a", "b", "c"]);
    house.driver.settle();
    house.driver.advance_ms(4_000);
    house.touch([1, 2]);
    house.driver.advance_ms(4_000);
    assert_eq!(house.standing(1), ("ACTIVE", Some(0)));
    house.touch([2]);
    house.driver.advance_ms(1_100);
    assert_eq!((house.standing(1), house.reason(1)), (("ENDED", None), Some("SILENT")));
    assert_eq!((house.standing(2), house.standing(3)), (("ACTIVE", Some(0)), ("WAITING", Some(1))));
    // What was heard while it waited does not count: five seconds from its admission.
    house.driver.advance_ms(4_500);
    assert_eq!(house.standing(2), ("ACTIVE", Some(0)));
    house.driver.advance_ms(600);
    assert_eq!((house.reason(2), house.standing(3)), (Some("SILENT"), ("ACTIVE", Some(0))));
    house.check();
}

#[test]
fn an_active_ticket_ends_at_its_time_however_much_is_heard_of_it() {
    let mut house = House::open(CreateQueue { max_active: 1, active_ms: Some(10_000), ..terms() });
    house.send_joins(["a", "b"]);
    house.driver.settle();
    let until_ms = house.ticket(1).active_until_ms.unwrap();
    for _ in 0..9 {
        house.driver.advance_ms(1_000);
        house.touch([1, 2]);
    }
    house.driver.restart();
    assert_eq!(house.standing(1), ("ACTIVE", Some(0)));
    let left = u64::try_from(until_ms - house.now_ms()).unwrap();
    house.driver.advance_ms(left + 10);
    assert_eq!((house.reason(1), house.standing(2)), (Some("TIMED_OUT"), ("ACTIVE", Some(0))));
    assert_eq!(house.queue().ended.timed_out, 1);
    house.check();
}

#[test]
fn a_purchase_ends_the_ticket_of_its_user_once() {
    let mut house = House::open(CreateQueue { max_active: 1, ..terms() });
    house.send_joins(["a", "b"]);
    house.driver.settle();
    // Another user's, one that waits, one that does not exist.
    for value in [purchased(1, "b"), purchased(2, "b"), purchased(9, "a")] {
        house.pipe(&value);
    }
    house.driver.settle();
    assert_eq!(house.standing(1), ("ACTIVE", Some(0)));
    house.pipe(&purchased(1, "a"));
    house.pipe(&purchased(1, "a"));
    house.driver.settle();
    assert_eq!((house.reason(1), house.standing(2)), (Some("PURCHASED"), ("ACTIVE", Some(0))));
    assert_eq!((house.facts("ENDED"), house.queue().ended.purchased), (vec![1], 1));
    // Its message at the earliest end was taken back.
    house.driver.advance_ms(3_000);
    assert!(house.dead_letters().is_empty());
    house.check();
}

#[test]
fn a_waiting_ticket_keeps_its_position_for_a_time_and_no_touch_sends_a_message() {
    let terms = CreateQueue { max_active: 1, keep_ms: Some(30_000), notices: Some(false), ..terms() };
    let mut house = House::open(terms);
    house.send_crowd(1..=1_500);
    house.driver.settle();
    house.touch([1]);
    let keeps: Vec<u64> = (2..=1_500).filter(|ticket| ticket % 3 == 0).collect();
    for _ in 0..3 {
        house.driver.advance_ms(9_000);
        house.touch(keeps.iter().copied().chain([1]));
    }
    // 27 s of silence: nobody has lost anything.
    assert_eq!((house.queue().waiting, house.own("silence")), (1_499, 0));
    let pause = u64::try_from(CHUNK_PAUSE_MS).unwrap();
    for _ in 0..5 {
        house.driver.advance_ms(pause);
        house.touch([1]);
    }
    assert_eq!((house.queue().waiting, house.queue().ended.silent), (keeps.len() as u64, 1_499 - keeps.len() as u64));
    assert_eq!(house.standing(1_500), ("WAITING", Some(keeps.len() as u64)));
    // Two chunks: a handful of looks, not one for each ticket.
    assert!(house.own("silence") <= 12, "{}", house.own("silence"));
    house.check();
    // The others go silent too, and then nothing is looked at any more.
    for _ in 0..20 {
        house.driver.advance_ms(5_000);
        house.touch([1]);
    }
    assert_eq!(house.queue().waiting, 0);
    house.check();
}

#[test]
fn touches_of_whatever_else_change_nothing() {
    let mut house = House::open(terms());
    assert_eq!(house.join("a"), Ok(1));
    house.leave(1, "a");
    house.touch([0, 1, 2, 77, u64::MAX]);
    house.pipe(br#"{"type":"touch","queueId":"no-such-queue","tickets":[1]}"#);
    house.driver.settle();
    assert_eq!(house.reason(1), Some("LEFT"));
    assert!(house.dead_letters().is_empty());
    house.check();
}

#[test]
fn a_lost_message_of_its_own_does_not_stop_a_queue() {
    let mut house = House::open(CreateQueue { max_active: 100, admit_per_second: 1, ..terms() });
    house.send_joins(["a", "b", "c"]);
    house.driver.settle();
    assert_eq!(house.queue().admitted, 1);
    // As if the message had been given up: nothing of it comes, and the next sign of life admits.
    let task = house.task();
    let due_ms = task.get(&queue::COUNTS, &Q.to_owned()).unwrap().unwrap().admit_due_ms.unwrap();
    assert!(due_ms > house.now_ms());
    house.driver.advance_ms(1_100);
    assert_eq!(house.queue().admitted, 2);
    house.check();
}
