//! Who is let in, and until when: whatever the order of messages, whatever comes twice, whatever crashes.

use crate::room::{LONG_MS, PLACES, QUEUE, rooms};
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::guard::{GuardCommand, GuardMessage, QueueKey, Subject, SubjectType};
use holdfast_model::{coupon, reservation, timesale};
use std::ops::ControlFlow;

const REFUSED: &str = "QUEUE_NOT_ACTIVE";

#[test]
fn without_a_guard_nobody_needs_to_be_let_in() {
    for mut room in rooms() {
        assert_eq!(room.buy("a"), "GIVEN");
        // An admission to what is not guarded is kept, and nothing is told.
        room.let_in("b", 1);
        assert_eq!((room.buy("b"), room.purchases()), ("GIVEN", vec![]));
        room.check();
    }
}

#[test]
fn only_a_user_that_was_let_in_is_given_anything_until_the_queue_unbinds() {
    for mut room in rooms() {
        room.guard();
        assert_eq!(room.buy("a"), REFUSED);
        room.let_in("b", 1);
        assert_eq!((room.buy("a"), room.buy("b")), (REFUSED, "GIVEN"));
        room.say(QUEUE, GuardCommand::Unguard);
        assert_eq!(room.buy("a"), "GIVEN");
        room.check();
    }
}

#[test]
fn an_admission_is_over_at_its_last_moment() {
    for mut room in rooms() {
        room.guard();
        let until_ms = room.now_ms() + 1_000;
        room.admit("a", 1, until_ms);
        room.admit("b", 2, until_ms);
        room.driver.settle();
        let left_ms = |room: &crate::room::Room| u64::try_from(until_ms - room.now_ms()).unwrap();
        room.pass_ms(left_ms(&room) - 1);
        let in_time = room.want("a");
        room.pass_ms(left_ms(&room));
        let late = room.want("b");
        room.driver.settle();
        // The record's time counts, and not when it is read.
        assert_eq!((room.outcome(&in_time), room.outcome(&late)), ("GIVEN", REFUSED));
        room.check();
    }
}

#[test]
fn a_ticket_that_has_ended_is_not_opened_again_and_an_older_one_opens_nothing() {
    for mut room in rooms() {
        room.guard();
        room.let_in("a", 5);
        room.end("a", 5);
        room.let_in("a", 5);
        assert_eq!(room.buy("a"), REFUSED, "it has ended");
        room.end("b", 7);
        room.let_in("b", 7);
        assert_eq!(room.buy("b"), REFUSED, "its end came before it");
        room.let_in("c", 9);
        room.end("c", 8);
        room.let_in("c", 8);
        assert_eq!(room.buy("c"), "GIVEN", "another ticket has ended");
        room.let_in("a", 10);
        room.let_in("b", 11);
        assert_eq!((room.buy("a"), room.buy("b")), ("GIVEN", "GIVEN"), "a new ticket");
        room.check();
    }
}

#[test]
fn each_of_two_queues_lets_users_in() {
    for mut room in rooms() {
        room.guard();
        room.say("other", GuardCommand::Guard { key: QueueKey::new([8; 32]) });
        let until_ms = room.now_ms() + LONG_MS;
        room.say("other", GuardCommand::Admit { ticket: 1, user_id: "a".to_owned(), active_until_ms: until_ms });
        room.say("stranger", GuardCommand::Admit { ticket: 1, user_id: "b".to_owned(), active_until_ms: until_ms });
        assert_eq!((room.buy("a"), room.buy("b"), room.buy("c")), ("GIVEN", REFUSED, REFUSED));
        room.say(QUEUE, GuardCommand::Unguard);
        assert_eq!(room.buy("c"), REFUSED, "the other one still guards it");
    }
}

#[test]
fn what_comes_twice_or_survives_a_crash_says_the_same() {
    for mut room in rooms() {
        room.guard();
        room.let_in("a", 1);
        room.let_in("b", 2);
        let (given, refused) = (room.want("a"), room.want("c"));
        room.end("b", 2);
        room.driver.settle();
        let told = room.purchases();
        room.repeat_all();
        assert_eq!((room.outcome(&given), room.outcome(&refused), room.purchases()), ("GIVEN", REFUSED, told));
        room.let_in("d", 4);
        room.driver.step();
        room.driver.crash();
        room.driver.wipe_disk();
        room.driver.start();
        assert_eq!((room.buy("b"), room.buy("c"), room.buy("d")), (REFUSED, REFUSED, "GIVEN"));
        room.check();
    }
}

#[test]
fn a_message_in_the_wrong_place_is_sent_on() {
    for mut room in rooms() {
        let guard = GuardMessage {
            queue_id: QUEUE.to_owned(),
            subject: room.subject.clone(),
            command: GuardCommand::Guard { key: QueueKey::new([7; 32]) },
        };
        let partition = (place_of(room.subject.inbox_key().as_bytes(), PLACES) + 1) % PLACES;
        let (topic, value) = (room.subject.kind.inbox(), guard.to_json());
        room.driver.append(&NewRecord { topic, partition, key: None, value: Some(&value), headers: &[] });
        room.driver.settle();
        assert_eq!(room.buy("a"), REFUSED);
        room.check();
    }
}

#[test]
fn what_cannot_be_read_is_a_dead_letter_and_guards_nothing() {
    for mut room in rooms() {
        let field = room.subject.kind.id_field();
        let (id, key) = (room.subject.id.clone(), room.subject.inbox_key().into_owned());
        let inbox = room.subject.kind.inbox();
        for value in [
            format!(r#"{{"type":"guard","queueId":"q","key":"short","{field}":"{id}"}}"#),
            format!(r#"{{"type":"admit","queueId":"q","userId":"a","{field}":"{id}"}}"#),
            r#"{"type":"unguard","queueId":"q"}"#.to_owned(),
        ] {
            room.append(inbox, &key, value.as_bytes());
        }
        assert_eq!(room.buy("a"), "GIVEN");
        let letters = match room.subject.kind {
            SubjectType::Schedule => reservation::DEAD_LETTERS,
            SubjectType::Policy => coupon::DEAD_LETTERS,
            SubjectType::Sale => timesale::DEAD_LETTERS,
        };
        assert_eq!(room.driver.read(letters).len(), 3);
    }
}

/// Admissions are kept for as long as outcomes are, and then deleted: they do not pile up.
#[test]
fn admissions_end() {
    const WEEKS_MS: u64 = 30 * 86_400_000;
    for mut room in rooms() {
        let subject = Subject::clone(&room.subject);
        let stored = |room: &crate::room::Room| {
            let table = match subject.kind {
                SubjectType::Schedule => &reservation::ADMISSIONS,
                SubjectType::Policy => &coupon::ADMISSIONS,
                SubjectType::Sale => &timesale::ADMISSIONS,
            };
            let mut rows = 0;
            let count = &mut |_, _| {
                rows += 1;
                ControlFlow::Continue(())
            };
            room.task().scan(table.stored(), &[], count).unwrap();
            rows
        };
        room.guard();
        for nth in 1..=50 {
            room.let_in(&format!("user-{nth}"), nth);
        }
        room.driver.settle();
        assert_eq!(stored(&room), 50);
        room.pass_ms(WEEKS_MS);
        for nth in 51..=60 {
            room.let_in(&format!("user-{nth}"), nth);
            room.driver.settle();
        }
        assert_eq!(stored(&room), 10);
        assert_eq!((room.buy("user-1"), room.buy("user-60")), (REFUSED, "GIVEN"));
    }
}
