//! What users prefer, and how they can be reached.

use crate::office::{Office, PLACES};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::call_result::Ended;
use holdfast_model::notification;
use holdfast_model::notification::CONTACTS;
use holdfast_model::notification::channel::Channel;
use holdfast_topologies::notification::view;
use serde_json::{Value, json};

fn prefer(office: &mut Office, user_id: &str, fields: &Value) {
    let mut command = json!({"type": "set-preferences", "userId": user_id});
    command.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    office.pipe(notification::INBOX, user_id, &command.to_string());
}

#[test]
fn preferences_hold_from_when_they_are_set() {
    let mut office = Office::with(&[Channel::Fcm, Channel::Webhook]);
    let fields =
        json!({"requestId": "r1", "locale": "en", "channels": {"fcm": false}, "types": {"SEAT_OPENED": false}});
    prefer(&mut office, "u", &fields);
    office.ask("evt_1", "u", "SEAT_OPENED");
    assert_eq!(office.states("evt_1", "u"), [("fcm", "SUPPRESSED", 0), ("webhook", "SUPPRESSED", 0)]);
    let reasons: Vec<_> = office.ledger("evt_1", "u").into_iter().map(|delivery| delivery.reason.unwrap()).collect();
    assert_eq!(reasons, ["USER_TYPE_OFF", "USER_TYPE_OFF"]);
    office.ask("evt_2", "u", "COUPON_ISSUED");
    assert_eq!(office.states("evt_2", "u"), [("fcm", "SUPPRESSED", 0), ("webhook", "SENDING", 1)]);
    let call = office.call();
    assert_eq!((&*call.call.message, &*call.call.locale), ("You got a coupon.", "en"));
    office.ask("evt_3", "v", "SEAT_OPENED");
    assert_eq!(office.calls().len(), 2);

    prefer(&mut office, "u", &json!({"requestId": "r2"}));
    // The first command comes again, late.
    prefer(&mut office, "u", &fields);
    office.ask("evt_4", "u", "SEAT_OPENED");
    assert_eq!(office.calls()[0].call.message, "예약 가능한 시간입니다.");
    prefer(&mut office, "u", &json!({"requestId": "r2", "locale": "en"}));
    assert_eq!(office.letters()[0].header(header::CLASS).as_deref(), Some("RequestIdReused"));
    let shown = view::preferences(&office.task("u"), "u").unwrap();
    assert_eq!((shown.channels.len(), shown.set_at.is_some()), (0, true));
    assert!(view::command(&office.task("u"), "r1").unwrap().is_some());
    office.check();
}

#[test]
fn quiet_hours_delay_what_can_wait() {
    let mut office = Office::with(&[Channel::Webhook]);
    // Quiet from now on for half an hour, by the clock of Korea.
    let minute = (office.now_ms() / 60_000 + 9 * 60).rem_euclid(1_440);
    let time = |minute: i64| format!("{:02}:{:02}", minute.rem_euclid(1_440) / 60, minute.rem_euclid(1_440) % 60);
    prefer(&mut office, "u", &json!({"quietHours": {"from": time(minute), "to": time(minute + 30)}}));
    office.ask("later", "u", "COUPON_ISSUED");
    office.ask("now", "u", "PAYMENT_CONFIRMED");
    office.ask("never", "u", "QUEUE_ENTERED");
    assert_eq!(office.states("later", "u"), [("webhook", "QUEUED", 0)]);
    assert_eq!(office.states("never", "u"), [("webhook", "SUPPRESSED", 0)]);
    assert_eq!(office.call().call.notification_id, "now");
    office.driver.restart();
    office.calls();
    office.wait_for_next_try("later", "u");
    let call = office.call();
    assert_eq!((&*call.call.notification_id, call.call.attempt), ("later", 1));
    office.end(&call, Ended::Done);
    assert_eq!(office.states("later", "u"), [("webhook", "SENT", 1)]);
    office.check();
}

const PHONE: &str = "+821012345678";

fn contact(office: &mut Office, user_id: &str, value: Option<&str>) {
    office.driver.append(&NewRecord {
        topic: notification::USER_CONTACTS,
        partition: place_of(user_id.as_bytes(), PLACES),
        key: Some(user_id.as_bytes()),
        value: value.map(str::as_bytes),
        headers: &[],
    });
    office.driver.settle();
}

fn phone(office: &Office, user_id: &str) -> Option<String> {
    office.task(user_id).get(&CONTACTS, &user_id.to_owned()).unwrap().and_then(|row| row.phone)
}

#[test]
fn a_contact_is_erased_by_a_record_without_value() {
    let mut office = Office::with(&[Channel::Webhook]);
    contact(&mut office, "u", Some(&format!(r#"{{"phone":"{PHONE}"}}"#)));
    assert_eq!(phone(&office, "u").as_deref(), Some(PHONE));
    office.ask("evt_1", "u", "REFUNDED");
    let call = office.call();
    office.end(&call, Ended::Refused);
    let elsewhere = office.driver.read(notification::DEAD_LETTERS).iter().any(|out| out.text().contains(PHONE))
        || String::from_utf8_lossy(&call.effect.payload).contains(PHONE);
    assert!(!elsewhere, "contact data lies in the contacts only");
    contact(&mut office, "u", None);
    assert_eq!(phone(&office, "u"), None);
    office.driver.lose_disk();
    assert_eq!(phone(&office, "u"), None);
    assert_eq!(office.states("evt_1", "u"), [("webhook", "DEAD", 1)], "the ledger stays");
}

#[test]
fn a_contact_that_cannot_be_taken_leaves_a_letter_without_it() {
    let mut office = Office::with(&[Channel::Webhook]);
    contact(&mut office, "u", Some(&format!(r#"{{"phone":"{PHONE}"}}"#)));
    for value in [
        format!(r#"{{"phone":"{PHONE}","email":"a@b.kr"}}"#),
        format!(r#"{{"phone":"{PHONE}x"}}"#),
        format!("{PHONE} is no JSON"),
    ] {
        contact(&mut office, "u", Some(&value));
    }
    let (user, away) = (b"u".as_slice(), (place_of(b"u", PLACES) + 1) % PLACES);
    for key in [None, Some(user)] {
        let topic = notification::USER_CONTACTS;
        let value = Some(PHONE.as_bytes());
        office.driver.append(&NewRecord { topic, partition: away, key, value, headers: &[] });
    }
    office.driver.settle();
    assert_eq!(phone(&office, "u").as_deref(), Some(PHONE), "the last good one holds");
    let letters = office.letters();
    assert_eq!(letters.len(), 5);
    for letter in &letters {
        assert_eq!(letter.header(header::CLASS).as_deref(), Some("InvalidContact"));
        assert!(letter.record.value.is_none() && !format!("{letter:?}").contains(PHONE));
    }
    // Put back, it does not erase anything.
    letters.iter().filter(|letter| letter.record.key.is_some()).for_each(|letter| office.redrive(letter));
    assert_eq!((phone(&office, "u").as_deref(), office.letters().len()), (Some(PHONE), 5));
}
