//! Letters that an operator puts back.

use crate::office::Office;
use holdfast_model::call_result::Ended;
use holdfast_model::notification::channel::Channel;

#[test]
fn a_letter_opens_its_channel_again_once() {
    let mut office = Office::with(&[Channel::Fcm, Channel::Webhook]);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let calls = office.calls();
    office.end(&calls[0], Ended::Done);
    office.end(&calls[1], Ended::Refused);
    let first = office.letters().remove(0);

    office.redrive(&first);
    assert_eq!(office.states("evt_1", "u"), [("fcm", "SENT", 1), ("webhook", "SENDING", 1)]);
    office.redrive(&first);
    let call = office.call();
    assert_eq!((&*call.call.channel, call.call.attempt), ("webhook", 1));
    assert_eq!(String::from_utf8_lossy(&call.effect.key), "2 webhook evt_1");
    office.check();

    // Given up again: there is another letter, and the first one is spent.
    office.end(&call, Ended::Refused);
    assert_eq!(office.letters().len(), 2);
    office.redrive(&first);
    assert_eq!(office.calls().len(), 0);
    let second = office.letters().into_iter().find(|out| out.header("x-notification-deaths").as_deref() == Some("2"));
    let second = second.unwrap();
    assert_eq!((second.text(), second.header("X-Original-Offset")), (first.text(), first.header("X-Original-Offset")));
    office.redrive(&second);
    let call = office.call();
    office.end(&call, Ended::Done);
    office.redrive(&second);
    assert_eq!(office.states("evt_1", "u"), [("fcm", "SENT", 1), ("webhook", "SENT", 1)]);
    assert_eq!((office.calls().len(), office.letters().len()), (0, 2));
    office.check();
}

#[test]
fn a_letter_that_is_put_back_too_late_is_stale() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "SEAT_OPENED");
    let call = office.call();
    office.end(&call, Ended::Refused);
    office.driver.advance_ms(300_000);
    let letter = office.letters().remove(0);
    office.redrive(&letter);
    assert_eq!((office.states("evt_1", "u"), office.calls().len()), (vec![("webhook", "STALE", 0)], 0));
    office.check();
}

#[test]
fn a_request_that_could_not_be_read_is_decided_when_it_is_put_back() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("evt_1", "u", "NEWS");
    let letter = office.letters().remove(0);
    assert_eq!(letter.header("X-Exception-Class").as_deref(), Some("MissingField"));
    // A later version has a template, say.
    office.redrive(&letter);
    assert_eq!((office.letters().len(), office.calls().len()), (2, 0));
    office.check();
}
