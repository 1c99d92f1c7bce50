//! A held seat is paid, or is not, and the deadline meanwhile.

use crate::shop::{PLACES, SCHEDULE, Shop, pay, release, shop_expires};
use holdfast_engine::prelude::place_of;
use holdfast_model::reservation::message::{Command, Pay};
use holdfast_model::reservation::{self, ids};
use holdfast_topologies::reservation::view;
use serde_json::{Value, json};

#[test]
fn a_paid_seat_is_sold_and_everybody_hears_of_it_once() {
    let mut shop = Shop::open();
    let id = shop.hold("user_123", 1);
    let outcome = shop.ask(pay(&id, 50_000));
    let payment_id = outcome.payment_id.unwrap();
    assert_eq!((outcome.status, shop.status(&id)), ("SUCCESS", "PAYING"));
    let debit = &shop.driver.read(reservation::PAYMENTS)[0];
    assert_eq!((debit.key(), debit.partition), ("user_123".to_owned(), place_of(b"user_123", PLACES)));
    assert_eq!(
        serde_json::from_str::<Value>(&debit.text()).unwrap(),
        json!({
            "type": "debit", "requestId": payment_id, "paymentId": payment_id, "reservationId": id, "scheduleId": SCHEDULE, "userId": "user_123",
            "seatNo": 1, "price": 50000, "amount": 50000, "discount": null, "replyPlace": Shop::place(), "concertTitle": "아이유 콘서트", "requestedAt": null
        })
    );
    // Another payment is told which came first; the seat is not released while the wallet decides, deadline or not.
    let second = shop.ask(pay(&id, 50_000));
    assert_eq!((second.code, second.payment_id.as_ref()), (Some("PAYMENT_CONFLICT"), Some(&payment_id)));
    assert_eq!(shop.code(release(&id, "user_123")), "PAYMENT_IN_PROGRESS");
    shop.driver.advance_ms(400_000);
    assert_eq!((shop.status(&id), shop.seat(1)), ("PAYING", "TEMPORARY_RESERVED"));
    for _ in 0..3 {
        shop.wallet(|_| "DEBITED");
    }
    assert_eq!((shop.status(&id), shop.seat(1)), ("CONFIRMED", "RESERVED"));
    let confirmed = shop.read(reservation::CONFIRMED);
    assert_eq!(
        (confirmed.len(), &confirmed[0]["paymentId"], &confirmed[0]["amount"], &confirmed[0]["concertTitle"]),
        (1, &json!(payment_id), &json!(50_000), &json!("아이유 콘서트"))
    );
    let notice = ("user_123".to_owned(), "아이유 콘서트 예약이 확정되었습니다.".to_owned());
    assert_eq!(shop.notices("PAYMENT_CONFIRMED"), [notice]);
    assert!(shop.notices("RESERVATION_EXPIRED").is_empty());
    assert_eq!(shop.read(reservation::RANKING).len(), 1);
    let payment = view::payment(&shop.task(), &payment_id).unwrap().unwrap();
    assert_eq!((payment.status, payment.is_decided()), ("SUCCESS", true));
    assert_eq!(shop.code(pay(&id, 50_000)), "PAYMENT_CONFLICT");
    shop.check();
}

#[test]
fn payment_and_deadline_are_judged_by_the_time_of_the_record() {
    for (offset_ms, expected) in [(-1, "SUCCESS"), (0, "RESERVATION_EXPIRED"), (1, "RESERVATION_EXPIRED")] {
        let mut shop = Shop::open();
        let id = shop.hold("u", 1);
        // The payment is in the log before anything is stepped: it is processed late, and was appended when it was.
        shop.driver.crash();
        shop.clock_to(shop_expires(&shop.driver) + offset_ms);
        let request = shop.send(pay(&id, 50_000));
        shop.clock_to(shop.now_ms() + 5_000);
        shop.driver.start();
        shop.driver.settle();
        shop.driver.advance_ms(50);
        assert_eq!(shop.outcome(&request).code.unwrap_or("SUCCESS"), expected, "{offset_ms}");
        let asked = shop.read(reservation::PAYMENTS).len();
        assert_eq!((asked, shop.status(&id)), if offset_ms < 0 { (1, "PAYING") } else { (0, "EXPIRED") });
        shop.check();
    }
}

#[test]
fn a_refused_debit_leads_back_to_the_deadline_that_always_was() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    assert_eq!(shop.code(pay(&id, 1)), "AMOUNT_MISMATCH");
    assert_eq!(shop.code(pay(&id, 50_000)), "SUCCESS");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    assert_eq!((shop.status(&id), shop.expires_ms(&id)), ("HELD", expires_ms));

    // Refused again after the deadline: over at once, one notice.
    let outcome = shop.ask(pay(&id, 50_000));
    assert_eq!(outcome.status, "SUCCESS");
    shop.driver.advance_ms(400_000);
    assert_eq!(shop.status(&id), "PAYING");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    shop.driver.advance_ms(1_000);
    assert_eq!((shop.status(&id), shop.seat(1)), ("EXPIRED", "AVAILABLE"));
    assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 1);
    let payment = view::payment(&shop.task(), &outcome.payment_id.unwrap()).unwrap().unwrap();
    assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("INSUFFICIENT_POINTS")));
    shop.check();
}

#[test]
fn a_wallet_that_pays_after_it_has_refused_gets_its_money_back_once() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    shop.ask(pay(&id, 50_000));
    shop.wallet(|_| "REFUSED");
    assert_eq!(shop.status(&id), "HELD");
    for _ in 0..3 {
        shop.wallet(|_| "DEBITED");
    }
    assert_eq!(shop.status(&id), "HELD");
    let requests = shop.read(reservation::PAYMENTS);
    assert_eq!(requests.iter().map(|r| r["type"].as_str().unwrap()).collect::<Vec<_>>(), ["debit", "refund"]);
    assert_eq!(requests[1]["reason"], "NOT_CONFIRMED");
    assert_eq!(shop.notices("REFUNDED"), [("u".to_owned(), "아이유 콘서트 50000원이 환불되었습니다.".to_owned())]);
    shop.check();
}

#[test]
fn a_payment_id_is_debited_once() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let payment_id = ids::payment(Shop::place(), "abc");
    let named = |payment_id: &str, amount| {
        let payment_id = Some(payment_id.to_owned());
        Command::Pay(Pay { reservation_id: id.clone(), payment_id, amount, ..Pay::default() })
    };
    assert_eq!(shop.code(named("pay_123", 50_000)), "INVALID_PAYMENT_ID");
    assert_eq!(shop.code(named(&payment_id, 50_000)), "SUCCESS");
    assert_eq!(shop.code(named(&payment_id, 50_000)), "SUCCESS");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    // The wallet has answered for this id: it would not answer again.
    assert_eq!(shop.code(named(&payment_id, 50_000)), "SUCCESS");
    assert_eq!((shop.read(reservation::PAYMENTS).len(), shop.status(&id)), (1, "HELD"));
    // Coupons are asked elsewhere: what cannot be one is known here.
    for coupon_id in ["cpn_0_1", "cpn_3_1_1", "x"] {
        let coupon_id = Some(coupon_id.to_owned());
        let wish = Pay { reservation_id: id.clone(), amount: 50_000, coupon_id, ..Pay::default() };
        assert_eq!(shop.code(Command::Pay(wish)), "COUPON_NOT_FOUND");
    }
    shop.check();
}
