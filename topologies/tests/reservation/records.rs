//! Records that come twice, astray or unreadable, and commits whose answer is lost.

use crate::shop::{PLACES, Shop, hold, pay, release};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_model::expiration;
use holdfast_model::reservation::message::Message;
use holdfast_model::reservation::{self, ids};
use holdfast_sim::memory_log::Fault;
use holdfast_topologies::reservation::view;

#[test]
fn a_retry_gets_its_outcome_and_another_command_under_the_same_id_none() {
    let mut shop = Shop::open();
    let json = Message::new("mine", hold("u", 1)).to_json();
    shop.append(Shop::place(), &json);
    shop.append(Shop::place(), &json);
    shop.append(Shop::place(), &Message::new("mine", hold("v", 2)).to_json());
    shop.driver.settle();
    assert_eq!(shop.read(reservation::EXPIRATIONS).len(), 1);
    assert_eq!(shop.dead_letters()[0].header(header::CLASS).as_deref(), Some("RequestIdReused"));
    let first = shop.outcome("mine");
    shop.driver.restart();
    // When the hold is long over, the retry still gets the first outcome.
    shop.driver.advance_ms(400_000);
    shop.append(Shop::place(), &json);
    shop.driver.settle();
    assert_eq!(shop.outcome("mine"), first);
    assert_eq!((shop.seat(1), shop.seat(2)), ("AVAILABLE", "AVAILABLE"));
    shop.check();
}

#[test]
fn a_record_in_a_foreign_place_finds_its_own() {
    let mut shop = Shop::open();
    let away = (Shop::place() + 1) % PLACES;
    shop.append(away, &Message::new("astray", hold("u", 1)).to_json());
    shop.driver.settle();
    let id = shop.outcome("astray").reservation_id.unwrap();
    assert_eq!(ids::parse_reservation(&id).map(|(place, _)| place), Some(Shop::place()));
    shop.append(away, &Message::new("pays", pay(&id, 50_000)).to_json());
    shop.driver.settle();
    assert_eq!(shop.outcome("pays").status, "SUCCESS");
    shop.append(away, &Message::new("made-up", release("res_99_1", "u")).to_json());
    shop.driver.settle();
    let elsewhere = shop.driver.queries().task(reservation::NAME, away).unwrap();
    let outcome = view::command(&elsewhere, "made-up").unwrap().unwrap();
    assert_eq!(outcome.code, Some("RESERVATION_NOT_FOUND"));
    // A deadline whose producer has placed it by its key.
    let out = shop.driver.read(reservation::EXPIRATIONS)[0].text();
    let record = NewRecord {
        topic: expiration::INBOX,
        partition: away,
        key: Some(id.as_bytes()),
        value: Some(out.as_bytes()),
        headers: &[],
    };
    shop.driver.append(&record);
    shop.driver.settle();
    assert!(shop.dead_letters().is_empty() && shop.driver.read(expiration::DEAD_LETTERS).is_empty());
    shop.check();
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_holds_nothing_up() {
    let mut shop = Shop::open();
    let cases: [(&str, &str); 7] = [
        ("not json", "InvalidJson"),
        ("[]", "InvalidField"),
        ("{}", "MissingField"),
        (r#"{"type":"explode"}"#, "UnknownType"),
        (r#"{"type":"hold","userId":"u","scheduleId":"s"}"#, "MissingField"),
        (r#"{"type":"expire","reservationId":"res_789"}"#, "UnknownReservation"),
        (
            r#"{"type":"settled","paymentId":"pay_1","reservationId":"res_789","result":"DEBITED","amount":1}"#,
            "UnexpectedAnswer",
        ),
    ];
    for (value, _) in cases {
        shop.append(Shop::place(), value.as_bytes());
    }
    shop.hold("u", 1);
    let classes: Vec<Option<String>> = shop.dead_letters().iter().map(|out| out.header(header::CLASS)).collect();
    assert_eq!(classes, cases.map(|(_, class)| Some(class.to_owned())));
    for value in ["{", r#"{"payload":{"reservationId":"res_789","expiresAt":"2026-02-28T14:06:00.000Z"}}"#] {
        shop.driver.pipe(expiration::INBOX, None, value);
    }
    shop.driver.settle();
    let dead = shop.driver.read(expiration::DEAD_LETTERS);
    let classes: Vec<Option<String>> = dead.iter().map(|out| out.header(header::CLASS)).collect();
    assert_eq!(classes, ["InvalidJson", "UnknownReservation"].map(|class| Some(class.to_owned())));
    shop.check();
}

#[test]
fn a_lost_answer_to_a_commit_holds_and_expires_nothing_twice() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Retry] {
        let mut shop = Shop::open();
        for seat in 1..=50 {
            shop.send(hold(&format!("user-{seat}"), seat));
        }
        shop.driver.log().inject(fault);
        shop.driver.settle();
        assert_eq!((shop.schedule().temporary_reserved, shop.read(reservation::EXPIRATIONS).len()), (50, 50));
        shop.driver.log().inject(fault);
        shop.driver.advance_ms(300_000);
        shop.driver.advance_ms(1_000);
        assert_eq!((shop.schedule().available, shop.read(reservation::SEATS_EXPIRED).len()), (50, 50), "{fault:?}");
        assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 50);
        shop.check();
    }
}
