//! From a request to a call, and from its result to the ledger.

use crate::office::Office;
use holdfast_engine::prelude::place_of;
use holdfast_model::call_result::Ended;
use holdfast_model::notification;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::settings::Settings;
use serde_json::json;

#[test]
fn a_request_is_one_call_and_its_result_ends_it() {
    let mut office = Office::with(&[Channel::Webhook]);
    let fields = json!({"title": "결제 완료", "message": "m", "data": {"concertTitle": "아이유 콘서트", "n": [1]}});
    office.ask_with("evt_1", "user_1", "PAYMENT_CONFIRMED", &fields);
    assert_eq!(office.states("evt_1", "user_1"), [("webhook", "SENDING", 1)]);
    let call = office.call();
    assert_eq!((&*call.effect.lane.channel, call.effect.lane.urgency), ("webhook", 0));
    assert_eq!(call.effect.task.place, place_of(b"user_1", 3));
    assert_eq!(String::from_utf8_lossy(&call.effect.key), "1 webhook evt_1");
    assert_eq!(
        serde_json::to_value(&call.call).unwrap(),
        json!({
            "notificationId": "evt_1", "channel": "webhook", "type": "PAYMENT_CONFIRMED", "userId": "user_1", "title": "결제 완료",
            "message": "아이유 콘서트 예약이 확정되었습니다.", "data": {"concertTitle": "아이유 콘서트", "n": [1]}, "attempt": 1,
            "locale": "ko", "templateVersion": 1, "createdAt": call.call.created_at,
            "validUntil": call.call.created_at + 604_800_000
        })
    );
    office.check();
    office.end(&call, Ended::Done);
    assert_eq!(office.states("evt_1", "user_1"), [("webhook", "SENT", 1)]);
    let sent = office.ledger("evt_1", "user_1").remove(0);
    assert!(sent.sent_at.is_some() && sent.reason.is_none() && sent.next_try_at.is_none());
    assert_eq!((office.calls().len(), office.letters().len()), (0, 0));
    office.check();
}

#[test]
fn what_comes_twice_is_told_once() {
    let mut office = Office::with(&[Channel::Webhook]);
    for _ in 0..3 {
        office.ask("evt_1", "u", "SEAT_OPENED");
    }
    let call = office.call();
    office.end(&call, Ended::Done);
    let before = office.ledger("evt_1", "u");
    office.ask("evt_1", "u", "SEAT_OPENED");
    office.driver.lose_disk();
    office.ask("evt_1", "u", "SEAT_OPENED");
    assert_eq!((office.calls().len(), office.ledger("evt_1", "u")), (0, before));
    // The result, too.
    office.end(&call, Ended::Refused);
    assert_eq!((office.states("evt_1", "u"), office.letters().len()), (vec![("webhook", "SENT", 1)], 0));
    office.check();
}

#[test]
fn a_call_that_was_not_told_of_is_made_again() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let first = office.call();
    office.driver.restart();
    let second = office.call();
    assert_eq!(first.effect, second.effect, "the receiver recognises it");
    office.end(&second, Ended::Done);
    office.end(&first, Ended::Failed);
    assert_eq!(office.states("evt_1", "u"), [("webhook", "SENT", 1)]);
    office.check();
}

#[test]
fn priorities_are_lanes() {
    let mut office = Office::with(&[Channel::Webhook]);
    for (n, priority) in ["HIGH", "MEDIUM", "LOW"].into_iter().enumerate() {
        office.ask_with(&format!("evt_{n}"), "u", "SEAT_OPENED", &json!({"priority": priority}));
    }
    office.ask("evt_3", "u", "QUEUE_ENTERED");
    let mut lanes: Vec<_> =
        office.calls().iter().map(|call| (call.call.notification_id.clone(), call.effect.lane.urgency)).collect();
    lanes.sort();
    let lane = |id: &str, urgency| (id.to_owned(), urgency);
    assert_eq!(lanes, [lane("evt_0", 0), lane("evt_1", 1), lane("evt_2", 2), lane("evt_3", 2)]);
}

