//! When a hold is over, and that it is not before.

use crate::shop::{HOLD_MS, SCHEDULE, Shop, expire, pay, shop_expires};
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_model::reservation;
use holdfast_model::reservation::Settings;
use holdfast_model::reservation::message::{Command, Extend};
use holdfast_model::{expiration, rfc3339};
use serde_json::{Value, json};

#[test]
fn a_hold_that_nobody_pays_is_over_at_its_deadline_and_not_before() {
    let mut shop = Shop::open();
    let id = shop.hold("user_123", 1);
    let expires_ms = shop.expires_ms(&id);
    assert_eq!(expires_ms - rfc3339::parse(&shop.reservation(&id).held_at).unwrap(), HOLD_MS);
    let out = &shop.driver.read(reservation::EXPIRATIONS)[0];
    assert_eq!((out.key(), out.partition), (id.clone(), Shop::place()));
    let at = rfc3339::to_string(expires_ms);
    assert_eq!(
        serde_json::from_str::<Value>(&out.text()).unwrap(),
        json!({
            "eventId": format!("evt_{id}.expiration"), "eventType": "reservation.expiration", "eventTime": at,
            "payload": {
                "reservationId": id, "userId": "user_123", "seatId": "seat_schedule_456_1", "expiresAt": at, "scheduleId": SCHEDULE, "seatNo": 1
            },
            "occurredAt": shop.reservation(&id).held_at
        })
    );
    assert_eq!((shop.seat(1), shop.seat(2)), ("TEMPORARY_RESERVED", "AVAILABLE"));

    shop.clock_to(expires_ms - 100);
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(150);
    assert_eq!((shop.status(&id), shop.seat(1)), ("EXPIRED", "AVAILABLE"));
    let expired = shop.read(reservation::SEATS_EXPIRED);
    assert_eq!((expired.len(), &expired[0]["seatIds"]), (1, &json!(["seat_schedule_456_1"])));
    assert!(rfc3339::parse(expired[0]["expiredAt"].as_str().unwrap()).unwrap() >= expires_ms);
    let notice = ("user_123".to_owned(), "5분 이내 결제하지 않아 예약이 만료되었습니다.".to_owned());
    assert_eq!(shop.notices("RESERVATION_EXPIRED"), [notice]);
    shop.check();

    // Restarted on an empty disk, and the deadline's record once more: nothing happens twice.
    let sent = shop.sent();
    shop.driver.lose_disk();
    let again = out.text();
    let place = Shop::place();
    let record = NewRecord {
        topic: expiration::INBOX,
        partition: place,
        key: Some(id.as_bytes()),
        value: Some(again.as_bytes()),
        headers: &[],
    };
    shop.driver.append(&record);
    shop.driver.advance_ms(50);
    shop.send(expire(&id));
    shop.driver.settle();
    assert_eq!(shop.status(&id), "EXPIRED");
    assert_eq!(shop.sent().len(), sent.len() + 1, "the repeated deadline itself and nothing else");
    assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 1);
    assert_ne!(shop.hold("user_9", 1), id);
    shop.check();
}

#[test]
fn a_deadline_outlives_a_crash_of_the_worker_and_of_its_disk() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    shop.driver.lose_disk();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.crash();
    shop.clock_to(expires_ms + 60_000);
    shop.driver.start();
    shop.driver.settle();
    shop.driver.advance_ms(50);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}

#[test]
fn an_early_expire_ends_nothing() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    for _ in 0..3 {
        shop.send(expire(&id));
    }
    shop.driver.settle();
    shop.clock_to(expires_ms - 100);
    shop.send(expire(&id));
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(150);
    assert_eq!(shop.status(&id), "EXPIRED");
    assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 1);
    shop.check();
}

#[test]
fn a_ms_before_the_deadline_nothing_is_over() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    // Both in the log in the last ms, the deadline's command first.
    shop.driver.crash();
    shop.clock_to(shop_expires(&shop.driver) - 1);
    shop.send(expire(&id));
    let request = shop.send(pay(&id, 50_000));
    shop.driver.start();
    shop.driver.settle();
    assert_eq!((shop.outcome(&request).code, shop.status(&id)), (None, "PAYING"));
    shop.check();
}

#[test]
fn a_deadline_that_came_too_early_comes_again() {
    // Without the topology that keeps deadlines: there is nothing but the early command, as a clock that is ahead sends it.
    let mut shop = Shop::of(&[holdfast_topologies::reservation::topology(&Settings::default())]);
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    shop.clock_to(expires_ms - 2_000);
    shop.send(expire(&id));
    shop.driver.settle();
    shop.driver.restart();
    shop.clock_to(expires_ms + 1_000);
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    // As late as it was early: by a clock that is so much ahead this is the deadline.
    shop.driver.advance_ms(1_050);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}

#[test]
fn a_deadline_that_came_too_early_while_the_wallet_decided_comes_again() {
    let mut shop = Shop::of(&[holdfast_topologies::reservation::topology(&Settings::default())]);
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    shop.send(pay(&id, 50_000));
    shop.clock_to(expires_ms - 2_000);
    // A clock that is ahead sends the one command there will be for this deadline.
    shop.send(expire(&id));
    shop.driver.settle();
    assert_eq!(shop.status(&id), "PAYING");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(4_100);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}

#[test]
fn a_hold_is_extended_where_that_is_the_policy() {
    let extend = |id: &str, user_id: &str| {
        Command::Extend(Extend { reservation_id: id.to_owned(), user_id: user_id.to_owned() })
    };
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    assert_eq!(shop.code(extend(&id, "u")), "HOLD_NOT_EXTENDABLE");
    let mut shop = Shop::with(&Settings { extend_ms: 60_000, ..Settings::default() });
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    assert_eq!(shop.code(extend(&id, "v")), "RESERVATION_NOT_FOUND");
    assert_eq!(shop.code(extend(&id, "u")), "SUCCESS");
    assert_eq!(shop.code(extend(&id, "u")), "HOLD_NOT_EXTENDABLE");
    assert_eq!(shop.expires_ms(&id), expires_ms + 60_000);
    shop.clock_to(expires_ms + 50);
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(60_000);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}
