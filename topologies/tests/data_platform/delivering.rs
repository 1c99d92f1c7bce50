//! What is delivered, and how often.

use crate::platform::{PLACES, Platform, done, value};
use holdfast_model::data_platform::{CONFIRMED, NAME};
use holdfast_topologies::data_platform::view;

#[test]
fn a_confirmation_is_delivered_byte_for_byte_under_its_id() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    assert_eq!(platform.status("res_0_1"), "SENDING");
    let call = platform.call();
    assert_eq!((&*call.key, &*call.payload), (&b"res_0_1"[..], value("res_0_1").as_bytes()));
    platform.answer(&call, &done());
    assert_eq!(platform.status("res_0_1"), "DELIVERED");
    assert_eq!(platform.row("res_0_1").original, None, "what is delivered is not kept");
    platform.driver.restart();
    assert_eq!((platform.calls(), platform.letters()), (vec![], vec![]));
    platform.check();
}

#[test]
fn a_confirmation_that_comes_again_changes_nothing() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let call = platform.call();
    // While it is on its way.
    platform.confirm("res_0_1");
    assert_eq!(platform.calls(), []);
    platform.answer(&call, &done());
    let row = platform.row("res_0_1");
    platform.driver.advance_ms(7 * 86_400_000);
    platform.confirm("res_0_1");
    assert_eq!((platform.calls(), platform.row("res_0_1")), (vec![], row), "a week later");
    assert_eq!(platform.letters(), []);
}

#[test]
fn it_is_not_done_before_the_platform_has_it() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let call = platform.call();
    // A crash between the call and its result: nobody knows whether it arrived.
    platform.driver.crash();
    platform.driver.start();
    platform.driver.settle();
    assert_eq!(platform.status("res_0_1"), "SENDING");
    let again = platform.call();
    assert_eq!((&again.key, &again.payload, &again.name), (&call.key, &call.payload, &call.name));
    platform.answer(&again, &done());
    assert_eq!(platform.status("res_0_1"), "DELIVERED");
}

#[test]
fn a_result_that_comes_twice_or_belongs_to_another_call_ends_nothing() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let first = platform.call();
    platform.answer(&first, &crate::platform::failed());
    platform.answer(&first, &crate::platform::failed());
    assert_eq!(platform.row("res_0_1").calls, 1);
    platform.driver.advance_ms(1_000);
    let second = platform.call();
    platform.answer(&first, &done());
    assert_eq!(platform.status("res_0_1"), "SENDING");
    platform.answer(&second, &done());
    assert_eq!((platform.status("res_0_1"), platform.letters()), ("DELIVERED", vec![]));
}

#[test]
fn each_reservation_has_its_own_delivery() {
    let mut platform = Platform::open();
    for n in 0..30 {
        platform.confirm(&format!("res_0_{n}"));
    }
    let calls = platform.calls();
    assert_eq!(calls.len(), 30);
    for call in calls.iter().rev() {
        platform.answer(call, &done());
    }
    assert!((0..30).all(|n| platform.status(&format!("res_0_{n}")) == "DELIVERED"));
    platform.check();
}

#[test]
fn a_payment_is_noted_and_causes_no_call() {
    let mut platform = Platform::open();
    platform.pay("res_0_1", "user_1");
    platform.pay("res_0_1", "user_1");
    assert_eq!((platform.status("res_0_1"), platform.calls()), ("UNCONFIRMED", vec![]));
    let unconfirmed = |platform: &Platform, before_ms| {
        let tasks = (0..PLACES).map(|place| platform.driver.queries().task(NAME, place).unwrap());
        tasks.flat_map(|task| view::unconfirmed(&task, None, before_ms, 10).unwrap().found).collect::<Vec<_>>()
    };
    let found = unconfirmed(&platform, i64::MAX);
    // In parts of one row: the next one begins where the last has ended.
    platform.confirm("res_0_0");
    let task = platform.driver.queries().task(NAME, Platform::place("res_0_1")).unwrap();
    let (mut parts, mut from) = (Vec::new(), None);
    loop {
        let part = view::unconfirmed(&task, from.as_ref(), i64::MAX, 1).unwrap();
        parts.extend(part.found);
        from = part.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(parts, found);
    let call = platform.call();
    platform.answer(&call, &done());
    assert_eq!((found.len(), found[0].payment_id.as_deref()), (1, Some("pay_0_1")));
    assert_eq!(unconfirmed(&platform, platform.row("res_0_1").changed_ms), []);
    platform.confirm("res_0_1");
    let call = platform.call();
    assert_eq!(call.payload, value("res_0_1").as_bytes());
    platform.answer(&call, &done());
    assert_eq!((platform.status("res_0_1"), unconfirmed(&platform, i64::MAX)), ("DELIVERED", vec![]));
    // The other order: the note would be of no use.
    platform.pay("res_0_1", "user_1");
    assert_eq!((platform.status("res_0_1"), platform.calls(), platform.letters()), ("DELIVERED", vec![], vec![]));
    platform.check();
}

#[test]
fn a_lost_disk_and_a_failed_commit_deliver_nothing_twice() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let call = platform.call();
    platform.answer(&call, &done());
    platform.driver.crash();
    platform.driver.wipe_disk();
    platform.driver.start();
    platform.driver.settle();
    assert_eq!((platform.status("res_0_1"), platform.calls()), ("DELIVERED", vec![]));
    platform.driver.log().inject(holdfast_sim::memory_log::Fault::Retry);
    platform.confirm("res_0_2");
    let call = platform.call();
    assert_eq!(call.key, b"res_0_2", "rolled back and decided again: asked for once");
    assert_eq!(platform.driver.read(CONFIRMED).len(), 2);
}
