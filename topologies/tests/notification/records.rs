//! Records that are astray, forged or unreadable.

use crate::office::{Office, PLACES};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::call_result::Ended;
use holdfast_model::notification;
use holdfast_model::notification::channel::Channel;
use holdfast_sim::memory_log::Fault;
use serde_json::json;
use std::collections::BTreeSet;

fn classes(office: &Office) -> Vec<String> {
    office.letters().iter().map(|out| out.header(header::CLASS).unwrap()).collect()
}

#[test]
fn a_record_without_key_finds_its_user_and_is_named_by_where_it_entered() {
    let mut office = Office::with(&[Channel::Webhook]);
    let home = place_of(b"u", PLACES);
    let away = (home + 1) % PLACES;
    let value = r#"{"payload":{"userId":"u","type":"SEAT_OPENED"}}"#.as_bytes();
    let record = NewRecord { topic: notification::INBOX, partition: away, key: None, value: Some(value), headers: &[] };
    office.driver.append(&record);
    office.driver.settle();
    let call = office.call();
    assert_eq!(call.call.notification_id, format!("{}-{away}-0", notification::INBOX));
    assert_eq!(call.effect.task.place, home);
    office.check();
}

#[test]
fn another_notification_under_a_known_id_is_refused() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "SEAT_OPENED");
    office.ask("evt_1", "u", "REFUNDED");
    let neighbour = (0..).map(|n| format!("n{n}")).find(|n| place_of(n.as_bytes(), PLACES) == place_of(b"u", PLACES));
    office.ask("evt_1", &neighbour.unwrap(), "SEAT_OPENED");
    assert_eq!((classes(&office), office.calls().len()), (vec!["EventIdReused".to_owned(); 2], 1));
    office.check();
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_holds_nothing_up() {
    let mut office = Office::with(&[Channel::Webhook]);
    for (topic, value) in [
        (notification::INBOX, "{"),
        (notification::INBOX, r#"{"type":"send-all","userId":"u"}"#),
        (notification::PAYMENT_COMPLETED, "{}"),
        (notification::RESULTS, r#"{"type":"due"}"#),
    ] {
        office.pipe(topic, "u", value);
    }
    office.pipe(notification::RESULTS, "1 webhook evt_1", r#"{"ended":"DONE","beganAt":0}"#);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let mut classes = classes(&office);
    classes.sort();
    assert_eq!(classes, ["InvalidJson", "InvalidKey", "MissingField", "UnknownType", "UnknownType"]);
    assert_eq!(office.calls().len(), 1);
    office.check();
}

#[test]
fn a_stranger_neither_ends_a_call_nor_hurries_one() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let call = office.call();
    let partition = call.effect.task.place;
    let append = |office: &mut Office, key: &[u8], value: &[u8], headers: &[(&str, &[u8])]| {
        let (key, value) = (Some(key), Some(value));
        office.driver.append(&NewRecord { topic: notification::RESULTS, partition, key, value, headers });
        office.driver.settle();
    };
    let forged = [(header::EFFECT_ID, call.effect.name.as_bytes()), (header::EFFECT_LANE, &b"webhook/0"[..])];
    append(&mut office, &call.effect.key, br#"{"ended":"DONE","beganAt":0}"#, &forged);
    append(&mut office, b"2 webhook evt_1", br#"{"type":"due"}"#, &[]);
    append(&mut office, b"1 webhook evt_9", br#"{"type":"due"}"#, &[]);
    append(&mut office, b"1 fcm evt_1", br#"{"type":"due"}"#, &[]);
    assert_eq!((office.states("evt_1", "u"), office.calls().len()), (vec![("webhook", "SENDING", 1)], 0));
    assert_eq!(classes(&office), ["ForgedResult"]);
    office.end(&call, Ended::Failed);
    append(&mut office, b"2 webhook evt_1", br#"{"type":"due"}"#, &[]);
    assert_eq!((office.states("evt_1", "u"), office.calls().len()), (vec![("webhook", "RETRY", 1)], 0));
    office.wait_for_next_try("evt_1", "u");
    assert_eq!(office.call().call.attempt, 2);
    office.driver.advance_ms(10_000);
    assert_eq!(office.calls().len(), 0, "the second message for the same time finds it begun");
    office.check();
}

#[test]
fn a_lost_answer_to_a_commit_asks_for_no_second_call() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Retry] {
        let mut office = Office::with(&[Channel::Webhook]);
        for n in 0..20 {
            let request = Office::request(&format!("evt_{n}"), "u", "COUPON_ISSUED", &json!({}));
            office.driver.pipe(notification::INBOX, Some("u"), &request);
        }
        office.driver.log().inject(fault);
        office.driver.settle();
        let told: Vec<String> = office.calls().into_iter().map(|call| call.call.notification_id).collect();
        let distinct: BTreeSet<&String> = told.iter().collect();
        assert_eq!((told.len(), distinct.len()), (20, 20), "{fault:?}");
        office.check();
    }
}
