//! A purchase uses the admission up, and the queue hears of it once.

use crate::room::{Room, rooms};
use holdfast_model::guard::SubjectType;
use holdfast_model::{coupon, timesale};
use serde_json::Value;

fn user(name: &str, ticket: u64) -> (String, u64) {
    (name.to_owned(), ticket)
}

#[test]
fn a_coupon_or_an_order_uses_the_admission_up() {
    for (kind, again) in [(SubjectType::Policy, "ALREADY_ISSUED"), (SubjectType::Sale, "QUEUE_NOT_ACTIVE")] {
        let mut room = Room::open(kind);
        room.guard();
        room.let_in("a", 1);
        room.let_in("b", 2);
        assert_eq!((room.buy("a"), room.buy("a"), room.buy("b")), ("GIVEN", again, "GIVEN"));
        assert_eq!(room.purchases(), [user("a", 1), user("b", 2)]);
        // The queue says that it is over, too.
        room.end("a", 1);
        room.let_in("a", 3);
        let second = room.buy("a");
        assert_eq!(second, if kind == SubjectType::Sale { "GIVEN" } else { again });
        assert_eq!(room.purchases().len(), if kind == SubjectType::Sale { 3 } else { 2 });
        room.check();
    }
}

/// What is refused for another reason says so, and leaves the admission.
#[test]
fn a_refusal_uses_nothing_up() {
    for mut room in rooms() {
        room.guard();
        room.let_in(" ", 1);
        assert_ne!(room.buy(" "), "GIVEN");
        assert_eq!(room.purchases(), []);
    }
}

/// Outcome records keep to the set of statuses that consumers match on.
#[test]
fn a_user_that_was_not_let_in_reads_a_business_error() {
    for (kind, topic) in [(SubjectType::Policy, coupon::FAILURES), (SubjectType::Sale, timesale::FAILURES)] {
        let mut room = Room::open(kind);
        room.guard();
        assert_eq!(room.buy("a"), "QUEUE_NOT_ACTIVE");
        let told: Value = serde_json::from_str(&room.driver.read(topic)[0].text()).unwrap();
        assert_eq!(told["status"], "BUSINESS_ERROR");
        assert_eq!(told["reason"], "입장 순서가 되지 않았거나 입장 시간이 끝났습니다");
        assert_eq!(told["remaining"], 100);
    }
}