#[test]
fn a_payment_goes_by_push_and_alimtalk_and_by_text_message_if_that_fails() {
    let mut office = Office::with(&[Channel::Fcm, Channel::Kakao, Channel::Sms]);
    office.ask_with("evt_1", "u", "PAYMENT_CONFIRMED", &json!({"data": {"concertTitle": "아이유 콘서트"}}));
    let (push, alimtalk) = (office.calls(), "결제가 완료되었습니다. 콘서트 예약이 확정되었습니다.");
    let messages: Vec<_> = push.iter().map(|call| (&*call.call.channel, &*call.call.message)).collect();
    assert_eq!(messages, [("fcm", "아이유 콘서트 예약이 확정되었습니다."), ("kakao", alimtalk)]);
    office.end(&push[0], Ended::Done);
    office.end(&push[1], Ended::Refused);
    assert_eq!(office.states("evt_1", "u"), [("fcm", "SENT", 1), ("kakao", "DEAD", 1), ("sms", "SENDING", 1)]);
    assert!(office.letters().is_empty(), "another channel stands in");
    let text = office.call();
    assert_eq!((&*text.call.channel, &*text.call.message), ("sms", alimtalk));
    office.end(&text, Ended::Refused);
    assert_eq!(office.states("evt_1", "u")[2], ("sms", "DEAD", 1));
    let letter = office.letters().remove(0);
    assert_eq!(letter.header("x-notification-channel").as_deref(), Some("sms"));
    office.check();
}

#[test]
fn without_a_contact_the_next_channel_is_asked_and_nobody_is_to_blame() {
    let mut office = Office::with(&[Channel::Kakao, Channel::Sms]);
    office.ask("evt_1", "u", "REFUNDED");
    let call = office.call();
    office.end(&call, Ended::NoContact);
    let call = office.call();
    office.end(&call, Ended::NoContact);
    assert_eq!(office.states("evt_1", "u"), [("kakao", "SUPPRESSED", 1), ("sms", "SUPPRESSED", 1)]);
    assert_eq!(office.ledger("evt_1", "u")[1].reason.as_deref(), Some("NO_CONTACT"));
    assert!(office.letters().is_empty());
    office.check();
}

#[test]
fn what_is_too_old_is_recorded_and_not_sent() {
    let mut office = Office::with(&[Channel::Webhook]);
    let old = json!({
        "eventId": "evt_1", "eventTime": office.now_ms() - 300_000, "payload": {"userId": "u", "type": "SEAT_OPENED"}
    });
    office.pipe(notification::INBOX, "u", &old.to_string());
    assert_eq!((office.states("evt_1", "u"), office.calls().len()), (vec![("webhook", "STALE", 0)], 0));
    // One that has waited too long behind others: the channel says so.
    office.ask("evt_2", "u", "SEAT_OPENED");
    let call = office.call();
    assert_eq!(call.call.valid_until, Some(call.call.created_at + 300_000));
    office.end(&call, Ended::Stale);
    assert_eq!((office.states("evt_2", "u"), office.letters().len()), (vec![("webhook", "STALE", 1)], 0));
    office.check();
}

#[test]
fn a_payment_that_others_tell_of_is_told() {
    let mut office = Office::with(&[Channel::Webhook]);
    let fact = json!({"paymentId": "pay_1", "userId": "u", "amount": 50_000, "concertTitle": "아이유 콘서트"});
    let fact = json!({"eventId": "evt_1", "eventTime": office.now_ms(), "payload": fact}).to_string();
    for _ in 0..2 {
        office.pipe(notification::PAYMENT_COMPLETED, "u", &fact);
    }
    let call = office.call();
    assert_eq!((&*call.call.kind, &*call.call.title), ("PAYMENT_CONFIRMED", "결제 완료"));
    assert_eq!(call.call.message, "아이유 콘서트 예약이 확정되었습니다.");
    assert_eq!(call.call.data["paymentId"], "pay_1");
    office.end(&call, Ended::Refused);
    let letter = office.letters().remove(0);
    assert_eq!(letter.header("X-Original-Topic").as_deref(), Some(notification::PAYMENT_COMPLETED));
    assert_eq!(letter.text(), fact);
    office.redrive(&letter);
    let call = office.call();
    office.end(&call, Ended::Done);
    assert_eq!(office.states("evt_1.PAYMENT_CONFIRMED", "u"), [("webhook", "SENT", 1)]);
    office.check();
}

#[test]
fn settings_in_force_are_kept_since_when_they_are() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let channels = [Channel::Log, Channel::Webhook].to_vec();
    office
        .driver
        .deploy(&holdfast_topologies::notification::topology_with(&Settings { channels, ..Settings::default() }));
    office.driver.restart();
    office.driver.advance_ms(10);
    office.ask("evt_2", "u", "SEAT_OPENED");
    office.ask("evt_3", "u", "SEAT_OPENED");
    assert_eq!(office.states("evt_2", "u"), [("webhook", "SENDING", 1), ("log", "SENDING", 1)]);
    let mut kept = Vec::new();
    let mut visit = |since: u64, row: holdfast_model::settings::SettingsRow| {
        kept.push((since, row.json));
        std::ops::ControlFlow::Continue(())
    };
    office.task("u").scan(&notification::SETTINGS, &[], &mut visit).unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept[0].1.contains(r#""channels":["webhook"]"#) && kept[1].1.contains(r#""channels":["log","webhook"]"#));
}
