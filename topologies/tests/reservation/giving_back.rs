//! Who cancels, or whose schedule is cancelled, gets his money back once.

use crate::shop::{SCHEDULE, Shop, answer, cancel, hold, pay, release};
use holdfast_model::reservation::message::{CancelSchedule, Command};
use holdfast_model::reservation::{self, Settings};
use holdfast_topologies::reservation::view;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn a_cancelled_reservation_gives_the_money_back_once() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    shop.ask(pay(&id, 50_000));
    shop.wallet(|_| "DEBITED");
    assert_eq!(shop.code(release(&id, "u")), "RESERVATION_ALREADY_CONFIRMED");
    assert_eq!(shop.code(cancel(&id, "v")), "RESERVATION_NOT_FOUND");
    let outcome = shop.ask(cancel(&id, "u"));
    assert_eq!((outcome.status, shop.status(&id), shop.seat(1)), ("SUCCESS", "CANCELLED", "AVAILABLE"));
    assert_eq!(shop.code(cancel(&id, "u")), "SUCCESS");
    let refunds: Vec<Value> =
        shop.read(reservation::PAYMENTS).into_iter().filter(|request| request["type"] == "refund").collect();
    let payment_id = outcome.payment_id.unwrap();
    assert_eq!(
        refunds,
        [json!({
            "type": "refund", "requestId": format!("ref_{payment_id}"), "paymentId": payment_id, "reservationId": id, "userId": "u",
            "amount": 50000, "fee": 0, "reason": "CANCELLED", "replyPlace": Shop::place()
        })]
    );
    shop.wallet(|_| "DEBITED");
    shop.wallet(|_| "DEBITED");
    assert_eq!(shop.status(&id), "REFUNDED");
    assert_eq!(shop.notices("REFUNDED").len(), 1);
    assert!(view::payment(&shop.task(), &payment_id).unwrap().unwrap().refunded);
    shop.check();
}

#[test]
fn a_refused_refund_is_told_and_may_be_paid_yet() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    shop.ask(pay(&id, 50_000));
    shop.wallet(|_| "DEBITED");
    let payment_id = shop.ask(cancel(&id, "u")).payment_id.unwrap();
    let refund = shop.read(reservation::PAYMENTS).into_iter().find(|request| request["type"] == "refund").unwrap();
    let told = |result: &str| {
        let mut told = answer(&refund, "");
        told["result"] = json!(result);
        told["reason"] = if result == "REFUSED" { json!("SYSTEM_ERROR") } else { Value::Null };
        told.to_string()
    };
    let status = |shop: &Shop| {
        let payment = view::payment(&shop.task(), &payment_id).unwrap().unwrap();
        (shop.status(&id), payment.refund_status, payment.refund_code)
    };
    assert_eq!(status(&shop), ("CANCELLED", Some("REQUESTED"), None));
    for _ in 0..2 {
        shop.append(Shop::place(), told("REFUSED").as_bytes());
        shop.driver.restart();
        assert_eq!(status(&shop), ("CANCELLED", Some("FAILED"), Some("SYSTEM_ERROR".to_owned())));
    }
    let notice = ("u".to_owned(), "아이유 콘서트 환불이 지연되고 있습니다. 확인 후 처리해 드리겠습니다.".to_owned());
    assert_eq!(shop.notices("REFUND_FAILED"), [notice]);
    shop.check();
    // An operator has put it back, and it was paid; the refusal comes once more, late.
    for result in ["REFUNDED", "REFUNDED", "REFUSED"] {
        shop.append(Shop::place(), told(result).as_bytes());
        shop.driver.settle();
        assert_eq!(status(&shop), ("REFUNDED", Some("COMPLETED"), None));
    }
    assert_eq!((shop.notices("REFUNDED").len(), shop.notices("REFUND_FAILED").len()), (1, 1));
    assert!(shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn a_cancelled_schedule_returns_everything_at_a_bounded_rate() {
    let settings = Settings { cancel_batch_max: 2, cancel_pause_ms: 1_000, ..Settings::default() };
    let mut shop = Shop::with(&settings);
    let held: Vec<String> = (1..=5).map(|seat| shop.hold(&format!("user-{seat}"), seat)).collect();
    for id in &held[..3] {
        shop.ask(pay(id, 50_000));
    }
    // One is paid, two are being paid, two are held.
    let first = held[0].clone();
    let request = shop.read(reservation::PAYMENTS).into_iter().find(|r| r["reservationId"] == *first).unwrap();
    shop.append(Shop::place(), answer(&request, "DEBITED").to_string().as_bytes());
    shop.driver.settle();
    let wish = || Command::CancelSchedule(CancelSchedule { schedule_id: SCHEDULE.to_owned() });
    assert_eq!(shop.code(wish()), "SUCCESS");
    assert_eq!(shop.code(wish()), "SUCCESS");
    let live = |shop: &Shop| shop.schedule().temporary_reserved + shop.schedule().reserved;
    assert_eq!((live(&shop), shop.schedule().cancelled), (3, true));
    assert_eq!(shop.code(hold("late", 9)), "SCHEDULE_CANCELLED");
    assert_eq!(shop.code(pay(&held[4], 50_000)), "SCHEDULE_CANCELLED");
    shop.driver.restart();
    shop.driver.advance_ms(1_000);
    assert_eq!(live(&shop), 1);
    shop.driver.advance_ms(1_000);
    assert_eq!(live(&shop), 0);
    assert_eq!(shop.notices("RESERVATION_CANCELLED").len(), 5);
    // Money that is debited now comes back; what is refused needs nothing.
    let third = held[2].clone();
    for _ in 0..3 {
        let third = third.clone();
        shop.wallet(move |request| if request["reservationId"] == *third { "REFUSED" } else { "DEBITED" });
    }
    let reasons: BTreeMap<String, String> = shop
        .read(reservation::PAYMENTS)
        .iter()
        .filter(|request| request["type"] == "refund")
        .map(|r| (r["reservationId"].as_str().unwrap().to_owned(), r["reason"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [(&held[0], "SCHEDULE_CANCELLED"), (&held[1], "NOT_CONFIRMED")];
    assert_eq!(reasons, expected.map(|(id, reason)| (id.clone(), reason.to_owned())).into());
    let statuses: Vec<&str> = held.iter().map(|id| shop.status(id)).collect();
    assert_eq!(statuses, ["REFUNDED", "REFUNDED", "CANCELLED", "CANCELLED", "CANCELLED"]);
    shop.check();
}
