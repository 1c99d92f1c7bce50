//! A platform that fails, refuses or is away, and letters that are put back.

use crate::platform::{Platform, done, failed, refused, value};
use holdfast_engine::inspect::header;
use holdfast_model::call_result::CallResult;
use holdfast_model::data_platform::{CONFIRMED, RESULTS};

#[test]
fn a_failed_call_waits_and_is_made_again() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let call = platform.call();
    platform.answer(&call, &failed());
    assert_eq!((platform.status("res_0_1"), platform.calls()), ("RETRY", vec![]));
    platform.driver.advance_ms(400);
    assert_eq!(platform.calls(), [], "half of the wait at least");
    // A wait outlives a restart.
    platform.driver.restart();
    platform.driver.advance_ms(600);
    let again = platform.call();
    assert_eq!((&again.key, &again.payload), (&call.key, &call.payload));
    assert_ne!(again.name, call.name, "an effect of its own");
    platform.answer(&again, &done());
    assert_eq!((platform.status("res_0_1"), platform.row("res_0_1").attempts), ("DELIVERED", 2));
}

#[test]
fn the_receiver_says_when() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let call = platform.call();
    platform.answer(&call, &CallResult { status: Some(429), retry_after_ms: Some(20_000), ..failed() });
    platform.driver.advance_ms(19_000);
    assert_eq!(platform.calls(), []);
    platform.driver.advance_ms(1_000);
    assert_eq!(platform.calls().len(), 1);
}

#[test]
fn one_try_and_three_retries_then_the_dead_letters_with_the_original() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    platform.answer_times(4, &failed());
    assert_eq!((platform.status("res_0_1"), platform.calls()), ("DEAD", vec![]));
    let letter = platform.letters().remove(0);
    let original = platform.driver.read(CONFIRMED).remove(0);
    assert_eq!((letter.text(), letter.key(), letter.partition), (value("res_0_1"), original.key(), original.partition));
    let heads = [
        (header::TOPIC, CONFIRMED.to_owned()),
        (header::PARTITION, original.partition.to_string()),
        (header::OFFSET, original.offset.to_string()),
        (header::CLASS, "DeliveryFailed".to_owned()),
        (header::MESSAGE, "HTTP 503".to_owned()),
        (header::ATTEMPTS, "4".to_owned()),
        ("ce_id", "evt_1".to_owned()),
        ("traceparent", "00-1-2-3".to_owned()),
    ];
    for (name, expected) in heads {
        assert_eq!(letter.header(name), Some(expected), "{name}");
    }
    platform.check();
}

#[test]
fn a_permanent_error_is_not_tried_again() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    platform.answer_times(1, &refused());
    assert_eq!((platform.status("res_0_1"), platform.calls()), ("DEAD", vec![]));
    assert_eq!(platform.classes(), ["DeliveryRefused"]);
    assert_eq!(platform.letters()[0].header(header::ATTEMPTS).as_deref(), Some("1"));
}

#[test]
fn a_redriven_letter_is_delivered_once() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    platform.answer_times(1, &refused());
    // The same fact again opens nothing.
    platform.confirm("res_0_1");
    assert_eq!((platform.calls(), platform.letters().len()), (vec![], 1));
    let letter = platform.letters().remove(0);
    platform.redrive(&letter);
    platform.redrive(&letter);
    let call = platform.call();
    assert_eq!(call.payload, value("res_0_1").as_bytes());
    platform.answer(&call, &done());
    platform.redrive(&letter);
    assert_eq!((platform.status("res_0_1"), platform.calls(), platform.letters().len()), ("DELIVERED", vec![], 1));
    platform.check();
}

#[test]
fn a_letter_opens_what_it_is_of_and_not_what_died_later() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    platform.answer_times(1, &refused());
    let first = platform.letters().remove(0);
    platform.redrive(&first);
    platform.answer_times(4, &failed());
    assert_eq!((platform.status("res_0_1"), platform.letters().len()), ("DEAD", 2), "a redrive has its own attempts");
    platform.redrive(&first);
    assert_eq!(platform.calls(), [], "it has been put back before");
    let second = platform.letters().remove(1);
    platform.redrive(&second);
    platform.answer_times(1, &done());
    assert_eq!(platform.status("res_0_1"), "DELIVERED");
}

#[test]
fn an_outage_gives_nothing_up() {
    let mut platform = Platform::open();
    for n in 0..5 {
        platform.confirm(&format!("res_0_{n}"));
    }
    let away = CallResult { channel_away: true, ..failed() };
    for _ in 0..10 {
        for call in platform.calls() {
            platform.answer(&call, &away);
        }
        platform.driver.advance_ms(60_000);
    }
    assert_eq!(platform.letters(), [], "ten minutes");
    assert_eq!((platform.row("res_0_0").attempts, platform.row("res_0_0").calls), (0, 10));
    let calls = platform.calls();
    assert_eq!(calls.len(), 5);
    for call in &calls {
        platform.answer(call, &done());
    }
    assert!((0..5).all(|n| platform.status(&format!("res_0_{n}")) == "DELIVERED"));
    assert_eq!((platform.calls(), platform.letters()), (vec![], vec![]));
    platform.check();
}

#[test]
fn a_retry_that_nobody_waits_for_calls_nobody() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let retry = |call| format!(r#"{{"type":"retry","reservationId":"res_0_1","call":{call}}}"#);
    let place = Platform::place("res_0_1");
    let call = platform.call();
    platform.append(RESULTS, place, "res_0_1", &retry(0), &[]);
    platform.answer(&call, &failed());
    platform.append(RESULTS, place, "res_0_1", &retry(7), &[]);
    assert_eq!((platform.calls(), platform.status("res_0_1")), (vec![], "RETRY"));
    platform.driver.advance_ms(1_000);
    platform.answer_times(1, &done());
    platform.append(RESULTS, place, "res_0_1", &retry(1), &[]);
    assert_eq!((platform.calls(), platform.status("res_0_1")), (vec![], "DELIVERED"));
}
