//! Who gets which ticket, and where it stands.

use crate::house::{House, Q, terms};
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::message::{ChangeQueue, Command, CreateQueue, Join};
use holdfast_model::queue::ticket_state::QueueState;
use holdfast_model::queue::{self, keys::ChunkKey};
use holdfast_topologies::queue::view;

#[test]
fn a_user_has_one_ticket_however_often_and_from_wherever_it_is_asked_for() {
    let mut house = House::open(CreateQueue { max_active: 1, ..terms() });
    assert_eq!((house.join("a"), house.join("b"), house.join("c")), (Ok(1), Ok(2), Ok(3)));
    // Another tab: another request, the same ticket. Nothing is told again.
    assert_eq!((house.join("b"), house.join("a")), (Ok(2), Ok(1)));
    assert_eq!(house.facts("ENTERED"), [1, 2, 3]);
    assert_eq!(
        (house.standing(1), house.standing(2), house.standing(3)),
        (("ACTIVE", Some(0)), ("WAITING", Some(1)), ("WAITING", Some(2)))
    );
    let counts = house.queue();
    assert_eq!((counts.issued, counts.waiting, counts.active, counts.admitted), (3, 2, 1, 1));
    // One that has ended is worth nothing; the next join stands at the end.
    assert_eq!(house.leave(2, "b"), ("SUCCESS", None));
    assert_eq!((house.standing(2), house.reason(2)), (("ENDED", None), Some("LEFT")));
    assert_eq!(house.standing(3), ("WAITING", Some(1)));
    assert_eq!((house.join("b"), house.standing(4)), (Ok(4), ("WAITING", Some(2))));
    let now_ms = house.now_ms();
    assert_eq!(view::ticket_of(&house.task(), Q, "b", now_ms).unwrap().unwrap().ticket, 4);
    assert_eq!(view::ticket_of(&house.task(), Q, "x", now_ms).unwrap(), None);
    assert_eq!(view::ticket(&house.task(), Q, 99, now_ms).unwrap(), None);
    house.check();
}

#[test]
fn what_cannot_join_is_told_why() {
    let mut house = House::open(terms());
    assert_eq!(house.join(" "), Err("USER_ID_REQUIRED"));
    assert_eq!(house.join(" a"), Err("INVALID_USER_ID"));
    house.change(ChangeQueue { max_active: Some(1), ..ChangeQueue::default() });
    assert_eq!((house.join("a"), house.join("b")), (Ok(1), Ok(2)));
    house.change(ChangeQueue { state: Some(QueueState::Draining), ..ChangeQueue::default() });
    assert_eq!((house.join("c"), house.join("b")), (Err("QUEUE_CLOSED"), Ok(2)));
    // It goes on admitting.
    assert_eq!(house.leave(1, "a"), ("SUCCESS", None));
    assert_eq!(house.standing(2), ("ACTIVE", Some(0)));
    let json = Join::new("lost", "no-such-queue", "a").to_json();
    house.driver.pipe(queue::INBOX, Some("no-such-queue"), std::str::from_utf8(&json).unwrap());
    house.driver.settle();
    let place = holdfast_engine::prelude::place_of(b"no-such-queue", crate::house::PLACES);
    let task = house.driver.queries().task(queue::NAME, place).unwrap();
    let command = view::command(&task, "lost").unwrap().unwrap();
    assert_eq!((command.status, command.code), ("NOT_FOUND", Some("QUEUE_NOT_FOUND")));
    assert!(house.dead_letters().is_empty());
    house.check();
}

#[test]
fn only_its_user_gives_a_ticket_back_and_twice_is_once() {
    let mut house = House::open(terms());
    assert_eq!(house.join("a"), Ok(1));
    let unknown = ("NOT_FOUND", Some(CommandRefusal::UnknownTicket.code()));
    assert_eq!((house.leave(1, "thief"), house.leave(2, "a")), (unknown, unknown));
    assert_eq!(
        (house.leave(1, "a"), house.leave(1, "a"), house.leave(1, "thief")),
        (("SUCCESS", None), ("SUCCESS", None), unknown)
    );
    assert_eq!((house.facts("ENDED"), house.queue().ended.left), (vec![1], 1));
    house.check();
}

#[test]
fn a_queue_is_created_once_and_shows_no_secret() {
    let mut house = House::open(terms());
    assert_eq!(house.command(Command::CreateQueue(terms())), ("SUCCESS", None));
    let other = CreateQueue { max_active: 11, ..terms() };
    assert_eq!(house.command(Command::CreateQueue(other)), ("CONFLICT", Some("QUEUE_ALREADY_EXISTS")));
    let bad = CreateQueue { max_active: 0, ..terms() };
    assert_eq!(house.command(Command::CreateQueue(bad)), ("VALIDATION_FAILED", Some("INVALID_MAX_ACTIVE")));
    let kinds: Vec<_> = house.read(queue::EVENTS).iter().map(|fact| fact["type"].to_string()).collect();
    assert_eq!(kinds, ["\"CREATED\"", "\"OPENED\""]);
    let shown = serde_json::to_string(&house.queue()).unwrap() + &house.driver.read(queue::EVENTS)[0].text();
    let key = terms().key.unwrap().to_base64();
    assert!(!shown.contains(&key) && !shown.contains("\"key\""), "{shown}");
    house.check();
}

#[test]
fn positions_are_right_for_thousands_and_fall_only() {
    let mut house = House::open(CreateQueue { max_active: 1, notices: Some(false), ..terms() });
    house.send_crowd(1..=3_000);
    house.driver.settle();
    assert_eq!((house.standing(1), house.standing(3_000)), (("ACTIVE", Some(0)), ("WAITING", Some(2_999))));
    let all: Vec<u64> = (1..=3_000).collect();
    let positions = |house: &House| -> Vec<Option<u64>> {
        let standings = view::positions(&house.task(), Q, &all, house.now_ms()).unwrap();
        standings.into_iter().map(|standing| standing.unwrap().position).collect()
    };
    let before = positions(&house);
    assert!(before.iter().copied().eq((0..3_000).map(Some)));
    // Some in the middle leave, across chunks.
    for ticket in [2, 1_023, 1_024, 1_025, 2_500] {
        assert_eq!(house.leave(ticket, &format!("user-{ticket}")).0, "SUCCESS");
    }
    let after = positions(&house);
    let mut rank = 0;
    for (ticket, (before, after)) in all.iter().zip(before.into_iter().zip(after)) {
        if [2, 1_023, 1_024, 1_025, 2_500].contains(ticket) {
            assert_eq!(after, None);
            continue;
        }
        assert_eq!(after, Some(rank), "ticket {ticket}");
        assert!(after <= before);
        assert_eq!(house.standing(*ticket).1, after, "one by one");
        rank += 1;
    }
    assert_eq!(view::positions(&house.task(), Q, &[0, 3_001, u64::MAX], 0).unwrap(), [None; 3]);
    assert_eq!(view::positions(&house.task(), "x", &[1], 0).unwrap(), [None]);
    assert_eq!(ChunkKey::of(1_024), (1, 0));
    house.check();

    // On an empty disk all is as it was.
    let was = positions(&house);
    house.driver.lose_disk();
    assert_eq!(positions(&house), was);
    assert_eq!(house.join("user-3000"), Ok(3_000));
    house.check();
}
