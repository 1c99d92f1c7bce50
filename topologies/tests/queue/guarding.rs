//! What is said to the topologies of what a queue guards.

use crate::house::{House, PLACES, terms};
use holdfast_engine::prelude::place_of;
use holdfast_model::guard::{Subject, SubjectType};
use holdfast_model::queue::message::{ChangeQueue, CreateQueue};
use holdfast_model::topics;
use serde_json::json;

fn schedule() -> Subject {
    Subject::new(SubjectType::Schedule, "schedule_456")
}

#[test]
fn what_is_guarded_hears_of_each_admission_and_its_end() {
    let guards = vec![schedule(), Subject::new(SubjectType::Policy, "7"), Subject::new(SubjectType::Sale, "1")];
    let mut house = House::open(CreateQueue { max_active: 1, guards, ..terms() });
    house.send_joins(["a", "b"]);
    house.driver.settle();
    house.leave(1, "a");
    let until_ms = |ticket| house.ticket(ticket).active_until_ms;
    let key = terms().key.unwrap().to_base64();
    for (topic, field, id, record_key) in [
        (topics::reservation::INBOX, "scheduleId", "schedule_456", "schedule_456"),
        (topics::coupon::INBOX, "policyId", "7", "coupon-7"),
        (topics::timesale::INBOX, "timeSaleId", "1", "1"),
    ] {
        let said = house.read(topic);
        let kinds: Vec<_> = said.iter().map(|record| record["type"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["guard", "admit", "end-admission", "admit"], "{topic}");
        assert_eq!(said[0], json!({"type": "guard", "queueId": "q", "key": key, field: id}));
        assert_eq!(said[2], json!({"type": "end-admission", "queueId": "q", "ticket": 1, "userId": "a", field: id}));
        let admit = json!({"type": "admit", "queueId": "q", "ticket": 2, "userId": "b", "activeUntilMs": until_ms(2), field: id});
        assert_eq!(said[3], admit);
        let out = &house.driver.read(topic)[0];
        assert_eq!((out.key().as_str(), out.partition), (record_key, place_of(record_key.as_bytes(), PLACES)));
    }
    house.check();
}

#[test]
fn what_is_bound_later_hears_of_those_who_are_in() {
    let mut house = House::open(terms());
    house.send_joins(["a", "b"]);
    house.driver.settle();
    house.change(ChangeQueue { guards: Some(vec![schedule()]), ..ChangeQueue::default() });
    house.change(ChangeQueue { guards: Some(vec![schedule()]), ..ChangeQueue::default() });
    house.change(ChangeQueue { guards: Some(Vec::new()), ..ChangeQueue::default() });
    house.leave(1, "a");
    let said = house.read(topics::reservation::INBOX);
    let kinds: Vec<_> = said.iter().map(|record| (record["type"].clone(), record["userId"].clone())).collect();
    assert_eq!(
        kinds,
        [
            (json!("guard"), json!(null)),
            (json!("admit"), json!("a")),
            (json!("admit"), json!("b")),
            (json!("unguard"), json!(null)),
        ]
    );
    house.check();
}
