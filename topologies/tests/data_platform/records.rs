//! Records of strangers: without a key, in another place, of no shape, with a forged result.

use crate::platform::{PLACES, Platform, done, value};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_model::data_platform::{COMPLETED, CONFIRMED, RESULTS};

/// Another place than the one of `id`.
fn elsewhere(id: &str) -> u32 {
    (Platform::place(id) + 1) % PLACES
}

#[test]
fn a_confirmation_in_another_place_is_sent_on_once() {
    let mut platform = Platform::open();
    let json = value("res_0_1");
    let (partition, value) = (elsewhere("res_0_1"), Some(json.as_bytes()));
    platform.driver.append(&NewRecord { topic: CONFIRMED, partition, key: None, value, headers: &[("ce_id", b"e")] });
    platform.driver.settle();
    let call = platform.call();
    assert_eq!((call.task.place, &*call.payload), (Platform::place("res_0_1"), json.as_bytes()));
    platform.answer(&call, &crate::platform::refused());
    // Its letter says where the copy lies, and leads there.
    let letter = platform.letters().remove(0);
    assert_eq!(letter.header(header::PARTITION), Some(Platform::place("res_0_1").to_string()));
    assert_eq!((letter.header("ce_id").as_deref(), letter.key()), (Some("e"), "res_0_1".to_owned()));
    platform.redrive(&letter);
    platform.answer_times(1, &done());
    assert_eq!(platform.status("res_0_1"), "DELIVERED");
}

#[test]
fn what_cannot_be_read_is_buried_and_delivers_nothing() {
    let mut platform = Platform::open();
    for (topic, json) in [
        (CONFIRMED, "{"),
        (CONFIRMED, r#"{"userId":"u"}"#),
        (CONFIRMED, r#"{"reservationId":"r","amount":-1}"#),
        (COMPLETED, r#"{"payload":{"reservationId":"r"}}"#),
        (RESULTS, "[]"),
        (RESULTS, r#"{"type":"dance","reservationId":"r"}"#),
    ] {
        platform.append(topic, 0, "k", json, &[]);
    }
    assert_eq!(platform.calls(), []);
    let mut classes = platform.classes();
    classes.sort();
    let expected = ["InvalidField", "InvalidField", "InvalidJson", "MissingField", "MissingField", "UnknownType"];
    assert_eq!(classes, expected);
}

#[test]
fn a_forged_result_ends_nothing() {
    let mut platform = Platform::open();
    platform.confirm("res_0_1");
    let call = platform.call();
    let mut headers = call.result_headers();
    headers[2].1 = vec![b'0'; 32];
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    platform.append(RESULTS, call.task.place, "res_0_1", r#"{"ended":"DONE","beganAt":0}"#, &headers);
    assert_eq!((platform.status("res_0_1"), platform.classes()), ("SENDING", vec!["ForgedResult".to_owned()]));
    platform.answer(&call, &done());
    assert_eq!(platform.status("res_0_1"), "DELIVERED");
}

#[test]
fn a_note_in_another_place_finds_its_own() {
    let mut platform = Platform::open();
    let paid = r#"{"type":"paid","reservationId":"res_0_1","paymentId":"p","amount":1}"#;
    platform.append(RESULTS, elsewhere("res_0_1"), "any", paid, &[]);
    assert_eq!(platform.status("res_0_1"), "UNCONFIRMED");
}
