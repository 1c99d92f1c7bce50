//! Who gets a seat, and how many.

use crate::shop::{PLACES, Shop, hold, pay, release};
use holdfast_engine::prelude::place_of;
use holdfast_model::reservation;
use holdfast_model::reservation::Settings;
use holdfast_model::reservation::message::{Command, CreateSchedule, Hold, PricedSeat, Seats};
use holdfast_topologies::reservation::view;
use serde_json::json;

#[test]
fn five_hundred_ask_for_one_seat_and_the_first_gets_it() {
    let mut shop = Shop::open();
    let ids: Vec<String> = (0..500).map(|user| shop.send(hold(&format!("user-{user}"), 7))).collect();
    shop.driver.settle();
    assert_eq!(shop.outcome(&ids[0]).status, "SUCCESS");
    for id in &ids[1..] {
        assert_eq!(shop.outcome(id).code, Some("SEAT_ALREADY_RESERVED"));
    }
    assert_eq!((shop.schedule().temporary_reserved, shop.schedule().available), (1, 49));
    assert_eq!(shop.read(reservation::EXPIRATIONS).len(), 1);
    shop.check();
}

#[test]
fn the_same_wish_is_the_same_hold_and_there_are_limits() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    assert_eq!(shop.hold("u", 1), id);
    for seat_no in 2..=4 {
        shop.hold("u", seat_no);
    }
    assert_eq!(shop.code(hold("u", 5)), "SEAT_LIMIT_EXCEEDED");
    assert_eq!(shop.hold("u", 1), id);
    assert_eq!(shop.code(hold("u", 51)), "SEAT_NOT_FOUND");
    assert_eq!(shop.code(hold("u", 0)), "SEAT_NOT_FOUND");
    assert_eq!(shop.code(hold(" ", 9)), "USER_ID_REQUIRED");
    assert_eq!(shop.code(hold("u\n1", 9)), "INVALID_ID");
    let elsewhere = (0..).map(|n| format!("none-{n}")).find(|id| place_of(id.as_bytes(), PLACES) == Shop::place());
    let none = Hold { user_id: "u".to_owned(), schedule_id: elsewhere.unwrap(), seat_no: "1".to_owned() };
    assert_eq!(shop.code(Command::Hold(none)), "SCHEDULE_NOT_FOUND");

    // Given back, it is anybody's; and somebody else gives nothing back.
    assert_eq!(shop.code(release(&id, "v")), "RESERVATION_NOT_FOUND");
    assert_eq!(shop.code(release(&id, "u")), "SUCCESS");
    assert_eq!(shop.code(release(&id, "u")), "SUCCESS");
    assert_eq!((shop.status(&id), shop.seat(1)), ("CANCELLED", "AVAILABLE"));
    shop.hold("v", 1);
    assert_eq!(shop.code(release("res_789", "u")), "RESERVATION_NOT_FOUND");
    shop.check();
}

#[test]
fn seats_may_have_prices_of_their_own() {
    let mut shop = Shop::open();
    let schedule_id = (0..).map(|n| format!("vip-{n}")).find(|id| place_of(id.as_bytes(), PLACES) == Shop::place());
    let schedule_id = schedule_id.unwrap();
    let seat = |seat_no: &str, price| PricedSeat { seat_no: seat_no.to_owned(), price };
    let create = CreateSchedule {
        schedule_id: schedule_id.clone(),
        concert_title: "t".to_owned(),
        seats: Seats::Each(vec![seat("3", 0), seat("8", 9_000)]),
        ..CreateSchedule::default()
    };
    assert_eq!(shop.code(Command::CreateSchedule(create.clone())), "SUCCESS");
    assert_eq!(shop.code(Command::CreateSchedule(create.clone())), "SUCCESS");
    let other = CreateSchedule { concert_title: "other".to_owned(), ..create };
    assert_eq!(shop.code(Command::CreateSchedule(other)), "SCHEDULE_ALREADY_EXISTS");
    let mut hold = |seat_no: &str| {
        let wish = Hold { user_id: "u".to_owned(), schedule_id: schedule_id.clone(), seat_no: seat_no.to_owned() };
        shop.ask(Command::Hold(wish))
    };
    assert_eq!(hold("1").code, Some("SEAT_NOT_FOUND"));
    let free = hold("3").reservation_id.unwrap();
    hold("8");
    let seats = view::seats(&shop.task(), &schedule_id).unwrap().unwrap();
    assert_eq!(seats.iter().map(|seat| (seat.seat_no, seat.price)).collect::<Vec<_>>(), [(3, 0), (8, 9_000)]);
    // Nothing is a price, too.
    assert_eq!(shop.code(pay(&free, 0)), "SUCCESS");
    shop.wallet(|_| "DEBITED");
    assert_eq!(shop.status(&free), "CONFIRMED");
    shop.check();
}

#[test]
fn who_holds_a_seat_is_told_where_the_shop_wants_it() {
    for notify_held in [false, true] {
        let mut shop = Shop::with(&Settings { notify_held, ..Settings::default() });
        let id = shop.hold("u", 1);
        assert_eq!(shop.hold("u", 1), id);
        let told: Vec<_> =
            shop.read(reservation::NOTIFICATIONS).into_iter().map(|record| record["payload"].clone()).collect();
        assert_eq!(told.len(), usize::from(notify_held));
        if let Some(payload) = told.first() {
            assert_eq!((&payload["type"], &payload["userId"]), (&json!("RESERVATION_HELD"), &json!("u")));
            assert_eq!((&payload["data"]["reservationId"], &payload["data"]["minutes"]), (&json!(id), &json!("5")));
        }
        shop.check();
    }
}
