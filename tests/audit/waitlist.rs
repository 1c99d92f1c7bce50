//! Users that wait for a seat: a shop that is right passes, and whoever is wronged is found.

use crate::crimes::expect;
use crate::shop::{HOLD_MS, PRICE, Shop, home};
use holdfast_model::reservation::serial::{self, Secret};
use holdfast_model::reservation::waitlist::WaitlistRow;
use holdfast_model::reservation::{self, ids};
use holdfast_model::{notification, rfc3339};
use serde_json::{Value, json};
use stream_worker::commands::audit::report::Verdict;
use stream_worker::commands::audit::{Question, examine};

/// Its released seats are offered.
const OFFERING: &str = "wanted";
/// Of its released seats the first of the list are told.
const OPEN: &str = "open";

fn say(shop: &mut Shop, schedule: &str, mut value: Value) {
    value["scheduleId"] = json!(schedule);
    let id = format!("{schedule}-{}", shop.driver.read(reservation::INBOX).len());
    value["requestId"] = json!(id);
    value["nonce"] = json!(id);
    shop.driver.pipe(reservation::INBOX, Some(schedule), &value.to_string());
    shop.driver.settle();
}

fn offers(shop: &Shop) -> Vec<Value> {
    let notices = shop.driver.read(notification::REQUESTS).into_iter();
    let notices = notices.map(|out| serde_json::from_str::<Value>(&out.text()).unwrap());
    notices.filter(|notice| notice["payload"]["data"]["scheduleId"] == OFFERING).collect()
}

/// Two evenings are sold out, and four users wait for each; one seat after the other comes back.
fn evening() -> Shop {
    let mut shop = Shop::open();
    for (schedule, policy) in [(OFFERING, "OFFER"), (OPEN, "OPEN")] {
        let seats = json!({"count": 2, "price": PRICE});
        let create = json!({"type": "create-schedule", "concertTitle": "t", "seats": seats, "waitlist": policy, "waitlistNotify": 2});
        say(&mut shop, schedule, create);
        for (user, seat) in [("1001", 1), ("1002", 2)] {
            say(&mut shop, schedule, json!({"type": "hold", "userId": user, "seatNo": seat}));
        }
        for user in ["a", "b", "c", "d", "a"] {
            say(&mut shop, schedule, json!({"type": "join-waitlist", "userId": user}));
        }
        say(&mut shop, schedule, json!({"type": "leave-waitlist", "userId": "b"}));
        say(&mut shop, schedule, json!({"type": "leave-waitlist", "userId": "nobody"}));
    }
    shop.driver.advance_ms(HOLD_MS.unsigned_abs() + 50);
    shop.driver.advance_ms(50);
    shop
}

#[test]
fn waitlists_that_are_right_pass() {
    let mut shop = evening();
    let id = offers(&shop)[0]["payload"]["data"]["reservationId"].as_str().unwrap().to_owned();
    say(&mut shop, OFFERING, json!({"type": "join-waitlist", "userId": "a"}));
    shop.ask(&json!({"type": "cancel", "requestId": "back", "reservationId": id, "userId": "a"}));
    let user = offers(&shop)[2]["payload"]["userId"].clone();
    assert_eq!(user, "d");
    shop.driver.advance_ms(HOLD_MS.unsigned_abs() + 50);
    let report = examine(shop.driver.log(), &Question { is_settled: true, ..shop.question() }).unwrap();
    for invariant in ["I-1", "I-2", "I-6", "I-7", "I-9", "I-10", "I-15", "I-19", "I-25", "I-27"] {
        assert_eq!(report.line(invariant).unwrap().verdict, Verdict::Proved, "{invariant}\n{}", report.text());
    }
}

#[test]
fn an_entry_is_offered_a_second_seat() {
    let mut shop = evening();
    let place = home(OFFERING);
    let first = offers(&shop)[0]["payload"]["data"]["reservationId"].as_str().unwrap().to_owned();
    let (_, first) = ids::parse_reservation(&first).unwrap();
    let again = serial::made(serial::offset(first) + 1, Secret::of_serial(first));
    let deadline = json!({
        "eventType": "reservation.expiration",
        "occurredAt": rfc3339::to_string(1_000),
        "payload": {"reservationId": ids::reservation(place, again), "expiresAt": rfc3339::to_string(2_000)},
    });
    shop.tell("reservation", place, reservation::EXPIRATIONS, place, &deadline);
    expect(&shop, "I-27", "offered to wanted.1, whose turn it was not");
}

#[test]
fn a_user_is_told_of_a_seat_twice() {
    let mut shop = evening();
    let notice = offers(&shop).remove(0);
    let user = notice["payload"]["userId"].as_str().unwrap().to_owned();
    shop.tell("reservation", home(OFFERING), notification::REQUESTS, home(&user), &notice);
    expect(&shop, "I-15", "SEAT_OPENED of wanted.1 was asked for 2 times");
}

#[test]
fn a_waitlist_counts_an_offer_that_there_is_not() {
    let mut shop = evening();
    let id = OFFERING.to_owned();
    let row: WaitlistRow = shop.row("reservation", home(OFFERING), &reservation::WAITLISTS, &id);
    let row = WaitlistRow { offers: row.offers + 1, ..row };
    shop.forge("reservation", home(OFFERING), &reservation::WAITLISTS, &id, Some(&row));
    expect(&shop, "I-27", "waitlist of wanted");
}

/// A worker whose state has lost the list: whoever waits on it is not offered what is released.
#[test]
fn a_head_is_passed_over() {
    let mut shop = evening();
    let place = home(OFFERING);
    let id = OFFERING.to_owned();
    let row: WaitlistRow = shop.row("reservation", place, &reservation::WAITLISTS, &id);
    assert_eq!((row.live, row.offers), (1, 2));
    shop.forge("reservation", place, &reservation::WAITLISTS, &id, Some(&WaitlistRow { live: 0, ..row }));
    shop.driver.lose_disk();
    let first = offers(&shop)[0]["payload"]["data"]["reservationId"].as_str().unwrap().to_owned();
    shop.ask(&json!({"type": "cancel", "requestId": "back", "reservationId": first, "userId": "a"}));
    expect(&shop, "I-27", "and entry 4 (d) was not offered it");
}
