//! Calls that fail: again, later, and not for ever.

use crate::office::Office;
use holdfast_engine::inspect::header;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::settings::Settings;

#[test]
fn a_call_that_fails_is_made_four_times_and_then_given_up() {
    let mut office = Office::with(&[Channel::Webhook]);
    let request = Office::request("evt_1", "u", "REFUNDED", &serde_json::json!({}));
    office.ask("evt_1", "u", "REFUNDED");
    let mut waits = Vec::new();
    for attempt in 1..=4 {
        let call = office.call();
        assert_eq!(call.call.attempt, attempt);
        office.end(&call, Ended::Failed);
        if attempt < 4 {
            assert_eq!(office.states("evt_1", "u"), [("webhook", "RETRY", attempt)]);
            assert_eq!(office.ledger("evt_1", "u")[0].reason.as_deref(), Some("HTTP 503"));
            office.check();
            let failed_ms = office.now_ms();
            // The wait survives the worker and its disk.
            office.driver.lose_disk();
            office.wait_for_next_try("evt_1", "u");
            waits.push(office.now_ms() - failed_ms);
        }
    }
    assert_eq!((office.states("evt_1", "u"), office.calls().len()), (vec![("webhook", "DEAD", 4)], 0));
    for (n, wait) in waits.iter().enumerate() {
        let whole = 1_000 << n;
        assert!((whole / 2..=whole + 50).contains(wait), "{waits:?}");
    }
    let letter = office.letters().remove(0);
    assert_eq!((letter.text(), letter.key()), (request, "u".to_owned()));
    for (name, value) in [
        (header::TOPIC, notification::INBOX),
        (header::PARTITION, &*letter.partition.to_string()),
        (header::OFFSET, "0"),
        (header::CLASS, "AttemptsUsedUp"),
        (header::MESSAGE, "AttemptsUsedUp: webhook: HTTP 503"),
        (header::ATTEMPTS, "4"),
        ("ce_id", "evt_1"),
        ("x-notification-channel", "webhook"),
        ("x-notification-deaths", "1"),
    ] {
        assert_eq!(letter.header(name).as_deref(), Some(value), "{name}");
    }
    office.check();
}

#[test]
fn what_is_refused_is_not_tried_again() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "REFUNDED");
    let call = office.call();
    office.end(&call, Ended::Refused);
    assert_eq!(office.states("evt_1", "u"), [("webhook", "DEAD", 1)]);
    assert_eq!(office.letters()[0].header(header::CLASS).as_deref(), Some("CallRefused"));
    office.driver.advance_ms(3_600_000);
    assert_eq!((office.calls().len(), office.letters().len()), (0, 1));
    office.check();
}

#[test]
fn an_outage_of_the_channel_uses_no_attempt_up() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "REFUNDED");
    for _ in 0..12 {
        let call = office.call();
        assert_eq!(call.call.attempt, 1);
        let away = CallResult { channel_away: true, ..CallResult::new(Ended::Failed, 0) };
        office.tell(&call, &away);
        assert_eq!(office.states("evt_1", "u"), [("webhook", "RETRY", 0)]);
        office.wait_for_next_try("evt_1", "u");
    }
    let call = office.call();
    office.end(&call, Ended::Done);
    assert_eq!((office.states("evt_1", "u"), office.letters().len()), (vec![("webhook", "SENT", 1)], 0));
    office.check();
}

#[test]
fn a_receiver_may_ask_for_more_time() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "REFUNDED");
    let call = office.call();
    let busy = CallResult { retry_after_ms: Some(90_000), status: Some(429), ..CallResult::new(Ended::Failed, 0) };
    office.tell(&call, &busy);
    office.driver.advance_ms(89_000);
    assert_eq!(office.calls().len(), 0);
    office.driver.advance_ms(1_100);
    assert_eq!(office.call().call.attempt, 2);
}

#[test]
fn a_retry_that_has_become_too_old_is_stale() {
    let settings = Settings {
        channels: vec![Channel::Webhook],
        retry_base_ms: 290_000,
        retry_max_ms: 290_000,
        ..Settings::default()
    };
    let mut office = Office::of(&settings);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let call = office.call();
    office.end(&call, Ended::Failed);
    // The worker sleeps through it.
    office.driver.crash();
    office.driver.clock().advance_us(300_000_000);
    office.driver.start();
    office.driver.settle();
    assert_eq!(office.calls().len(), 0);
    assert_eq!((office.states("evt_1", "u"), office.letters().len()), (vec![("webhook", "STALE", 1)], 0));
    office.check();
}

#[test]
fn one_channel_that_fails_leaves_the_others_alone() {
    let mut office = Office::with(&[Channel::Fcm, Channel::Webhook]);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let calls = office.calls();
    office.end(&calls[0], Ended::Failed);
    office.end(&calls[1], Ended::Done);
    assert_eq!(office.states("evt_1", "u"), [("fcm", "RETRY", 1), ("webhook", "SENT", 1)]);
    office.wait_for_next_try("evt_1", "u");
    let call = office.call();
    assert_eq!((&*call.call.channel, call.call.attempt), ("fcm", 2));
    office.end(&call, Ended::Done);
    assert_eq!(office.states("evt_1", "u"), [("fcm", "SENT", 2), ("webhook", "SENT", 1)]);
    office.check();
}
